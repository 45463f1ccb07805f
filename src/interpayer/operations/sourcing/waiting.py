"""Records that wait for their patient: laid in a file without a name, sealed with a key that nobody keeps.

They are not read again from the source: a server may say something else by then, and a folder may hold another file.
"""

import os
import pickle
from collections.abc import Iterator
from tempfile import TemporaryFile
from types import TracebackType

import orjson

from interpayer.adapters.base import Found
from interpayer.adapters.fhir_files import parse
from interpayer.exchange.sources.refining import Kept, Refined, Stamp
from interpayer.system.keys import seal, unseal

LENGTH_BYTES = 8


class Waiting:
    """A place for refined records, given back in the order they came; use it in a `with` block."""

    def __init__(self) -> None:
        self._file = TemporaryFile()  # noqa: SIM115  closed at the end of the block
        self._key = os.urandom(32)
        self.count = 0

    def __enter__(self) -> "Waiting":
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._file.close()

    def put(self, refined: Refined) -> None:
        """Lay a record down."""
        # An entry of a Bundle is kept as it came, and means what its references mean inside the Bundle.
        kept = [(one.raw, orjson.dumps(one.resource), one.stamp) for one in refined.kept]
        sealed = seal(self._key, pickle.dumps((refined.state, kept, refined.rejected)))
        self._file.write(len(sealed).to_bytes(LENGTH_BYTES, "big") + sealed)
        self.count += 1

    def __iter__(self) -> Iterator[Refined]:
        """Every record, without the content that it was made from."""
        self._file.seek(0)
        while head := self._file.read(LENGTH_BYTES):
            sealed = self._file.read(int.from_bytes(head, "big"))
            # Written by this process a moment ago, and sealed with a key that only it has.
            state, kept, rejected = pickle.loads(unseal(self._key, sealed))  # noqa: S301
            stamp = kept[0][2] if kept else rejected[0].stamp
            found = Found(stamp.entity, None, b"", stamp.file, stamp.position, key=stamp.key)
            yield Refined(state, found, tuple(_kept(*one) for one in kept), rejected)


def _kept(raw: bytes, meant: bytes, stamp: Stamp) -> Kept:
    resource = parse(meant)
    assert resource is not None, "what was kept is a resource"
    return Kept(resource, raw, stamp)

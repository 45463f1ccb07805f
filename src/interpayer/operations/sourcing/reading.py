"""`source read`: what comes of a source, as files in a folder; needs no server and changes nothing."""

import base64
import hashlib
from collections import OrderedDict
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, BinaryIO

import orjson

from interpayer.adapters.base import Found
from interpayer.adapters.catalog import InFiles
from interpayer.adapters.declaration import Declaration
from interpayer.exchange.sources.account import Account
from interpayer.exchange.sources.refining import OUT_OF_SCOPE, Kept, Refined, Refinery, Rejected, Stamp
from interpayer.exchange.sources.workshop import Workshop
from interpayer.operations.sourcing.collecting import seldom_collected
from interpayer.system.clock import now

LINEAGE, APART, LEFT_OUT, ACCOUNT = "lineage.ndjson", "quarantine.ndjson", "out_of_scope.ndjson", "account.json"
BUFFER = 1024 * 1024
TELL_EVERY = 500
MOST_REMEMBERED = 100_000


@dataclass(frozen=True, slots=True)
class Reading:
    """One read: from which source, through which refinery, when; which files are looked at, which beside are not."""

    refinery: Refinery
    found: Iterator[Found]
    at: datetime
    files: tuple[str, ...] = ()
    passed_over: tuple[str, ...] = ()


def reading_of(workshop: Workshop, declaration: Declaration) -> Reading:
    """A read of this source, from now. Raises Refusal, FileNotFoundError."""
    source = workshop.source(declaration)
    files = tuple(name for _, name in source.files()) if isinstance(source, InFiles) else ()
    passed_over = tuple(source.passed_over()) if isinstance(source, InFiles) else ()
    return Reading(workshop.refinery(declaration), source.read(), now(), files, passed_over)


def read_into(folder: Path, reading: Reading, *, progress: Callable[[int], None] | None = None) -> Account:
    """Write what the source has into the folder; the account is the last file that is written."""
    declaration = reading.refinery.declaration
    account = Account(declaration.name, declaration.kind, declaration.version)
    folder.mkdir(parents=True, exist_ok=True)
    (folder / ACCOUNT).unlink(missing_ok=True)
    with seldom_collected(), ExitStack() as ends:
        output = _Output(folder, ends)
        for refined in reading.refinery.refine_all(reading.found):
            account.add(refined, repeated=output.write(refined))
            if progress is not None and account.read % TELL_EVERY == 0:
                progress(account.read)
    files = {"files_read": list(reading.files), "files_passed_over": list(reading.passed_over)}
    content = account.as_json() | {"read_at": reading.at.isoformat()} | files
    (folder / ACCOUNT).write_bytes(orjson.dumps(content, option=orjson.OPT_INDENT_2) + b"\n")
    return account


class _Output:
    """The files of a read, opened when they get their first line."""

    def __init__(self, folder: Path, ends: ExitStack) -> None:
        self._folder = folder
        self._ends = ends
        self._opened: dict[str, BinaryIO] = {}
        self._written: OrderedDict[bytes, None] = OrderedDict()
        for name in (LINEAGE, APART, LEFT_OUT):
            self._file(name)

    def write(self, refined: Refined) -> list[Kept]:
        """The lines of one record; what was written before, word by word, is given back and written once."""
        repeated = []
        for kept in refined.kept:
            if self._is_new(kept):
                self._file(f"{kept.resource['resourceType']}.ndjson").write(_one_line(kept))
            else:
                repeated.append(kept)
            self._line(LINEAGE, _traced(kept))
        for rejected in refined.rejected:
            self._line(APART, _apart(rejected))
        if refined.state == OUT_OF_SCOPE:
            self._line(LEFT_OUT, _place(refined.found) | {"reason": refined.reason, "detail": refined.detail})
        return repeated

    def _is_new(self, kept: Kept) -> bool:
        """Whether these bytes were not among the last; a feed repeats its providers and members with every claim."""
        key = hashlib.blake2b(kept.raw, digest_size=16).digest()
        if key in self._written:
            self._written.move_to_end(key)
            return False
        self._written[key] = None
        if len(self._written) > MOST_REMEMBERED:
            self._written.popitem(last=False)
        return True

    def _line(self, name: str, content: Mapping[str, Any]) -> None:
        self._file(name).write(orjson.dumps(content) + b"\n")

    def _file(self, name: str) -> BinaryIO:
        if name not in self._opened:
            self._opened[name] = self._ends.enter_context((self._folder / name).open("wb", buffering=BUFFER))
        return self._opened[name]


def outcome_of(rejected: Rejected) -> dict[str, Any]:
    """What is wrong, as FHIR says it: OperationOutcome (R4)."""
    issues = [
        {"severity": flaw.severity, "code": "invalid", "details": {"text": f"{flaw.code}: {flaw.text}"}}
        | ({"expression": [flaw.path]} if flaw.path else {})
        for flaw in rejected.flaws
    ]
    return {"resourceType": "OperationOutcome", "issue": issues}


def _one_line(kept: Kept) -> bytes:
    """The bytes as they are; written again only where they take several lines."""
    raw = kept.raw
    return (raw if b"\n" not in raw and b"\r" not in raw else orjson.dumps(kept.resource)) + b"\n"


def _traced(kept: Kept) -> dict[str, Any]:
    return {"type": kept.resource["resourceType"], "id": kept.resource.get("id"), **_stamped(kept.stamp)}


def _apart(rejected: Rejected) -> dict[str, Any]:
    original = {"type": rejected.type, "reason": rejected.reason, "outcome": outcome_of(rejected)}
    return _stamped(rejected.stamp) | original | {"content": base64.b64encode(rejected.raw).decode("ascii")}


def _stamped(stamp: Stamp) -> dict[str, Any]:
    return {
        "source": stamp.source,
        "entity": stamp.entity,
        "file": stamp.file,
        "position": stamp.position,
        "key": stamp.key,
        "mapping": stamp.mapping,
    }


def _place(found: Found) -> dict[str, Any]:
    return {"entity": found.entity, "file": found.file, "position": found.position, "key": found.key}

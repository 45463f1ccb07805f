"""From packs as they lie to the lines of a member and type: whole where everything goes, else the slices that go."""

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any, NamedTuple

from interpayer.model.record import Lines
from interpayer.records.codec import Opener, unpack_gzip
from interpayer.records.hiding import Blocks
from interpayer.records.packs import context_of


class Pack(NamedTuple):
    """A pack as it lies; `starts` and `lengths` of what goes where not all does, `ids` where they are asked for."""

    member_id: str
    type: str
    id: int
    frame: bytes
    length: int
    sha256: str
    lines: int
    ids: list[str] | None
    available_at: list[datetime] | None
    starts: list[int] | None
    lengths: list[int] | None


def as_pack(cursor: Any) -> Callable[[Sequence[Any]], Pack]:
    """Rows of `_MEMBERS` as packs."""
    return Pack._make


def blocks_of(packs: Sequence[Pack], openers: Mapping[str, Opener]) -> Blocks:
    """The lines by member and type: packs as they lie where everything goes, else slices of them."""
    found: dict[tuple[str, str], list[Pack]] = {}
    for pack in packs:
        found.setdefault(pack[:2], []).append(pack)
    return {place: _block(several, openers[place[0]]) for place, several in found.items()}


def _block(packs: Sequence[Pack], opened: Opener) -> Lines:
    first = packs[0]
    if first.type == "Patient":
        return _youngest(packs, opened)
    if len(packs) == 1 and first.starts is None:
        packed = opened(first.frame, context_of(first.id))
        return Lines(first.type, (first.member_id,), None, first.lines, False, packed, first.length, first.sha256)
    plain = b"".join([_slices(pack, opened) for pack in packs])
    return Lines(first.type, (first.member_id,), plain, sum(pack.lines for pack in packs))


def _slices(pack: Pack, opened: Opener) -> bytes:
    whole = unpack_gzip(opened(pack.frame, context_of(pack.id)), pack.length)
    if pack.starts is None or pack.lengths is None:
        return whole
    return b"".join([whole[start : start + n] for start, n in sorted(zip(pack.starts, pack.lengths, strict=True))])


def _youngest(packs: Sequence[Pack], opened: Opener) -> Lines:
    """One person, one Patient, whatever the number of feeds that told of them."""
    pack = max(packs, key=lambda pack: max(pack.available_at or ()))
    _, start, length = max(zip(pack.available_at or (), pack.starts or (), pack.lengths or (), strict=True))
    whole = unpack_gzip(opened(pack.frame, context_of(pack.id)), pack.length)
    return Lines("Patient", (pack.member_id,), whole[start : start + length], 1)

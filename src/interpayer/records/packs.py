"""Bodies in packs: what arrived together for one member is compressed and sealed as one, and read back in slices."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Any, TypeAlias

from interpayer.model.record import Record
from interpayer.records.codec import Codec, Opener, unpack_gzip
from interpayer.records.keys import SHARED, known_keys, member_keys
from interpayer.system import gzip_members
from interpayer.system.database import Connection
from interpayer.system.keys import seal

RELEASED, ORIGINAL = "released", "original"
# A pack is opened as a whole, so it stays small enough for reading one record.
LARGEST = 256 * 1024
# Pack, start and length of the released form, then of the original.
Place: TypeAlias = tuple[int | None, ...]
# Record, member (None: shared), type and body.
Line: TypeAlias = tuple[str, str | None, str, bytes]
NOWHERE: Place = (None, None, None, None, None, None)


@dataclass(slots=True)
class _Filling:
    """A pack while it is being filled."""

    member_id: str | None
    kind: str
    type: str | None
    lines: list[bytes] = field(default_factory=list)
    length: int = 0

    def add(self, line: bytes) -> int:
        """Where the line starts."""
        self.lines.append(line)
        self.length += len(line)
        return self.length - len(line)


def save_bodies(conn: Connection, codec: Codec, records: Sequence[Record]) -> dict[str, Place]:
    """Keep the bodies of these records in new packs; where each lies."""
    packs: list[_Filling] = []
    open_packs: dict[tuple[str | None, str, str | None], int] = {}
    slices: dict[str, tuple[tuple[int, int, int] | None, tuple[int, int, int]]] = {}

    def put(record: Record, kind: str, line: bytes) -> tuple[int, int, int]:
        # A shared resource lies alone: an export takes it for few members.
        group = record.member_id, kind, record.type if kind == RELEASED else None
        number = open_packs.get(group) if record.member_id else None
        if number is None or packs[number].length + len(line) > LARGEST:
            number = open_packs[group] = len(packs)
            packs.append(_Filling(*group))
        return number, packs[number].add(line), len(line)

    for record in records:
        released = put(record, RELEASED, record.released + b"\n") if record.released is not None else None
        slices[record.id] = released, put(record, ORIGINAL, record.original)
    ids = _save(conn, codec, packs)
    return {
        record_id: (
            *((ids[released[0]], *released[1:]) if released else (None, None, None)),
            *(ids[original[0]], *original[1:]),
        )
        for record_id, (released, original) in slices.items()
    }


def save_united(conn: Connection, codec: Codec, lines: Sequence[Line]) -> dict[str, Place]:
    """Keep what goes out of records that are made of several; where each lies (pack, start, length)."""
    packs: dict[tuple[str | None, str], list[_Filling]] = {}
    places: dict[str, tuple[_Filling, int, int]] = {}
    for record_id, member_id, kind, body in lines:
        filling = packs.setdefault((member_id, kind), [])
        if not filling or filling[-1].length + len(body) + 1 > LARGEST:
            filling.append(_Filling(member_id, RELEASED, kind))
        places[record_id] = filling[-1], filling[-1].add(body + b"\n"), len(body) + 1
    filled = [pack for group in packs.values() for pack in group]
    ids = {id(pack): pack_id for pack, pack_id in zip(filled, _save(conn, codec, filled), strict=True)}
    return {record_id: (ids[id(pack)], start, length) for record_id, (pack, start, length) in places.items()}


def _save(conn: Connection, codec: Codec, packs: Sequence[_Filling]) -> list[int]:
    if not packs:
        return []
    row = conn.execute("select records.next_packs(%s) as ids", (len(packs),)).fetchone()
    assert row is not None
    ids: list[int] = row["ids"]
    keys = member_keys(conn, codec.vault, {pack.member_id or SHARED for pack in packs})
    statement = b"copy records.pack (id, member_id, kind, type, plain_length, sha256, frame) from stdin (format binary)"
    with conn.cursor().copy(statement) as copy:
        copy.set_types(["int8", "text", "text", "text", "int4", "text", "bytea"])
        for pack_id, pack in zip(ids, packs, strict=True):
            frame, digest = _sealed(codec, keys[pack.member_id or SHARED], pack_id, pack=pack)
            copy.write_row((pack_id, pack.member_id, pack.kind, pack.type, pack.length, digest, frame))
    return ids


def _sealed(codec: Codec, key: bytes, pack_id: int, *, pack: _Filling) -> tuple[bytes, str | None]:
    plain, context = b"".join(pack.lines), context_of(pack_id)
    if pack.kind == ORIGINAL:
        return codec.encode(key, plain, context=context), None
    return seal(key, gzip_members.pack(plain), context=context), sha256(plain).hexdigest()


def read_packs(conn: Connection, codec: Codec, pack_ids: Collection[int]) -> Mapping[int, bytes]:
    """The plain bytes of these packs."""
    statement = "select id, member_id, kind, plain_length, frame from records.pack where id = any(%s)"
    rows = conn.execute(statement, (list(pack_ids),)).fetchall()
    keys = known_keys(conn, codec.vault, {row["member_id"] or SHARED for row in rows})
    return {row["id"]: _opened(codec, keys[row["member_id"] or SHARED], row) for row in rows}


def _opened(codec: Codec, key: bytes, row: Mapping[str, Any]) -> bytes:
    if row["kind"] == ORIGINAL:
        return codec.decode(key, row["frame"], context=context_of(row["id"]))
    return unpack_gzip(Opener(key)(row["frame"], context_of(row["id"])), row["plain_length"])


def context_of(pack_id: int) -> bytes:
    """What binds a frame to its place."""
    return b"pack %d" % pack_id

"""Records that were looked at under other value sets: read in order, labeled anew, kept with their former content."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from interpayer.records.codec import Codec
from interpayer.records.packs import Line, read_packs, save_united
from interpayer.system.database import Connection

_DUE = """
select r.id, r.type, r.member_id, r.service_from, r.service_to, r.available_at, r.labels, r.own_labels, r.joined_to,
    r.own_pack_id is not null as is_restated, r.pack_id, r.start, r.length, r.own_pack_id, r.own_start, r.own_length,
    r.original_pack, r.original_start, r.original_length
from records.record r
where r.id > %(after)s and r.labels_version is distinct from %(version)s
order by r.id limit %(limit)s for update of r
"""
_LEADERS = """
select l.id, l.type, l.member_id, l.labels, l.pack_id, l.start, l.length,
    array(select distinct x from records.record g, unnest(coalesce(g.own_labels, g.labels)) x
          where g.id = l.id or g.joined_to = l.id order by x) as united
from records.record l where l.own_pack_id is not null and l.id = any(%(ids)s) for update of l
"""
_OWN = """
update records.record r set labels_version = %(version)s,
    labels = case when r.own_pack_id is null then v.labels::text[] else r.labels end,
    own_labels = case when r.own_pack_id is null then null else v.labels::text[] end,
    pack_id = case when r.own_pack_id is null then coalesce(v.pack_id, r.pack_id) else r.pack_id end,
    start = case when r.own_pack_id is null then coalesce(v.start, r.start) else r.start end,
    length = case when r.own_pack_id is null then coalesce(v.length, r.length) else r.length end,
    own_pack_id = case when r.own_pack_id is null then null else coalesce(v.pack_id, r.own_pack_id) end,
    own_start = case when r.own_pack_id is null then null else coalesce(v.start, r.own_start) end,
    own_length = case when r.own_pack_id is null then null else coalesce(v.length, r.own_length) end,
    available_at = case when v.pack_id is null or r.own_pack_id is not null then r.available_at else %(at)s end
from unnest(%(ids)s::text[], %(labels)s::text[], %(packs)s::bigint[], %(starts)s::int[], %(lengths)s::int[])
    as v(id, labels, pack_id, start, length)
where r.id = v.id
"""
_UNITED = """
update records.record r set labels = v.labels::text[], pack_id = v.pack_id, start = v.start, length = v.length,
    available_at = %(at)s
from unnest(%(ids)s::text[], %(labels)s::text[], %(packs)s::bigint[], %(starts)s::int[], %(lengths)s::int[])
    as v(id, labels, pack_id, start, length)
where r.id = v.id
"""
_WITHHOLD = """
update records.record set excluded = %(reason)s, pack_id = null, start = null, length = null, own_pack_id = null,
    own_start = null, own_length = null, own_refs = null, own_labels = null, labels = '{}'
where id = any(%(ids)s)
"""


@dataclass(frozen=True, slots=True)
class Due:
    """A record to look at: what its own source says, as it would leave (None: excluded), and as it came."""

    id: str
    type: str
    member_id: str | None
    service_from: date | None
    service_to: date | None
    available_at: datetime
    labels: frozenset[str]
    leader_id: str | None
    body: bytes | None
    original: bytes


@dataclass(frozen=True, slots=True)
class United:
    """A record that is made of several: what goes out of it, and the labels of all that it is made of."""

    id: str
    type: str
    member_id: str
    labels: frozenset[str]
    united: frozenset[str]
    body: bytes


@dataclass(frozen=True, slots=True)
class Relabeled:
    """The labels of a record; `body` only where its content changed by them."""

    id: str
    type: str
    member_id: str | None
    labels: frozenset[str]
    body: bytes | None


def due(conn: Connection, codec: Codec, version: str, *, after: str, limit: int) -> list[Due]:
    """The next records, by id, that were not looked at under this version; locked."""
    rows = conn.execute(_DUE.encode(), {"version": version, "after": after, "limit": limit}).fetchall()
    packs = read_packs(
        conn, codec, {row[n] for row in rows for n in ("pack_id", "own_pack_id", "original_pack") if row[n]}
    )
    return [_due(row, packs) for row in rows]


def keep(conn: Connection, codec: Codec, found: Sequence[Relabeled], *, version: str, at: datetime) -> None:
    """Keep labels, and content where it changed; a changed content is available as of now."""
    conn.execute(_OWN.encode(), {"version": version, "at": at, **_columns(conn, codec, found)})


def united(conn: Connection, codec: Codec, leader_ids: Sequence[str]) -> list[United]:
    """Of these records those that are made of several; locked."""
    rows = conn.execute(_LEADERS.encode(), {"ids": list(leader_ids)}).fetchall()
    packs = read_packs(conn, codec, {row["pack_id"] for row in rows})
    return [
        United(
            *(row["id"], row["type"], row["member_id"], frozenset(row["labels"]), frozenset(row["united"])),
            packs[row["pack_id"]][row["start"] : row["start"] + row["length"] - 1],
        )
        for row in rows
    ]


def keep_united(conn: Connection, codec: Codec, found: Sequence[Relabeled], *, at: datetime) -> None:
    """Keep labels and content of records that are made of several."""
    if found:
        conn.execute(_UNITED.encode(), {"at": at, **_columns(conn, codec, found)})


def withhold(conn: Connection, record_ids: Sequence[str], reason: str) -> None:
    """Records that leave under no consent any more; their originals stay."""
    conn.execute(_WITHHOLD.encode(), {"ids": list(record_ids), "reason": reason})


def versions(conn: Connection) -> dict[str, int]:
    """How many records were looked at under which version; "" for none."""
    rows = conn.execute(
        "select coalesce(labels_version, '') as version, count(*) as n from records.record group by 1 order by 1"
    )
    return {row["version"]: row["n"] for row in rows}


def counts(conn: Connection) -> dict[str, int]:
    """How many records carry each label."""
    rows = conn.execute(
        "select label, count(*) as n from records.record, unnest(labels) as label where labels <> '{}' "
        "group by 1 order by 1"
    )
    return {row["label"]: row["n"] for row in rows}


def _due(row: Mapping[str, Any], packs: Mapping[int, bytes]) -> Due:
    place = [row[f"own_{n}" if row["is_restated"] else n] for n in ("pack_id", "start", "length")]
    start, length = row["original_start"], row["original_length"]
    return Due(
        *(row["id"], row["type"], row["member_id"], row["service_from"], row["service_to"], row["available_at"]),
        frozenset(row["own_labels"] if row["is_restated"] else row["labels"]),
        row["joined_to"] or (row["id"] if row["is_restated"] else None),
        packs[place[0]][place[1] : place[1] + place[2] - 1] if place[0] is not None else None,
        packs[row["original_pack"]][start : start + length],
    )


def _columns(conn: Connection, codec: Codec, found: Sequence[Relabeled]) -> dict[str, list[Any]]:
    places = save_united(conn, codec, list(_lines(found)))
    at = [places.get(one.id, (None, None, None)) for one in found]
    return {
        "ids": [one.id for one in found],
        "labels": ["{" + ",".join(sorted(one.labels)) + "}" for one in found],
        "packs": [place[0] for place in at],
        "starts": [place[1] for place in at],
        "lengths": [place[2] for place in at],
    }


def _lines(found: Sequence[Relabeled]) -> Iterator[Line]:
    for one in found:
        if one.body is not None:
            yield one.id, one.member_id, one.type, one.body

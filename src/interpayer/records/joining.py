"""Records that stand for one another: who stands for whom, what goes out instead, and what is told as removed."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

import orjson

from interpayer.records.codec import Codec
from interpayer.records.keys import known_keys
from interpayer.records.packs import read_packs, save_united
from interpayer.records.removals import tell_removed
from interpayer.system.database import Connection
from interpayer.system.keys import seal, unseal

_COLUMNS = """
select r.id, r.type, r.member_id, r.source, r.role, r.updated_at, r.joined_to, r.replaced_by, r.refs, r.available_at,
    r.pack_id, r.start, r.length, r.own_pack_id, r.own_start, r.own_length, r.version, r.labels,
    coalesce(r.own_labels, r.labels) as own_labels,
    (select min(a.received_at) from records.arrival a where a.record_id = r.id) as first_at
from records.record r where r.id = any(%s) order by r.id for update of r
"""
_RESTATE = """
update records.record r set
    own_pack_id = coalesce(r.own_pack_id, r.pack_id), own_start = coalesce(r.own_start, r.start),
    own_length = coalesce(r.own_length, r.length), own_refs = coalesce(r.own_refs, r.refs),
    own_labels = coalesce(r.own_labels, r.labels), pack_id = v.pack_id, start = v.start, length = v.length,
    refs = v.refs::text[], labels = v.labels::text[], service_from = v.service_from,
    service_to = v.service_to, status = v.status, available_at = %s
from unnest(%s::text[], %s::bigint[], %s::int[], %s::int[], %s::text[], %s::text[], %s::date[], %s::date[], %s::text[])
    as v(id, pack_id, start, length, refs, labels, service_from, service_to, status)
where r.id = v.id
"""
_OWN_AGAIN = """
update records.record r set pack_id = own_pack_id, start = own_start, length = own_length, refs = own_refs,
    labels = own_labels, own_pack_id = null, own_start = null, own_length = null, own_refs = null, own_labels = null,
    service_from = v.service_from,
    service_to = v.service_to, status = v.status, available_at = %s
from unnest(%s::text[], %s::date[], %s::date[], %s::text[]) as v(id, service_from, service_to, status)
where r.id = v.id and own_pack_id is not null
"""


@dataclass(frozen=True, slots=True)
class Standing:
    """A record as it stands, with where its own content and what goes out lie."""

    id: str
    type: str
    member_id: str
    source: str
    role: str
    updated_at: datetime | None
    joined_to: str | None
    replaced_by: str | None
    references: tuple[str, ...]
    available_at: datetime
    first_at: datetime
    pack_id: int
    start: int
    length: int
    is_restated: bool
    own: tuple[int, int, int]
    # Of what goes out, and of what its own source says.
    labels: frozenset[str] = frozenset()
    own_labels: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Restated:
    """What goes out of a record instead of what its source says, with the columns that exports decide by."""

    id: str
    member_id: str
    type: str
    body: bytes
    references: tuple[str, ...]
    service_from: date | None
    service_to: date | None
    status: str | None
    labels: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Contradiction:
    """An element of a record of which sources say different things; ``told`` holds the values."""

    record_id: str
    element: str
    rule: str
    told: Mapping[str, Any]


def standing(conn: Connection, record_ids: Collection[str]) -> dict[str, Standing]:
    """Members' records that may leave, locked; what is excluded, shared or quarantined is missing."""
    rows = conn.execute(_COLUMNS.encode(), (list(record_ids),)).fetchall()
    return {row["id"]: _read(row) for row in rows if row["pack_id"] is not None and row["member_id"] is not None}


def joined_ids(conn: Connection, leader_ids: Collection[str]) -> dict[str, list[str]]:
    """The records that each of these stands for."""
    rows = conn.execute(
        "select joined_to, array_agg(id order by id) as ids from records.record where joined_to = any(%s) group by 1",
        (list(leader_ids),),
    )
    return {row["joined_to"]: row["ids"] for row in rows}


def bodies(conn: Connection, codec: Codec, records: Iterable[Standing], *, own: bool) -> dict[str, bytes]:
    """What each source says (``own``), or what goes out."""
    places = {r.id: r.own if own else (r.pack_id, r.start, r.length) for r in records}
    packs = read_packs(conn, codec, {pack_id for pack_id, _, _ in places.values()})
    return {i: packs[pack_id][start : start + length - 1] for i, (pack_id, start, length) in places.items()}


def restate(conn: Connection, codec: Codec, lines: Sequence[Restated], *, at: datetime) -> None:
    """Let this go out from now on; what the sources say is kept."""
    if not lines:
        return
    places = save_united(conn, codec, [(one.id, one.member_id, one.type, one.body) for one in lines])
    by_place = list(zip(*(places[one.id] for one in lines), strict=True))
    # an array of arrays must be even, so each list of references or labels travels as text
    references = ["{" + ",".join(one.references) + "}" for one in lines]
    labels = ["{" + ",".join(sorted(one.labels)) + "}" for one in lines]
    spans = [[one.service_from for one in lines], [one.service_to for one in lines], [one.status for one in lines]]
    parameters = (at, [one.id for one in lines], *map(list, by_place), references, labels, *spans)
    conn.execute(_RESTATE.encode(), parameters)


def own_again(conn: Connection, lines: Sequence[Restated], *, at: datetime) -> None:
    """Let what their own source says go out again; the bodies of the lines are not looked at."""
    if lines:
        spans = [[one.service_from for one in lines], [one.service_to for one in lines], [one.status for one in lines]]
        conn.execute(_OWN_AGAIN.encode(), (at, [one.id for one in lines], *spans))


def join(conn: Connection, leader_of: Mapping[str, str | None], *, at: datetime) -> None:
    """Let these records stand for themselves (None) or be stood for; what could be fetched is told as removed."""
    if not leader_of:
        return
    conn.execute(
        "update records.record r set joined_to = v.leader, available_at = case when v.leader is null then %s "
        "else r.available_at end from unnest(%s::text[], %s::text[]) as v(id, leader) where r.id = v.id",
        (at, list(leader_of), list(leader_of.values())),
    )
    tell_removed(conn, leader_of, reason="record.duplicate", at=at)


def replace_with(conn: Connection, later_of: Mapping[str, str | None], *, at: datetime) -> None:
    """Let later claims take the place of these records, or let them stand again (None)."""
    if not later_of:
        return
    conn.execute(
        "update records.record r set replaced_by = v.later, available_at = case when v.later is null then %s "
        "else r.available_at end from unnest(%s::text[], %s::text[]) as v(id, later) where r.id = v.id",
        (at, list(later_of), list(later_of.values())),
    )
    tell_removed(conn, later_of, reason="record.replaced", at=at)


def replaced_by(conn: Connection, record_ids: Collection[str]) -> dict[str, str]:
    """Among these records and those whose place they took: who is replaced, and by whom."""
    rows = conn.execute(
        "select id, replaced_by from records.record where replaced_by is not null "
        "and (id = any(%(ids)s) or replaced_by = any(%(ids)s))",
        {"ids": list(record_ids)},
    )
    return {row["id"]: row["replaced_by"] for row in rows}


def referring(conn: Connection, member_ids: Collection[str], targets: Collection[str]) -> list[str]:
    """The records of these members that refer to one of the targets."""
    rows = conn.execute(
        "select id from records.record where member_id = any(%s) and refs && %s::text[] and pack_id is not null",
        (list(member_ids), list(targets)),
    )
    return [row["id"] for row in rows]


def stood_for(conn: Connection, record_ids: Collection[str]) -> dict[str, str]:
    """What these records refer to that another record stands for: the id to name instead."""
    rows = conn.execute(
        "select distinct t.id, t.joined_to from records.record r join records.record t on t.id = any(r.refs) "
        "where r.id = any(%s) and t.joined_to is not null",
        (list(record_ids),),
    )
    return {row["id"]: row["joined_to"] for row in rows}


def keep_contradictions(
    conn: Connection, codec: Codec, record_ids: Collection[str], found: Sequence[Contradiction], *, version: str
) -> None:
    """Keep what contradicts in these records, in place of what was known; `told` is sealed with the member's key."""
    conn.execute("delete from records.conflict where record_id = any(%s)", (list(record_ids),))
    if not found:
        return
    rows = conn.execute(
        "select id, member_id from records.record where id = any(%s)", ([one.record_id for one in found],)
    ).fetchall()
    member_of = {row["id"]: row["member_id"] for row in rows}
    keys = known_keys(conn, codec.vault, set(member_of.values()))
    conn.cursor().executemany(
        "insert into records.conflict (record_id, element, rule, rules_version, found_at, sealed) "
        "values (%s, %s, %s, %s, clock_timestamp(), %s)",
        [
            (
                *(one.record_id, one.element, one.rule, version),
                seal(keys[member_of[one.record_id]], orjson.dumps(one.told), context=_context(one.record_id)),
            )
            for one in found
        ],
    )


def contradictions(conn: Connection, codec: Codec, member_id: str) -> list[dict[str, Any]]:
    """What contradicts in a member's records now: type, element, rule, and the values as told; protected data."""
    rows = conn.execute(
        "select c.record_id, r.type, c.element, c.rule, c.rules_version, c.sealed from records.conflict c "
        "join records.record r on r.id = c.record_id where r.member_id = %s and r.quarantined_at is null "
        "and r.joined_to is null and r.replaced_by is null order by r.type, c.record_id, c.element",
        (member_id,),
    ).fetchall()
    key = known_keys(conn, codec.vault, [member_id]).get(member_id) if rows else None
    if key is None:
        return []
    return [
        {name: value for name, value in row.items() if name != "sealed"}
        | {"told": orjson.loads(unseal(key, row["sealed"], context=_context(row["record_id"])))}
        for row in rows
    ]


def _read(row: Mapping[str, Any]) -> Standing:
    place = row["pack_id"], row["start"], row["length"]
    return Standing(
        *(row["id"], row["type"], row["member_id"], row["source"], row["role"], row["updated_at"]),
        *(row["joined_to"], row["replaced_by"], tuple(row["refs"]), row["available_at"]),
        row["first_at"] or row["available_at"],
        *place,
        is_restated=row["own_pack_id"] is not None,
        own=(row["own_pack_id"], row["own_start"], row["own_length"]) if row["own_pack_id"] is not None else place,
        labels=frozenset(row["labels"]),
        own_labels=frozenset(row["own_labels"]),
    )


def _context(record_id: str) -> bytes:
    return b"conflict " + record_id.encode()

"""By what records of our own sources are recognized in each other: marks as keyed hashes, and who shares them."""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from hashlib import blake2b
from uuid import UUID

from interpayer.model.record import NO_MARKS, Record
from interpayer.system.database import Connection
from interpayer.system.keys import Vault

ZONE = "records.marks"
UNIQUE, IDENTIFIER, LIKENESS, SYSTEM, REPLACES, ALIAS = "u", "i", "l", "s", "r", "n"

# Which of these share a mark with anybody, or stand joined: mostly none, so most loads end here.
_SHARING = """
select m.record_id as id from records.mark m
where m.record_id = any(%(ids)s) and m.kind in ('u', 'i', 'l') and exists (
    select from records.mark o where o.key = m.key and o.kind = m.kind and o.record_id <> m.record_id)
union
select r.id from records.record r where r.id = any(%(ids)s) and (r.joined_to is not null or r.own_pack_id is not null)
union
select r.joined_to from records.record r where r.joined_to = any(%(ids)s)
"""
# Everybody who shares a mark, directly or through others; and who was joined before.
_REACHED = """
with recursive reached(id) as (
    select unnest(%(ids)s::text[])
    union
    select o.record_id from reached t
    join records.mark m on m.record_id = t.id and m.kind in ('u', 'i', 'l')
    join records.mark o on o.key = m.key and o.kind = m.kind
    -- what so many have in common tells nobody apart, and following it would cost the square of their number
    where m.kind = 'u' or (
        select count(*) from (select from records.mark x where x.key = m.key and x.kind = m.kind limit 17) shared
    ) <= 16
), linked(id) as (
    select id from reached
    union select r.joined_to from records.record r join reached t on t.id = r.id where r.joined_to is not null
    union select r.id from records.record r join reached t on r.joined_to = t.id
    union select o.id from records.record r join reached t on t.id = r.id
        join records.record o on o.joined_to = r.joined_to
)
select m.record_id as id, m.kind, m.key::text as key from linked l join records.mark m on m.record_id = l.id
where m.kind not in ('n', 'r')
"""
# Who takes the place of whom, as far as these records are concerned. Another number than the claim's own (the control
# number, which versions of a claim may share) names a former one only if it names just one.
_REPLACED = """
select distinct o.record_id as former, r.record_id as later, f.decided_at as former_at, l.decided_at as later_at
from records.mark r join records.mark o on o.key = r.key and o.kind in ('u', 'n') and o.record_id <> r.record_id
join records.record f on f.id = o.record_id join records.record l on l.id = r.record_id
where r.kind = 'r' and (r.record_id = any(%(ids)s) or o.record_id = any(%(ids)s))
    and (o.kind = 'u' or not exists (
        select from records.mark x where x.key = r.key and x.kind in ('u', 'n')
            and x.record_id not in (o.record_id, r.record_id)))
"""


@dataclass(frozen=True, slots=True)
class Marked:
    """The marks of one record, as keys."""

    unique: frozenset[str]
    identifiers: frozenset[str]
    likeness: frozenset[str]
    systems: frozenset[str]


@dataclass(frozen=True, slots=True)
class Replacement:
    """A record that says it takes the place of another."""

    former: str
    later: str


def save_marks(conn: Connection, vault: Vault, records: Sequence[Record]) -> None:
    """Keep by what these records are recognized, in place of what was known of them."""
    conn.execute("delete from records.mark where record_id = any(%s)", ([record.id for record in records],))
    rows = list(_rows(vault.zone_key(ZONE), records))
    if rows:
        with conn.cursor().copy(b"copy records.mark (key, kind, record_id) from stdin (format binary)") as copy:
            copy.set_types(["uuid", "text", "text"])
            for row in rows:
                copy.write_row(row)


def reached(conn: Connection, record_ids: Collection[str]) -> dict[str, Marked]:
    """Those of these records that share a mark with somebody or stand joined, and with whom; each with its marks."""
    sharing = [row["id"] for row in conn.execute(_SHARING.encode(), {"ids": list(record_ids)})]
    if not sharing:
        return {}
    # who lost every mark is there too: it must not stay joined
    found: dict[str, dict[str, set[str]]] = {record_id: {} for record_id in sharing}
    for row in conn.execute(_REACHED.encode(), {"ids": sharing}):
        found.setdefault(row["id"], {}).setdefault(row["kind"], set()).add(row["key"])
    return {record_id: _marked(kinds) for record_id, kinds in found.items()}


def replacements(conn: Connection, record_ids: Collection[str]) -> list[Replacement]:
    """Who takes the place of whom. Of two that name each other, the later word counts."""
    rows = conn.execute(_REPLACED.encode(), {"ids": list(record_ids)}).fetchall()
    said = {(row["former"], row["later"]) for row in rows}
    return [
        Replacement(row["former"], row["later"])
        for row in rows
        if (row["later"], row["former"]) not in said
        or (row["former_at"], row["former"]) < (row["later_at"], row["later"])
    ]


def _rows(key: bytes, records: Iterable[Record]) -> Iterator[tuple[UUID, str, str]]:
    for record in records:
        if record.member_id is None or record.marks == NO_MARKS:
            continue
        marks = record.marks
        by_kind: Mapping[str, tuple[str, ...]] = {
            UNIQUE: marks.unique,
            IDENTIFIER: marks.identifiers,
            LIKENESS: marks.likeness,
            SYSTEM: marks.systems,
            REPLACES: marks.replaces,
            ALIAS: marks.aliases,
        }
        for kind, texts in by_kind.items():
            # what it replaces is looked for among the claim numbers
            space = UNIQUE if kind in (REPLACES, ALIAS) else kind
            prefix = f"{record.member_id}\n{record.type}\n{space}\n"
            for text in dict.fromkeys(texts):
                digest = blake2b((prefix + text).encode(), key=key, digest_size=16).digest()
                yield UUID(bytes=digest), kind, record.id


def _marked(kinds: Mapping[str, set[str]]) -> Marked:
    return Marked(*(frozenset(kinds.get(kind, ())) for kind in (UNIQUE, IDENTIFIER, LIKENESS, SYSTEM)))

"""What this plan holds: keys, what foreign ids mean here, provenance, and one member's records."""

import hashlib
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from typing import Any

from interpayer.model.record import Quarantined
from interpayer.records.codec import Codec
from interpayer.records.keys import SHARED, member_keys
from interpayer.records.packs import read_packs
from interpayer.system.database import Connection


def save_aliases(conn: Connection, source: str, rows: Iterable[tuple[str, str, str]]) -> None:
    """Remember what a sender's (type, local id) means here."""
    once = {(kind, local_id): record_id for kind, local_id, record_id in rows}
    if once:
        conn.execute(
            "insert into records.alias (source, type, local_id, record_id) "
            "select %s, * from unnest(%s::text[], %s::text[], %s::text[]) order by 2, 3 "
            "on conflict (source, type, local_id) do update set record_id = excluded.record_id "
            "where alias.record_id <> excluded.record_id",
            (source, [k for k, _ in once], [i for _, i in once], list(once.values())),
        )


def aliases(conn: Connection, source: str, refs: Collection[tuple[str, str]]) -> dict[tuple[str, str], str]:
    """What these (type, local id) of a sender mean here, as far as it ever sent them."""
    rows = conn.execute(
        "select a.type, a.local_id, a.record_id from records.alias a "
        "join unnest(%s::text[], %s::text[]) as w(type, local_id) using (type, local_id) where a.source = %s",
        ([kind for kind, _ in refs], [local_id for _, local_id in refs], source),
    )
    return {(row["type"], row["local_id"]): row["record_id"] for row in rows}


def owners(conn: Connection, record_ids: Collection[str]) -> dict[str, str | None]:
    """The member of each record that is held (None: shared); unknown records are missing."""
    rows = conn.execute("select id, member_id from records.record where id = any(%s)", (list(record_ids),))
    return {row["id"]: row["member_id"] for row in rows}


def quarantine(conn: Connection, codec: Codec, rows: Sequence[Quarantined]) -> dict[str, int]:
    """Keep what may not become a record, sealed; the counts by reason. What our own source repeats is kept once."""
    if rows:
        key = member_keys(conn, codec.vault, [SHARED])[SHARED]
        conn.cursor().executemany(
            "insert into records.quarantine (reason, type, source, sender, exchange_id, rules, digest, body) "
            "values (%s, %s, %s, %s, %s, %s, %s, %s) "
            "on conflict (source, digest) where exchange_id is null do nothing",
            [
                (
                    *(q.reason, q.type, q.source, q.sender, q.exchange_id, list(q.rules)),
                    codec.vault.pseudonym("records.quarantine", hashlib.sha256(q.original).hexdigest() + q.reason),
                    codec.encode(key, q.original),
                )
                for q in rows
            ],
        )
    return dict(Counter(row.reason for row in rows))


def quarantine_by_exchange(conn: Connection, exchange_id: str) -> int:
    """Set an exchange aside (recall): what came by none but such ones is served no more; how many."""
    conn.execute(
        "insert into records.set_aside (exchange_id, at) values (%s, clock_timestamp()) on conflict do nothing",
        (exchange_id,),
    )
    cursor = conn.execute(
        """
        update records.record r set quarantined_at = clock_timestamp()
        where r.quarantined_at is null and r.id in (select record_id from records.arrival where exchange_id = %s)
            and not exists (
                select from records.arrival a where a.record_id = r.id and a.digest = r.digest
                    and not exists (select from records.set_aside s where s.exchange_id = a.exchange_id))
        """,
        (exchange_id,),
    )
    return cursor.rowcount


def release_quarantine(conn: Connection, exchange_id: str) -> int:
    """Serve again what `quarantine_by_exchange` kept apart: a person said that it is our member's; how many."""
    conn.execute("delete from records.set_aside where exchange_id = %s", (exchange_id,))
    cursor = conn.execute(
        "update records.record r set quarantined_at = null where r.quarantined_at is not null and exists ("
        "select from records.arrival a where a.record_id = r.id and a.digest = r.digest and a.exchange_id = %s)",
        (exchange_id,),
    )
    return cursor.rowcount


def counts(conn: Connection, member_id: str) -> dict[str, int]:
    """How many records of each type this member has."""
    rows = conn.execute(
        "select type, count(*) as n from records.record where member_id = %s and quarantined_at is null "
        "and joined_to is null and replaced_by is null "
        "group by type order by type",
        (member_id,),
    )
    return {row["type"]: row["n"] for row in rows}


def counts_by_source(conn: Connection, member_ids: Collection[str]) -> dict[str, dict[str, dict[str, int]]]:
    """Per member and source of ours, how many records of each type it told of; Patient and Provenance left out."""
    rows = conn.execute(
        "select member_id, source, type, count(*) as n from records.record where member_id = any(%s) "
        "and sender is null and quarantined_at is null and type not in ('Patient', 'Provenance') group by 1, 2, 3",
        (list(member_ids),),
    )
    found: dict[str, dict[str, dict[str, int]]] = {}
    for row in rows:
        found.setdefault(row["member_id"], {}).setdefault(row["source"], {})[row["type"]] = row["n"]
    return found


def received_counts(conn: Connection, exchange_id: str) -> dict[str, dict[str, int]]:
    """What an exchange brought of its member: by type, and in each by outcome (new, same, changed, older, echo).

    Shared resources (Organization, Practitioner) come once for a whole batch and are no member's answer.
    """
    rows = conn.execute(
        "select coalesce(r.type, 'unknown') as type, a.outcome, count(*) as n from records.arrival a "
        "left join records.record r on r.id = a.record_id where a.exchange_id = %s "
        "and (r.id is null or r.member_id is not null) group by 1, 2 order by 1, 2",
        (exchange_id,),
    )
    found: dict[str, dict[str, int]] = {}
    for row in rows:
        found.setdefault(row["type"], {})[row["outcome"]] = row["n"]
    return found


def quarantined_counts(conn: Connection, exchange_id: str) -> dict[str, int]:
    """What of an exchange could not become a record, by reason."""
    rows = conn.execute(
        "select reason, count(*) as n from records.quarantine where exchange_id = %s group by reason", (exchange_id,)
    )
    return {row["reason"]: row["n"] for row in rows}


def provenance(conn: Connection, record_ids: Collection[str]) -> dict[str, list[dict[str, Any]]]:
    """Every way by which each record came, oldest first: sender, exchange, time, outcome, author and original id."""
    rows = conn.execute(
        "select a.record_id, a.source, a.sender, nullif(a.exchange_id, '') as exchange_id, a.received_at, a.outcome, "
        "a.digest, r.author, r.original_id from records.arrival a left join records.record r on r.id = a.record_id "
        "where a.record_id = any(%s) order by a.received_at, a.source",
        (list(record_ids),),
    )
    found: dict[str, list[dict[str, Any]]] = {}
    for row in rows:
        found.setdefault(row.pop("record_id"), []).append(row)
    return found


def read_record(conn: Connection, codec: Codec, record_id: str) -> dict[str, Any] | None:
    """One record with its original and its releasable form; None when there is none."""
    rows = conn.execute(_RECORDS, {"record_id": record_id, "member_id": None, "types": None}).fetchall()
    return next(_open(conn, codec, rows), None)


def records_of(
    conn: Connection, codec: Codec, member_id: str, *, types: Sequence[str] | None = None
) -> Iterator[dict[str, Any]]:
    """One member's records, by type and id, originals included."""
    parameters = {"record_id": None, "member_id": member_id, "types": list(types) if types else None}
    yield from _open(conn, codec, conn.execute(_RECORDS, parameters).fetchall())


_RECORDS = """
select r.id, r.type, r.member_id, r.author, r.original_id, r.source, r.sender, r.exchange_id, r.excluded, r.removed,
    r.service_from, r.service_to, r.status, r.refs, r.available_at, r.updated_at, r.version, r.quarantined_at,
    r.removed_at, r.pack_id, r.start, r.length, r.original_pack, r.original_start, r.original_length
from records.record r
where (r.id = %(record_id)s::text or r.member_id = %(member_id)s::text)
    and (%(types)s::text[] is null or r.type = any(%(types)s)) order by r.type, r.id
"""
_PLACES = frozenset({"pack_id", "start", "length", "original_pack", "original_start", "original_length"})


def _open(conn: Connection, codec: Codec, rows: Sequence[Mapping[str, Any]]) -> Iterator[dict[str, Any]]:
    packs = read_packs(conn, codec, {row[name] for row in rows for name in ("pack_id", "original_pack") if row[name]})
    for row in rows:
        shown = {name: value for name, value in row.items() if name not in _PLACES}
        start, length = row["original_start"], row["original_length"]
        original = packs[row["original_pack"]][start : start + length]
        released = None
        if row["pack_id"] is not None:
            # Without the line's end.
            released = packs[row["pack_id"]][row["start"] : row["start"] + row["length"] - 1]
        yield {**shown, "released": released, "original": original}

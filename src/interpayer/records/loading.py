"""Keeping records, set-based: a batch is one COPY and a handful of statements, whatever its size."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, fields
from datetime import datetime
from typing import Any

import orjson

from interpayer.model.record import Quarantined, Record
from interpayer.records.codec import Codec
from interpayer.records.packs import NOWHERE, save_bodies
from interpayer.records.store import quarantine
from interpayer.records.versions import Held, Outcome, decide, decided_at, is_direct
from interpayer.system.database import Connection

# Loads share this lock; the horizon of an export waits for all who hold it.
LOAD_LOCK = 7_205_759_403_792_801

_COLUMNS = {
    "id": "text", "type": "text", "member_id": "text", "author": "text", "original_id": "text", "source": "text",
    "sender": "text", "exchange_id": "text", "digest": "text", "excluded": "text", "removed": "text",
    "service_from": "date", "service_to": "date", "status": "text", "pa_changed_on": "date", "pa_ends_on": "date",
    "refs": "text[]", "available_at": "timestamptz", "updated_at": "timestamptz", "decided_at": "timestamptz",
    "is_direct": "boolean", "role": "text", "local_id": "text", "outcome": "text", "pack_id": "int8", "start": "int4",
    "length": "int4", "original_pack": "int8", "original_start": "int4", "original_length": "int4",
    "labels": "text[]", "labels_version": "text",
}  # fmt: skip
_NAMES = ", ".join(_COLUMNS)
_TEMPORARY = "create temporary table if not exists incoming_record ({}) on commit delete rows".format(
    ", ".join(f"{name} {kind}" for name, kind in _COLUMNS.items())
)
_INSERT = """
insert into records.record (id, type, member_id, author, original_id, source, sender, exchange_id, digest, excluded,
    removed, service_from, service_to, status, pa_changed_on, pa_ends_on, refs, available_at, updated_at,
    decided_at, is_direct, role, pack_id, start, length, original_pack, original_start, original_length, labels,
    labels_version)
select id, type, member_id, author, original_id, source, sender, exchange_id, digest, excluded,
    removed::jsonb, service_from, service_to, status, pa_changed_on, pa_ends_on, refs, available_at, updated_at,
    decided_at, is_direct, role, pack_id, start, length, original_pack, original_start, original_length, labels,
    labels_version
from incoming_record where outcome = 'new' order by id on conflict (id) do nothing returning id
"""
_SUPERSEDE = """
insert into records.superseded (record_id, version, member_id, digest, exchange_id, available_at, updated_at,
    replaced_at, pack_id, start, length, original_pack, original_start, original_length)
select r.id, r.version, r.member_id, r.digest, r.exchange_id, r.available_at, r.updated_at,
    i.available_at, r.pack_id, r.start, r.length, r.original_pack, r.original_start, r.original_length
from incoming_record i join records.record r on r.id = i.id where i.outcome = 'changed'
"""
_REPLACE = """
update records.record r set member_id = i.member_id, source = i.source, sender = i.sender,
    exchange_id = i.exchange_id, digest = i.digest, excluded = i.excluded, removed = i.removed::jsonb,
    service_from = i.service_from, service_to = i.service_to, status = i.status, pa_changed_on = i.pa_changed_on,
    pa_ends_on = i.pa_ends_on, refs = i.refs, available_at = i.available_at, updated_at = i.updated_at,
    decided_at = i.decided_at, is_direct = i.is_direct, role = i.role,
    pack_id = i.pack_id, start = i.start, length = i.length,
    own_pack_id = null, own_start = null, own_length = null, own_refs = null, own_labels = null,
    labels = i.labels, labels_version = i.labels_version,
    original_pack = i.original_pack, original_start = i.original_start, original_length = i.original_length,
    version = r.version + 1, quarantined_at = null, removed_at = null
from incoming_record i where i.id = r.id and i.outcome = 'changed'
"""
# Said again, it is as young as this. Our own feed's last word counts anyway, and reloads should write nothing.
_CONFIRM = """
update records.record r set decided_at = i.decided_at, is_direct = i.is_direct
from incoming_record i
where i.id = r.id and i.outcome = 'same' and i.sender is not null
    and (i.decided_at, i.is_direct) > (r.decided_at, r.is_direct)
"""
# A recalled or removed record is served again when another exchange brings the same content.
_REVIVE = """
update records.record r set quarantined_at = null, removed_at = null, exchange_id = i.exchange_id,
    sender = i.sender, source = i.source
from incoming_record i
where i.id = r.id and i.outcome = 'same' and (r.quarantined_at is not null or r.removed_at is not null)
    and r.exchange_id is distinct from i.exchange_id
"""
_ARRIVE = """
insert into records.arrival (record_id, source, exchange_id, digest, sender, local_id, outcome, received_at)
select id, source, coalesce(exchange_id, ''), digest, sender, local_id, outcome, available_at
from incoming_record where not id = any(%s) on conflict do nothing
"""


@dataclass(slots=True)
class Tally:
    """What saving did, in numbers; what the payload rules excluded (records) and removed (elements), by rule."""

    new: int = 0
    same: int = 0
    changed: int = 0
    older: int = 0
    echoes: int = 0
    conflicts: int = 0
    types: Counter[str] = field(default_factory=Counter)
    excluded: Counter[str] = field(default_factory=Counter)
    removed: Counter[str] = field(default_factory=Counter)

    def add(self, other: "Tally") -> None:
        """Count what another batch did in."""
        for one in fields(Tally):
            mine, more = getattr(self, one.name), getattr(other, one.name)
            if isinstance(mine, Counter):
                mine.update(more)
            else:
                setattr(self, one.name, mine + more)

    def numbers(self) -> dict[str, Any]:
        """The numbers as plain values."""
        plain = {one.name: getattr(self, one.name) for one in fields(Tally)}
        return {name: dict(value) if isinstance(value, Counter) else value for name, value in plain.items()}


@dataclass(slots=True)
class SaveReport(Tally):
    """What one batch did, and the records whose content is now what it brought."""

    written: frozenset[str] = frozenset()


def begin_load(conn: Connection) -> datetime:
    """When what this transaction loads counts as available. Take it first: exports wait for loads that hold it."""
    conn.execute("select pg_advisory_xact_lock_shared(%s)", (LOAD_LOCK,))
    return _clock(conn)


def export_horizon(conn: Connection) -> datetime:
    """A time with nothing older still uncommitted: the manifest's transactionTime (Bulk Data 2.0, 4.3).

    Waits for the loads under way; call it in a short transaction of its own.
    """
    conn.execute("select pg_advisory_xact_lock(%s)", (LOAD_LOCK,))
    return _clock(conn)


def save_records(conn: Connection, codec: Codec, records: Sequence[Record]) -> SaveReport:
    """Keep a batch: what is new or newer becomes the content, and every arrival leaves its provenance.

    Former contents are kept. A record that would change hands by a partner's word is quarantined (``conflicts``).
    """
    conn.execute(_TEMPORARY.encode())
    outcomes = [decided for batch in _rounds(records) for decided in _save_round(conn, codec, batch)]
    conflicts = [record for record, outcome in outcomes if outcome is Outcome.CONFLICT]
    quarantine(conn, codec, [_conflicting(record) for record in conflicts])
    counted = Counter(outcome for _, outcome in outcomes)
    removed: Counter[str] = Counter()
    for record in records:
        removed.update(record.removed)
    return SaveReport(
        new=counted[Outcome.NEW],
        same=counted[Outcome.SAME],
        changed=counted[Outcome.CHANGED],
        older=counted[Outcome.OLDER],
        echoes=counted[Outcome.ECHO],
        conflicts=len(conflicts),
        excluded=Counter(record.excluded for record in records if record.excluded),
        removed=removed,
        types=Counter(record.type for record in records),
        written=frozenset(record.id for record, outcome in outcomes if outcome.is_content),
    )


def _rounds(records: Sequence[Record]) -> Iterator[list[Record]]:
    """In each round an id appears once, so that every content of a record is decided against the one before."""
    waiting = list(records)
    while waiting:
        batch: dict[str, Record] = {}
        later = []
        for record in waiting:
            if batch.setdefault(record.id, record) is not record:
                later.append(record)
        yield list(batch.values())
        waiting = later


def _save_round(conn: Connection, codec: Codec, records: list[Record]) -> list[tuple[Record, Outcome]]:
    """Decide and write. Who meets another load with the same new record decides again against what that one kept."""
    held = _held(conn, [record.id for record in records])
    decided = [(record, decide(held.get(record.id), record)) for record in records]
    _copy(conn, codec, decided)
    written = {row["id"] for row in conn.execute(_INSERT.encode()).fetchall()}
    outcomes = {outcome for _, outcome in decided}
    if Outcome.CHANGED in outcomes:
        conn.execute(_SUPERSEDE.encode())
        conn.execute(_REPLACE.encode())
    if Outcome.SAME in outcomes:
        conn.execute(_CONFIRM.encode())
        conn.execute(_REVIVE.encode())
    lost = [record for record, outcome in decided if outcome is Outcome.NEW and record.id not in written]
    conn.execute(_ARRIVE.encode(), ([record.id for record in lost],))
    again = _save_round(conn, codec, lost) if lost else []
    return [pair for pair in decided if pair[1] is not Outcome.NEW or pair[0].id in written] + again


def _held(conn: Connection, record_ids: list[str]) -> dict[str, Held]:
    rows = conn.execute(
        "select id, digest, coalesce(own_refs, refs) as refs, member_id, source, updated_at, decided_at, is_direct "
        "from records.record where id = any(%s) order by id for update",
        (record_ids,),
    )
    return {row["id"]: _read_held(row) for row in rows}


def _read_held(row: Mapping[str, Any]) -> Held:
    return Held(
        digest=row["digest"],
        references=tuple(row["refs"]),
        member_id=row["member_id"],
        source=row["source"],
        updated_at=row["updated_at"],
        decided_at=row["decided_at"],
        is_direct=row["is_direct"],
    )


def _copy(conn: Connection, codec: Codec, decided: list[tuple[Record, Outcome]]) -> None:
    """Send the batch to a table of this session; the bodies of what becomes content go into packs first."""
    places = save_bodies(conn, codec, [record for record, outcome in decided if outcome.is_content])
    conn.execute("truncate incoming_record")
    with conn.cursor().copy(f"copy incoming_record ({_NAMES}) from stdin (format binary)".encode()) as copy:
        copy.set_types(list(_COLUMNS.values()))
        for record, outcome in decided:
            if outcome is not Outcome.CONFLICT:
                copy.write_row(_row(record, outcome, places.get(record.id, NOWHERE)))


def _row(record: Record, outcome: Outcome, place: tuple[int | None, ...]) -> tuple[object, ...]:
    origin = record.origin
    return (
        record.id, record.type, record.member_id, origin.author, origin.original_id, origin.source, origin.sender,
        origin.exchange_id, record.digest, record.excluded, orjson.dumps(record.removed).decode(),
        record.service_from, record.service_to, record.status, record.pa_changed_on, record.pa_ends_on,
        list(record.references), record.available_at, record.updated_at, decided_at(record), is_direct(record),
        origin.role, record.local_id, outcome.value, *place, sorted(record.labels), record.labels_version,
    )  # fmt: skip


def _conflicting(record: Record) -> Quarantined:
    return Quarantined(
        reason="record.conflict",
        type=record.type,
        source=record.origin.source,
        original=record.original,
        rules=("member",),
        exchange_id=record.origin.exchange_id,
        sender=record.origin.sender,
    )


def _clock(conn: Connection) -> datetime:
    row = conn.execute("select clock_timestamp() as now").fetchone()
    assert row is not None
    now = row["now"]
    assert isinstance(now, datetime)
    return now

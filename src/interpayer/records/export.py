"""What may leave, streamed person by person: bytes moved as they lie, filtered by columns."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from itertools import groupby, islice
from typing import Any, TypeAlias

import orjson

from interpayer.model.record import Lines
from interpayer.records.codec import Codec
from interpayer.records.store import SHARED, known_keys
from interpayer.system.database import Connection

# Members per query: bounds the memory of an export, whatever its size.
CHUNK = 64
# With more dependents than this, a shared resource says nothing about any one of them.
MOST_DEPENDENTS = 200

Patients: TypeAlias = Callable[[Sequence[str]], Mapping[str, bytes]]
Transmitter: TypeAlias = Callable[[str, Sequence[str]], bytes]

# A Provenance must not name records that do not go: that would tell that they exist.
_MEMBERS = b"""
select r.member_id, r.type, r.id, r.released, r.available_at, case when r.type = 'Provenance' then array(
    select t.id from records.record t
    where t.id = any(r.refs) and not records.goes(t, %(as_of)s, %(service_from)s)) end as hidden
from records.record r
where r.member_id = any(%(member_ids)s::text[]) and records.goes(r, %(as_of)s, %(service_from)s)
    and records.asked(r, %(types)s, %(since)s, %(until)s)
"""
# Shared resources that what goes refers to, directly or through others, with the members that depend on each.
_SHARED = b"""
with recursive dependent(id, member_id) as (
    select distinct unnest(r.refs), r.member_id from records.record r
    where r.member_id = any(%(member_ids)s::text[]) and records.goes(r, %(as_of)s, %(service_from)s)
        and records.asked(r, null, %(since)s, %(until)s)
    union
    select unnest(s.refs), d.member_id from dependent d join records.record s on s.id = d.id and s.member_id is null
)
select r.type, r.id, r.released, (array_agg(d.member_id order by d.member_id))[:%(most)s + 1] as member_ids
from dependent d join records.record r on r.id = d.id
where r.member_id is null and records.goes(r, %(as_of)s, null) and records.asked(r, %(types)s, null, %(until)s)
group by r.type, r.id, r.released order by r.type, r.id
"""
_WITHHELD = b"""
select r.member_id, coalesce(r.excluded, case when r.pa_changed_on is null and r.pa_ends_on is null
    then 'record.excluded_service_date' else 'record.excluded_old_authorization' end) as reason, count(*) as n
from records.record r
where r.member_id = any(%(member_ids)s::text[]) and r.quarantined_at is null
    and records.asked(r, %(types)s, %(since)s, %(until)s)
    and (r.released is null or not records.in_window(r, %(as_of)s, %(service_from)s))
group by 1, 2 order by 1, 2
"""
_REMOVED = b"""
select e.key as rule, sum(e.value::int)::int as n from records.record r cross join jsonb_each_text(r.removed) e
where r.member_id = any(%(member_ids)s::text[]) and records.goes(r, %(as_of)s, %(service_from)s)
    and records.asked(r, %(types)s, %(since)s, %(until)s)
group by 1 order by 1
"""


@dataclass(frozen=True, slots=True)
class Selection:
    """What is asked for. ``as_of`` is the day of the request; ``service_from`` the first day of the window.

    ``since`` and ``until`` go by when a record became available here (Bulk Data ``_since``, ``_until``).
    """

    member_ids: Sequence[str]
    as_of: date
    service_from: date | None = None
    types: Sequence[str] | None = None
    since: datetime | None = None
    until: datetime | None = None


def export_lines(
    conn: Connection,
    codec: Codec,
    selection: Selection,
    *,
    patients: Patients | None = None,
    transmitter: Transmitter | None = None,
) -> Iterator[Lines]:
    """The lines of each member and type, then the shared resources, each once with the members that depend on it.

    ``patients`` gives the Patient line of members that have none loaded (asked in a full export only).
    ``transmitter`` gives the Provenance line of a member for what goes of it (references; PDex 2.2: one per exchange).
    """
    for chunk in _chunks(selection.member_ids):
        rows = _rows(conn, selection, chunk)
        lines = _lines_of(conn, codec, rows, chunk=chunk)
        if patients and selection.since is None and _wants(selection, "Patient"):
            lines |= _missing_patients(lines, patients, chunk)
        if transmitter and _wants(selection, "Provenance"):
            _transmit(lines, rows, transmitter)
        for (member_id, kind), held in sorted(lines.items()):
            yield Lines(kind, (member_id,), b"\n".join([*held, b""]), len(held))
    yield from _shared_lines(conn, codec, selection)


def withheld(conn: Connection, selection: Selection) -> dict[str, dict[str, int]]:
    """Per member, how many records do not go, by reason: for our own eyes and the ledger, never for the partner."""
    found: dict[str, dict[str, int]] = {}
    for chunk in _chunks(selection.member_ids, size=1000):
        for row in conn.execute(_WITHHELD, _parameters(selection, chunk)):
            found.setdefault(row["member_id"], {})[row["reason"]] = row["n"]
    return found


def removed_elements(conn: Connection, selection: Selection) -> dict[str, int]:
    """How many elements the payload rules took out of what goes, by rule."""
    found: dict[str, int] = {}
    for chunk in _chunks(selection.member_ids, size=1000):
        for row in conn.execute(_REMOVED, _parameters(selection, chunk)):
            found[row["rule"]] = found.get(row["rule"], 0) + row["n"]
    return found


def _rows(conn: Connection, selection: Selection, chunk: list[str]) -> list[dict[str, Any]]:
    rows = conn.cursor(binary=True).execute(_MEMBERS, _parameters(selection, chunk)).fetchall()
    rows.sort(key=_place)
    return rows


def _lines_of(
    conn: Connection, codec: Codec, rows: list[dict[str, Any]], *, chunk: list[str]
) -> dict[tuple[str, str], list[bytes]]:
    """The lines by member and type."""
    openers = {i: codec.opener(key) for i, key in known_keys(conn, codec.vault, chunk).items()}
    lines: dict[tuple[str, str], list[bytes]] = {}
    for (member_id, kind), group in groupby(rows, key=lambda row: (row["member_id"], row["type"])):
        opened = openers[member_id]
        if kind == "Patient":
            # One person, one Patient, whatever the number of feeds that told of them.
            group = iter([max(group, key=lambda row: row["available_at"])])
        held = [opened(row["released"], row["id"].encode()) for row in group]
        lines[member_id, kind] = held
    _hide_targets(lines, rows)
    return lines


def _hide_targets(lines: dict[tuple[str, str], list[bytes]], rows: list[dict[str, Any]]) -> None:
    """Take targets that do not go out of Provenances; one without any other target does not go either."""
    hiding: dict[str, set[str]] = {}
    for row in rows:
        if row["hidden"]:
            hiding.setdefault(row["member_id"], set()).update(row["hidden"])
    for member_id, hidden in hiding.items():
        shown = [line for raw in lines.pop((member_id, "Provenance")) if (line := _without(raw, hidden))]
        if shown:
            lines[member_id, "Provenance"] = shown


def _without(line: bytes, hidden: set[str]) -> bytes | None:
    resource = orjson.loads(line)
    kept = [t for t in resource["target"] if str(t.get("reference")).rpartition("/")[2] not in hidden]
    if len(kept) == len(resource["target"]):
        return line
    return orjson.dumps({**resource, "target": kept}) if kept else None


def _missing_patients(
    lines: Mapping[tuple[str, str], list[bytes]], patients: Patients, chunk: list[str]
) -> dict[tuple[str, str], list[bytes]]:
    missing = [member_id for member_id in chunk if (member_id, "Patient") not in lines]
    given = patients(missing) if missing else {}
    return {(member_id, "Patient"): [line] for member_id, line in given.items()}


def _transmit(lines: dict[tuple[str, str], list[bytes]], rows: list[dict[str, Any]], transmitter: Transmitter) -> None:
    """Add to each member with anything to go the Provenance that we hand it on."""
    sent: dict[str, list[str]] = {m: [f"Patient/{m}"] for m, kind in lines if kind == "Patient"}
    for row in rows:
        if row["type"] not in {"Patient", "Provenance"}:
            sent.setdefault(row["member_id"], []).append(f"{row['type']}/{row['id']}")
    for member_id, targets in sent.items():
        lines.setdefault((member_id, "Provenance"), []).append(transmitter(member_id, targets))


def _shared_lines(conn: Connection, codec: Codec, selection: Selection) -> Iterator[Lines]:
    cursor = conn.cursor(binary=True)
    rows = cursor.execute(_SHARED, _parameters(selection, list(selection.member_ids))).fetchall()
    if not rows:
        return
    opened = codec.opener(known_keys(conn, codec.vault, [SHARED])[SHARED])
    for row in rows:
        dependents = row["member_ids"] if len(row["member_ids"]) <= MOST_DEPENDENTS else []
        plain = opened(row["released"], row["id"].encode()) + b"\n"
        yield Lines(row["type"], tuple(dependents), plain, 1, shared=True)


def _place(row: Mapping[str, Any]) -> tuple[str, str, str]:
    return row["member_id"], row["type"], row["id"]


def _wants(selection: Selection, kind: str) -> bool:
    return selection.types is None or kind in selection.types


def _parameters(selection: Selection, member_ids: list[str]) -> dict[str, object]:
    return {
        "most": MOST_DEPENDENTS,
        "member_ids": member_ids,
        "as_of": selection.as_of,
        "service_from": selection.service_from,
        "types": list(selection.types) if selection.types is not None else None,
        "since": selection.since,
        "until": selection.until,
    }


def _chunks(member_ids: Iterable[str], size: int = CHUNK) -> Iterator[list[str]]:
    remaining = iter(member_ids)
    while chunk := list(islice(remaining, size)):
        yield chunk

"""What may leave, streamed person by person: bytes moved as they lie, filtered by columns."""

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from datetime import date, datetime
from itertools import islice
from typing import Any, NamedTuple, TypeAlias, TypeVar

from interpayer.model.record import Lines
from interpayer.records.codec import Codec, Opener, plain_of, unpack_gzip
from interpayer.records.hiding import Blocks, hide_targets
from interpayer.records.keys import known_keys
from interpayer.records.packs import context_of, read_packs
from interpayer.system.database import Connection

# Members per query: bounds the memory of an export, whatever its size.
CHUNK = 64
# Chunks that are fetched and opened while another is handed on: one is asked for while the one before is opened.
AHEAD = 2
# With more dependents than this, a shared resource says nothing about any one of them.
MOST_DEPENDENTS = 200

Patients: TypeAlias = Callable[[Sequence[str]], Mapping[str, bytes]]
Transmitter: TypeAlias = Callable[[str, Sequence[str]], bytes]
Item = TypeVar("Item")

# Per pack (of one member and type): which slices go; no slices where all do. `ids` only where somebody asks for them.
_MEMBERS = b"""
select p.member_id, p.type, p.id, p.frame, p.plain_length, p.sha256, g.count, g.ids, g.available_at,
    case when g.total < p.plain_length or p.type = 'Patient' then g.starts end as starts,
    case when g.total < p.plain_length or p.type = 'Patient' then g.lengths end as lengths
from (
    select r.pack_id, count(*) as count, sum(r.length) as total, array_agg(r.start) as starts,
        array_agg(r.length) as lengths, case when %(with_ids)s then array_agg(r.id) end as ids,
        array_agg(r.available_at) filter (where r.type = 'Patient') as available_at
    from records.record r
    where r.member_id = any(%(member_ids)s::text[]) and records.goes(r, %(as_of)s, %(service_from)s)
        and records.asked(r, %(types)s, %(since)s, %(until)s)
    group by r.pack_id
) g join records.pack p on p.id = g.pack_id
"""
# Shared resources that what goes refers to, directly or through others, with the members that depend on each.
_DEPENDENTS = b"""
with recursive direct as materialized (
    select distinct d.id, d.member_id from (
        select unnest(r.refs) as id, r.member_id from records.record r
        where r.member_id = any(%(member_ids)s::text[]) and records.goes(r, %(as_of)s, %(service_from)s)
            and records.asked(r, null, %(since)s, %(until)s)
    ) d where exists (select from records.record s where s.id = d.id and s.member_id is null)
), reached(root, id) as (
    select distinct id, id from direct
    union
    select d.root, s.id from reached d join records.record r on r.id = d.id
    cross join unnest(r.refs) as ref(id) join records.record s on s.id = ref.id and s.member_id is null
)
select t.id, array_agg(distinct d.member_id) as member_ids from reached t join direct d on d.id = t.root group by t.id
"""
_SHARED = b"""
select r.type, r.id, r.pack_id, r.start, r.length from records.record r
where r.id = any(%(ids)s) and records.goes(r, %(as_of)s, null) and records.asked(r, %(types)s, null, %(until)s)
order by r.type, r.id
"""
_WITHHELD = b"""
select r.member_id, coalesce(r.excluded, case when r.pa_changed_on is null and r.pa_ends_on is null
    then 'record.excluded_service_date' else 'record.excluded_old_authorization' end) as reason, count(*) as n
from records.record r
where r.member_id = any(%(member_ids)s::text[]) and r.quarantined_at is null
    and records.asked(r, %(types)s, %(since)s, %(until)s)
    and (r.pack_id is null or not records.in_window(r, %(as_of)s, %(service_from)s))
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


class _Pack(NamedTuple):
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


class _Fetched(NamedTuple):
    """A chunk of members: their packs, the lines in them, and the shared resources they depend on."""

    chunk: list[str]
    packs: list[_Pack]
    blocks: Blocks
    dependents: list[dict[str, Any]]


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
    The connection is read from ahead of the caller, who may use it for anything but COPY meanwhile.
    """
    dependents: dict[str, list[str]] = {}
    for fetched in _prefetched(conn, codec, selection, with_ids=transmitter is not None):
        blocks = fetched.blocks
        _depend(dependents, fetched.dependents)
        if patients and selection.since is None and _wants(selection, "Patient"):
            blocks |= _missing_patients(blocks, patients, fetched.chunk)
        if transmitter and _wants(selection, "Provenance"):
            _transmit(blocks, fetched.packs, transmitter)
        yield from blocks.values()
    yield from _shared_lines(conn, codec, selection, dependents=dependents)


def _prefetched(conn: Connection, codec: Codec, selection: Selection, *, with_ids: bool) -> Iterator[_Fetched]:
    """Each chunk of members with its lines; the next one is fetched and opened while this one is handed on."""

    def fetch(chunk: list[str]) -> _Fetched:
        parameters = {**_parameters(selection, chunk), "with_ids": with_ids}
        with conn.cursor(row_factory=_as_pack, binary=True) as cursor:
            # the place is the beginning of the row, and no two are alike
            packs = sorted(cursor.execute(_MEMBERS, parameters).fetchall())
        keys = known_keys(conn, codec.vault, {pack.member_id for pack in packs})
        openers = {member_id: Opener(key) for member_id, key in keys.items()}
        dependents = conn.execute(_DEPENDENTS, parameters).fetchall()
        blocks = _blocks(packs, openers)
        hide_targets(conn, blocks, parameters)
        return _Fetched(chunk, packs, blocks, dependents)

    with ThreadPoolExecutor(AHEAD) as threads:
        waiting: deque[Future[_Fetched]] = deque()
        for chunk in _batches(selection.member_ids, CHUNK):
            waiting.append(threads.submit(fetch, chunk))
            if len(waiting) > AHEAD:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()


def withheld(conn: Connection, selection: Selection) -> dict[str, dict[str, int]]:
    """Per member, how many records do not go, by reason: for our own eyes and the ledger, never for the partner."""
    found: dict[str, dict[str, int]] = {}
    for chunk in _batches(selection.member_ids, 1000):
        for row in conn.execute(_WITHHELD, _parameters(selection, chunk)):
            found.setdefault(row["member_id"], {})[row["reason"]] = row["n"]
    return found


def removed_elements(conn: Connection, selection: Selection) -> dict[str, int]:
    """How many elements the payload rules took out of what goes, by rule."""
    found: dict[str, int] = {}
    for chunk in _batches(selection.member_ids, 1000):
        for row in conn.execute(_REMOVED, _parameters(selection, chunk)):
            found[row["rule"]] = found.get(row["rule"], 0) + row["n"]
    return found


def _as_pack(cursor: Any) -> Callable[[Sequence[Any]], _Pack]:
    """Rows of `_MEMBERS` as packs."""
    return _Pack._make


def _blocks(packs: Sequence[_Pack], openers: Mapping[str, Opener]) -> Blocks:
    """The lines by member and type: packs as they lie where everything goes, else slices of them."""
    found: dict[tuple[str, str], list[_Pack]] = {}
    for pack in packs:
        found.setdefault(pack[:2], []).append(pack)
    return {place: _block(several, openers[place[0]]) for place, several in found.items()}


def _block(packs: Sequence[_Pack], opened: Opener) -> Lines:
    first = packs[0]
    if first.type == "Patient":
        return _youngest(packs, opened)
    if len(packs) == 1 and first.starts is None:
        packed = opened(first.frame, context_of(first.id))
        return Lines(first.type, (first.member_id,), None, first.lines, False, packed, first.length, first.sha256)
    plain = b"".join([_slices(pack, opened) for pack in packs])
    return Lines(first.type, (first.member_id,), plain, sum(pack.lines for pack in packs))


def _slices(pack: _Pack, opened: Opener) -> bytes:
    whole = unpack_gzip(opened(pack.frame, context_of(pack.id)), pack.length)
    if pack.starts is None or pack.lengths is None:
        return whole
    return b"".join([whole[start : start + n] for start, n in sorted(zip(pack.starts, pack.lengths, strict=True))])


def _youngest(packs: Sequence[_Pack], opened: Opener) -> Lines:
    """One person, one Patient, whatever the number of feeds that told of them."""
    pack = max(packs, key=lambda pack: max(pack.available_at or ()))
    _, start, length = max(zip(pack.available_at or (), pack.starts or (), pack.lengths or (), strict=True))
    whole = unpack_gzip(opened(pack.frame, context_of(pack.id)), pack.length)
    return Lines("Patient", (pack.member_id,), whole[start : start + length], 1)


def _missing_patients(blocks: Blocks, patients: Patients, chunk: list[str]) -> Blocks:
    missing = [member_id for member_id in chunk if (member_id, "Patient") not in blocks]
    given = patients(missing) if missing else {}
    return {(m, "Patient"): Lines("Patient", (m,), line + b"\n", 1) for m, line in given.items()}


def _transmit(blocks: Blocks, packs: Sequence[_Pack], transmitter: Transmitter) -> None:
    """Add to each member with anything to go the Provenance that we hand it on."""
    sent: dict[str, list[str]] = {m: [f"Patient/{m}"] for m, kind in blocks if kind == "Patient"}
    for pack in packs:
        if pack.type not in {"Patient", "Provenance"}:
            sent.setdefault(pack.member_id, []).extend([f"{pack.type}/{record_id}" for record_id in pack.ids or ()])
    for member_id, told in sent.items():
        before = blocks.get((member_id, "Provenance"))
        plain, count = (plain_of(before), before.count) if before else (b"", 0)
        plain += transmitter(member_id, told) + b"\n"
        blocks[member_id, "Provenance"] = Lines("Provenance", (member_id,), plain, count + 1)


def _depend(dependents: dict[str, list[str]], rows: Sequence[Mapping[str, Any]]) -> None:
    """Note who depends on each shared resource, as far as it matters."""
    for row in rows:
        known = dependents.setdefault(row["id"], [])
        known += row["member_ids"][: MOST_DEPENDENTS + 1 - len(known)]


def _shared_lines(
    conn: Connection, codec: Codec, selection: Selection, *, dependents: Mapping[str, list[str]]
) -> Iterator[Lines]:
    for ids in _batches(sorted(dependents), CHUNK):
        rows = conn.execute(_SHARED, {**_parameters(selection, []), "ids": ids}).fetchall()
        packs = read_packs(conn, codec, {row["pack_id"] for row in rows})
        for row in rows:
            known = dependents[row["id"]]
            plain = packs[row["pack_id"]][row["start"] : row["start"] + row["length"]]
            members = tuple(sorted(known)) if len(known) <= MOST_DEPENDENTS else ()
            yield Lines(row["type"], members, plain, 1, shared=True)


def _wants(selection: Selection, kind: str) -> bool:
    return selection.types is None or kind in selection.types


def _parameters(selection: Selection, member_ids: list[str]) -> dict[str, object]:
    return {
        "member_ids": member_ids,
        "as_of": selection.as_of,
        "service_from": selection.service_from,
        "types": list(selection.types) if selection.types is not None else None,
        "since": selection.since,
        "until": selection.until,
    }


def _batches(items: Iterable[Item], size: int) -> Iterator[list[Item]]:
    remaining = iter(items)
    while batch := list(islice(remaining, size)):
        yield batch

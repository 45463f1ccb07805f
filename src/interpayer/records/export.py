"""What may leave, streamed person by person: bytes moved as they lie, filtered by columns."""

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import date, datetime
from itertools import islice
from typing import Any, NamedTuple, TypeAlias, TypeVar

from interpayer.model.consent import NOTHING_WITHHELD, Limits
from interpayer.model.record import Lines
from interpayer.model.sensitivity import WITH_NOTICE
from interpayer.records.blocks import Pack, as_pack, blocks_of
from interpayer.records.codec import Codec, Opener, plain_of
from interpayer.records.hiding import Blocks, hide_targets
from interpayer.records.keys import known_keys
from interpayer.records.limiting import kept_back, noticed
from interpayer.records.narrowing import narrow
from interpayer.records.packs import read_packs
from interpayer.system.database import Connection

# Members per query: bounds the memory of an export, whatever its size.
CHUNK = 64
# Chunks that are fetched and opened while another is handed on: one is asked for while the one before is opened.
AHEAD = 2
# With more dependents than this, a shared resource says nothing about any one of them.
MOST_DEPENDENTS = 200

Patients: TypeAlias = Callable[[Sequence[str]], Mapping[str, bytes]]
Transmitter: TypeAlias = Callable[[str, Sequence[str], bool], bytes]
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
        -- kept back
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
            -- kept back
    ) d where exists (select from records.record s where s.id = d.id and s.member_id is null)
), reached(root, id) as (
    select distinct id, id from direct
    union
    select d.root, s.id from reached d join records.record r on r.id = d.id
    cross join unnest(r.refs) as ref(id) join records.record s on s.id = ref.id and s.member_id is null
)
select t.id, array_agg(distinct d.member_id) as member_ids from reached t join direct d on d.id = t.root group by t.id
"""
# Where a permission leaves something out, the same without it.
_MARK, _KEPT_BACK = b"-- kept back", b"and not r.id = any(%(kept_back)s::text[])"
_LIMITED_MEMBERS, _LIMITED_DEPENDENTS = (one.replace(_MARK, _KEPT_BACK) for one in (_MEMBERS, _DEPENDENTS))
_OF_TYPES = b"select id from records.record where id = any(%(ids)s::text[]) and type = any(%(types)s::text[])"
_SHARED = b"""
select r.type, r.id, r.pack_id, r.start, r.length from records.record r
where r.id = any(%(ids)s) and records.goes(r, %(as_of)s, null) and records.asked(r, %(types)s, null, %(until)s)
order by r.type, r.id
"""


@dataclass(frozen=True, slots=True)
class Selection:
    """What is asked for. ``as_of`` is the day of the request; ``service_from`` the first day of the window.

    ``since`` and ``until`` go by when a record became available here (Bulk Data ``_since``, ``_until``). ``limits``:
    what a member's permission leaves out; who is not named leaves nothing out. ``refused``: by limits, the kinds of
    records (``limiting.kind_key``) that a policy said no to.
    """

    member_ids: Sequence[str]
    as_of: date
    service_from: date | None = None
    types: Sequence[str] | None = None
    since: datetime | None = None
    until: datetime | None = None
    limits: Mapping[str, Limits] = field(default_factory=dict)
    refused: Mapping[Limits, frozenset[str]] = field(default_factory=dict)


class _Fetched(NamedTuple):
    """A chunk of members: their packs, the lines in them, and the shared resources they depend on."""

    chunk: list[str]
    limits: Limits
    packs: list[Pack]
    blocks: Blocks
    dependents: list[dict[str, Any]]
    hidden: frozenset[str]
    noticed: frozenset[str]


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
    ``transmitter`` gives the Provenance line of a member for what goes of it (references, and whether the notice on
    redisclosure goes along; PDex 2.2: one per exchange).
    The connection is read from ahead of the caller, who may use it for anything but COPY meanwhile.
    """
    dependents: dict[str, list[str]] = {}
    for fetched in _prefetched(conn, codec, selection, with_ids=transmitter is not None):
        blocks = fetched.blocks
        _depend(dependents, fetched.dependents)
        if patients and selection.since is None and _wants(selection, "Patient", fetched.limits):
            blocks |= _missing_patients(blocks, patients, fetched.chunk)
        dropped: frozenset[str] = frozenset()
        if not fetched.limits.is_open:
            blocks, dropped = narrow(blocks, fields=fetched.limits.fields_withheld, hidden=fetched.hidden)
        if transmitter:
            _transmit(blocks, fetched, transmitter, dropped=dropped, wanted=_wants(selection, "Provenance"))
        yield from blocks.values()
    yield from _shared_lines(conn, codec, selection, dependents=dependents)


def _prefetched(conn: Connection, codec: Codec, selection: Selection, *, with_ids: bool) -> Iterator[_Fetched]:
    """Each chunk of members with its lines; the next one is fetched and opened while this one is handed on."""

    def fetch(limits: Limits, chunk: list[str]) -> _Fetched:
        parameters = {**parameters_of(selection, chunk), "with_ids": with_ids}
        kept = kept_back(conn, parameters, limits, refused=selection.refused.get(limits, frozenset()))
        hidden = frozenset(one.id for one in kept)
        parameters["kept_back"] = sorted(hidden)
        with conn.cursor(row_factory=as_pack, binary=True) as cursor:
            # the place is the beginning of the row, and no two are alike
            packs = sorted(cursor.execute(_LIMITED_MEMBERS if kept else _MEMBERS, parameters).fetchall())
        keys = known_keys(conn, codec.vault, {pack.member_id for pack in packs})
        openers = {member_id: Opener(key) for member_id, key in keys.items()}
        dependents = conn.execute(_LIMITED_DEPENDENTS if kept else _DEPENDENTS, parameters).fetchall()
        if limits.types_withheld:
            dependents, hidden = _without_types(conn, dependents, limits, hidden)
        blocks = blocks_of(packs, openers)
        hide_targets(conn, blocks, parameters, hidden=hidden)
        told = noticed(conn, parameters, WITH_NOTICE, hidden) if with_ids else frozenset[str]()
        return _Fetched(chunk, limits, packs, blocks, dependents, hidden, told)

    with ThreadPoolExecutor(AHEAD) as threads:
        waiting: deque[Future[_Fetched]] = deque()
        for limits, chunk in by_limits(selection, CHUNK):
            waiting.append(threads.submit(fetch, limits, chunk))
            if len(waiting) > AHEAD:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()


def _missing_patients(blocks: Blocks, patients: Patients, chunk: list[str]) -> Blocks:
    missing = [member_id for member_id in chunk if (member_id, "Patient") not in blocks]
    given = patients(missing) if missing else {}
    return {(m, "Patient"): Lines("Patient", (m,), line + b"\n", 1) for m, line in given.items()}


def _transmit(
    blocks: Blocks, fetched: _Fetched, transmitter: Transmitter, *, dropped: frozenset[str], wanted: bool
) -> None:
    """Add to each member with anything to go the Provenance that we hand it on; a notice goes even unasked."""
    sent: dict[str, list[str]] = {m: [f"Patient/{m}"] for m, kind in blocks if kind == "Patient"}
    for pack in fetched.packs:
        if pack.type not in {"Patient", "Provenance"}:
            ids = [i for i in pack.ids or () if i not in dropped]
            sent.setdefault(pack.member_id, []).extend([f"{pack.type}/{record_id}" for record_id in ids])
    for member_id, told in sent.items():
        has_notice = member_id in fetched.noticed
        if not told or not (wanted or has_notice):
            continue
        before = blocks.get((member_id, "Provenance"))
        plain, count = (plain_of(before), before.count) if before else (b"", 0)
        plain += transmitter(member_id, told, has_notice) + b"\n"
        blocks[member_id, "Provenance"] = Lines("Provenance", (member_id,), plain, count + 1)


def _without_types(
    conn: Connection, dependents: list[dict[str, Any]], limits: Limits, hidden: frozenset[str]
) -> tuple[list[dict[str, Any]], frozenset[str]]:
    """Shared resources of a type that may not go, for nobody under these limits; what points at them is hidden too."""
    wanted = {"ids": [row["id"] for row in dependents], "types": sorted(limits.types_withheld)}
    gone = {row["id"] for row in conn.execute(_OF_TYPES, wanted)}
    return [row for row in dependents if row["id"] not in gone], hidden | gone


def _depend(dependents: dict[str, list[str]], rows: Sequence[Mapping[str, Any]]) -> None:
    """Note who depends on each shared resource, as far as it matters."""
    for row in rows:
        known = dependents.setdefault(row["id"], [])
        known += row["member_ids"][: MOST_DEPENDENTS + 1 - len(known)]


def _shared_lines(
    conn: Connection, codec: Codec, selection: Selection, *, dependents: Mapping[str, list[str]]
) -> Iterator[Lines]:
    for ids in batches(sorted(dependents), CHUNK):
        rows = conn.execute(_SHARED, {**parameters_of(selection, []), "ids": ids}).fetchall()
        packs = read_packs(conn, codec, {row["pack_id"] for row in rows})
        for row in rows:
            known = dependents[row["id"]]
            plain = packs[row["pack_id"]][row["start"] : row["start"] + row["length"]]
            members = tuple(sorted(known)) if len(known) <= MOST_DEPENDENTS else ()
            yield Lines(row["type"], members, plain, 1, shared=True)


def by_limits(selection: Selection, size: int) -> Iterator[tuple[Limits, list[str]]]:
    """The members in batches, those under the same limits together; most are under none."""
    groups: dict[Limits, list[str]] = {}
    for member_id in selection.member_ids:
        groups.setdefault(selection.limits.get(member_id, NOTHING_WITHHELD), []).append(member_id)
    for limits, member_ids in groups.items():
        for chunk in batches(member_ids, size):
            yield limits, chunk


def _wants(selection: Selection, kind: str, limits: Limits = NOTHING_WITHHELD) -> bool:
    return (selection.types is None or kind in selection.types) and kind not in limits.types_withheld


def parameters_of(selection: Selection, member_ids: list[str]) -> dict[str, Any]:
    """The selection as the statements of this room take it, for these of its members."""
    return {
        "member_ids": member_ids,
        "as_of": selection.as_of,
        "service_from": selection.service_from,
        "types": list(selection.types) if selection.types is not None else None,
        "since": selection.since,
        "until": selection.until,
    }


def batches(items: Iterable[Item], size: int) -> Iterator[list[Item]]:
    """The items in lists of at most this many."""
    remaining = iter(items)
    while batch := list(islice(remaining, size)):
        yield batch

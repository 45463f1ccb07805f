"""Refined records of a source become records of ours: attributed to members, stamped, saved; what cannot is kept apart.

The caller owns the transaction, and says who the source's patients are.
"""

import hashlib
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import TypeAlias

from interpayer.adapters.declaration import Declaration
from interpayer.adapters.store import Stamped, save_stamps
from interpayer.exchange.labeling import Births
from interpayer.exchange.merging import keep
from interpayer.exchange.sources.checking import REPEATED
from interpayer.exchange.sources.refining import Flaw, Kept, Refined, Rejected
from interpayer.exchange.sources.rules import keep_mappings
from interpayer.exchange.tools import Tools
from interpayer.identity import store as identity_store
from interpayer.identity.reading import UMB_SYSTEM
from interpayer.model.record import Quarantined, Record
from interpayer.normalization.intake import Arrival, Known, Outline, canonicalize, outline, targets
from interpayer.normalization.references import Resource
from interpayer.records import store as records_store
from interpayer.records.loading import Tally
from interpayer.system.database import Connection

MOST_RULES = 20
# So many resources of a load are remembered as saved (some 100 bytes each).
MOST_REMEMBERED = 200_000
ENROLLMENT = "enrollment"
WhoIs: TypeAlias = Callable[[Connection, Sequence[Outline], Collection[str]], Mapping[str, str]]
"""Patient ids of the source to member ids, for those that are members; the last argument: Patients of enrollments."""


@dataclass(frozen=True, slots=True)
class Batch:
    """What is taken in together: from which source, when it became available, and for which exchange, if for one."""

    declaration: Declaration
    refined: Sequence[Refined]
    at: datetime
    exchange_id: str | None = None
    # Nothing can come any more that says whose the rest is.
    is_last: bool = True
    # What this load saved already, word by word: providers and members come again with every claim.
    saved: set[bytes] = field(default_factory=set)


@dataclass(slots=True)
class Taken:
    """What became of a batch; `waiting` could not be attributed yet and was left for later."""

    saved: Tally = field(default_factory=Tally)
    quarantined: Counter[str] = field(default_factory=Counter)
    waiting: list[Refined] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class _Ready:
    key: bytes
    kept: Kept
    outline: Outline
    arrival: Arrival


def take_in(tools: Tools, conn: Connection, batch: Batch, who_is: WhoIs) -> Taken:
    """Take the batch in: first what names its patient, then what only its references can attribute."""
    taken = Taken()
    ready: dict[bytes, _Ready] = {}
    parts = [[_ready(tools, batch, kept, ready) for kept in refined.kept] for refined in batch.refined]
    real = [one for one in ready.values() if not one.arrival.rehearsal.refuses(one.outline.resource)]
    persons = [one for one in real if one.outline.type == "Patient"]
    enrolled = {one.outline.local_id for one in persons if one.arrival.role == ENROLLMENT}
    members = who_is(conn, [one.outline for one in real], enrolled)
    apart: list[Quarantined] = []
    now: dict[bytes, _Ready] = {}
    for refined, its in zip(batch.refined, parts, strict=True):
        if not batch.is_last and any(_is_unknown(one.outline, members) for one in its):
            taken.waiting.append(refined)
        else:
            now |= {one.key: one for one in its if one.key not in batch.saved}
            apart += [_apart(batch, one) for one in refined.rejected]
    for needs_owner in (False, True):
        some = [one for one in now.values() if one.outline.needs_owner is needs_owner]
        _save(tools, conn, some, members, taken=taken)
    if len(batch.saved) < MOST_REMEMBERED:
        batch.saved.update(one.key for one in now.values() if one.outline.type in REPEATED)
    taken.quarantined.update(records_store.quarantine(conn, tools.codec, apart))
    made_by = {kept.stamp.mapping for refined in batch.refined for kept in refined.kept if kept.stamp.mapping}
    keep_mappings(conn, batch.declaration, made_by)
    return taken


def _save(tools: Tools, conn: Connection, ready: Sequence[_Ready], members: Mapping[str, str], *, taken: Taken) -> None:
    if not ready:
        return
    known = known_of(tools, conn, [one.outline for one in ready], members=members, arrival=ready[0].arrival)
    records: list[Record] = []
    stamps: list[Stamped] = []
    apart: list[Quarantined] = []
    for one in ready:
        made = canonicalize(one.outline, one.arrival, known)
        if isinstance(made, Quarantined):
            apart.append(made)
        else:
            records += made
            stamps += [_stamped(record, one.kept) for record in made]
    taken.saved.add(keep(tools, conn, records).report)
    taken.quarantined.update(records_store.quarantine(conn, tools.codec, apart))
    save_stamps(conn, stamps, at=ready[0].arrival.available_at)


def _ready(tools: Tools, batch: Batch, kept: Kept, ready: dict[bytes, _Ready]) -> _Ready:
    """The resource, outlined once however often it comes word by word."""
    key = hashlib.blake2b(kept.raw, digest_size=16, salt=kept.stamp.role.encode()).digest()
    if key not in ready:
        arrival = Arrival(
            source=tools.fhir_base,
            our_author=tools.fhir_base,
            own=True,
            record_id=tools.vault.record_id,
            available_at=batch.at,
            exchange_id=batch.exchange_id,
            feed=batch.declaration.name,
            role=kept.stamp.role,
            rules=tools.payload_rules,
            sets=tools.sets,
            rehearsal=tools.rehearsal,
        )
        ready[key] = _Ready(key, kept, outline(kept.resource, kept.raw, arrival), arrival)
    return ready[key]


def _is_unknown(one: Outline, members: Mapping[str, str]) -> bool:
    return one.needs_owner or any(patient not in members for patient in one.patients)


def known_of(
    tools: Tools, conn: Connection, outlines: Sequence[Outline], *, members: Mapping[str, str], arrival: Arrival
) -> Known:
    """What making records of these needs to know, besides themselves: `members` are member ids by Patient id."""
    persons = {one.local_id for one in outlines if one.type == "Patient"}
    return Known(
        members=members,
        owners=records_store.owners(conn, targets(outlines, arrival, {})),
        identifiers=_unique_identifiers(tools, conn, [members[p] for p in persons if p in members]),
        born_on=Births(tools, conn, members.values()),
    )


def _unique_identifiers(tools: Tools, conn: Connection, member_ids: Iterable[str]) -> dict[str, list[Resource]]:
    """What a released Patient is identified by: the unique member id first (HRex 1.2, UMB)."""
    kind = {"coding": [{"system": UMB_SYSTEM, "code": "UMB"}]}
    system = f"{tools.fhir_base}/umb"
    known = identity_store.unique_member_identifiers(conn, sorted(set(member_ids)))
    return {member_id: [{"type": kind, "system": system, "value": value}] for member_id, value in known.items()}


def _stamped(record: Record, kept: Kept) -> Stamped:
    stamp = kept.stamp
    place = stamp.file, stamp.position, stamp.key
    return Stamped(record.id, stamp.source, stamp.entity, *place, mapping=stamp.mapping)


def _apart(batch: Batch, one: Rejected) -> Quarantined:
    rules = tuple(dict.fromkeys(_rule(flaw) for flaw in one.flaws))[:MOST_RULES]
    name = batch.declaration.name
    return Quarantined(one.reason, one.type, name, one.raw, rules=rules, exchange_id=batch.exchange_id)


def _rule(flaw: Flaw) -> str:
    return f"{flaw.code} at {flaw.path}" if flaw.path else flaw.code

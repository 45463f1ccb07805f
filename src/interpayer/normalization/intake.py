"""From a resource as somebody sent it to a record of ours; the same way for own loads and for partners' files.

1. ``outline``: who the resource is, whose it is, what it refers to (needs nothing but the resource).
2. ``canonicalize``: with the answers looked up for a whole batch: new ids, rewritten references, payload rules.
"""

import hashlib
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime, timedelta
from typing import Any

import orjson

from interpayer.model.record import NO_MARKS, Origin, Quarantined, Record
from interpayer.normalization.labeling.applying import SESSION_NOTES, Labeled, labeled, nobody
from interpayer.normalization.labeling.sets import Sets, default_sets
from interpayer.normalization.merge import (
    Identity,
    content_digest,
    fed_id,
    identity_of,
    local_id_of,
    source_uri,
    write_instant,
)
from interpayer.normalization.payload import PayloadRules, Prepared, prepare, release_patient
from interpayer.normalization.recognition import marks_of
from interpayer.normalization.references import SHARED_TYPES, LocalRef, Resource, patients_of, references_of, rewrite
from interpayer.normalization.rehearsal import TEST_DATA, Rehearsal

INVALID = "record.invalid"
FOREIGN = "record.foreign_member"
UNATTRIBUTED = "record.unattributed"
KNOWN_ALREADY = "record.duplicate"
# A time further ahead than clocks differ is not believed.
CLOCK_SKEW = timedelta(minutes=5)


@dataclass(frozen=True, slots=True)
class Arrival:
    """One load or one partner's answer: where its local ids belong, who we are, and when it became available here.

    ``feed`` names one of our own sources, whose ids are its own: claim 1 of two sources are two records of ours.
    ``role`` is what kind of knowledge that source has (``model.record.Origin``).
    """

    source: str
    our_author: str
    own: bool
    record_id: Callable[[str, str, str], str]
    available_at: datetime
    exchange_id: str | None = None
    sender: str | None = None
    rules: PayloadRules = field(default_factory=PayloadRules)
    feed: str = ""
    role: str = ""
    sets: Sets = field(default_factory=default_sets)
    rehearsal: Rehearsal = field(default_factory=Rehearsal)


@dataclass(frozen=True, slots=True)
class Known:
    """What was looked up for a batch. ``members`` holds only patients that may be meant; others are foreign.

    ``born_on`` tells a member's birth date; it is asked only for what a minor may have sought alone.
    """

    members: Mapping[str, str] = field(default_factory=dict)
    aliases: Mapping[LocalRef, str] = field(default_factory=dict)
    owners: Mapping[str, str | None] = field(default_factory=dict)
    identifiers: Mapping[str, Sequence[Resource]] = field(default_factory=dict)
    born_on: Callable[[str], date | None] = nobody


@dataclass(frozen=True, slots=True)
class Outline:
    """A resource with what is known of it before anything is looked up."""

    resource: Resource
    raw: bytes
    type: str
    local_id: str
    identity: Identity
    record_id: str
    patients: tuple[str, ...]
    references: tuple[LocalRef, ...]

    @property
    def alias(self) -> tuple[str, str, str]:
        """(type, local id, record id): how other resources of this sender mean it."""
        return self.type, self.local_id, self.record_id

    @property
    def needs_owner(self) -> bool:
        """True when only what it refers to can say whose it is; bring it after those."""
        return not self.patients and self.type not in SHARED_TYPES


def outline(resource: Resource, raw: bytes, arrival: Arrival) -> Outline:
    """Who the resource is, whose, and what it refers to. The resource must have a ``resourceType``."""
    resource_type = str(resource["resourceType"])
    identity = identity_of(resource, sender=_sender(arrival), trusts_source=not arrival.own)
    identity = replace(identity, original_id=fed_id(arrival.feed, identity.original_id))
    return Outline(
        resource=resource,
        raw=raw,
        type=resource_type,
        local_id=local_id_of(resource),
        identity=identity,
        record_id=arrival.record_id(identity.author, resource_type, identity.original_id),
        patients=patients_of(resource, arrival.source),
        references=tuple(r for r in references_of(resource, arrival.source) if r[0] != "Patient"),
    )


def targets(outlines: Iterable[Outline], arrival: Arrival, aliases: Mapping[LocalRef, str]) -> set[str]:
    """Record ids whose owners must be known to attribute these outlines."""
    return {_record_id(ref, arrival, aliases) for o in outlines if o.needs_owner for ref in o.references}


def canonicalize(
    outline: Outline, arrival: Arrival, known: Known, *, broken: Collection[str] = ()
) -> list[Record] | Quarantined:
    """The record; several when a Provenance speaks of several members (each gets its own part).

    Quarantined when it is test data in production, broke rules (``broken``), belongs to nobody who was asked for, or
    names nobody.
    """
    if arrival.rehearsal.refuses(outline.resource):
        return _quarantined(outline, arrival, TEST_DATA)
    if broken:
        return _quarantined(outline, arrival, INVALID, broken)
    try:
        return _attribute(outline, arrival, known)
    except RecursionError:
        return _quarantined(outline, arrival, INVALID, ("shape",))


def _attribute(outline: Outline, arrival: Arrival, known: Known) -> list[Record] | Quarantined:
    if outline.type in SHARED_TYPES and not outline.patients:
        return [_record(outline, arrival, known, None)]
    members = {known.members.get(patient) for patient in outline.patients}
    if None in members and outline.type != "Provenance":
        return _quarantined(outline, arrival, FOREIGN)
    owners = members - {None}
    if outline.needs_owner or outline.type == "Provenance":
        ids = (_record_id(ref, arrival, known.aliases) for ref in outline.references)
        owners |= {known.owners.get(record_id) for record_id in ids} - {None}
    if outline.type == "Provenance" and len(owners) > 1:
        return [_part(outline, arrival, known, str(member)) for member in sorted(map(str, owners))]
    if len(owners) != 1:
        return _quarantined(outline, arrival, FOREIGN if outline.patients else UNATTRIBUTED)
    return [_record(outline, arrival, known, owners.pop())]


def _record(outline: Outline, arrival: Arrival, known: Known, member_id: str | None) -> Record:
    def rename(kind: str, local_id: str) -> str | None:
        if kind == "Patient":
            # Another member's id, even a known one, must not travel with this member's record.
            return member_id if member_id and known.members.get(local_id) == member_id else None
        return _record_id((kind, local_id), arrival, known.aliases)

    rewritten, referred = rewrite(outline.resource, rename, arrival.source)
    prepared = prepare(rewritten, rules=arrival.rules, has_money=_may_hold_money(outline.raw))
    is_echo = not arrival.own and outline.identity.author == arrival.our_author.rstrip("/")
    released = _release(outline, arrival, prepared, member_id)
    excluded = prepared.excluded
    if released is not None and outline.type == "Patient":
        released, excluded = _release_patient(released, arrival, known.identifiers.get(str(member_id), ()))
    leaves = _labeled(released, prepared, arrival, known=known, member_id=member_id)
    if released is not None and leaves.body is None:
        excluded = SESSION_NOTES
    return Record(
        id=outline.record_id,
        type=outline.type,
        member_id=member_id,
        origin=_origin(outline, arrival),
        original=outline.raw,
        released=leaves.body,
        excluded=excluded,
        removed=prepared.removed,
        digest=content_digest(prepared.released or rewritten),
        service_from=prepared.service_from,
        service_to=prepared.service_to,
        status=prepared.status,
        references=tuple(i for i in referred if i != member_id),
        available_at=arrival.available_at,
        local_id=outline.local_id,
        updated_at=_believed(outline.identity.updated_at, arrival.available_at),
        pa_changed_on=prepared.pa_changed_on,
        pa_ends_on=prepared.pa_ends_on,
        is_echo=is_echo,
        # what is loaded without a declared source is a whole of its own, and stands as it is
        marks=marks_of(released) if arrival.own and arrival.feed and released is not None else NO_MARKS,
        labels=leaves.labels,
        labels_version=arrival.sets.version,
    )


def _labeled(
    released: Resource | None, prepared: Prepared, arrival: Arrival, *, known: Known, member_id: str | None
) -> Labeled:
    """What leaves, with its labels. Of a service without a day, the day on which it came counts."""
    if released is None:
        return Labeled(None, frozenset())
    days = {day for day in (prepared.service_from, prepared.service_to) if day} or {arrival.available_at.date()}
    return labeled(released, arrival.sets, served_on=days, born_on=lambda: known.born_on(str(member_id)))


def _may_hold_money(raw: bytes) -> bool:
    # A name of an element may be written in escapes, which only a reader of JSON sees through.
    return b"oney" in raw or b"currency" in raw or b"\\u" in raw


def _origin(outline: Outline, arrival: Arrival) -> Origin:
    """A feed goes by its name; without one, by the namespace of its ids."""
    source = arrival.feed or arrival.source
    who = outline.identity.author, outline.identity.original_id
    return Origin(*who, source, arrival.exchange_id, arrival.sender, arrival.role)


def _release(outline: Outline, arrival: Arrival, prepared: Prepared, member_id: str | None) -> Resource | None:
    """What leaves: our id, the origin in ``meta.source``, and when it became available here."""
    if prepared.released is None:
        return None
    meta = prepared.released.get("meta")
    kept = {k: v for k, v in meta.items() if k != "versionId"} if isinstance(meta, dict) else {}
    updated_at = outline.identity.updated_at or arrival.available_at
    identity = Identity(outline.identity.author, outline.identity.original_id, updated_at)
    kept |= {"lastUpdated": write_instant(arrival.available_at), "source": source_uri(identity, outline.type)}
    released_id = member_id if outline.type == "Patient" else outline.record_id
    rest = {k: v for k, v in prepared.released.items() if k not in {"resourceType", "id", "meta"}}
    return {"resourceType": outline.type, "id": released_id, "meta": kept, **rest}


def _release_patient(
    patient: Resource, arrival: Arrival, identifiers: Sequence[Resource]
) -> tuple[Resource | None, str | None]:
    """Our own Patient with our identifiers; another payer's Patient is kept, but the person is released as ours."""
    return (release_patient(patient, identifiers), None) if arrival.own else (None, KNOWN_ALREADY)


def _part(outline: Outline, arrival: Arrival, known: Known, member_id: str) -> Record:
    """The part of a Provenance that speaks of one member: the other targets are left out."""
    record_ids = {ref: _record_id(ref, arrival, known.aliases) for ref in outline.references}
    foreign = {
        f"{k}/{i}" for (k, i), record_id in record_ids.items() if known.owners.get(record_id) not in {None, member_id}
    }
    foreign |= {f"Patient/{p}" for p in outline.patients if known.members.get(p) != member_id}
    kept = [t for t in outline.resource.get("target", ()) if _tail(t) not in foreign]
    # An id of its own, or two parts that reach the same payer would be taken for one record.
    part_id = f"p-{hashlib.sha256(f'{outline.identity.original_id}/{member_id}'.encode()).hexdigest()[:40]}"
    identity = Identity(outline.identity.author, part_id, outline.identity.updated_at)
    part = Outline(
        resource={**outline.resource, "target": kept},
        raw=orjson.dumps({**outline.resource, "target": kept}),
        type=outline.type,
        local_id=outline.local_id,
        identity=identity,
        record_id=arrival.record_id(identity.author, outline.type, part_id),
        patients=outline.patients,
        references=outline.references,
    )
    return _record(part, arrival, known, member_id)


def _tail(target: Any) -> str:
    text = target.get("reference") if isinstance(target, dict) else None
    return "/".join(str(text).split("/")[-2:])


def _record_id(ref: LocalRef, arrival: Arrival, aliases: Mapping[LocalRef, str]) -> str:
    """By alias, else as the sender's own record; a reference to what never comes stays stable this way."""
    kind, local_id = ref
    return aliases.get(ref) or arrival.record_id(_sender(arrival), kind, fed_id(arrival.feed, local_id))


def _sender(arrival: Arrival) -> str:
    return (arrival.our_author if arrival.own else arrival.source).rstrip("/")


def _believed(updated_at: datetime | None, now: datetime) -> datetime | None:
    return min(updated_at, now) if updated_at and updated_at > now + CLOCK_SKEW else updated_at


def _quarantined(outline: Outline, arrival: Arrival, reason: str, rules: Collection[str] = ()) -> Quarantined:
    return Quarantined(
        reason=reason,
        type=outline.type,
        source=arrival.source,
        original=outline.raw,
        rules=tuple(rules),
        exchange_id=arrival.exchange_id,
        sender=arrival.sender,
    )

"""By what a record is recognized when another of our sources tells of the same thing: identifiers, then content.

Only the things named here are ever recognized. Business identifiers count together with what makes them one thing: an
accession number is shared by the observations of a sample, a member number by all coverages (``merge``).
"""

from collections.abc import Callable, Iterator, Mapping
from typing import Any, TypeAlias

import orjson

from interpayer.model.record import NO_MARKS, Marks
from interpayer.normalization.references import entries_of
from interpayer.normalization.service_dates import read_day, service_dates

Resource: TypeAlias = Mapping[str, Any]
CLAIM_NUMBER = "uc"
MEMBER_NUMBER = "MB"
# More codings of one concept than this are translations of each other.
_MOST_CODES = 3


def marks_of(resource: Resource) -> Marks:
    """The marks of a canonical record; none for what is never joined (Practitioner, Provenance, ...)."""
    read = _READERS.get(str(resource.get("resourceType")))
    return read(resource) if read else NO_MARKS


def _claim(claim: Resource) -> Marks:
    use = str(claim.get("use", "claim"))
    numbers = _identifiers(claim)
    # claim numbers are the payer's own: every source of ours writes the same one, each with its own system
    unique = tuple(dict.fromkeys(f"{use}|{_plain(value)}" for _, value, kind in numbers if kind == CLAIM_NUMBER))
    others = tuple(f"{use}|{system}|{_plain(value)}" for system, value, _ in numbers if system)
    return Marks(
        unique=unique,
        identifiers=() if unique else others,
        likeness=_claim_likeness(claim, use),
        replaces=tuple(f"{use}|{value}" for value in _priors(claim)),
        systems=(CLAIM_NUMBER,) if unique else (),
        aliases=tuple(dict.fromkeys(f"{use}|{_plain(value)}" for _, value, kind in numbers if kind != CLAIM_NUMBER)),
    )


def _priors(claim: Resource) -> Iterator[str]:
    """The claim numbers that this one takes the place of."""
    for related in entries_of(claim.get("related")):
        reference = related.get("reference")
        if "prior" in _codes(related.get("relationship")) and isinstance(reference, dict):
            value = reference.get("value")
            if isinstance(value, str):
                yield _plain(value)


def _claim_likeness(claim: Resource, use: str) -> tuple[str, ...]:
    """The same kind of claim for the same days, services and diagnoses; nothing when it names no service."""
    span = service_dates(claim)
    services = sorted(
        f"{code}@{read_day(item.get('servicedDate')) or ''}"
        for item in entries_of(claim.get("item"))
        for code in _codes(item.get("productOrService"))[:1]
    )
    diagnoses = sorted(
        _bare(code)
        for entry in entries_of(claim.get("diagnosis"))
        for code in _codes(entry.get("diagnosisCodeableConcept"))
    )
    if not services or span.first is None or use != "claim":
        return ()
    kind = "+".join(_codes(claim.get("type"))[:1])
    return (f"{use}|{kind}|{span.first}|{span.last}|{','.join(services)}|{','.join(dict.fromkeys(diagnoses))}",)


def _encounter(encounter: Resource) -> Marks:
    period = encounter.get("period")
    start = period.get("start") if isinstance(period, dict) else None
    day = read_day(start)
    numbers = _identifiers(encounter)
    identifiers = [f"{system}|{value}" for system, value, _ in numbers if system]
    # a visit number without its system is one within a day
    identifiers += [f"{_plain(value)}@{day}" for _, value, _ in numbers if day]
    kind = encounter.get("class")
    kinds = (str(kind.get("code")) if isinstance(kind, dict) else "", *sorted(_all_codes(encounter.get("type"))))
    end = read_day(period.get("end")) if isinstance(period, dict) else None
    likeness = (f"{'+'.join(kinds)}|{day}|{end}",) if day and len(kinds) > 1 else ()
    return Marks(identifiers=tuple(dict.fromkeys(identifiers)), likeness=likeness, systems=_systems(numbers))


def _coverage(coverage: Resource) -> Marks:
    """The same card from the same day on, as far as the plan or the kind of coverage says more."""
    period = coverage.get("period")
    start = read_day(period.get("start")) if isinstance(period, dict) else None
    numbers = {_plain(str(n)) for n in (coverage.get("subscriberId"),) if n}
    numbers |= {_plain(value) for _, value, kind in _identifiers(coverage) if kind == MEMBER_NUMBER}
    plans = sorted(
        f"{'+'.join(_codes(entry.get('type'))[:1])}={_plain(str(entry.get('value')))}"
        for entry in entries_of(coverage.get("class"))
    )
    kinds = [f"type={code}" for code in _codes(coverage.get("type"))[:_MOST_CODES]]
    if start is None:
        return NO_MARKS
    finer = [f"{number}|{start}|{more}" for number in sorted(numbers) for more in (*plans, *kinds)]
    return Marks(likeness=(*(f"{number}|{start}" for number in sorted(numbers)), *finer))


def _person(_patient: Resource) -> Marks:
    """Whose Patient it is was decided by the identity room: a member is one person."""
    return Marks(unique=("person",))


def _dated(code: str, *days: str, value: bool = False) -> Callable[[Resource], Marks]:
    """What has a code and a day: a result, an immunization, a procedure; ``value`` must be the same too."""

    def read(resource: Resource) -> Marks:
        codes = (_all_codes(resource.get(code)) or _codes(resource.get(code)))[:_MOST_CODES]
        day = next(filter(None, map(read_day, _firsts(resource, days))), None)
        identifiers = [f"{s}|{v}|{c}" for s, v, _ in _identifiers(resource) if s for c in codes]
        said = f"|{_value(resource)}" if value else ""
        likeness = [f"{c}|{day}{said}" for c in codes] if day and (not value or said != "|") else []
        systems = _systems(_identifiers(resource))
        return Marks(identifiers=tuple(identifiers), likeness=tuple(likeness), systems=systems)

    return read


def _value(resource: Resource) -> str:
    quantity = resource.get("valueQuantity")
    if isinstance(quantity, dict):
        return f"{number_of(quantity.get('value'))} {quantity.get('code') or quantity.get('unit') or ''}"
    for key in ("valueString", "valueDateTime", "valueBoolean", "valueInteger"):
        if key in resource:
            return str(resource[key])
    return "+".join(sorted(_codes(resource.get("valueCodeableConcept"))))


def number_of(value: object) -> str:
    """A number as text that is equal for equal numbers: 72.50 and 72.5 are one."""
    # written, because a Fragment shows its digits in no other way
    text = value if isinstance(value, str) else orjson.dumps(value).decode()
    whole, dot, rest = text.partition(".")
    return f"{whole}.{rest.rstrip('0')}".rstrip(".") if dot and "e" not in text.lower() else text


def _firsts(resource: Resource, names: tuple[str, ...]) -> Iterator[object]:
    for name in names:
        value = resource.get(name)
        yield value.get("start") if isinstance(value, dict) else value


def _identifiers(resource: Resource) -> list[tuple[str, str, str]]:
    """System, value and kind of each identifier that has a value."""
    found = []
    for entry in entries_of(resource.get("identifier")):
        value = entry.get("value")
        if isinstance(value, str) and value.strip():
            codes = _codes(entry.get("type"))
            kind = next((code for code in codes if code in {CLAIM_NUMBER, MEMBER_NUMBER}), "")
            found.append((str(entry.get("system") or ""), value, kind))
    return found


def _systems(numbers: list[tuple[str, str, str]]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(system for system, _, _ in numbers if system))


def _all_codes(concepts: object) -> list[str]:
    return [code for concept in entries_of(concepts) for code in _codes(concept)]


def _codes(concept: object) -> list[str]:
    """The codes of a concept. Not their systems: sources name one system in several ways, and a day stands beside."""
    codings = entries_of(concept.get("coding")) if isinstance(concept, dict) else ()
    return [str(coding["code"]) for coding in codings if coding.get("code")]


def _bare(code: str) -> str:
    return code.replace(".", "").upper()


def _plain(value: str) -> str:
    return value.strip().upper()


_READERS: Mapping[str, Callable[[Resource], Marks]] = {
    "Patient": _person,
    "Coverage": _coverage,
    "ExplanationOfBenefit": _claim,
    "Encounter": _encounter,
    "Observation": _dated("code", "effectiveDateTime", "effectivePeriod", "effectiveInstant", value=True),
    "DiagnosticReport": _dated("code", "effectiveDateTime", "effectivePeriod"),
    "Immunization": _dated("vaccineCode", "occurrenceDateTime"),
    "Procedure": _dated("code", "performedDateTime", "performedPeriod"),
    "Condition": _dated("code", "onsetDateTime", "onsetPeriod"),
    "MedicationRequest": _dated("medicationCodeableConcept", "authoredOn"),
}

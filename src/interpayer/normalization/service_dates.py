"""When a service took place, per resource type; what has no such date (Patient, Coverage, allergy) passes a window."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any, TypeAlias

Resource: TypeAlias = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Span:
    """First and last day of service; None is unknown or still open."""

    first: date | None = None
    last: date | None = None


OPEN = Span()


def service_dates(resource: Resource) -> Span:
    """The span of the service that the resource speaks of; ``OPEN`` when it has none or is not over yet."""
    read = _BY_TYPE.get(str(resource.get("resourceType")))
    return read(resource) if read else OPEN


def read_day(value: object) -> date | None:
    """The day of a FHIR date, dateTime or instant. A year or month alone counts to its end, so that nothing in a
    window is lost to a date that was recorded roughly."""
    if not isinstance(value, str):
        return None
    try:
        if len(value) == 4:
            return date(int(value), 12, 31)
        if len(value) == 7:
            year, month = int(value[:4]), int(value[5:])
            return date(year, month, 28)
        return date.fromisoformat(value[:10])
    except ValueError:
        return None


def _points(*paths: str) -> Callable[[Resource], Span]:
    """Days and periods at these elements; the first element that is there counts."""

    def read(resource: Resource) -> Span:
        for path in paths:
            days = [day for value in _values(resource, path.split(".")) for day in _days(value)]
            if days:
                return Span(min(days), max(days))
        return OPEN

    return read


def _period(path: str) -> Callable[[Resource], Span]:
    """A period that may still run: without an end the span is open."""

    def read(resource: Resource) -> Span:
        for value in _values(resource, path.split(".")):
            if isinstance(value, dict):
                return Span(read_day(value.get("start")), read_day(value.get("end")))
        return OPEN

    return read


def _claim(resource: Resource) -> Span:
    days = [
        day
        for path in ("billablePeriod", "item.servicedDate", "item.servicedPeriod")
        for value in _values(resource, path.split("."))
        for day in _days(value)
    ]
    days = days or list(_days(resource.get("created")))
    return Span(min(days), max(days)) if days else OPEN


def _condition(resource: Resource) -> Span:
    """A condition that goes on is current, however old its onset; one that ended is as old as its end."""
    first = read_day(resource.get("onsetDateTime")) or read_day(_inner(resource, "onsetPeriod", "start"))
    first = first or read_day(resource.get("recordedDate"))
    last = read_day(resource.get("abatementDateTime")) or read_day(_inner(resource, "abatementPeriod", "end"))
    return Span(first, last or (None if _is_active(resource) else read_day(resource.get("recordedDate")) or first))


def _ordered(resource: Resource) -> Span:
    """An order that is active has no last day yet."""
    day = read_day(resource.get("authoredOn"))
    return Span(day, None if resource.get("status") in {"active", "on-hold", "draft"} else day)


def _is_active(resource: Resource) -> bool:
    codings = _values(resource, ["clinicalStatus", "coding", "code"])
    return any(code in {"active", "recurrence", "relapse"} for code in codings)


def _inner(resource: Resource, key: str, name: str) -> object:
    value = resource.get(key)
    return value.get(name) if isinstance(value, dict) else None


def _values(node: Any, path: list[str]) -> Iterator[Any]:
    if isinstance(node, list):
        for entry in node:
            yield from _values(entry, path)
    elif not path:
        if node is not None:
            yield node
    elif isinstance(node, Mapping):
        yield from _values(node.get(path[0]), path[1:])


def _days(value: object) -> Iterator[date]:
    if isinstance(value, dict):
        candidates = [read_day(value.get("start")), read_day(value.get("end"))]
    else:
        candidates = [read_day(value)]
    yield from (day for day in candidates if day)


_BY_TYPE: dict[str, Callable[[Resource], Span]] = {
    "ExplanationOfBenefit": _claim,
    "Claim": _claim,
    "ClaimResponse": _claim,
    "Encounter": _period("period"),
    "Procedure": _points("performedDateTime", "performedPeriod"),
    "Observation": _points("effectiveDateTime", "effectivePeriod", "effectiveInstant", "issued"),
    "DiagnosticReport": _points("effectiveDateTime", "effectivePeriod", "issued"),
    "DocumentReference": _points("context.period", "date"),
    # The content of a document has no date of its own; its mapping says that of the document.
    "Binary": _points("meta.extension.valuePeriod"),
    "Immunization": _points("occurrenceDateTime", "recorded"),
    "Condition": _condition,
    "MedicationRequest": _ordered,
    "ServiceRequest": _ordered,
    "MedicationDispense": _points("whenHandedOver", "whenPrepared"),
    "MedicationAdministration": _points("effectiveDateTime", "effectivePeriod"),
    "MedicationStatement": _period("effectivePeriod"),
    "CarePlan": _period("period"),
    "CareTeam": _period("period"),
    "QuestionnaireResponse": _points("authored"),
    "Specimen": _points("collection.collectedDateTime", "collection.collectedPeriod", "receivedTime"),
}

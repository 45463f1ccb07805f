"""What a time in a record means: of the service, received, recorded, adjudicated; and when two times say the same.

A day of service is the day where the service took place: as written, never carried into another zone. Two instants are
compared in UTC. A time without a zone is local to the plan: its day counts, its hour does not.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Any

from interpayer.normalization.references import entries_of
from interpayer.normalization.service_dates import read_day, service_dates

_RECEIVED = "clmrecvddate"
# Where a resource says when somebody wrote it down.
_RECORDED = ("recordedDate", "issued", "recorded", "dateAsserted", "authoredOn", "date")
_ADJUDICATED_TYPES = frozenset({"ExplanationOfBenefit", "ClaimResponse"})


@dataclass(frozen=True, slots=True)
class Times:
    """The times of a record; None: the record does not say. Services are days, the others days as well."""

    service_from: date | None = None
    service_to: date | None = None
    received_on: date | None = None
    recorded_on: date | None = None
    adjudicated_on: date | None = None

    @property
    def newest(self) -> date | None:
        """The latest day that somebody wrote down: how fresh what the record says can be at most."""
        return max(
            filter(None, (self.recorded_on, self.adjudicated_on, self.received_on, self.service_to)), default=None
        )


def times_of(resource: Mapping[str, Any]) -> Times:
    """Every time of a record by what it means; what it does not say is None, never guessed from another."""
    span = service_dates(resource)
    is_claim = resource.get("resourceType") in _ADJUDICATED_TYPES
    return Times(
        service_from=span.first,
        service_to=span.last,
        received_on=_received(resource),
        recorded_on=None if is_claim else next(filter(None, (read_day(resource.get(k)) for k in _RECORDED)), None),
        # FHIR R4: `created` of an ExplanationOfBenefit is when the response was made
        adjudicated_on=read_day(resource.get("created")) if is_claim else None,
    )


def says_the_same_time(one: str, other: str) -> bool:
    """Whether two FHIR dates, dateTimes or instants may mean the same, as far as the rougher one says."""
    if one == other:
        return True
    instants = _instant(one), _instant(other)
    if instants[0] is not None and instants[1] is not None:
        return instants[0] == instants[1]
    shorter = min(len(_day(one)), len(_day(other)))
    return shorter >= 4 and one[:shorter] == other[:shorter]


def more_exact(one: str, other: str) -> str:
    """Of two times that say the same, the one that says more; a midnight is no hour, so the plain day counts more."""
    return max((one, other), key=lambda text: (_worth(text), text))


def is_time(text: str) -> bool:
    """Whether the text is a FHIR date, dateTime or instant."""
    return len(text) >= 4 and text[:4].isdigit() and (len(text) == 4 or text[4] == "-") and read_day(text) is not None


def _worth(text: str) -> int:
    is_midnight = "T00:00:00" in text
    return 9 if is_midnight else len(text) if len(text) <= 10 else 11


def _day(text: str) -> str:
    return text[:10]


def _instant(text: str) -> datetime | None:
    if len(text) < 20:
        return None
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return None
    return moment.astimezone(UTC) if moment.tzinfo else None


def _received(resource: Mapping[str, Any]) -> date | None:
    for entry in entries_of(resource.get("supportingInfo")):
        category = entry.get("category")
        codings = entries_of(category.get("coding")) if isinstance(category, dict) else ()
        if any(coding.get("code") == _RECEIVED for coding in codings):
            return read_day(entry.get("timingDate"))
    return None

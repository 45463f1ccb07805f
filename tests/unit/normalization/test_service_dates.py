"""Service dates per type; what goes on has no end."""

from datetime import date
from typing import Any

import pytest

from interpayer.normalization.service_dates import OPEN, Span, read_day, service_dates

D = date.fromisoformat
ACTIVE = {"coding": [{"code": "active"}]}
CLAIM = {
    "billablePeriod": {"start": "2021-01-01", "end": "2021-01-31"},
    "item": [{"servicedDate": "2021-02-01"}, {"servicedPeriod": {"start": "2020-12-31"}}],
    "created": "2026-01-01",
}


def until(first: str, last: str | None) -> Span:
    return Span(D(first), D(last) if last else None)


def one_day(day: str) -> Span:
    return until(day, day)


@pytest.mark.parametrize(
    ("kind", "elements", "span"),
    [
        ("Patient", {"birthDate": "1950-01-01"}, OPEN),
        ("Coverage", {"period": {"end": "2001-01-01"}}, OPEN),
        ("AllergyIntolerance", {"recordedDate": "1999-01-01"}, OPEN),
        (
            "Encounter",
            {"period": {"start": "2026-01-01T23:00:00Z", "end": "2026-01-02"}},
            until("2026-01-01", "2026-01-02"),
        ),
        ("Encounter", {"period": {"start": "2020-01-01"}}, until("2020-01-01", None)),
        ("Procedure", {"performedPeriod": {"start": "2026-01-01"}}, one_day("2026-01-01")),
        ("Observation", {"effectiveDateTime": "2026-03", "issued": "2020-01-01"}, one_day("2026-03-28")),
        ("ExplanationOfBenefit", CLAIM, until("2020-12-31", "2021-02-01")),
        ("ExplanationOfBenefit", {"created": "2026-01-01"}, one_day("2026-01-01")),
        ("Condition", {"onsetDateTime": "2001-01-01", "clinicalStatus": ACTIVE}, until("2001-01-01", None)),
        (
            "Condition",
            {"onsetDateTime": "2001-01-01", "abatementDateTime": "2002-01-01"},
            until("2001-01-01", "2002-01-01"),
        ),
        ("Condition", {"recordedDate": "2001-01-01"}, one_day("2001-01-01")),
        ("MedicationRequest", {"authoredOn": "2015-01-01", "status": "active"}, until("2015-01-01", None)),
        ("MedicationRequest", {"authoredOn": "2015-01-01", "status": "stopped"}, one_day("2015-01-01")),
        (
            "DocumentReference",
            {"date": "2019-01-01", "context": {"period": {"start": "2018-01-01"}}},
            one_day("2018-01-01"),
        ),
    ],
)
def test_the_span_of_a_service(kind: str, elements: dict[str, Any], span: Span) -> None:
    assert service_dates({"resourceType": kind, **elements}) == span


@pytest.mark.parametrize(
    ("text", "day"),
    [
        ("2026", "2026-12-31"),
        ("2026-02", "2026-02-28"),
        ("2026-02-03", "2026-02-03"),
        ("2026-02-03T04:05:06Z", "2026-02-03"),
    ],
)
def test_a_rough_date_counts_to_its_end(text: str, day: str) -> None:
    assert read_day(text) == D(day)


@pytest.mark.parametrize("text", ["", "soon", "2026-13-01", "2026-02-31", None, 2026, "20x6"])
def test_what_is_no_date_is_missing(text: object) -> None:
    assert read_day(text) is None

"""What a time means, and when two times say the same."""

from datetime import date
from typing import Any

import pytest

from interpayer.normalization.times import Times, is_time, more_exact, says_the_same_time, times_of


def test_a_claim_knows_service_receipt_and_adjudication_apart() -> None:
    received = {"category": {"coding": [{"code": "clmrecvddate"}]}, "timingDate": "2025-03-05"}
    claim = {
        "resourceType": "ExplanationOfBenefit", "billablePeriod": {"start": "2025-03-01", "end": "2025-03-02"},
        "created": "2025-03-20", "supportingInfo": [{"category": {}}, received],
    }  # fmt: skip
    assert times_of(claim) == Times(
        date(2025, 3, 1), date(2025, 3, 2), received_on=date(2025, 3, 5), adjudicated_on=date(2025, 3, 20)
    )
    assert times_of(claim).newest == date(2025, 3, 20)


def test_what_is_not_said_is_not_guessed_from_another() -> None:
    told = times_of({"resourceType": "Observation", "effectiveDateTime": "2025-05-05T23:30:00-05:00"})
    assert (told.service_from, told.recorded_on, told.received_on) == (date(2025, 5, 5), None, None)
    assert times_of({"resourceType": "Coverage"}).newest is None


def test_a_day_of_service_stays_the_day_at_the_place_of_service() -> None:
    # in UTC it would be the sixth
    told = times_of({"resourceType": "Procedure", "performedDateTime": "2025-05-05T23:30:00-05:00"})
    assert told.service_from == date(2025, 5, 5)


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("2025-05-05", "2025-05-05", True),
        ("2025", "2025-05-05", True),
        ("2025-05-05", "2025-05-05T10:00:00Z", True),
        ("2025-05-05T10:00:00Z", "2025-05-05T05:00:00-05:00", True),
        ("2025-05-05T10:00:00Z", "2025-05-05T10:00:00-05:00", False),
        ("2025-05-05", "2025-05-06", False),
        ("2025-05", "2025-06-01", False),
    ],
)
def test_two_times_say_the_same_as_far_as_the_rougher_goes(one: str, other: str, same: bool) -> None:
    assert says_the_same_time(one, other) is same
    assert says_the_same_time(other, one) is same


def test_a_midnight_is_no_hour() -> None:
    assert more_exact("2025-05-05", "2025-05-05T00:00:00Z") == "2025-05-05"
    assert more_exact("2025-05", "2025-05-05T00:00:00Z") == "2025-05-05T00:00:00Z"
    assert more_exact("2025-05-05T10:00:00Z", "2025-05-05") == "2025-05-05T10:00:00Z"


@pytest.mark.parametrize(("text", "expected"), [("2025-05-05", True), ("2025", True), ("20255", False), ("W1", False)])
def test_a_text_is_a_time_by_its_form(text: str, expected: bool) -> None:
    assert is_time(text) is expected


def test_damaged_elements_are_no_times() -> None:
    broken: dict[str, Any] = {
        "resourceType": "ExplanationOfBenefit",
        "created": 5,
        "supportingInfo": ["x", {"category": 1}],
    }
    assert times_of(broken) == Times()

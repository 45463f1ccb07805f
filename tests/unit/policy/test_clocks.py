"""The law's days. Holidays as published by the Office of Personnel Management."""

from datetime import UTC, date, datetime, time

import pytest

from interpayer.policy.clocks import add_business_days, federal_holidays, is_business_day

PUBLISHED = {
    2026: "01-01 01-19 02-16 05-25 06-19 07-03 09-07 10-12 11-11 11-26 12-25",
    2027: "01-01 01-18 02-15 05-31 06-18 07-05 09-06 10-11 11-11 11-25 12-24 12-31",
    2028: "01-17 02-21 05-29 06-19 07-04 09-04 10-09 11-10 11-23 12-25",
}


@pytest.mark.parametrize("year", PUBLISHED)
def test_holidays_as_published(year):
    assert sorted(f"{day:%m-%d}" for day in federal_holidays(year)) == PUBLISHED[year].split()


@pytest.mark.parametrize(
    ("received", "due"),
    [
        # a Tuesday at noon: Wednesday at noon
        ("2026-11-17T12:00:00-05:00", "2026-11-18T12:00:00-05:00"),
        # a Friday at noon: Monday at noon
        ("2026-11-20T12:00:00-05:00", "2026-11-23T12:00:00-05:00"),
        # after the cut-off: as if received when the next business day begins
        ("2026-11-17T18:00:00-05:00", "2026-11-19T00:00:00-05:00"),
        # a Saturday: received as Monday begins, due when Monday is over
        ("2026-11-21T10:00:00-05:00", "2026-11-24T00:00:00-05:00"),
        # the eve of Thanksgiving at noon: Friday at noon
        ("2026-11-25T12:00:00-05:00", "2026-11-27T12:00:00-05:00"),
        # late in the evening in UTC is still the same day at the payer
        ("2026-11-18T01:00:00+00:00", "2026-11-19T00:00:00-05:00"),
        # over the end of daylight saving the local time stays
        ("2026-10-30T12:00:00-04:00", "2026-11-02T12:00:00-05:00"),
    ],
)
def test_one_business_day(received, due):
    at = datetime.fromisoformat(received)
    found = add_business_days(at, 1, zone="America/New_York", cut_off=time(17))
    assert found == datetime.fromisoformat(due)
    assert found.tzinfo is UTC
    assert found > at


def test_a_payers_own_holiday_is_closed_too():
    friday = date(2026, 11, 27)
    assert is_business_day(friday)
    assert not is_business_day(friday, frozenset({friday}))
    at = datetime(2026, 11, 25, 17, tzinfo=UTC)
    due = add_business_days(at, 1, zone="America/New_York", cut_off=time(17), extra=frozenset({friday}))
    assert due.date() == date(2026, 11, 30)

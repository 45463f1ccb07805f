"""The law's days: US federal holidays computed, business days in the payer's own zone (CMS-0057-F; exchange.md, 1)."""

from collections.abc import Iterator
from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo

_ONE = timedelta(days=1)
_MONDAY, _THURSDAY, _SATURDAY, _SUNDAY = 0, 3, 5, 6


@lru_cache(maxsize=64)
def federal_holidays(year: int) -> frozenset[date]:
    """The days of that year on which federal offices are closed by 5 U.S.C. 6103, as observed."""
    # New Year's Day of the next year is observed on 31 December when it falls on a Saturday.
    named = [*_holidays(year), date(year + 1, 1, 1)]
    return frozenset(day for day in map(_observed, named) if day.year == year)


def is_business_day(day: date, extra: frozenset[date] = frozenset()) -> bool:
    """True unless it is a weekend, a federal holiday, or one of the payer's own holidays."""
    return day.weekday() < _SATURDAY and day not in federal_holidays(day.year) and day not in extra


def add_business_days(
    at: datetime, days: int, *, zone: str, cut_off: time, extra: frozenset[date] = frozenset()
) -> datetime:
    """The same local time that many business days later, in UTC.

    What comes on a closed day or after the cut-off counts as received when the next business day begins.
    """
    local = at.astimezone(ZoneInfo(zone))
    day, clock = local.date(), local.time()
    if not is_business_day(day, extra) or clock > cut_off:
        day, clock = _next(day, extra), time()
    for _ in range(days):
        day = _next(day, extra)
    # A local time that a clock change skips or repeats is resolved by fold 0: the earlier reading, never a later due.
    return datetime.combine(day, clock, ZoneInfo(zone)).astimezone(UTC)


def _holidays(year: int) -> Iterator[date]:
    yield date(year, 1, 1)
    yield _nth(year, 1, _MONDAY, 3)
    yield _nth(year, 2, _MONDAY, 3)
    yield _nth(year, 6, _MONDAY, 1) - timedelta(days=7)
    yield date(year, 6, 19)
    yield date(year, 7, 4)
    yield _nth(year, 9, _MONDAY, 1)
    yield _nth(year, 10, _MONDAY, 2)
    yield date(year, 11, 11)
    yield _nth(year, 11, _THURSDAY, 4)
    yield date(year, 12, 25)


def _nth(year: int, month: int, weekday: int, n: int) -> date:
    first = date(year, month, 1)
    return first + timedelta(days=(weekday - first.weekday()) % 7 + 7 * (n - 1))


def _observed(day: date) -> date:
    return day + {_SATURDAY: -_ONE, _SUNDAY: _ONE}.get(day.weekday(), timedelta())


def _next(day: date, extra: frozenset[date]) -> date:
    day += _ONE
    while not is_business_day(day, extra):
        day += _ONE
    return day

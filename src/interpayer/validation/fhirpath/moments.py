"""Dates and times of FHIR compared at the precision both have (FHIRPath N1, comparison)."""

import re
from datetime import datetime, timedelta, timezone

_PARTS = re.compile(
    r"(?P<day>\d{4}(?:-\d\d){0,2})?(?:T|(?=\d\d:))?(?P<time>\d\d(?::\d\d(?::\d\d(?:\.\d+)?)?)?)?"
    r"(?P<zone>Z|[+-]\d\d:\d\d)?$"
)


def compare_moments(left: str, right: str) -> int | None:
    """-1, 0 or 1; None when one is less precise and the rest would decide, or one is no moment."""
    if _is_alike(left, right):
        return (left > right) - (left < right)
    a, b = _split(left), _split(right)
    if a is None or b is None:
        return None
    if a[1] is not None and b[1] is not None:
        return _order(a[1].timestamp(), b[1].timestamp())
    for x, y in zip(a[0], b[0], strict=False):
        if x != y:
            return _order(x, y)
    return 0 if len(a[0]) == len(b[0]) else None


def _is_alike(left: str, right: str) -> bool:
    """As precise, in the same zone, no leap second: the digits are in the order of the times."""
    is_same = len(left) == len(right) and left[19:] == right[19:] and left[:1].isdigit() and right[:1].isdigit()
    return is_same and "60" not in (left[17:19], right[17:19])


def _order(x: float, y: float) -> int:
    return (x > y) - (x < y)


def _split(text: str) -> tuple[tuple[float, ...], datetime | None] | None:
    """The numbers from the coarsest to the finest; and the instant where the zone makes it one."""
    found = _PARTS.match(text)
    if found is None or not (found["day"] or found["time"]):
        return None
    day = tuple(float(each) for each in (found["day"] or "").split("-") if each)
    # Seconds and their fractions are one precision.
    time = tuple(float(each) for each in (found["time"] or "").split(":") if each)
    instant = _instant(day, time, found["zone"]) if found["zone"] and len(day) == 3 and len(time) == 3 else None
    return day + time, instant


def _instant(day: tuple[float, ...], time: tuple[float, ...], zone: str) -> datetime | None:
    offset = timedelta() if zone == "Z" else timedelta(hours=int(zone[1:3]), minutes=int(zone[4:]))
    try:
        start = datetime(int(day[0]), int(day[1]), int(day[2]), tzinfo=timezone(-offset if zone[0] == "-" else offset))
    except ValueError:
        return None
    return start + timedelta(hours=time[0], minutes=time[1], seconds=time[2])

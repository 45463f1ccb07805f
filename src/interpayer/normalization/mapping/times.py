"""Dates and times of sources as FHIR writes them: never more exact than they were, never moved."""

import re
from collections.abc import Callable, Sequence
from datetime import date, datetime
from functools import lru_cache
from zoneinfo import ZoneInfo

OPEN_ENDS = frozenset({"9999-12-31", "99991231"})
_NAMES = ("JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC")
_MONTHS = {name: number for number, name in enumerate(_NAMES, start=1)}
_PIECES = {
    "YYYY": r"(?P<y>[0-9]{4})",
    "MM": r"(?P<m>[0-9]{1,2})",
    "DD": r"(?P<d>[0-9]{1,2})",
    "MON": r"(?P<mon>[A-Za-z]{3})",
}
_PIECE = re.compile("YYYY|MM|MON|DD")
_DEFAULT = ("YYYY-MM-DD", "YYYYMMDD")
_TIME = re.compile(
    r"(?P<y>[0-9]{4})(?:-?(?P<m>\d\d)(?:-?(?P<d>\d\d)(?:[T ]?(?P<H>\d\d):?(?P<M>\d\d)"
    r"(?::?(?P<S>\d\d)(?P<f>\.\d{1,9})?)?\s*(?P<z>Z|[+-]\d\d:?\d\d)?)?)?)?",
    re.ASCII,
)


def date_reader(formats: Sequence[str]) -> Callable[[str], str | None]:
    """A function from text to a FHIR date; `""` for an open end, None for what is no date of these formats.

    A time of day behind an ISO date is cut off. Raises ValueError when a format has no year, month and day.
    """
    patterns = [_pattern(one) for one in formats or _DEFAULT]
    cuts_time = not formats

    @lru_cache(maxsize=4096)
    def read(text: str) -> str | None:
        stripped = text.strip()
        if stripped[:10] in OPEN_ENDS:
            return ""
        if cuts_time and len(stripped) > 10 and stripped[10] in "T ":
            stripped = stripped[:10]
        for pattern in patterns:
            found = pattern.fullmatch(stripped)
            if found is not None:
                return _date(found.groupdict())
        return None

    return read


def _pattern(form: str) -> re.Pattern[str]:
    pieces = _PIECE.findall(form.upper())
    if sorted(pieces) not in (["DD", "MM", "YYYY"], ["DD", "MON", "YYYY"]):
        raise ValueError(f"`{form}` is no date format: write YYYY, MM (or MON) and DD, e.g. MM/DD/YYYY")
    at, text = 0, ""
    for piece in _PIECE.finditer(form.upper()):
        text += re.escape(form[at : piece.start()]) + _exact(piece.group(), form)
        at = piece.end()
    return re.compile(text + re.escape(form[at:]), re.ASCII)


def _exact(piece: str, form: str) -> str:
    """Without anything between the parts, months and days have two digits."""
    return _PIECES[piece].replace("{1,2}", "{2}") if form.isalpha() else _PIECES[piece]


def _date(parts: dict[str, str | None]) -> str | None:
    month = _MONTHS.get(str(parts["mon"]).upper(), 0) if parts.get("mon") else int(parts["m"] or 0)
    try:
        return date(int(parts["y"] or 0), month, int(parts["d"] or 0)).isoformat()
    except ValueError:
        return None


def read_datetime(text: str, zone: ZoneInfo) -> str | None:
    """A FHIR dateTime, as exact as the text; a time of day without a zone is one of `zone`. `""`: an open end."""
    stripped = text.strip()
    if stripped[:10] in OPEN_ENDS or stripped[:8] in OPEN_ENDS:
        return ""
    found = _TIME.fullmatch(stripped)
    if found is None:
        return None
    y, m, d, hour = found["y"], found["m"], found["d"], found["H"]
    try:
        day = date(int(y), int(m or 1), int(d or 1))
        if hour is None:
            return "-".join(part for part in (y, m, d) if part)
        return _with_time(found, day, zone)
    except ValueError:
        return None


def _with_time(found: re.Match[str], day: date, zone: ZoneInfo) -> str:
    second = int(found["S"] or 0)
    moment = datetime(day.year, day.month, day.day, int(found["H"]), int(found["M"]), second, tzinfo=zone)
    written = f"{moment:%Y-%m-%dT%H:%M:%S}{found['f'] or ''}"
    offset = found["z"]
    if offset is None:
        return written + _offset(moment)
    return written + (offset if offset == "Z" or ":" in offset else f"{offset[:3]}:{offset[3:]}")


def _offset(moment: datetime) -> str:
    text = moment.strftime("%z")
    return "Z" if moment.tzinfo == ZoneInfo("UTC") else f"{text[:3]}:{text[3:5]}"


def read_instant(text: str, zone: ZoneInfo) -> str | None:
    """A FHIR instant; None when the text has no time of day."""
    found = read_datetime(text, zone)
    return found if found is None or found == "" or "T" in found else None


@lru_cache(maxsize=64)
def zone_of(name: str) -> ZoneInfo:
    """The time zone of this name. Raises ZoneInfoNotFoundError, ValueError."""
    return ZoneInfo(name)

"""Functions on strings and conversions (FHIRPath N1); None where the input is none or does not fit."""

import math
import re
from typing import Any

_INTEGER = re.compile(r"[+-]?\d+\Z")
_DECIMAL = re.compile(r"[+-]?\d+(\.\d+)?\Z")
_TRUE = {"true", "t", "yes", "y", "1", "1.0"}
_FALSE = {"false", "f", "no", "n", "0", "0.0"}
_DATE = re.compile(r"\d{4}(-\d\d(-\d\d)?)?")


def starts(text: Any, start: Any) -> bool | None:
    """Whether the text starts so."""
    return text.startswith(start) if isinstance(text, str) and isinstance(start, str) else None


def ends(text: Any, end: Any) -> bool | None:
    """Whether the text ends so."""
    return text.endswith(end) if isinstance(text, str) and isinstance(end, str) else None


def holds(text: Any, part: Any) -> bool | None:
    """Whether the text contains the other."""
    return part in text if isinstance(text, str) and isinstance(part, str) else None


def matches(text: Any, pattern: re.Pattern[str]) -> bool | None:
    """Whether the pattern is found in the text."""
    return pattern.search(text) is not None if isinstance(text, str) else None


def length(text: Any) -> int | None:
    """How many characters."""
    return len(text) if isinstance(text, str) else None


def substring(text: Any, start: Any, count: Any = None) -> str | None:
    """The part from a position on; None when it starts outside."""
    if not isinstance(text, str) or not isinstance(start, int) or not 0 <= start < len(text):
        return None
    return text[start:] if count is None else text[start : start + max(0, count)]


def index_of(text: Any, part: Any) -> int | None:
    """Where the other starts, -1 when nowhere."""
    return text.find(part) if isinstance(text, str) and isinstance(part, str) else None


def replace(text: Any, part: Any, by: Any) -> str | None:
    """The text with every occurrence replaced."""
    if not (isinstance(text, str) and isinstance(part, str) and isinstance(by, str)):
        return None
    return text.replace(part, by)


def replace_matches(text: Any, pattern: re.Pattern[str], by: Any) -> str | None:
    """The text with everything the pattern finds replaced."""
    return pattern.sub(lambda _: by, text) if isinstance(text, str) and isinstance(by, str) else None


def upper(text: Any) -> str | None:
    """In capital letters."""
    return text.upper() if isinstance(text, str) else None


def lower(text: Any) -> str | None:
    """In small letters."""
    return text.lower() if isinstance(text, str) else None


def trim(text: Any) -> str | None:
    """Without blanks at both ends."""
    return text.strip() if isinstance(text, str) else None


def to_text(item: Any) -> str | None:
    """As a string; None for what is no primitive."""
    if isinstance(item, bool):
        return "true" if item else "false"
    return str(item) if isinstance(item, str | int | float) else None


def to_integer(item: Any) -> int | None:
    """As an integer."""
    if isinstance(item, bool | int):
        return int(item)
    return int(item) if isinstance(item, str) and _INTEGER.match(item) else None


def to_decimal(item: Any) -> float | None:
    """As a decimal."""
    if isinstance(item, bool | int | float):
        return float(item)
    return float(item) if isinstance(item, str) and _DECIMAL.match(item) else None


def to_boolean(item: Any) -> bool | None:
    """As a boolean."""
    if isinstance(item, bool):
        return item
    word = str(item).lower() if isinstance(item, str | int | float) else ""
    return True if word in _TRUE else False if word in _FALSE else None


def to_date(item: Any) -> str | None:
    """As a date: the day of a dateTime."""
    found = _DATE.match(item) if isinstance(item, str) else None
    return found[0] if found else None


def to_moment(item: Any) -> str | None:
    """As a dateTime."""
    return item if isinstance(item, str) and _DATE.match(item) else None


def rounded(item: Any, places: Any = 0) -> float | None:
    """The decimal at so many places."""
    return round(item, places or 0) if isinstance(item, int | float) else None


def magnitude(item: Any) -> Any:
    """Without its sign."""
    return abs(item) if isinstance(item, int | float) else None


def ceiling(item: Any) -> int | None:
    """The next integer above."""
    return math.ceil(item) if isinstance(item, int | float) else None


def floor(item: Any) -> int | None:
    """The next integer below."""
    return math.floor(item) if isinstance(item, int | float) else None

"""The comparable form of a member as bytes: small, quick to read, and the same on every machine."""

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import fields
from datetime import date
from typing import Any, NamedTuple

import orjson

from interpayer.identity.standardize import Standard
from interpayer.model.member import Coverage

# Raise it when standardize, blocking or this file give another result for the same member: the index is made anew.
FORM_NUMBER = 1


class Indexed(NamedTuple):
    """What the index knows of a member: the comparable form, the plan's own key and the periods of the coverages."""

    standard: Standard
    own_key: str | None
    periods: Sequence[tuple[str | None, str | None]]


def encode(standard: Standard, own_key: str | None, coverages: Sequence[Coverage]) -> bytes:
    """The form as bytes; `decode` gives it back."""
    values = [write(getattr(standard, name)) for name, write, _ in _FIELDS]
    periods = [[_text(c.starts_on), _text(c.ends_on)] for c in coverages]
    return orjson.dumps([own_key, periods, *values])


def decode(content: bytes) -> Indexed:
    """The form behind `encode`."""
    own_key, periods, *values = orjson.loads(content)
    return Indexed(Standard(*[read(value) for read, value in zip(_READERS, values, strict=True)]), own_key, periods)


def coverages(indexed: Indexed, payer: str) -> tuple[Coverage, ...]:
    """The coverages with what the decision looks at: the payer and the period."""
    return tuple(Coverage(payer, None, starts_on=_day(a), ends_on=_day(b)) for a, b in indexed.periods)


def _text(day: date | None) -> str | None:
    return None if day is None else day.isoformat()


def _day(text: str | None) -> date | None:
    return None if text is None else date.fromisoformat(text)


def _same(value: Any) -> Any:
    return value


def _words(value: Sequence[Sequence[str]]) -> tuple[tuple[str, ...], ...]:
    return tuple([tuple(words) for words in value])


_NOTHING: frozenset[Any] = frozenset()


def _set(value: Sequence[str]) -> frozenset[str]:
    return frozenset(value) if value else _NOTHING


def _pairs(value: Sequence[Sequence[str]]) -> frozenset[tuple[str, ...]]:
    return frozenset([tuple(pair) for pair in value]) if value else _NOTHING


_CODECS: dict[str, tuple[Callable[[Any], Any], Callable[[Any], Any]]] = {
    "tuple[tuple[str, ...], ...]": (_same, _words),
    "tuple[str, ...]": (_same, tuple),
    "frozenset[str]": (sorted, _set),
    "frozenset[tuple[str, str]]": (sorted, _pairs),
    "datetime.date | None": (_text, _day),
    "str | None": (_same, _same),
}
_FIELDS = [
    (field.name, *_CODECS[str(field.type).removeprefix("<class '").removesuffix("'>")]) for field in fields(Standard)
]
_READERS = [read for _, _, read in _FIELDS]
# A change of the fields is another form too.
_SHAPE = ",".join(f"{field.name}={field.type}" for field in fields(Standard))
FORM = hashlib.sha256(f"{FORM_NUMBER}:{_SHAPE}".encode()).hexdigest()[:16]

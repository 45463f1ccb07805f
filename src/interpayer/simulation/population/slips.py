"""How words and dates go wrong: at the keyboard, at the scanner, on the telephone, and by habit."""

from collections.abc import Callable
from datetime import date, timedelta
from random import Random

from interpayer.simulation.population.words import pairs

_NEAR = dict(pairs("near"))
_SCANNED = tuple(pairs("scanned"))
_HEARD = tuple(pairs("heard"))
_SPELLED = tuple(pairs("spelled"))
_FORMS = {formal: forms.split(",") for formal, forms in pairs("called")}


def called(first: str, rolls: Random) -> str:
    """What somebody of this name is called, or nothing when the name has no other form that we know."""
    forms = _FORMS.get(first)
    return rolls.choice(forms) if forms else ""


def spelled(first: str) -> str:
    """Another usual spelling of the same name, or nothing."""
    return next((two if first == one else one for one, two in _SPELLED if first in (one, two)), "")


def typed(word: str, rolls: Random) -> str:
    """One slip of the fingers: a neighbor key, two letters exchanged, one lost or doubled."""
    if len(word) < 2:
        return word
    at, how = rolls.randrange(len(word)), rolls.random()
    if how < 0.33:
        return word[:at] + rolls.choice(_NEAR.get(word[at].upper(), "E")) + word[at + 1 :]
    if how < 0.6:
        at = min(at, len(word) - 2)
        return word[:at] + word[at + 1] + word[at] + word[at + 2 :]
    if how < 0.82:
        return word[:at] + word[at + 1 :]
    return word[: at + 1] + word[at:]


def scanned(word: str, rolls: Random) -> str:
    """One thing that a scanner takes for another."""
    return _swapped(word, _SCANNED, rolls)


def heard(word: str, rolls: Random) -> str:
    """The word as somebody writes it who only heard it."""
    return _swapped(word, _HEARD, rolls)


def _swapped(word: str, pairs: tuple[tuple[str, str], ...], rolls: Random) -> str:
    present = [pair for pair in pairs if pair[0] in word]
    if not present:
        return typed(word, rolls)
    old, new = rolls.choice(present)
    places = [at for at in range(len(word)) if word.startswith(old, at)]
    at = rolls.choice(places)
    return word[:at] + new + word[at + len(old) :]


def wrong_date(day: str, rolls: Random) -> str:
    """A birth date with one mistake, always another real date: a digit, two exchanged, a day or ten years off."""
    born = date.fromisoformat(day)
    for _ in range(20):
        text = rolls.choice(_DATES)(born, rolls)
        if text != day and _is_date(text):
            return text
    return (born + timedelta(days=1)).isoformat()


def _is_date(text: str) -> bool:
    try:
        return date(1905, 1, 1) < date.fromisoformat(text) <= date(2026, 11, 1)
    except ValueError:
        return False


def _text(year: int, month: int, day: int) -> str:
    return f"{year:04d}-{month:02d}-{day:02d}"


def _digit(born: date, rolls: Random) -> str:
    text = born.isoformat()
    at = rolls.choice((3, 3, 2, 5, 6, 8, 9, 9))
    return f"{text[:at]}{rolls.randrange(10)}{text[at + 1 :]}"


def _turned(born: date, rolls: Random) -> str:
    text = born.isoformat()
    at = rolls.choice((2, 8))
    return text[:at] + text[at + 1] + text[at] + text[at + 2 :]


_DATES: tuple[Callable[[date, Random], str], ...] = (
    _digit,
    _digit,
    _turned,
    lambda born, _: _text(born.year, born.day, born.month),
    lambda born, rolls: (born + timedelta(days=rolls.choice((-1, 1)))).isoformat(),
    lambda born, rolls: _text(born.year + rolls.choice((-1, 1, -10, 10)), born.month, born.day),
    lambda born, rolls: _text(born.year, born.month + rolls.choice((-1, 1)), born.day),
    lambda born, _: _text(born.year, born.month, 1),
)

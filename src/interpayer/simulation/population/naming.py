"""Names as often as people bear them: by sex and year of birth, a few very frequent and most of them rare."""

from bisect import bisect
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from itertools import accumulate
from random import Random

from interpayer.simulation.population.words import words

YEARS = (1942, 1957, 1972, 1987, 2002, 2017)
_KNOWN_SHARE = 0.52  # of people who bear a name of the table; others get one of a hundred thousand rare ones
_START, _MIDDLE, _END = words("family_start"), words("family_middle"), words("family_end")


@dataclass(frozen=True, slots=True)
class Drawn:
    """Names with their running totals, to draw by share."""

    names: tuple[str, ...]
    totals: tuple[int, ...]

    def draw(self, rolls: Random) -> str:
        """One name, as likely as it is borne."""
        return self.names[bisect(self.totals, rolls.random() * self.totals[-1])]


@dataclass(frozen=True, slots=True)
class Tables:
    """Every name table: family names by origin, given names by sex and year."""

    family: dict[str, Drawn]
    given: dict[tuple[str, int], Drawn]
    shares: dict[str, int]


@cache
def tables() -> Tables:
    """The tables that come with the package."""
    text = files("interpayer.simulation.population").joinpath("names.csv").read_text("utf-8")
    family: dict[str, list[tuple[str, int]]] = {"": [], "h": [], "a": []}
    given: dict[tuple[str, int], list[tuple[str, int]]] = {(sex, year): [] for sex in "FM" for year in YEARS}
    shares: dict[str, int] = {}
    for line in text.splitlines():
        if line.startswith("#"):
            continue
        kind, name, *counts = line.split(",")
        if kind == "L":
            family[counts[1]].append((name, int(counts[0])))
            shares[name] = int(counts[0])
            continue
        for year, count in zip(YEARS, counts, strict=True):
            if count:
                given[kind, year].append((name, int(count)))
    return Tables(
        {origin: _drawn(rows) for origin, rows in family.items()},
        {key: _drawn(rows) for key, rows in given.items()},
        shares,
    )


def _drawn(rows: list[tuple[str, int]]) -> Drawn:
    return Drawn(tuple(name for name, _ in rows), tuple(accumulate(count for _, count in rows)))


def origin(rolls: Random) -> str:
    """Which of the family name tables a household draws from."""
    return rolls.choices(("", "h", "a"), (0.78, 0.16, 0.06))[0]


def family_name(rolls: Random, drawn_from: str = "") -> str:
    """A family name; of Hispanic households some bear two."""
    known = tables().family[drawn_from]
    if drawn_from == "h":
        first = known.draw(rolls)
        return f"{first} {known.draw(rolls)}" if rolls.random() < 0.15 else first
    if drawn_from == "a" or rolls.random() < _KNOWN_SHARE:
        return known.draw(rolls)
    return rolls.choice(_START) + (rolls.choice(_MIDDLE) if rolls.random() < 0.7 else "") + rolls.choice(_END)


def given_name(rolls: Random, sex: str, year: int) -> str:
    """A given name of that time."""
    nearest = min(YEARS, key=lambda known: abs(known - year))
    return tables().given[sex, nearest].draw(rolls)


def other_name(rolls: Random, sex: str, year: int, *, than: str) -> str:
    """What the twin of somebody of this name is called: often by the same initial, never by the same name respelled."""
    found = ""
    for _ in range(12):
        found = given_name(rolls, sex, year)
        is_other = _sound(found) != _sound(than)
        if is_other and (found[0] == than[0] or rolls.random() < 0.35):
            return found
    return found if _sound(found) != _sound(than) else f"{than[0]}EO" if sex == "M" else f"{than[0]}IDA"


def _sound(name: str) -> str:
    """Sean and Shawn, Michele and Michelle are one name to those who give it; Julia and Julie are two."""
    for written, spoken in (("PH", "F"), ("SH", "S"), ("CK", "K"), ("C", "K"), ("Z", "S"), ("Y", "I"), ("H", "")):
        name = name.replace(written, spoken)
    consonants = [one for one, before in zip(name, f" {name}", strict=False) if one not in "AEIOUW" and one != before]
    return "".join(consonants) + ("A" if name.endswith("A") else "")


def commonness(family: str) -> int:
    """How many of a million people bear the family name, 0 for a rare one."""
    return tables().shares.get(family, 0)

"""Queries about people who are not there, made to look like people who are."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import date, timedelta
from random import Random

from interpayer.simulation.population.facts import Facts, facts_of
from interpayer.simulation.population.naming import other_name
from interpayer.simulation.population.people import AS_OF, Person
from interpayer.simulation.population.places import home
from interpayer.simulation.population.slips import spelled, wrong_date

Ids = tuple[str, str]
_NO_IDS = ("", "")


@dataclass(frozen=True, slots=True)
class Near:
    """Somebody who is there, somebody who is not, and the ids of the first."""

    member: Person
    other: Person
    ids: Ids


Stranger = Callable[[Near, Random], tuple[Facts, Ids]]


def not_enrolled(near: Near, rolls: Random) -> tuple[Facts, Ids]:
    """Somebody who was never here, now and then with a number that nobody has."""
    number = f"{rolls.randrange(10**9):09d}"
    return facts_of(near.other), (f"K{number}00", f"K{number}") if rolls.random() < 0.1 else _NO_IDS


def household_absent(near: Near, rolls: Random) -> tuple[Facts, Ids]:
    """Somebody of the same house: name of the family, address and telephone are the member's."""
    last = near.member.last if rolls.random() < 0.8 else near.other.last
    person = replace(
        near.other,
        last=last,
        home=near.member.home,
        phone=near.member.phone if rolls.random() < 0.6 else near.other.phone,
    )
    return facts_of(person), _NO_IDS


def twin_absent(near: Near, rolls: Random) -> tuple[Facts, Ids]:
    """A twin of the member."""
    sex = near.member.sex if rolls.random() < 0.65 else near.other.sex
    first = other_name(rolls, sex, near.member.born_on.year, than=near.member.first)
    twin = replace(
        near.member, first=first, middle=near.other.middle, sex=sex, ssn4=near.other.ssn4, email=near.other.email
    )
    return facts_of(twin), _NO_IDS


def namesake_absent(near: Near, rolls: Random) -> tuple[Facts, Ids]:
    """Parent or child of the member's name, at the same address."""
    days = rolls.randrange(18 * 365, 40 * 365)
    is_elder = near.member.born_on + timedelta(days=days) > AS_OF or rolls.random() < 0.5
    born_on = near.member.born_on + timedelta(days=-days if is_elder else days)
    middle = near.member.middle if rolls.random() < 0.5 else near.other.middle
    suffix = "" if near.member.sex == "F" or rolls.random() < 0.5 else ("SR" if is_elder else "JR")
    person = replace(
        near.member, middle=middle, born_on=born_on, ssn4=near.other.ssn4, suffix=suffix, email=near.other.email
    )
    return facts_of(person), _NO_IDS


def near_namesake(near: Near, rolls: Random) -> tuple[Facts, Ids]:
    """Somebody else of the member's name and almost the birth date, in the same city."""
    first = spelled(near.member.first) if rolls.random() < 0.3 else ""
    born_on = date.fromisoformat(wrong_date(near.member.born_on.isoformat(), rolls))
    there = home(rolls, near.member.home)
    person = replace(
        near.other,
        first=first or near.member.first,
        last=near.member.last,
        sex=near.member.sex,
        born_on=born_on,
        home=there,
    )
    return facts_of(person), _NO_IDS


def same_name_birth_date(near: Near, _rolls: Random) -> tuple[Facts, Ids]:
    """Somebody else of the very name and birth date, elsewhere."""
    person = replace(
        near.other, first=near.member.first, last=near.member.last, sex=near.member.sex, born_on=near.member.born_on
    )
    return facts_of(person), _NO_IDS


def wrong_id_absent(near: Near, _rolls: Random) -> tuple[Facts, Ids]:
    """Somebody who was never here, with the number of somebody who is."""
    return facts_of(near.other), near.ids


def reused_id(near: Near, rolls: Random) -> tuple[Facts, Ids]:
    """Somebody who had the number earlier: another person, sometimes of the same family name or city."""
    last = near.member.last if rolls.random() < 0.3 else near.other.last
    there = home(rolls, near.member.home) if rolls.random() < 0.5 else near.other.home
    return facts_of(replace(near.other, last=last, sex=near.member.sex, home=there)), near.ids


NEGATIVES: dict[str, Stranger] = {
    "not_enrolled": not_enrolled, "household_absent": household_absent, "twin_absent": twin_absent,
    "namesake_absent": namesake_absent, "near_namesake": near_namesake, "same_name_birth_date": same_name_birth_date,
    "wrong_id_absent": wrong_id_absent, "reused_id": reused_id,
}  # fmt: skip

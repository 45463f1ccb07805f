"""Who lives: households of a block, with twins, triplets, namesakes and people of one name born on one day.

A hundred people make a block, and a block is a pure function of (seed, number): any slice can be made again, and a
query can be about any block without making those before. The first households of every block are the hard ones.
"""

from dataclasses import dataclass, replace
from datetime import date, timedelta
from random import Random

from interpayer.simulation.names import dice
from interpayer.simulation.population.naming import commonness, family_name, given_name, origin, other_name
from interpayer.simulation.population.places import Home, home, phone

BLOCK = 100
AS_OF = date(2026, 11, 1)
# sizes of the households of a block: the first has twins, the second a namesake, the third had a divorce
LAYOUT = (5, 4, 4, *(5,) * 2, *(4,) * 4, *(3,) * 7, *(2,) * 12, *(1,) * 16)
TWINS, NAMESAKES, DIVORCED, DOUBLE = 0, 1, 2, len(LAYOUT) - 1
_DOUBLE_EVERY = 5  # blocks in which somebody bears the name and birth date of somebody of the block before


@dataclass(frozen=True, slots=True)
class Person:
    """One person as they are; `home_before` and `last_before` are what earlier papers say."""

    key: str
    place: int
    first: str
    middle: str
    last: str
    suffix: str
    last_before: str
    born_on: date
    sex: str
    ssn4: str
    phone: str
    phone_before: str
    email: str
    home: Home
    home_before: Home


@dataclass(frozen=True, slots=True)
class Household:
    """People under one contract: the subscriber first."""

    number: int
    subscriber_id: str
    people: tuple[Person, ...]


@dataclass(frozen=True, slots=True)
class _Shared:
    """What a household has in common before its people are made."""

    number: int
    origin: str
    last: str
    home: Home
    home_before: Home
    phone: str
    eldest_on: date


def block(seed: int, number: int) -> list[Household]:
    """The households of one block, a hundred people in all."""
    rolls = dice(seed, "population", number)
    found = []
    for place, size in enumerate(LAYOUT):
        made = _household(rolls, seed, number * len(LAYOUT) + place, size)
        if place == TWINS:
            made = replace(made, people=_with_twins(made.people, rolls))
        elif place == NAMESAKES:
            made = replace(made, people=_with_namesake(made.people, rolls))
        elif place == DIVORCED:
            made = replace(made, people=_with_other_name(made.people, rolls))
        found.append(made)
    if number and number % _DOUBLE_EVERY == 0:
        found[DOUBLE] = _as_double(found[DOUBLE], seed, number)
    return found


def _household(rolls: Random, seed: int, number: int, size: int) -> Household:
    roots = origin(rolls)
    here = home(rolls)
    shared = _Shared(
        number=number,
        origin=roots,
        last=family_name(rolls, roots),
        home=here,
        home_before=home(rolls, here if rolls.random() < 0.7 else None),
        phone=phone(rolls, here.area),
        eldest_on=AS_OF - timedelta(days=rolls.randrange(24 * 365, (88 if size < 3 else 58) * 365)),
    )
    subscriber_id = f"{(number * 618_033_989 + seed * 104_729) % 1_000_000_000:09d}"
    return Household(number, subscriber_id, tuple(_person(rolls, shared, place) for place in range(size)))


def _person(rolls: Random, shared: _Shared, place: int) -> Person:
    sex = rolls.choice("FM")
    born_on = _born_on(rolls, shared, place)
    first, middle = given_name(rolls, sex, born_on.year), given_name(rolls, sex, born_on.year)
    last, before = _last_names(rolls, shared, place, sex)
    is_adult = (AS_OF - born_on).days > 17 * 365
    own_phone = is_adult and rolls.random() < 0.7
    return Person(
        key=f"m{shared.number:08d}{place:02d}",
        place=place,
        first=first,
        middle=middle if rolls.random() < 0.85 else "",
        last=last,
        suffix="",
        last_before=before,
        born_on=born_on,
        sex=sex,
        ssn4=f"{rolls.randrange(1, 10000):04d}",
        phone=phone(rolls, shared.home.area) if own_phone else shared.phone,
        phone_before=phone(rolls, shared.home_before.area),
        email=_email(rolls, first, last, born_on) if is_adult else "",
        home=shared.home,
        home_before=shared.home_before,
    )


def _born_on(rolls: Random, shared: _Shared, place: int) -> date:
    if place == 0:
        return shared.eldest_on
    if place == 1:
        near = shared.eldest_on + timedelta(days=int(rolls.gauss(200, 1500)))
        return min(near, AS_OF - timedelta(days=19 * 365))
    eldest = min((AS_OF - shared.eldest_on).days - 18 * 365, 26 * 365)
    return AS_OF - timedelta(days=rolls.randrange(20, max(eldest, 400)))


def _last_names(rolls: Random, shared: _Shared, place: int, sex: str) -> tuple[str, str]:
    """The family name of now and the one before, if there was one."""
    if place == 0 or rolls.random() < (0.25 if place == 1 else 0.06):
        name = shared.last if place == 0 else family_name(rolls, shared.origin)
        return name, family_name(rolls, shared.origin) if sex == "F" and place == 0 and rolls.random() < 0.25 else ""
    if place == 1 and sex == "F":
        born = family_name(rolls, shared.origin)
        return (f"{born}-{shared.last}" if rolls.random() < 0.1 else shared.last), born
    return shared.last, ""


def _email(rolls: Random, first: str, last: str, born_on: date) -> str:
    given, family = first.lower(), last.lower().replace(" ", "")
    number = rolls.choice(("", str(rolls.randrange(1, 999)), f"{born_on.year % 100:02d}"))
    left = rolls.choice((f"{given}.{family}", f"{given[0]}{family}", f"{given}{family[0]}", f"{family}_{given}"))
    return f"{left}{number}@{rolls.choice(('mail', 'post', 'web', 'inbox'))}.example"


def _with_twins(people: tuple[Person, ...], rolls: Random) -> tuple[Person, ...]:
    """The last two are twins (in one block of twenty the last three are born together); some bear like names."""
    count = 3 if rolls.random() < 0.05 else 2
    eldest = people[-count]
    made = [eldest]
    for other in people[1 - count :]:
        sex = eldest.sex if rolls.random() < 0.65 else other.sex
        first = other_name(rolls, sex, eldest.born_on.year, than=eldest.first)
        # numbers given to newborn twins often follow each other
        ssn4 = f"{(int(eldest.ssn4) + 1) % 10000 or 1:04d}" if rolls.random() < 0.4 else other.ssn4
        made.append(replace(other, first=first, sex=sex, last=eldest.last, last_before="", born_on=eldest.born_on,
                            ssn4=ssn4, email=""))  # fmt: skip
    return (*people[:-count], *made)


def _with_namesake(people: tuple[Person, ...], rolls: Random) -> tuple[Person, ...]:
    """A child bears the subscriber's name; half of them share the middle name too."""
    elder, child = people[0], people[2]
    middle = elder.middle if rolls.random() < 0.5 else child.middle
    suffixes = ("SR", "JR") if elder.sex == "M" else ("", "")
    child = replace(child, first=elder.first, sex=elder.sex, last=elder.last, middle=middle, suffix=suffixes[1],
                    last_before="")  # fmt: skip
    elder = replace(elder, suffix=suffixes[0] if rolls.random() < 0.5 else "", last_before="")
    return (elder, people[1], child, *people[3:])


def _with_other_name(people: tuple[Person, ...], rolls: Random) -> tuple[Person, ...]:
    """The partner went back to an earlier name and lives elsewhere; the contract is still one."""
    partner = people[1]
    elsewhere = home(rolls, partner.home)
    name = family_name(rolls)
    partner = replace(partner, last=name, last_before=people[0].last, home=elsewhere, home_before=people[0].home)
    partner = replace(partner, phone_before=partner.phone, phone=phone(rolls, elsewhere.area))
    return (people[0], partner, *people[2:])


def _as_double(single: Household, seed: int, number: int) -> Household:
    """Somebody of the name, sex and birth date of the most commonly named of the block before."""
    before = [one.people[0] for one in block(seed, number - 1)]
    other = max(before, key=lambda one: (commonness(one.last), one.key))
    person = replace(single.people[0], first=other.first, last=other.last, sex=other.sex, born_on=other.born_on,
                     last_before="")  # fmt: skip
    return replace(single, people=(person,))


def stranger(seed: int, name: str) -> Person:
    """Somebody who is in no block, of any age."""
    rolls = dice(seed, "stranger", name)
    return rolls.choice(_household(rolls, seed, int(rolls.random() * 10**8), 3).people)


def has_double(number: int) -> bool:
    """True for the blocks that hold one half of such a pair."""
    return number > 0 and number % _DOUBLE_EVERY == 0

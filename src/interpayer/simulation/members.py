"""People, as they are: households with twins, namesakes, new names and new addresses.

A population is cut into blocks of twelve people. A block is a pure function of (seed, block), so a million people
need no more memory than twelve, and any slice can be made again. What is hard about people turns up in a fixed
rhythm, not by luck: the first three blocks, the showcase, already hold every kind.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import date, timedelta
from enum import StrEnum
from random import Random

from interpayer.simulation.names import Address, address, dice, family_name, given_name, phone

BLOCK = 12
SHOWCASE = 3 * BLOCK  # people below this index tell the demo's stories: no typing errors, all changed plans
_AGES_AS_OF = date(2026, 1, 1)
_LAYOUTS = ((4, 3, 2, 2, 1), (4, 4, 2, 1, 1), (5, 3, 2, 1, 1), (4, 3, 3, 1, 1))


class Kind(StrEnum):
    """Why recognizing this person is hard, or not."""

    ORDINARY = "ordinary"
    TWIN = "twin"
    NAMESAKE = "namesake"
    RENAMED = "renamed"
    MOVED = "moved"
    NICKNAMED = "nicknamed"
    DUPLICATED = "duplicated"
    OVERLAPPING = "overlapping"
    SPARSE = "sparse"
    WITHDRAWN = "withdrawn"


# what happens to the largest, the second and the smaller households of block after block
_LARGEST = (Kind.TWIN, Kind.ORDINARY, Kind.NAMESAKE, Kind.ORDINARY)
_SECOND = (Kind.MOVED, Kind.RENAMED, Kind.ORDINARY)
_SMALLER = (
    Kind.NICKNAMED, Kind.ORDINARY, Kind.DUPLICATED, Kind.SPARSE, Kind.WITHDRAWN, Kind.OVERLAPPING, Kind.ORDINARY,
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Person:
    """One person as they are, whatever any plan may think; `double` is the index of the twin or namesake."""

    index: int
    household: int
    place: int
    kind: Kind
    relationship: str
    sex: str
    given: str
    nickname: str
    middle: str
    family: str
    previous_family: str
    suffix: str
    born_on: date
    ssn_last4: str
    phone: str
    email: str
    address: Address
    previous_address: Address | None
    double: int | None = None

    @property
    def is_showcase(self) -> bool:
        """True for the few at the front whom the demo's stories are about."""
        return self.index < SHOWCASE


@dataclass(frozen=True, slots=True)
class _Household:
    """What the people of one household share."""

    number: int
    first_index: int
    size: int
    kind: Kind
    family: str
    address: Address
    phone: str
    adult_born_on: date


def people(seed: int, count: int, start: int = 0) -> Iterator[Person]:
    """Person `start` up to, not including, person `count`: the same ones however the range is cut."""
    for block in range(start // BLOCK, -(-count // BLOCK)):
        for person in _block(seed, block):
            if start <= person.index < count:
                yield person


def person_at(seed: int, index: int) -> Person:
    """Exactly one person, without making those before."""
    return _block(seed, index // BLOCK)[index % BLOCK]


def _block(seed: int, block: int) -> list[Person]:
    rolls = dice(seed, "block", block)
    is_showcase = block < SHOWCASE // BLOCK
    layout = _LAYOUTS[0] if is_showcase else rolls.choice(_LAYOUTS)
    found: list[Person] = []
    for order, size in enumerate(layout):
        found += _people_of(
            _Household(
                number=block * len(layout) + order,
                first_index=block * BLOCK + len(found),
                size=size,
                kind=_kind_of(block, order),
                family=family_name(rolls),
                address=address(rolls),
                phone=phone(rolls),
                adult_born_on=_AGES_AS_OF - timedelta(days=rolls.randrange(28 * 365, 80 * 365)),
            ),
            rolls,
        )
    return found


def _kind_of(block: int, order: int) -> Kind:
    if order == 0:
        return _LARGEST[block % len(_LARGEST)]
    if order == 1:
        return _SECOND[block % len(_SECOND)]
    return _SMALLER[(3 * block + order - 2) % len(_SMALLER)]


def _people_of(household: _Household, rolls: Random) -> list[Person]:
    home = [_one(household, place, rolls) for place in range(household.size)]
    if household.kind is Kind.TWIN:
        home[-2:] = _as_twins(home[-2], home[-1], rolls)
    elif household.kind is Kind.NAMESAKE:
        home[0], home[2] = _as_namesakes(home[0], home[2])
    elif household.kind is Kind.RENAMED:
        home[1] = _as_renamed(home[1], rolls)
    elif household.kind is Kind.MOVED:
        before = address(rolls)
        home = [replace(person, kind=Kind.MOVED, previous_address=before) for person in home]
    else:
        home[0] = replace(home[0], kind=household.kind)
    return home


def _one(household: _Household, place: int, rolls: Random) -> Person:
    sex = rolls.choice(("female", "male"))
    given, nickname = given_name(rolls, sex)
    return Person(
        index=household.first_index + place,
        household=household.number,
        place=place,
        kind=Kind.ORDINARY,
        relationship=("self", "spouse")[place] if place < 2 else "child",
        sex=sex,
        given=given,
        nickname=nickname,
        middle=given_name(rolls, sex)[0] if rolls.random() < 0.6 else "",
        family=household.family,
        previous_family="",
        suffix="",
        born_on=_born_on(household, place, rolls),
        ssn_last4=f"{rolls.randrange(1, 10000):04d}",
        phone=household.phone if place or rolls.random() < 0.7 else phone(rolls),
        email=f"{given}.{household.family}{rolls.randrange(1000)}@post.example".lower() if place < 2 else "",
        address=household.address,
        previous_address=None,
    )


def _born_on(household: _Household, place: int, rolls: Random) -> date:
    adult = household.adult_born_on
    if place == 0:
        return adult
    if place == 1:
        return min(adult + timedelta(days=rolls.randrange(-2000, 2000)), _AGES_AS_OF - timedelta(days=21 * 365))
    # a child is at least nineteen years younger than its parent, and born
    eldest_days = min((_AGES_AS_OF - adult).days - 19 * 365, 25 * 365)
    youngest_days = 3 * 365 if household.first_index < SHOWCASE else 60
    return _AGES_AS_OF - timedelta(days=rolls.randrange(youngest_days, eldest_days))


def _as_twins(first: Person, second: Person, rolls: Random) -> tuple[Person, Person]:
    """Two children born on one day; half of the pairs are hard to tell apart by name and sex."""
    given = second.given
    if first.is_showcase or rolls.random() < 0.5:
        second = replace(second, sex=first.sex)
        given = first.nickname + ("ssa" if first.sex == "female" else "ck")
    return (
        replace(first, kind=Kind.TWIN, double=second.index),
        replace(second, kind=Kind.TWIN, double=first.index, born_on=first.born_on, given=given, nickname=given),
    )


def _as_namesakes(father: Person, son: Person) -> tuple[Person, Person]:
    """Father and son of one name and sex."""
    father = replace(father, kind=Kind.NAMESAKE, double=son.index, sex="male", suffix="Sr")
    junior = replace(son, kind=Kind.NAMESAKE, double=father.index, sex="male", suffix="Jr")
    return father, replace(junior, given=father.given, nickname=father.nickname, middle=father.middle)


def _as_renamed(spouse: Person, rolls: Random) -> Person:
    """Someone who married: bears the household's name now, or both with a hyphen."""
    before = family_name(rolls)
    while before == spouse.family:
        before = family_name(rolls)
    family = f"{before}-{spouse.family}" if rolls.random() < 0.5 else spouse.family
    return replace(spouse, kind=Kind.RENAMED, family=family, previous_family=before)

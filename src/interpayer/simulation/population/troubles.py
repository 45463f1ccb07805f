"""What goes wrong with a query about somebody who is there: one function per kind of trouble."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date
from random import Random

from interpayer.simulation.population.facts import Facts, move
from interpayer.simulation.population.mixes import Mix
from interpayer.simulation.population.naming import family_name
from interpayer.simulation.population.people import Person
from interpayer.simulation.population.places import home, phone
from interpayer.simulation.population.roster import Held, slip
from interpayer.simulation.population.slips import called, spelled, wrong_date


@dataclass(slots=True)
class Asked:
    """What the asking plan sends."""

    facts: Facts
    member_id: str = ""
    subscriber_id: str = ""


@dataclass(frozen=True, slots=True)
class Scene:
    """Whom the query is about, what the plan holds of them, and the ids of the others in the household."""

    person: Person
    held: Held
    family: Sequence[tuple[str, str]]
    mix: Mix


Trouble = Callable[[Asked, Scene, Random], None]


def also(asked: Asked, scene: Scene, rolls: Random) -> None:
    """A second, small trouble: a slip, another telephone, a short name, a move."""
    rolls.choice((typo, _other_phone, nickname, moved))(asked, scene, rolls)


def clean(_asked: Asked, _scene: Scene, _rolls: Random) -> None:
    """Nothing but gaps and the writer's style."""


def typo(asked: Asked, scene: Scene, rolls: Random) -> None:
    """One slip in a name, rarely in the street or the last four digits."""
    name = rolls.choices(("first_name", "last_name", "address", "ssn4", "phone"), (40, 40, 10, 4, 6))[0]
    value = getattr(asked.facts, name)
    if name in {"ssn4", "phone"} and value:
        at = rolls.randrange(len(value))
        value = f"{value[:at]}{rolls.randrange(10)}{value[at + 1 :]}"
    elif value:
        value = slip(value, scene.mix, rolls)
    setattr(asked.facts, name, value)


def birth_date(asked: Asked, _scene: Scene, rolls: Random) -> None:
    """One mistake in the date of birth."""
    asked.facts.birth_date = wrong_date(asked.facts.birth_date, rolls)


def nickname(asked: Asked, _scene: Scene, rolls: Random) -> None:
    """The short form, another usual spelling, the middle name, or an initial."""
    first, facts = asked.facts.first_name, asked.facts
    other = called(first, rolls) or spelled(first)
    if rolls.random() < 0.12 and len(facts.middle_name) > 2:
        facts.first_name, facts.middle_name = facts.middle_name, ""
    elif other and rolls.random() < 0.93:
        facts.first_name = other
    elif len(first) > 5 and rolls.random() < 0.5:
        facts.first_name = first[: rolls.choice((3, 4))]
    else:
        facts.first_name = first[:1]


def name_change(asked: Asked, scene: Scene, rolls: Random) -> None:
    """The family name that the plan does not have: the new one, both with a hyphen, or the one before."""
    person, facts = scene.person, asked.facts
    if not person.last_before:
        new = family_name(rolls)
        facts.last_name = f"{facts.last_name}-{new}" if rolls.random() < 0.2 else new
    elif scene.held.facts.last_name == person.last_before:
        facts.last_name = person.last
    else:
        facts.last_name = person.last_before
    facts.email = "" if rolls.random() < 0.4 else facts.email


def moved(asked: Asked, scene: Scene, rolls: Random) -> None:
    """A new address, nearby more often than far away; most keep the telephone and the mailbox."""
    to = home(rolls, scene.person.home if rolls.random() < 0.6 else None)
    if asked.facts.address:
        move(asked.facts, to)
    if asked.facts.phone and rolls.random() < 0.3:
        asked.facts.phone = phone(rolls, to.area)


def missing(asked: Asked, _scene: Scene, rolls: Random) -> None:
    """Several fields not given; name and birth date stay, and something of home, telephone or number with them."""
    facts = asked.facts
    home_part, number_part = (facts.zip, facts.address), (facts.phone, facts.ssn4)
    often = ("sex", "middle_name", "email", "phone", "ssn4", "address", "suffix")
    for name in rolls.sample(often, rolls.randrange(3, len(often))):
        setattr(facts, name, "")
    if not facts.address and rolls.random() < 0.5:
        facts.city = facts.state = ""
    how = rolls.random()
    if how < 0.08 and home_part[1] and number_part[1]:
        facts.birth_date, facts.address, facts.ssn4 = "", home_part[1], number_part[1]
    elif how < 0.16:
        facts.first_name = facts.first_name[:1]
        facts.address, facts.phone = home_part[1], number_part[0]
    elif not any((facts.zip, facts.phone, facts.ssn4, asked.member_id)):
        facts.phone, facts.ssn4 = number_part


def swap(asked: Asked, _scene: Scene, rolls: Random) -> None:
    """First and last name, or first and middle, in each other's place."""
    facts = asked.facts
    if len(facts.middle_name) > 1 and rolls.random() < 0.4:
        facts.first_name, facts.middle_name = facts.middle_name, facts.first_name
    else:
        facts.first_name, facts.last_name = facts.last_name, facts.first_name


def wrong_id(asked: Asked, scene: Scene, rolls: Random) -> None:
    """The id of somebody else in the family, one digit wrong, or a number of another plan."""
    own = (scene.held.member_id, scene.held.subscriber_id)
    how = rolls.random()
    if how < 0.5 and scene.family:
        asked.member_id, asked.subscriber_id = rolls.choice(scene.family)
        return
    if how < 0.8:
        at = rolls.randrange(2, len(own[0]))
        asked.member_id = f"{own[0][:at]}{(int(own[0][at]) + rolls.randrange(1, 10)) % 10}{own[0][at + 1 :]}"
    else:
        asked.member_id = f"{rolls.choice('XYZ')}{rolls.randrange(10**9):09d}01"
    asked.subscriber_id = asked.member_id[: len(own[1])]


def double(asked: Asked, scene: Scene, _rolls: Random) -> None:
    """Somebody else has this name and birth date: the address and the number stay, or nobody could tell."""
    person_facts = scene.held.facts
    asked.facts.ssn4 = person_facts.ssn4 or scene.person.ssn4
    for name in ("address", "city", "state", "zip"):
        setattr(asked.facts, name, getattr(person_facts, name))


def heavy(asked: Asked, scene: Scene, rolls: Random) -> None:
    """Several troubles at once, with the number and a way to reach the person left as they are."""
    person, facts = scene.person, asked.facts
    for trouble in rolls.sample((typo, birth_date, nickname, swap, name_change), 2):
        trouble(asked, scene, rolls)
    facts.ssn4, facts.phone = person.ssn4, person.phone


def ambiguous_twin(asked: Asked, _scene: Scene, _rolls: Random) -> None:
    """Nothing that tells one twin from the other."""
    _nameless(asked)
    asked.facts.first_name = ""


def ambiguous_namesake(asked: Asked, _scene: Scene, _rolls: Random) -> None:
    """Nothing that tells the elder from the younger."""
    _nameless(asked)
    asked.facts.birth_date = ""


def _nameless(asked: Asked) -> None:
    facts = asked.facts
    asked.member_id, facts.middle_name, facts.suffix, facts.ssn4 = "", "", "", ""
    facts.email = facts.phone = ""


def _other_phone(asked: Asked, scene: Scene, rolls: Random) -> None:
    asked.facts.phone = phone(rolls, scene.person.home.area)


def _has_other_form(person: Person) -> bool:
    return bool(spelled(person.first) or called(person.first, Random(0)))


def _is_renamed(person: Person) -> bool:
    return bool(person.last_before)


def _is_grown(person: Person) -> bool:
    return person.born_on < date(2008, 1, 1)


TROUBLES: dict[str, Trouble] = {
    "clean": clean, "merged": clean, "enrolled_twice": clean, "twin": clean, "namesake": clean, "typo": typo,
    "birth_date": birth_date, "nickname": nickname, "name_change": name_change, "moved": moved, "missing": missing,
    "swap": swap, "wrong_id": wrong_id, "double": double, "heavy": heavy, "ambiguous_twin": ambiguous_twin,
    "ambiguous_namesake": ambiguous_namesake,
}  # fmt: skip
FITS: dict[str, Callable[[Person], bool]] = {
    "nickname": _has_other_form, "name_change": _is_renamed, "namesake_absent": _is_grown,
}  # fmt: skip

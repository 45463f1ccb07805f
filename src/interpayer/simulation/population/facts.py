"""What papers say about a person: every field as text, empty when it is not there."""

from dataclasses import dataclass
from random import Random

from interpayer.simulation.population.people import Person
from interpayer.simulation.population.places import Home, short_line


@dataclass(slots=True)
class Facts:
    """The demographic columns, in the order of the query file."""

    first_name: str
    middle_name: str
    last_name: str
    suffix: str
    birth_date: str
    sex: str
    ssn4: str
    address: str
    city: str
    state: str
    zip: str
    phone: str
    email: str


def facts_of(person: Person) -> Facts:
    """Everything about a person as it is today."""
    at = person.home
    return Facts(
        person.first, person.middle, person.last, person.suffix, person.born_on.isoformat(), person.sex, person.ssn4,
        short_line(at), at.city.upper(), at.state, at.postal_code, person.phone, person.email,
    )  # fmt: skip


def move(facts: Facts, to: Home, line: str = "") -> None:
    """Writes another address into the facts."""
    facts.address, facts.city = line or short_line(to), to.city.upper()
    facts.state, facts.zip = to.state, to.postal_code


def drop(facts: Facts, rolls: Random, known: dict[str, float]) -> None:
    """Leaves out what the writer does not know: each field stays with its share, an address stays or goes whole."""
    for name, share in known.items():
        if rolls.random() < share:
            continue
        for part in ("address", "city", "state", "zip") if name == "address" else (name,):
            setattr(facts, part, "")

"""What a plan has written down about a person: old names and addresses, short forms, gaps and typing errors."""

from dataclasses import dataclass, replace
from datetime import date
from random import Random

from interpayer.simulation.members import Kind, Person
from interpayer.simulation.names import STREET_TYPES, Address, address, phone

_ALPHABET = "abcdefghijklmnopqrstuvwxyz"


@dataclass(frozen=True, slots=True)
class Demographics:
    """A person by the books of one plan; an empty string means that the plan does not know."""

    family: str
    given: str
    middle: str
    suffix: str
    previous_family: str
    birth_date: date
    sex: str
    ssn_last4: str
    phone: str
    email: str
    address_line: str
    address_city: str
    address_state: str
    address_postal_code: str


def as_known(person: Person, rolls: Random, *, is_asker: bool, writes_upper_case: bool) -> Demographics:
    """The person as one plan knows them; the plan that asks has the newer facts, earlier plans the older ones."""
    known = _newer(person, rolls) if is_asker else _older(person, rolls)
    if person.kind is Kind.SPARSE:
        known = replace(known, middle="", ssn_last4="", phone="", email="", sex="unknown")
        known = replace(known, address_line="", address_city="") if is_asker else known
    if not person.is_showcase:
        known = _with_errors(known, rolls)
    return _in_upper_case(known) if writes_upper_case else known


def as_known_again(known: Demographics, rolls: Random) -> Demographics:
    """The same person enrolled once more: another address and telephone, personal facts left out."""
    moved = _at(replace(known, middle="", ssn_last4="", email="", phone=phone(rolls)), address(rolls))
    return _in_upper_case(moved) if known.family.isupper() else moved


def _newer(person: Person, rolls: Random) -> Demographics:
    known = _as_is(person, rolls)
    given = person.given
    if is_second_twin(person) and (person.is_showcase or rolls.random() < 0.5):
        given = given[0]
    previous_family = person.previous_family if rolls.random() < 0.5 else ""
    return replace(known, given=given, previous_family=previous_family)


def _older(person: Person, rolls: Random) -> Demographics:
    known = _as_is(person, rolls)
    if person.kind is Kind.RENAMED:
        known = replace(known, family=person.previous_family)
    if person.kind is Kind.NICKNAMED:
        known = replace(known, given=person.nickname)
    if rolls.random() < 0.5:
        known = replace(known, suffix="")
    return _at(known, person.previous_address) if person.previous_address else known


def is_second_twin(person: Person) -> bool:
    """True for the later of a pair: often down as an initial, with nothing but the family's card."""
    return person.kind is Kind.TWIN and person.double is not None and person.double < person.index


def _as_is(person: Person, rolls: Random) -> Demographics:
    home = person.address
    return Demographics(
        family=person.family,
        given=person.given,
        middle=person.middle if rolls.random() < 0.5 else person.middle[:1],
        suffix=person.suffix,
        previous_family="",
        birth_date=person.born_on,
        sex=person.sex,
        ssn_last4=person.ssn_last4 if rolls.random() < 0.6 else "",
        phone=person.phone if rolls.random() < 0.85 else "",
        email=person.email if rolls.random() < 0.5 else "",
        address_line=home.long_line,
        address_city=home.city,
        address_state=home.state,
        address_postal_code=home.postal_code,
    )


def _at(known: Demographics, home: Address) -> Demographics:
    return replace(
        known,
        address_line=home.long_line,
        address_city=home.city,
        address_state=home.state,
        address_postal_code=home.postal_code,
    )


def _with_errors(known: Demographics, rolls: Random) -> Demographics:
    """A wrong letter, day and month exchanged, another telephone."""
    if rolls.random() < 0.03:
        spot = rolls.randrange(1, len(known.family))
        known = replace(known, family=known.family[:spot] + rolls.choice(_ALPHABET) + known.family[spot + 1 :])
    born = known.birth_date
    if rolls.random() < 0.03 and born.day <= 12:
        known = replace(known, birth_date=born.replace(month=born.day, day=born.month))
    if rolls.random() < 0.05 and known.phone:
        known = replace(known, phone=phone(rolls))
    return known


def _in_upper_case(known: Demographics) -> Demographics:
    """As a mainframe keeps it: capitals, no hyphen, short street types."""
    line = known.address_line.upper()
    for long, short in STREET_TYPES.items():
        line = line.replace(f" {long.upper()}", f" {short}")
    return replace(
        known,
        family=known.family.upper().replace("-", " "),
        given=known.given.upper(),
        middle=known.middle.upper(),
        suffix=known.suffix.upper(),
        previous_family=known.previous_family.upper(),
        address_line=line,
        address_city=known.address_city.upper(),
    )

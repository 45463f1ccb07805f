"""What cannot be decided at all, as tables: fields that nobody's record can hold, and queries that say too little."""

from dataclasses import replace
from datetime import date

import pytest

from interpayer.identity.standardize import Standard, standardize
from interpayer.identity.sufficiency import LONGEST, MOST, is_possible, too_little, unusable
from interpayer.model.member import Address, Demographics, Identifier, IdKind, Name
from tests.support.people import PAYER, a_coverage, a_person

TODAY = date(2026, 11, 21)
NOBODY = Demographics(names=(), birth_date=None)
LONG = "x" * 10_000


def named(family: str, *given: str, suffix: str | None = None) -> Demographics:
    return replace(a_person(), names=(Name(family, given or ("Susan",), suffix),))


REAL = [
    ("an accent", named("Núñez-Ordóñez", "Zoë")),
    ("a letter of its own", named("Wałęsa", "Bjørn")),
    ("an apostrophe, straight and bent", named("O'Brien", "D’Arcy")),
    ("an okina", named("Ka\u02bbahumanu", "Keli\u02bbi")),
    ("a script of its own", named("Иванов", "Иван")),
    ("a name in two scripts, each word in one", named("Wang 王", "Wei 伟")),
    ("no-break and double spaces", named("van\u00a0der  Berg")),
    ("a tab between names", named("Horton", "Susan\tAnn")),
    ("a hidden mark from a copy", named("Horton\u200b")),
    ("wide letters of an old system", named("\uff28\uff4f\uff52\uff54\uff4f\uff4e")),
    ("many parts", named("de la Cruz y Fernández de Córdoba", "María", "del", "Carmen", "Guadalupe")),
    ("a very long real name", named("W" * LONGEST)),
    ("an address of many lines", replace(a_person(), addresses=(Address(line="Suite 5, " * 12, postal_code="53259"),))),
    ("nothing at all", NOBODY),
]


@pytest.mark.parametrize(("what", "person"), REAL, ids=[what for what, _ in REAL])
def test_what_is_merely_unusual_can_be_read(what: str, person: Demographics) -> None:
    assert unusable(person, a_coverage()) == (), what


NOT_REAL = [
    ("a family name of 10,000 characters", named(LONG), "family_name"),
    ("one more than the longest", named("W" * (LONGEST + 1)), "family_name"),
    ("a given name of 10,000 characters", named("Horton", LONG), "given_name"),
    ("a suffix of 10,000 characters", named("Horton", suffix=LONG), "suffix"),
    ("a street of 10,000 characters", replace(a_person(), addresses=(Address(line=LONG),)), "address"),
    ("a phone of 10,000 digits", replace(a_person(), phones=("5" * 10_000,)), "phone"),
    ("a mail address of 10,000 characters", replace(a_person(), emails=(f"{LONG}@x.org",)), "email"),
    ("a number of 10,000 characters", a_person(identifiers=(Identifier(IdKind.OTHER, LONG),)), "identifier"),
    ("a thousand names", replace(a_person(), names=(Name("Horton", ("Susan",)),) * 1000), "family_name"),
    ("one address too many", replace(a_person(), addresses=(Address(line="1 Elm"),) * (MOST + 1)), "address"),
    ("a Cyrillic letter in a Latin name", named("H\u043erton"), "family_name"),
    ("a Greek letter in a Latin name", named("Horton", "Sus\u03b1n"), "given_name"),
    ("a control character", named("Hor\x00ton"), "family_name"),
    ("a broken character", named("Hor\ud800ton"), "family_name"),
    ("a character that nobody assigned", named("Hor\u0378ton"), "family_name"),
]


@pytest.mark.parametrize(("what", "person", "field"), NOT_REAL, ids=[row[0] for row in NOT_REAL])
def test_what_nobodys_record_can_hold_is_named(what: str, person: Demographics, field: str) -> None:
    assert unusable(person, a_coverage()) == (field,), what


def test_the_card_is_looked_at_too_and_every_field_named_once() -> None:
    assert unusable(a_person(), a_coverage(LONG, subscriber_id=LONG)) == ("member_id", "subscriber_id")
    assert unusable(named(LONG, LONG, LONG), a_coverage()) == ("family_name", "given_name")
    assert unusable(a_person(), None) == ()


@pytest.mark.parametrize(
    ("born", "possible", "why"),
    [
        (date(1984, 2, 29), True, "a leap day"),
        (TODAY, True, "born today"),
        (date(2026, 11, 22), True, "it is tomorrow elsewhere"),
        (date(2026, 11, 23), False, "not born yet"),
        (date(2062, 5, 17), False, "the wrong century"),
        (date(9999, 12, 31), False, "a filler"),
        (date(1890, 1, 1), True, "the oldest"),
        (date(1889, 12, 31), False, "nobody lives so long"),
        (date(1, 1, 1), False, "a filler"),
        (None, True, "no day is no impossible day"),
    ],
)
def test_days_on_which_somebody_alive_can_be_born(born: date | None, possible: bool, why: str) -> None:
    assert is_possible(born, today=TODAY) is possible, why


ALL = ("given_name", "family_name", "birth_date", "member_id")
NAME = (Name("Horton", ("Susan",)),)
HOME = (Address(line="456 Washington Avenue", postal_code="53259"),)
ZIP = (Address(postal_code="53259"),)
BORN, CARD = date(1953, 2, 17), "W255048371-00"
FILLERS = replace(NOBODY, names=(Name("UNKNOWN", ("BABY BOY",)),), birth_date=date(1900, 1, 1))
LITTLE = [
    ("nothing", NOBODY, None, ALL),
    ("only a ZIP", replace(NOBODY, addresses=ZIP), None, ALL),
    ("only a sex", replace(NOBODY, sex="female"), None, ALL),
    ("only a ZIP and a sex", replace(NOBODY, sex="female", addresses=ZIP), None, ALL),
    ("only a name", replace(NOBODY, names=NAME), None, ("birth_date", "member_id")),
    ("only a family name", replace(NOBODY, names=(Name("Horton", ()),)), None, (ALL[0], *ALL[2:])),
    ("only a birth date", replace(NOBODY, birth_date=BORN), None, (*ALL[:2], "member_id")),
    ("only a number", NOBODY, CARD, ALL[:3]),
    ("only an address", replace(NOBODY, addresses=HOME), None, ALL),
    ("empty names", replace(NOBODY, names=(Name("", ("",)), Name("  ", (" ", "")))), None, ALL),
    ("fillers for everything", FILLERS, "0000000", ALL),
    ("a name and a ZIP", replace(NOBODY, names=NAME, addresses=ZIP), None, ALL[2:]),
    ("letters that we cannot compare", replace(NOBODY, names=(Name("Иванов", ("Иван",)),)), CARD, ALL[:3]),
]


@pytest.mark.parametrize(("what", "person", "card", "supply"), LITTLE, ids=[row[0] for row in LITTLE])
def test_too_little_says_what_to_supply(
    what: str, person: Demographics, card: str | None, supply: tuple[str, ...]
) -> None:
    assert too_little(_standard(person, card)) == supply, what


ENOUGH = [
    ("a name and a birth date", replace(NOBODY, names=NAME, birth_date=BORN), None),
    ("a number and a birth date", replace(NOBODY, birth_date=BORN), CARD),
    ("a number and a name", replace(NOBODY, names=NAME), CARD),
    ("a name and an address", replace(NOBODY, names=NAME, addresses=HOME), None),
    ("a birth date and last four digits", a_person(ssn4="1234", family="UNKNOWN", address=None), None),
]


@pytest.mark.parametrize(("what", "person", "card"), ENOUGH, ids=[row[0] for row in ENOUGH])
def test_two_facts_are_enough_to_look(what: str, person: Demographics, card: str | None) -> None:
    assert too_little(_standard(person, card)) == (), what


def _standard(person: Demographics, card: str | None) -> Standard:
    return standardize(person, [a_coverage(card, subscriber_id=None)] if card else [], payer=PAYER)

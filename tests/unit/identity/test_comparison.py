"""What two values say of one person."""

from datetime import date

import pytest

from interpayer.identity.comparison import Grade, compare, compare_days, comparisons, is_typo
from interpayer.identity.resolve import default_rules
from interpayer.identity.standardize import standardize
from interpayer.model.match import Level
from tests.support.people import PAYER, a_coverage, a_person

NICKNAMES = default_rules().nicknames


def grades(asked, known, *, asked_card=None, known_card=None):
    one = standardize(asked, [asked_card] if asked_card else [], payer=PAYER)
    two = standardize(known, [known_card] if known_card else [], payer=PAYER)
    return compare(one, two, NICKNAMES)


@pytest.mark.parametrize(
    ("asked", "known", "expected"),
    [
        ("Robert", "Robert", Grade.EQUAL),
        ("Bob", "Robert", Grade.KNOWN),
        ("Bob", "Rob", Grade.KNOWN),
        ("Christina", "Christine", Grade.TYPO),
        ("Chris", "Christine", Grade.KNOWN),
        ("June", "Rosa June", Grade.MIDDLE),
        ("Der", "Derek", Grade.CUT),
        ("J", "James", Grade.INITIAL),
        ("Mcihael", "Michael", Grade.TYPO),
        ("James", "John", Grade.DIFFERENT),
        ("Mary Ann", "Maryann", Grade.EQUAL),
    ],
)
def test_given_names(asked, known, expected):
    assert grades(a_person(*asked.split()), a_person(*known.split()))["given"] is expected


@pytest.mark.parametrize(
    ("asked", "known", "expected"),
    [
        ("Smith-Jones", "Smith Jones", Grade.EQUAL),
        ("Fagan Holmes", "Fagan", Grade.PART),
        ("Hwnry", "Henry", Grade.TYPO),
        ("Horton", "Hollister", Grade.DIFFERENT),
        ("Unknown", "Horton", Grade.MISSING),
    ],
)
def test_family_names(asked, known, expected):
    assert grades(a_person(family=asked), a_person(family=known))["family"] is expected


@pytest.mark.parametrize(
    ("left", "right", "expected"),
    [
        (date(1980, 3, 12), date(1980, 3, 12), Grade.EQUAL),
        (date(1980, 3, 12), date(1980, 12, 3), Grade.TYPO),
        (date(1980, 3, 12), date(1980, 3, 13), Grade.TYPO),
        (date(1980, 3, 31), date(1980, 4, 1), Grade.TYPO),
        (date(1980, 3, 12), date(1990, 3, 12), Grade.TYPO),
        (date(1980, 3, 12), date(1953, 2, 17), Grade.DIFFERENT),
        (None, date(1953, 2, 17), Grade.MISSING),
    ],
)
def test_birth_dates(left, right, expected):
    assert compare_days(left, right) is expected


def test_names_exchanged_are_seen_as_such():
    both = grades(a_person("Horton", family="Susan"), a_person("Susan", family="Horton"))
    assert (both["given"], both["family"]) == (Grade.SWAPPED, Grade.SWAPPED)


def test_a_card_that_shows_the_subscriber_id_as_member_id_is_a_household_fact():
    card = a_coverage("W255048371", subscriber_id=None)
    both = grades(a_person(), a_person(), asked_card=card, known_card=a_coverage("W255048371-02"))
    assert (both["member_id"], both["subscriber_id"]) == (Grade.MISSING, Grade.EQUAL)


def test_another_dependent_suffix_is_another_member_id():
    both = grades(
        a_person(), a_person(), asked_card=a_coverage("W255048371-00"), known_card=a_coverage("W255048371-02")
    )
    assert both["member_id"] is Grade.DIFFERENT


@pytest.mark.parametrize(
    ("left", "right"), [("HENRY", "HENYR"), ("HENRY", "HENRI"), ("HENRY", "HENRYS"), ("MICHAEL", "MICHEL")]
)
def test_one_slip_of_the_pen(left, right):
    assert is_typo(left, right)
    assert is_typo(right, left)


@pytest.mark.parametrize(
    ("left", "right"), [("JOHN", "JOHM"), ("HENRY", "HARVEY"), ("HENRY", "HENRY"), ("ANNA", "ANNE")]
)
def test_short_or_twice_slipped_words_are_no_slip(left, right):
    assert not is_typo(left, right)


def test_evidence_names_fields_and_levels_and_no_values():
    shown = comparisons(grades(a_person("Bob"), a_person("Robert")))
    assert next(c for c in shown if c.field == "given").level is Level.CLOSE
    assert {c.ledger for c in shown if c.field in ("family", "phone", "subscriber_id")} == {"household"}
    assert "BOB" not in repr(shown).upper().replace("COMPARISON", "")

"""Two records of one person share a key; two payers never do."""

import pytest

from interpayer.identity.blocking import asked_keys, block_keys
from interpayer.identity.resolve import default_rules
from interpayer.identity.standardize import standardize
from tests.support.people import PAYER, a_coverage, a_person

NICKNAMES = default_rules().nicknames


def shared(asked, known, *, asked_card=None, known_card=None, payers=(PAYER, PAYER)):
    one = standardize(asked, [asked_card] if asked_card else [], payer=PAYER)
    two = standardize(known, [known_card] if known_card else [], payer=PAYER)
    kinds = asked_keys(one, payers[0], NICKNAMES) & block_keys(two, payers[1], NICKNAMES)
    return {kind for kind, _ in kinds}


@pytest.mark.parametrize(
    ("asked", "kinds"),
    [
        (a_person(), {"address", "place_name", "birth_family", "birth_given"}),
        (a_person("Suzy", family="Hollister", address=None), {"birth_given"}),
        (a_person("Theodora", address=None), {"birth_family"}),
        (a_person(family="Horton-Stone", address=None), {"birth_family", "birth_given"}),
        (a_person(born="1953-02-18"), {"address", "place_name"}),
        (a_person("Horton", family="Susan", address=None), {"birth_family", "birth_given"}),
        (a_person("Mary", "Susan", family="Hollister", address=None), {"birth_given"}),
    ],
)
def test_what_finds_susan_horton(asked, kinds):
    assert shared(asked, a_person()) == kinds


def test_a_wrong_birth_date_is_made_up_for_by_what_else_agrees():
    known = a_person(ssn4="8960", phone="770-942-2758", address=None)
    assert shared(a_person(ssn4="8960", born="1954-02-17", address=None), known) == {"ssn4_family"}
    assert shared(a_person("Ann", family="Lee", phone="(770) 942 2758", born=None, address=None), known) == {"phone"}


def test_a_subscriber_id_in_the_place_of_the_member_id_finds_the_family():
    card = a_coverage("W255048371", subscriber_id=None)
    assert "subscriber_id" in shared(a_person(), a_person(), asked_card=card, known_card=a_coverage())


def test_another_payer_shares_nothing():
    assert (
        shared(a_person(), a_person(), asked_card=a_coverage(), known_card=a_coverage(), payers=(PAYER, "x|y")) == set()
    )

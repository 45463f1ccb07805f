"""Who is meant, case by case. The table is the rule of the room: a change here is a change of what is released."""

from dataclasses import replace

import pytest

from interpayer.identity.comparison import Grade
from interpayer.identity.disposition import Known, decide, verify
from interpayer.identity.resolve import default_rules
from interpayer.identity.standardize import standardize
from interpayer.model.match import Disposition
from tests.support.people import PAYER, a_coverage, a_person

RULES = default_rules()
CARD = a_coverage()
SUBSCRIBER_CARD = a_coverage(None)
PHONE = "502-910-6268"


def known(person=None, coverage=CARD, *, member="m-1", person_id=None, ruling=None):
    standard = standardize(person or a_person(), [coverage], payer=PAYER)
    return Known(member, person_id or member, standard, (coverage,), ruling)


def ask(person, card, *candidates):
    asked = standardize(person, [card] if card else [], payer=PAYER)
    outcome = decide(asked, candidates or (known(),), RULES, card=card)
    return outcome


SINGLE = [
    # what is asked, with which card, what follows
    (a_person(), CARD, "certain", "identity.certain"),
    (a_person("Suzy"), CARD, "certain", "identity.certain"),
    (a_person(family="Hollister"), CARD, "certain", "identity.certain"),
    (a_person("Baby", "Girl"), CARD, "certain", "identity.certain"),
    (a_person("Horton", family="Susan"), CARD, "certain", "identity.certain"),
    (a_person(born="1953-02-18"), CARD, "review", "identity.conflict_birth_date"),
    (a_person(born="1978-09-30"), CARD, "review", "identity.conflict_birth_date"),
    (a_person(born=None), CARD, "review", "identity.weak"),
    (a_person("Theodora"), CARD, "review", "identity.conflict_name"),
    (a_person(sex="male"), CARD, "review", "identity.weak"),
    # an id that went to somebody else names nobody
    (a_person("Jeanette", family="Browning", born="1977-01-30"), CARD, "none", "identity.household_only"),
    # the subscriber id alone: the whole person must fit
    (a_person(), SUBSCRIBER_CARD, "certain", "identity.certain"),
    (a_person("Sue"), SUBSCRIBER_CARD, "certain", "identity.certain"),
    (a_person(family="Hortom"), SUBSCRIBER_CARD, "certain", "identity.certain"),
    (a_person("S"), SUBSCRIBER_CARD, "review", "identity.weak"),
    (a_person(family="Hollister"), SUBSCRIBER_CARD, "review", "identity.weak"),
    (a_person("Theodora"), SUBSCRIBER_CARD, "review", "identity.conflict_name"),
    (a_person(born="1978-09-30"), SUBSCRIBER_CARD, "review", "identity.conflict_birth_date"),
    (a_person("Theo", born="1978-09-30"), SUBSCRIBER_CARD, "none", "identity.household_only"),
    (a_person("Theodore", sex="male"), SUBSCRIBER_CARD, "none", "identity.household_only"),
    # a card of another dependent of the family
    (a_person(), a_coverage("W255048371-03"), "review", "identity.weak"),
    # no id at all: never certain
    (a_person(), None, "review", "identity.weak"),
    (a_person(born=None), None, "none", "identity.household_only"),
    (a_person("Theodora"), None, "none", "identity.household_only"),
    (a_person("Noah", family="Stone", born="2001-01-02", address=None), None, "none", "identity.not_enrolled"),
]


@pytest.mark.parametrize(("person", "card", "disposition", "reason"), SINGLE)
def test_one_candidate(person, card, disposition, reason):
    outcome = ask(person, card)
    assert (outcome.disposition.value, outcome.reason) == (disposition, reason)
    assert (outcome.member_id == "m-1") is (disposition == "certain")


def test_father_and_son_of_one_name_are_two_people():
    son = a_person("William", suffix="Jr", born="2006-12-22", sex="male")
    father = known(a_person("William", suffix="Sr", born="1970-05-01", sex="male"), a_coverage("W255048371-00"))
    assert ask(son, SUBSCRIBER_CARD, father).disposition is Disposition.NONE
    assert ask(son, a_coverage("W255048371-00"), father).disposition is not Disposition.CERTAIN


def test_twins_of_one_short_name_go_to_a_person():
    twins = [
        known(a_person("Christina", born="2009-03-29"), a_coverage("W255048371-02"), member="m-1"),
        known(a_person("Christine", born="2009-03-29"), a_coverage("W255048371-03"), member="m-2"),
    ]
    assert ask(a_person("Chris", born="2009-03-29"), SUBSCRIBER_CARD, *twins).reason == "identity.ambiguous"
    by_id = ask(a_person("Chris", born="2009-03-29"), a_coverage("W255048371-03"), *twins)
    assert by_id.member_id == "m-2"


def test_people_are_counted_not_rows():
    first, second = known(member="m-1"), known(member="m-2")
    assert ask(a_person(), CARD, first, second).reason == "identity.ambiguous"
    linked = replace(second, person_id="m-1")
    assert ask(a_person(), CARD, first, linked).member_id == "m-1"


@pytest.mark.parametrize(
    ("card", "reason"),
    [
        (a_coverage(starts="2023-01-01"), "identity.coverage_gap"),
        (a_coverage(starts="2010-01-01", ends="2012-01-01"), "identity.coverage_gap"),
        (a_coverage(starts="2021-01-01"), "identity.certain"),
        (a_coverage(), "identity.certain"),
    ],
)
def test_a_card_of_another_time_goes_to_a_person(card, reason):
    held = known(coverage=a_coverage(starts="2020-01-01", ends="2022-12-31"))
    assert ask(a_person(), card, held).reason == reason


def test_a_person_decided_that_it_is_the_same():
    outcome = ask(a_person("Theodora"), CARD, known(ruling="same"))
    assert (outcome.member_id, outcome.rule) == ("m-1", "review")


def test_a_person_decided_that_it_is_not():
    assert ask(a_person("Theodora"), CARD, known(ruling="out")).reason == "identity.reviewer_refused"
    left = ask(a_person(), CARD, known(ruling="out"), known(member="m-2"))
    assert left.member_id == "m-2"


def test_what_would_help_is_said():
    assert ask(a_person(born=None), None).missing == ("member_id", "subscriber_id", "birth_date")
    assert ask(a_person(), CARD).missing == ()


def test_evidence_is_kept_for_each_candidate_and_holds_no_values():
    outcome = ask(a_person("Theodora"), CARD)
    assert [c.member_id for c in outcome.candidates] == ["m-1"]
    assert not {"THEODORA", "HORTON", "W25504837100"} & set(repr(outcome).replace("'", " ").upper().split())


@pytest.mark.parametrize(
    ("came_back", "disposition", "reason"),
    [
        (a_person(), "certain", "identity.certain"),
        (a_person("Suzy"), "certain", "identity.certain"),
        (a_person(family="Hollister", phone=PHONE), "certain", "identity.certain"),
        (a_person(family="Hollister", address=None), "review", "identity.weak"),
        (a_person(born=None), "review", "identity.weak"),
        (a_person(born="1953-02-18"), "review", "identity.conflict_birth_date"),
        (a_person("Theodora"), "review", "identity.conflict_name"),
        (a_person("Theodora", born="1978-09-30"), "none", "identity.not_enrolled"),
    ],
)
def test_is_it_really_our_member(came_back, disposition, reason):
    outcome = verify(standardize(came_back, payer=PAYER), known(a_person(phone=PHONE)), RULES)
    assert (outcome.disposition.value, outcome.reason) == (disposition, reason)


def test_no_grade_is_certain_for_a_different_birth_date():
    assert all(Grade.DIFFERENT not in rule.every.get("birth_date", ()) for rule in RULES.rules)

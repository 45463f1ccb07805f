"""Every kind of trouble, as a table: what is asked of whom, what follows, and why. Susan Horton of 456 Washington
Avenue is the member; a change of a row here is a change of who is released.
"""

from typing import Any, NamedTuple

import pytest

from tests.support.people import a_coverage, a_person
from tests.support.scales import decided, held

PHONE, SSN = "502-910-6268", "4417"
NEW_HOME = ("9 Elm Street", "40258")
CARD, FAMILY_CARD, NO_CARD = a_coverage(), a_coverage(None), None


class Trouble(NamedTuple):
    """One row: the kind, what is asked, with which card, the state, and why."""

    kind: str
    asked: Any
    card: Any
    state: str
    why: str


def susan(*given: str, **facts: Any) -> Any:
    """Susan as a partner may know her: with phone and four digits unless said otherwise."""
    return a_person(*given, **{"phone": PHONE, "ssn4": SSN, **facts})


WITHOUT = {"ssn4": None, "phone": None}
ALONE = [
    Trouble("clean", susan(), NO_CARD, "certain", "all of it agrees"),
    Trouble("clean", susan(**WITHOUT), NO_CARD, "certain", "name, birth date and address"),
    Trouble("clean", susan(**WITHOUT, address=None), NO_CARD, "review", "name and birth date can be two people's"),
    Trouble("typo", susan("Susam"), NO_CARD, "certain", "nobody is called Susam; the four digits agree"),
    Trouble("typo", susan("Susam", **WITHOUT), NO_CARD, "certain", "nobody is called Susam, and she lives there"),
    Trouble("typo", susan(family="Hortom"), NO_CARD, "certain", "one slip in the family name"),
    Trouble("typo", susan(address=("456 Washingtn Ave", "53259"), ssn4=None), NO_CARD, "certain", "a slip, her phone"),
    Trouble("typo", susan(ssn4="4418", phone=None), NO_CARD, "certain", "a digit off costs nothing, gives nothing"),
    Trouble("typo", susan("Susam", ssn4="9021", phone=None), NO_CARD, "review", "other digits and an altered name"),
    Trouble("nickname", susan("Suzy"), NO_CARD, "certain", "a short form and the four digits"),
    Trouble("nickname", susan("Sue", **WITHOUT), NO_CARD, "certain", "hardly anybody is baptized Sue here"),
    Trouble("nickname", susan("Susann"), NO_CARD, "certain", "another spelling"),
    Trouble("initial", susan("S", **WITHOUT), NO_CARD, "certain", "all else agrees and nobody else is near"),
    Trouble("initial", susan("S", **WITHOUT, address=NEW_HOME), NO_CARD, "none", "it may be anybody"),
    Trouble("name change", susan(family="Hollister"), NO_CARD, "certain", "the four digits, phone and home stay"),
    Trouble("name change", susan(family="Hollister", **WITHOUT), NO_CARD, "certain", "born that day at that address"),
    Trouble("name change", susan("Zoe", family="Stone", **WITHOUT), CARD, "review", "the number, but another name"),
    Trouble("moved", susan(address=NEW_HOME), NO_CARD, "certain", "the four digits and the phone came along"),
    Trouble("moved", susan(address=NEW_HOME, ssn4=None), NO_CARD, "certain", "the phone came along"),
    Trouble("moved", susan(address=NEW_HOME, **WITHOUT), NO_CARD, "review", "nothing joins the name to her"),
    Trouble("missing", susan(born=None), NO_CARD, "review", "never certain without a birth date"),
    Trouble("missing", susan(born=None), CARD, "review", "never certain without a birth date"),
    Trouble("missing", susan(sex=None, address=None), NO_CARD, "certain", "the four digits and the phone"),
    Trouble("birth date", susan(born="1953-02-18"), NO_CARD, "certain", "one day off, her own digits"),
    Trouble("birth date", susan(born="1953-02-18", **WITHOUT), NO_CARD, "certain", "a day off, name and home agree"),
    Trouble("birth date", susan(born="1953-02-18", ssn4="9021"), NO_CARD, "review", "a day off and other digits"),
    Trouble("birth date", susan("Sue", born="1953-02-18", ssn4=None), NO_CARD, "review", "a short form and a slip"),
    Trouble("birth date", susan(born="1953-01-01", ssn4=None), NO_CARD, "certain", "a year filled in; all else agrees"),
    Trouble("birth date", susan(born="1953-06-30", ssn4=None), NO_CARD, "review", "another day of her year"),
    Trouble("birth date", susan(born="1953-06-30"), NO_CARD, "certain", "her own digits, name, home and phone"),
    Trouble("swap", a_person("Horton", family="Susan", phone=PHONE), NO_CARD, "certain", "names exchanged"),
    Trouble("wrong id", susan(), a_coverage("W255048371-03"), "certain", "the suffix of the card is another's"),
    Trouble("wrong id", susan(**WITHOUT), a_coverage("K999-00", subscriber_id=None), "certain", "her old number"),
    Trouble("reused id", a_person("Jeanette", family="Browning", born="1977-01-30"), CARD, "none", "given away"),
    Trouble("reused id", a_person("Susan", family="Horton", born="1956-08-30", address=NEW_HOME), CARD, "review",
            "a namesake may have her number now"),
    Trouble("household", a_person("Theodore", born="1951-06-02", sex="male"), NO_CARD, "none", "her husband"),
    Trouble("household", a_person("Theodore", born="1951-06-02", sex="male"), FAMILY_CARD, "none", "on one card"),
    Trouble("household", a_person("Theodora", born="1978-09-30", phone=PHONE), CARD, "none", "her daughter, her card"),
    Trouble("twin", a_person("Theodora", phone=PHONE), NO_CARD, "none", "her twin is not enrolled"),
    Trouble("twin", a_person("Theodora", ssn4="9021"), FAMILY_CARD, "none", "her twin, with digits of her own"),
    Trouble("twin", a_person("Theodora"), CARD, "review", "her number and day of birth, but not her name"),
    Trouble("twin", a_person("Susana"), CARD, "certain", "a slip that is nobody's name here"),
    Trouble("twin", a_person("Joan", phone=PHONE), NO_CARD, "none", "a name of her own"),
    Trouble("namesake", a_person(born="1980-11-30", address=NEW_HOME), NO_CARD, "none", "the same name elsewhere"),
    Trouble("namesake", a_person(born="1975-02-17", phone=PHONE), NO_CARD, "none", "her daughter of one name"),
    Trouble("namesake", a_person(born="1953-02-16", address=("1 Oak Ln", "53259"), phone="502-911-0000", ssn4="9021"),
            NO_CARD, "none", "a day off, next street, other digits"),
    Trouble("namesake", a_person(address=NEW_HOME, phone="414-555-0100", ssn4="9021"), NO_CARD, "none",
            "one name and one birth date, everything else another's"),
    Trouble("not enrolled", a_person("Noah", family="Stone", born="2001-01-02", address=NEW_HOME), NO_CARD, "none",
            "nobody is like him"),
]  # fmt: skip


@pytest.mark.parametrize("row", ALONE, ids=lambda row: f"{row.kind}: {row.why}")
def test_one_member_near(row):
    outcome = decided(row.asked, row.card, [held(susan(), a_coverage())])
    assert outcome.disposition.value == row.state, (outcome.reason, outcome.score)
    assert (outcome.member_id == "m-1") is (row.state == "certain")


def twin(name, number, **facts):
    return held(a_person(name, born="2009-03-29", **facts), a_coverage(f"W255048371-{number}"), member=f"m-{name}")


TWINS = [twin("Christina", "02", ssn4="1200"), twin("Christine", "03", ssn4="1201")]
PAIRS = [
    # who is asked, the card, who is near, the state, the member, why
    ("Christina", {}, FAMILY_CARD, "certain", "m-Christina", "the very name"),
    ("Christine", {}, NO_CARD, "certain", "m-Christine", "the very name"),
    ("Chris", {}, FAMILY_CARD, "review", None, "either of them"),
    ("Chris", {"ssn4": "1201"}, NO_CARD, "certain", "m-Christine", "her own digits"),
    ("Chris", {}, a_coverage("W255048371-03"), "certain", "m-Christine", "her own number"),
    ("Christina", {}, a_coverage("W255048371-03"), "review", None, "one's name and the other's number"),
    ("C", {}, FAMILY_CARD, "review", None, "either of them"),
    ("Unknown", {}, FAMILY_CARD, "review", None, "either of them"),
    ("Gregory", {"sex": "male"}, FAMILY_CARD, "none", None, "a third who is not enrolled"),
]


@pytest.mark.parametrize(("name", "facts", "card", "state", "member", "why"), PAIRS, ids=[p[-1] + p[0] for p in PAIRS])
def test_twins(name, facts, card, state, member, why):
    outcome = decided(a_person(name, born="2009-03-29", **facts), card, TWINS)
    assert (outcome.disposition.value, outcome.member_id) == (state, member), (outcome.reason, outcome.margin)


def william(born, **facts):
    return a_person("William", **{"born": born, "sex": "male", "phone": PHONE, **facts})


FATHER = held(william("1961-05-01", suffix="Sr"), a_coverage("W255048371-00"), member="m-father")
SON = held(william("1991-05-01", suffix="Jr"), a_coverage("W255048371-02"), member="m-son")
NAMES = [
    (william("1991-05-01"), NO_CARD, [FATHER, SON], "certain", "m-son", "his own birth date"),
    (william("1961-05-01", suffix="Sr"), NO_CARD, [FATHER, SON], "certain", "m-father", "his own birth date"),
    (william(None), NO_CARD, [FATHER, SON], "review", None, "either of them"),
    (william("1991-05-01", suffix="Jr"), NO_CARD, [FATHER], "none", None, "the son is not enrolled"),
    (william("1991-05-01"), FAMILY_CARD, [FATHER], "none", None, "a digit off, and a generation"),
    (william("1991-05-01", suffix="Jr"), a_coverage("W255048371-00"), [FATHER], "review", None, "his father's card"),
    (william("1961-05-01", suffix="Jr"), NO_CARD, [FATHER], "none", None, "another suffix"),
]


@pytest.mark.parametrize(("asked", "card", "members", "state", "member", "why"), NAMES, ids=[n[-1] for n in NAMES])
def test_father_and_son_of_one_name(asked, card, members, state, member, why):
    outcome = decided(asked, card, members)
    assert (outcome.disposition.value, outcome.member_id) == (state, member), (outcome.reason, outcome.score)


def test_a_short_form_that_is_a_common_name_may_be_a_sisters():
    elizabeth = held(a_person("Elizabeth"), FAMILY_CARD)
    assert decided(a_person("Betty"), NO_CARD, [elizabeth]).disposition.value == "review"
    assert decided(a_person("Betty"), FAMILY_CARD, [elizabeth]).disposition.value == "review"
    own = held(a_person("Elizabeth", ssn4=SSN), FAMILY_CARD)
    assert decided(a_person("Betty", ssn4=SSN), NO_CARD, [own]).member_id == "m-1"


def test_a_slip_that_makes_a_common_name_may_be_a_twin_with_the_others_card():
    christina = held(a_person("Christina"), CARD)
    assert decided(a_person("Christine"), CARD, [christina]).reason == "identity.conflict_name"
    assert decided(a_person("Christima"), CARD, [christina]).member_id == "m-1"


def test_a_person_enrolled_twice_is_one_person():
    twice = [held(susan(), a_coverage("K1000-00", subscriber_id="K1000"), member=f"m-{n}") for n in (1, 2)]
    outcome = decided(susan(), NO_CARD, twice)
    assert (outcome.member_id, outcome.runner_up) == ("m-1", None)
    other = held(susan(ssn4="9021"), a_coverage("K2000-00", subscriber_id="K2000"), member="m-2")
    assert decided(susan(ssn4=None), NO_CARD, [twice[0], other]).reason == "identity.ambiguous"


def test_linked_members_are_one_person():
    rows = [
        held(susan(), CARD, member="m-1"),
        held(susan(ssn4=None), a_coverage("K2-00"), member="m-2", person_id="m-1"),
    ]
    assert decided(susan(), NO_CARD, rows).member_id == "m-1"


def test_of_linked_members_the_survivor_is_named_though_another_is_more_alike():
    survivor = held(susan("Susana", ssn4=None, phone=None), a_coverage("K1-00"), member="m-1")
    merged = held(susan(), CARD, member="m-2", person_id="m-1")
    assert decided(susan(), CARD, [survivor, merged]).member_id == "m-1"
    assert decided(susan(), NO_CARD, [survivor, merged]).member_id == "m-1"
    assert decided(susan(), NO_CARD, [merged]).member_id == "m-2"


def test_between_payers_an_insurance_id_is_needed():
    member = [held(susan(), CARD)]
    assert decided(susan(), NO_CARD, member, purpose="payer_to_payer").disposition.value == "review"
    assert decided(susan(), FAMILY_CARD, member, purpose="payer_to_payer").member_id == "m-1"


def test_the_decision_says_what_it_rests_on():
    outcome = decided(susan("Suzy", address=NEW_HOME), NO_CARD, [held(susan(), CARD), *TWINS])
    shown = {c.field: c for c in outcome.candidates[0].comparisons}
    assert (shown["given"].grade, shown["given"].ledger) == ("known", "personal")
    assert (shown["address"].level.value, shown["address"].ledger) == ("different", "household")
    assert shown["given"].frequency is not None
    assert shown["address"].weight < 0 < shown["ssn4"].weight
    assert outcome.candidates[0].weight == pytest.approx(
        outcome.candidates[0].personal + outcome.candidates[0].household, abs=0.02
    )
    assert outcome.rule == "P"
    assert outcome.score > 14
    assert outcome.runner_up in {"m-Christina", "m-Christine"}
    assert outcome.margin > 10

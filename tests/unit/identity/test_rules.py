"""The rule table: what is written is what is in force, and nothing slips in by a misspelling."""

from importlib import resources

import pytest

from interpayer.identity.resolve import default_rules
from interpayer.identity.rules import Worth, read_nicknames, read_rules

HERE = resources.files("interpayer.identity")
RULES = HERE.joinpath("rules_d.yaml").read_text("utf-8")
NICKNAMES = HERE.joinpath("nicknames.yaml").read_text("utf-8")


def test_household_rules_are_there_but_off():
    off, on = default_rules(), read_rules(RULES.replace("household_shared: false", "household_shared: true"), NICKNAMES)
    assert {"H1", "H2"}.isdisjoint(rule.id for rule in off.rules)
    assert {"H1", "H2"} <= {rule.id for rule in on.rules}


def test_demographics_alone_are_worth_what_the_table_says_and_never_certainty():
    assert {rule.worth for rule in default_rules().rules if rule.id.startswith("D3")} == {Worth.REVIEW}
    silent = read_rules(RULES.replace("demographics_only: review", "demographics_only: none"), NICKNAMES)
    assert {rule.worth for rule in silent.rules if rule.id == "D4"} == {Worth.NONE}
    with pytest.raises(ValueError, match="never certain"):
        read_rules(RULES.replace("demographics_only: review", "demographics_only: certain"), NICKNAMES)


def test_every_certain_rule_needs_an_id_and_a_birth_date():
    certain = [rule for rule in default_rules().rules if rule.worth is Worth.CERTAIN]
    assert certain
    for rule in certain:
        assert {"unique_id", "member_id", "subscriber_id"} & set(rule.every)
        assert {grade.value for grade in rule.every["birth_date"]} == {"equal"}


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("member_id: [equal]", "memberid: [equal]"),
        ("birth_date: [equal]", "birth_date: [same]"),
        ("    any: {given", "    some: {given"),
        ("coverage_gap: review", "coverage_gap: perhaps"),
        ("format: 1", "format: 2"),
    ],
)
def test_a_misspelt_table_does_not_load(old, new):
    with pytest.raises(ValueError):
        read_rules(RULES.replace(old, new), NICKNAMES)


def test_the_version_follows_both_files():
    versions = {
        read_rules(RULES, NICKNAMES).version,
        read_rules(RULES + "\n", NICKNAMES).version,
        read_rules(RULES, NICKNAMES + "\n").version,
    }
    assert len(versions) == 3
    assert default_rules().version in versions


def test_two_formal_names_with_one_short_form_are_two_names():
    names = read_nicknames(NICKNAMES)
    assert names["CHRIS"] >= {"CHRISTINA", "CHRISTOPHER"}
    assert not names["CHRISTINA"] & names["CHRISTOPHER"]

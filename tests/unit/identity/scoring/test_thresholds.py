"""The limits: by purpose, rule set and partner, the later ones winning; nothing silently a default."""

from importlib import resources

import pytest

from interpayer.identity.scoring.thresholds import default_thresholds, read_thresholds

TEXT = (
    resources.files("interpayer.identity.scoring")
    .joinpath("thresholds_default.yaml")
    .read_text("utf-8")
    .replace("rule_sets: {}", "rule_sets: {strict: {certain: 20}}")
    .replace("partners: {}", "partners: {p-1: {certain: 30, needs_id: false}}")
)


def test_demographics_alone_do_between_payers_only_for_a_look():
    assert default_thresholds().for_(None, "payer_to_payer").needs_id
    assert not default_thresholds().for_(None, "linking").needs_id


@pytest.mark.parametrize(
    ("partner", "purpose", "rule_set", "certain", "needs_id"),
    [
        (None, "linking", "", 14, False),
        (None, "payer_to_payer", "", 14, True),
        (None, "linking", "strict", 20, False),
        ("p-1", "payer_to_payer", "strict", 30, False),
        ("p-2", "payer_to_payer", "strict", 20, True),
    ],
)
def test_who_is_named_has_limits_of_their_own(partner, purpose, rule_set, certain, needs_id):
    limits = read_thresholds(TEXT).for_(partner, purpose, rule_set=rule_set)
    assert (limits.certain, limits.needs_id, limits.purpose) == (certain, needs_id, purpose)
    assert limits.version == read_thresholds(TEXT).version != default_thresholds().version


def test_the_policy_can_be_published():
    document = read_thresholds(TEXT).as_document()
    assert document["everywhere"]["certain"] == 14
    assert document["partners"] == {"p-1": {"certain": 30.0, "needs_id": False}}


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("format: 1", "format: 3", "format"),
        ("certain: 14 ", "surely: 14 ", "unknown words"),
        ("certain: 14 ", "certain: high ", "no number"),
        ("certain: 14 ", "certain: true ", "no number"),
        ("needs_id: false ", "needs_id: 1 ", "true or false"),
        ("  margin: 10 ", "  # margin: 10 ", "nothing said"),
        ("partners:", "friends: {}\npartners:", "unknown words"),
        ("{certain: 20}", "{sure: 20}", "unknown words"),
    ],
)
def test_what_cannot_be_understood_is_refused(old, new, message):
    assert old in TEXT
    with pytest.raises(ValueError, match=message):
        read_thresholds(TEXT.replace(old, new, 1))

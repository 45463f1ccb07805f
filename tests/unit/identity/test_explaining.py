"""A decision as a person would say it: what speaks for it, what against, who else, and what held it back."""

from itertools import pairwise

import pytest

from interpayer.identity.evidence import as_document
from interpayer.identity.explaining import best_of, sentences, waterfall
from interpayer.identity.held_back import held_back
from interpayer.identity.resolve import default_rules
from interpayer.identity.scoring.thresholds import default_thresholds
from tests.unit.identity.test_evidence import LIMITS, VALUES, a_match

DOCUMENT = as_document(a_match())
BEST = best_of(DOCUMENT)


def told(document=DOCUMENT, limits=LIMITS):
    return " ".join(sentences(document, rules=default_rules(), limits=limits))


def test_the_steps_add_up_to_the_score():
    steps = waterfall(DOCUMENT, BEST)
    assert steps[0].name == "people"
    assert steps[0].total < 0, "before anything is compared, most people are somebody else"
    assert steps[-1].total == pytest.approx(DOCUMENT["score"], abs=0.1)
    for before, step in pairwise(steps):
        assert step.total == pytest.approx(before.total + step.weight, abs=0.02)
    ledgers = [step.ledger for step in steps]
    assert ledgers.index("household") > len(ledgers) - ledgers[::-1].index("personal") - 1


def test_the_other_candidate_has_steps_of_its_own():
    husband = next(c for c in DOCUMENT["candidates"] if c["member_id"] == "m-2")
    steps = waterfall(DOCUMENT, husband)
    assert steps[-1].total == pytest.approx(DOCUMENT["score"] - DOCUMENT["margin"], abs=0.1)
    assert next(step for step in steps if step.name == "birth_date").weight < 0


def test_it_is_said_in_sentences_without_a_value():
    text = told()
    assert "birth date agrees" in text
    assert "1 of 5,000 has it" in text
    assert "The next person, m-2, lies" in text
    assert "Would help and was not sent: member id, subscriber id." in text
    assert "Sent, and nothing usable in it: e-mail." in text
    assert "purpose payer_to_payer" in text
    # what is an id or a code is no value of a person
    assert [value for value in VALUES if value != "@" and value in text.upper()] == []


def test_a_purpose_that_asks_for_an_id_says_so():
    assert DOCUMENT["disposition"] == "review"
    assert "no insurance id was sent, and this purpose asks for one" in told()
    assert held_back(DOCUMENT, BEST, default_thresholds().for_()) == []


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({"score": 9.0}, "below the limit for certain"),
        ({"margin": 3.2}, "another person is only 3.2 bits behind"),
    ],
)
def test_each_limit_that_held_back_is_named(change, expected):
    found = held_back(DOCUMENT | change, BEST, default_thresholds().for_())
    assert len(found) == 1
    assert expected in found[0]


@pytest.mark.parametrize(
    ("field", "grade", "expected"),
    [
        ("birth_date", "missing", "without a birth date"),
        ("birth_date", "different", "birth date speaks against"),
        ("given", "different", "name speaks against"),
        ("ssn4", "different", "social security number differ"),
    ],
)
def test_each_guard_that_spoke_is_named(field, grade, expected):
    changed = [one | ({"grade": grade} if one["field"] == field else {}) for one in BEST["comparisons"]]
    # without another id of the person's own, which could outvote it
    found = held_back(DOCUMENT, BEST | {"comparisons": changed}, default_thresholds().for_())
    assert any(expected in sentence for sentence in found), found


def test_a_decision_that_weighed_nothing_has_words_and_no_steps():
    bare = [{**one, "weight": None, "frequency": None} for one in BEST["comparisons"]]
    candidate = {**BEST, "weight": None, "personal": None, "household": None, "comparisons": bare}
    document = DOCUMENT | {
        "candidates": [candidate], "score": None, "margin": None, "runner_up": None, "model_version": None,
        "threshold_version": None, "purpose": None, "disposition": "certain", "member_id": "m-1", "rule": "V1",
    }  # fmt: skip
    assert waterfall(document, candidate) == []
    assert "Compared: birth date agrees; first name" in told(document, None)
    assert "Score" not in told(document, None)


def test_nobody_near_is_said_too():
    document = DOCUMENT | {
        "candidates": [], "disposition": "none", "reason": "identity.not_enrolled", "score": None, "margin": None,
        "runner_up": None, "member_id": None, "rule": None,
    }  # fmt: skip
    assert best_of(document) is None
    assert told(document).startswith("Nobody: no member fits (identity.not_enrolled).")


def test_a_rule_is_told_by_its_title_and_a_ruling_by_its_person():
    by_rule = DOCUMENT | {"disposition": "certain", "member_id": "m-1", "rule": "D1"}
    assert "by rule D1 (member id in the payer's namespace" in told(by_rule)
    assert "because a named person decided so" in told(by_rule | {"rule": "review"})
    assert "by the weight of the evidence" in told(by_rule | {"rule": "P"})

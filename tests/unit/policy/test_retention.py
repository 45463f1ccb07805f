"""The most special rule counts, of equally special ones the longest."""

import pytest

from interpayer.policy.composing import shipped
from interpayer.policy.retention import KINDS, RetentionRule, rule_for

RULES = {
    one.name: one
    for one in (
        RetentionRule("all", "request", 100),
        RetentionRule("asked", "request", 50, role="responder"),
        RetentionRule("law", "request", 400, basis="other_law"),
        RetentionRule("asked by law", "request", 20, role="responder", basis="other_law"),
        RetentionRule("work", "work", 9999),
    )
}


@pytest.mark.parametrize(
    ("given", "rule"),
    [
        ({}, "all"),
        ({"role": "requester"}, "all"),
        ({"role": "responder"}, "asked"),
        ({"basis": "other_law"}, "law"),
        ({"role": "responder", "basis": "other_law"}, "asked by law"),
        ({"role": "responder", "basis": "opt_in", "purpose": "payer_to_payer"}, "asked"),
    ],
)
def test_the_rule_that_counts(given, rule):
    assert rule_for(RULES, "request", **given).name == rule


def test_every_kind_has_a_shipped_rule():
    assert {what: rule_for(shipped().retention, what).what for what in KINDS} == {what: what for what in KINDS}
    assert rule_for(shipped().retention, "request", basis="state_medicaid_contract").keep_days == 3650

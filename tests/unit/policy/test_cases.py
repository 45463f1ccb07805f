"""The cases beside the rules hold, and one that does not says what is wrong."""

import pytest

from interpayer.policy.cases import read_cases, run_cases
from interpayer.policy.composing import compose, shipped
from interpayer.policy.facts import ACTIONS


def test_the_shipped_cases_hold():
    outcomes = run_cases(shipped())
    assert [(o.case.name, o.trouble) for o in outcomes if o.trouble] == []
    assert len(outcomes) >= 30
    asked = {o.case.facts.action for o in outcomes}
    assert asked >= ACTIONS - {"call", "token", "read", "export", "download"}
    used = {name for o in outcomes for name in o.decision.policies}
    assert {name for name in shipped().rules if name.startswith("never-")} - used <= {
        *("never-unbound", "never-suspended", "never-a-withheld-type", "never-of-any-kind"),
    }


@pytest.mark.parametrize(
    ("case", "trouble"),
    [
        ("{base: asked, allow: false}", "yes by answer-consented, expected no"),
        ("{base: asked, facts: {consent: refused}, allow: true}", "no by consent.missing, expected yes"),
        ("{base: asked, allow: true, by: [ask-consented]}", "expected ask-consented"),
        ("{base: asked, facts: {consent: refused}, allow: false, reason: consent.expired}", "expected consent.expired"),
        ("{base: asked, allow: true, obliges: [notify_member]}", "expected notify_member"),
    ],
)
def test_a_case_that_does_not_hold_says_so_first(case, trouble):
    outcomes = run_cases(compose({"cases.yaml": f"cases: {{ours: {case}}}"}))
    assert outcomes[0].case.name == "ours"
    assert trouble in outcomes[0].trouble
    assert not any(outcome.trouble for outcome in outcomes[1:])


def test_a_plans_own_cases_replace_add_and_leave_out():
    own = """
bases:
  ours: {action: send, partner_id: p, partner_status: active, partner_environment: test, environment: test}
cases:
  we ask under consent: {base: ours, facts: {consent: narrowed}, allow: true}
  nobody vouches: null
  new: {base: ours, allow: false}
"""
    names = {case.name: case for case in read_cases(compose({"cases.yaml": own}))}
    assert names["we ask under consent"].facts.consent == "narrowed"
    assert "nobody vouches" not in names
    assert len(names) == len(read_cases(shipped()))


@pytest.mark.parametrize(
    "text",
    [
        "cases: {x: {base: nobody, allow: true}}",
        "cases: {x: {base: asked}}",
        "cases: {x: {base: asked, allow: yes it may}}",
        "cases: {x: {base: asked, allow: true, because: it must}}",
        "cases: {x: {base: asked, facts: {colour: blue}, allow: true}}",
        "cases: {x: {base: asked, facts: {scopes: match}, allow: true}}",
        "cases: {x: {base: asked, facts: {attested: 1}, allow: true}}",
        "cases: {x: {base: asked, facts: {action: erase}, allow: true}}",
        "cases: {x: {facts: {action: match}, allow: true}}",
        "cases: {x: 5}",
        "cases: [x]",
        "gases: {}",
        "cases: [",
    ],
)
def test_a_case_that_cannot_be_read_is_named(text):
    with pytest.raises(ValueError, match="policy: "):
        run_cases(compose({"cases.yaml": text}))

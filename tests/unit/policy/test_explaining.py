"""A no says what would make it a yes; a comparison shows whose answer changes."""

from dataclasses import replace

import pytest

from interpayer.model.consent import Limits
from interpayer.policy.comparing import compare
from interpayer.policy.composing import compose, shipped
from interpayer.policy.explaining import explain, rule_text
from interpayer.policy.facts import Facts, KeptFacts, LookFacts, RecordFacts, RecordKind
from interpayer.policy.told import facts_as_json

YES = Facts(
    *("match", "p-1", "active", "production", "production"),
    scopes=("match",),
    scope_needed="match",
    consent="granted",
    attested=True,
    acts_for_recipient=True,
)
NO_CLAIMS = """
// Agreed with this partner in 2026: no claims.
@id("partner-1-no-claims")
@reason("policy.narrowed")
forbid (principal == Partner::"p-1", action == Action::"release", resource)
when { resource.type == "ExplanationOfBenefit" };
"""


@pytest.mark.parametrize(
    ("facts", "missing"),
    [
        (replace(YES, attested=False), [{"attested": True}]),
        (replace(YES, scopes=()), [{"scopes": ("match",)}]),
        (replace(YES, partner_environment="test"), [{"partner_environment": "production"}]),
        (replace(YES, attested=False, consent="refused"), [{"consent": "granted", "attested": True}]),
        (KeptFacts("request", 1, 30, is_held=True), [{"is_held": False, "age_days": 30}]),
        (LookFacts("ana", ("analyst",), "test", 30, True, False), [{"has_second_person": True}]),
        (
            RecordFacts(YES, RecordKind("Patient", frozenset({"hiv"})), Limits(labels_withheld=frozenset({"hiv"}))),
            [{"kind": RecordKind("Patient")}, {"limits": Limits()}],
        ),
    ],
)
def test_a_no_says_what_was_missing(facts, missing):
    found = explain(shipped(), facts)
    assert not found.decision.allow
    assert list(found.missing) == missing


def test_a_yes_misses_nothing_and_shows_its_rule():
    found = explain(shipped(), YES)
    assert found.missing == ()
    assert "context.attested" in found.texts["answer-consented"]


def test_a_plans_own_no_is_shown_with_its_comment():
    bundle = compose({"partners.cedar": NO_CLAIMS})
    facts = RecordFacts(YES, RecordKind("ExplanationOfBenefit"))
    found = explain(bundle, facts)
    assert found.missing == ()
    assert found.texts["partner-1-no-claims"].startswith("// Agreed with this partner in 2026")
    assert all(rule_text(bundle.files, name).count("@id(") == 1 for name in bundle.rules)


def test_a_comparison_shows_whose_answer_changes():
    narrower = compose({"partners.cedar": NO_CLAIMS})
    claims, others = RecordKind("ExplanationOfBenefit"), RecordKind("Condition")
    kept = [
        {"facts": facts_as_json(RecordFacts(asker, kind)), "times": times, "subject": subject}
        for asker, kind, times, subject in (
            (YES, claims, 40, "j-1"),
            (YES, claims, 2, "j-2"),
            (YES, claims, 1, "j-2"),
            (YES, others, 50, "j-1"),
            (replace(YES, partner_id="p-2"), claims, 9, "j-3"),
        )
    ]
    kept.append({"facts": {"action": "of another release"}, "times": 3, "subject": None})
    found = compare(kept, shipped(), narrower)
    assert (found.asked, found.distinct, found.unreadable) == (105, 3, 3)
    (change,) = found.changes
    assert (change.who, change.what, change.times, change.subjects) == ("p-1", "closed", 43, ["j-1", "j-2"])
    assert change.after.policies == ("partner-1-no-claims",)
    (reverse,) = compare(kept, narrower, shipped()).changes
    assert reverse.what == "opened"
    assert compare(kept, shipped(), shipped()).changes == ()


def test_another_obligation_is_a_change_too():
    told = '@id("told")\n@obligations("notify_member")\npermit (principal, action == Action::"send", resource);'
    kept = [{"facts": facts_as_json(replace(YES, action="send")), "times": 1, "subject": None}]
    (change,) = compare(kept, shipped(), compose({"tell.cedar": told})).changes
    assert (change.what, change.after.obligations) == ("obliged", ("notify_member",))
    never = '@id("never")\n@reason("policy.denied")\nforbid (principal, action == Action::"match", resource);'
    kept = [{"facts": facts_as_json(replace(YES, consent="refused")), "times": 1, "subject": None}]
    assert compare(kept, shipped(), compose({"no.cedar": never})).changes == (), "a no for the same first reason"

"""Laws of policy: Cedar says what plain Python says, narrowing never widens, and no question goes unanswered."""

from dataclasses import replace
from random import Random

from interpayer.model.consent import Limits
from interpayer.model.reason import REASONS
from interpayer.model.sensitivity import is_withheld
from interpayer.policy.composing import shipped
from interpayer.policy.decide import evaluate
from interpayer.policy.facts import RecordFacts, RecordKind
from tests.support.policy_oracle import LOOK_MINUTES, allows, obligations, some_facts

BUNDLE = shipped()
QUESTIONS = 5_000


def test_cedar_and_the_oracle_agree():
    """`python -m bench.policy --questions 100000` asks more."""
    draw, yes = Random(57), {}
    assert BUNDLE.looking.most_minutes == LOOK_MINUTES
    for _ in range(QUESTIONS):
        facts = some_facts(draw)
        decision = evaluate(BUNDLE, facts)
        assert decision.allow is allows(facts), facts
        assert set(decision.obligations) == (obligations(facts) if decision.allow else set()), facts
        assert bool(decision.reasons) is not decision.allow, "a no always says why, a yes needs no reason"
        assert set(decision.reasons) <= set(REASONS)
        assert "policy.denied" not in decision.reasons, "the checklist knows every shipped rule"
        counted = yes.setdefault(type(facts).__name__, [0, 0])
        counted[decision.allow] += 1
    assert all(min(counted) > 50 for counted in yes.values()), "the facts must exercise both answers of each kind"


def test_labels_are_withheld_as_the_filter_by_columns_withholds_them():
    """`model/sensitivity.is_withheld` is what exports filter by; both must say the same of every kind of record."""
    draw, asked = Random(59), 0
    while asked < 500:
        facts = some_facts(draw)
        if not isinstance(facts, RecordFacts):
            continue
        kind = RecordKind(facts.kind.type, facts.kind.labels)
        limits = Limits(labels_withheld=facts.limits.labels_withheld)
        allowed = evaluate(BUNDLE, replace(facts, kind=kind, limits=limits)).allow
        assert allowed is not is_withheld(kind.labels, limits.labels_withheld), (kind, limits)
        asked += 1


def test_narrowing_never_widens():
    draw = Random(58)
    for _ in range(300):
        facts = some_facts(draw)
        if isinstance(facts, RecordFacts):
            more = Limits(labels_withheld=frozenset({"hiv"}), types_withheld=frozenset({"Coverage"}))
            narrower = replace(facts, limits=facts.limits.narrowed_by(more))
            assert evaluate(BUNDLE, facts).allow >= evaluate(BUNDLE, narrower).allow

"""May this happen, by our rules and the regulator's? Cedar decides; any error of the engine is a no."""

import cedarpy

from interpayer.policy.bundle import Bundle
from interpayer.policy.facts import Decision, Question
from interpayer.policy.lacking import lacking
from interpayer.policy.requests import request_of

ENGINE_ERROR, UNREADABLE, DENIED = "policy.engine_error", "policy.version_unknown", "policy.denied"
MOST_KEPT = 20_000


def decide(bundle: Bundle, facts: Question) -> Decision:
    """The decision under this version of the policy; the same facts are put to the engine once."""
    kept = bundle.answers.get(facts)
    if kept is not None:
        return kept
    decision = evaluate(bundle, facts)
    if len(bundle.answers) >= MOST_KEPT:
        bundle.answers.clear()
    bundle.answers[facts] = decision
    return decision


def evaluate(bundle: Bundle, facts: Question) -> Decision:
    """As `decide`, always asking the engine."""
    if bundle.broken is not None:
        return _no(bundle, UNREADABLE)
    try:
        request, entities = request_of(bundle, facts)
        result = cedarpy.is_authorized(request, bundle.policies, entities, bundle.schema)
        allowed, errors = result.allowed, result.diagnostics.errors
        named = [result.diagnostics.id_annotations_by_reason[policy] for policy in result.diagnostics.reasons]
        rules = [bundle.rules[name] for name in sorted(named)]
    except Exception:
        # Whatever breaks here, nothing may go.
        return _no(bundle, ENGINE_ERROR)
    # A forbid that fails at run time is skipped by the engine, which may then say yes.
    if errors:
        return _no(bundle, ENGINE_ERROR)
    names = tuple(rule.id for rule in rules)
    if allowed:
        obligations = dict.fromkeys(o for rule in rules for o in rule.obligations)
        return Decision(True, names, (), tuple(obligations), bundle.version)
    told = [*lacking(facts, most_minutes=bundle.looking.most_minutes), *(r.reason for r in rules if r.reason)]
    return Decision(False, names, tuple(dict.fromkeys(told)) or (DENIED,), (), bundle.version)


def _no(bundle: Bundle, reason: str) -> Decision:
    return Decision(False, (), (reason,), (), bundle.version)

"""May this happen, by our rules and the regulator's? Cedar decides; any error of the engine is a no."""

from collections.abc import Iterator
from dataclasses import dataclass

import cedarpy

from interpayer.policy.bundle import Bundle

ENGINE_ERROR = "policy.engine_error"


@dataclass(frozen=True, slots=True)
class Facts:
    """What is known when the question is asked. `action`: match, read, export, download or send."""

    action: str
    partner_id: str
    partner_status: str
    partner_environment: str
    environment: str
    scopes: tuple[str, ...]
    scope_needed: str
    consent: str
    consent_reason: str | None = None
    attested: bool = False
    acts_for_recipient: bool = False
    releases_held: bool = False
    certificate_bound: bool = True
    line_of_business_covered: bool = True


@dataclass(frozen=True, slots=True)
class Decision:
    """Yes or no, by which rules. A no always has reasons; the first is the one to keep."""

    allow: bool
    policies: tuple[str, ...]
    reasons: tuple[str, ...]
    obligations: tuple[str, ...]
    version: str


def decide(bundle: Bundle, facts: Facts) -> Decision:
    """The decision under this version of the policy."""
    try:
        result = cedarpy.is_authorized(_request(facts), bundle.policies, [_partner(facts)], bundle.schema)
        allowed, errors = result.allowed, result.diagnostics.errors
        named = [result.diagnostics.id_annotations_by_reason[policy] for policy in result.diagnostics.reasons]
    except Exception:
        # Whatever breaks here, nothing may go.
        return Decision(False, (), (ENGINE_ERROR,), (), bundle.version)
    # A forbid that fails at run time is skipped by the engine, which may then say yes.
    if errors:
        return Decision(False, (), (ENGINE_ERROR,), (), bundle.version)
    rules = [bundle.rules[name] for name in sorted(named)]
    obligations = tuple(o for rule in rules for o in rule.obligations)
    names = tuple(rule.id for rule in rules)
    if allowed:
        return Decision(True, names, (), obligations, bundle.version)
    reasons = dict.fromkeys([*missing(facts), *(rule.reason for rule in rules if rule.reason)])
    return Decision(False, names, tuple(reasons) or ("policy.denied",), (), bundle.version)


def missing(facts: Facts) -> Iterator[str]:
    """Why not: the engine names no rule when none permits, so each fact is looked at, in a fixed order."""
    if facts.releases_held:
        yield "system.restored"
    yield from _standing(facts)
    if not facts.certificate_bound:
        yield "caller.certificate_mismatch"
    if facts.scope_needed not in facts.scopes and facts.action != "send":
        yield "caller.wrong_scope"
    if not facts.acts_for_recipient and facts.action != "send":
        yield "caller.not_acting_for"
    if not facts.attested and facts.action != "send":
        yield "request.missing_attestation"
    if facts.consent not in ("granted", "narrowed"):
        yield facts.consent_reason or "consent.missing"
    if not facts.line_of_business_covered:
        yield "policy.line_of_business"


def _standing(facts: Facts) -> Iterator[str]:
    if facts.partner_environment != facts.environment:
        yield "caller.wrong_environment"
    if facts.partner_status == "quarantined":
        yield "route.quarantined"
    elif facts.partner_status == "testing" and facts.environment != "test":
        yield "caller.wrong_environment"
    elif facts.partner_status not in ("active", "testing"):
        yield "caller.suspended"


def _request(facts: Facts) -> dict[str, object]:
    return {
        "principal": {"type": "Partner", "id": facts.partner_id},
        "action": {"type": "Action", "id": facts.action},
        "resource": {"type": "Payer", "id": "us"},
        "context": {
            "environment": facts.environment,
            "scope_needed": facts.scope_needed,
            "consent": facts.consent,
            "attested": facts.attested,
            "acts_for_recipient": facts.acts_for_recipient,
            "certificate_bound": facts.certificate_bound,
            "line_of_business_covered": facts.line_of_business_covered,
            "releases_held": facts.releases_held,
        },
    }


def _partner(facts: Facts) -> dict[str, object]:
    attributes = {
        "status": facts.partner_status,
        "environment": facts.partner_environment,
        "scopes": list(facts.scopes),
    }
    return {"uid": {"type": "Partner", "id": facts.partner_id}, "attrs": attributes, "parents": []}

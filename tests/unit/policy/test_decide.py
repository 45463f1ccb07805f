"""Cedar against a plain-Python oracle on made-up facts, and each no with its reason."""

import random
from dataclasses import replace

import pytest

from interpayer.model.reason import REASONS
from interpayer.policy.bundle import load_bundle, read_bundle
from interpayer.policy.decide import Facts, decide

BUNDLE = load_bundle()
YES = Facts(
    action="match",
    partner_id="p-1",
    partner_status="active",
    partner_environment="production",
    environment="production",
    scopes=("read", "match"),
    scope_needed="match",
    consent="granted",
    attested=True,
    acts_for_recipient=True,
)


def oracle(facts):
    """The same rules in plain Python: would this be allowed?"""
    never = (
        facts.releases_held,
        facts.partner_environment != facts.environment,
        not facts.certificate_bound,
        facts.partner_status in ("suspended", "retired", "quarantined", "invited"),
        not facts.line_of_business_covered,
        facts.consent == "refused",
        facts.partner_status == "testing" and facts.environment != "test",
    )
    if any(never):
        return False
    if facts.action == "send":
        return True
    if facts.partner_status == "testing" and facts.consent != "granted":
        return False
    return facts.scope_needed in facts.scopes and facts.attested and facts.acts_for_recipient


def some_facts(draw):
    def mostly(value):
        return draw.random() < 0.85 if value else draw.random() < 0.15

    return Facts(
        action=draw.choice(["match", "read", "export", "download", "send"]),
        partner_id=f"p-{draw.randrange(9)}",
        partner_status=draw.choice(["active"] * 6 + ["invited", "testing", "quarantined", "suspended", "retired"]),
        partner_environment=draw.choice(["production", "test", "test"]),
        environment=draw.choice(["production", "test", "test"]),
        scopes=tuple(draw.sample(["match", "read", "x y", 'a"b'], draw.randrange(5))),
        scope_needed=draw.choice(["match", "read", 'a"b']),
        consent=draw.choice(["granted", "granted", "narrowed", "refused"]),
        attested=mostly(True),
        acts_for_recipient=mostly(True),
        releases_held=mostly(False),
        certificate_bound=mostly(True),
        line_of_business_covered=mostly(True),
    )


def test_cedar_and_the_oracle_agree():
    draw = random.Random(57)
    yes = 0
    for _ in range(3000):
        facts = some_facts(draw)
        decision = decide(BUNDLE, facts)
        assert decision.allow is oracle(facts), facts
        assert bool(decision.reasons) is not decision.allow, "a no always says why, a yes needs no reason"
        assert set(decision.reasons) <= set(REASONS)
        yes += decision.allow
    assert 200 < yes < 2800, "the facts must exercise both answers"


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"releases_held": True}, "system.restored"),
        ({"partner_status": "suspended"}, "caller.suspended"),
        ({"partner_status": "retired"}, "caller.suspended"),
        ({"partner_status": "invited"}, "caller.suspended"),
        ({"partner_status": "quarantined"}, "route.quarantined"),
        ({"partner_status": "testing"}, "caller.wrong_environment"),
        ({"partner_environment": "test"}, "caller.wrong_environment"),
        ({"certificate_bound": False}, "caller.certificate_mismatch"),
        ({"scopes": ()}, "caller.wrong_scope"),
        ({"acts_for_recipient": False}, "caller.not_acting_for"),
        ({"attested": False}, "request.missing_attestation"),
        ({"consent": "refused"}, "consent.missing"),
        ({"consent": "refused", "consent_reason": "consent.expired"}, "consent.expired"),
        ({"line_of_business_covered": False}, "policy.line_of_business"),
        ({"action": "erase"}, "policy.engine_error"),
        ({"consent": "refused", "releases_held": True}, "system.restored"),
    ],
)
def test_each_no_says_why(change, reason):
    decision = decide(BUNDLE, replace(YES, **change))
    assert not decision.allow
    assert decision.reasons[0] == reason
    assert decision.version == BUNDLE.version


def test_a_yes_names_its_rule_and_what_it_obliges_to():
    assert decide(BUNDLE, YES).policies == ("answer-consented",)
    narrowed = decide(BUNDLE, replace(YES, consent="narrowed"))
    assert (narrowed.allow, narrowed.obligations) == (True, ("redact_sensitive",))
    assert decide(BUNDLE, replace(YES, action="send", scopes=(), attested=False)).policies == ("ask-consented",)


def test_an_error_of_the_engine_is_a_no():
    """The engine skips a forbid that fails at run time and then says yes; we do not."""
    overflow = (
        '@id("never-overflowing")\n@reason("policy.denied")\n'
        "forbid (principal, action, resource) when { 9223372036854775807 + 1 > 0 };\n"
    )
    broken = read_bundle({**BUNDLE.files, "more.cedar": overflow})
    decision = decide(broken, YES)
    assert (decision.allow, decision.reasons) == (False, ("policy.engine_error",))
    assert decide(BUNDLE, replace(YES, partner_status=None)).reasons == ("policy.engine_error",)

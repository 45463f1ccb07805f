"""Each no with its reason, each yes with its rule; whatever breaks is a no."""

from dataclasses import replace

import pytest

from interpayer.model.consent import Limits
from interpayer.policy.bundle import read_bundle
from interpayer.policy.composing import closed, load_bundle
from interpayer.policy.decide import MOST_KEPT, decide, evaluate
from interpayer.policy.facts import Facts, KeptFacts, LookFacts, PublishFacts, RecordFacts, RecordKind

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
RECORD = RecordFacts(YES, RecordKind("Condition"))
KEPT = KeptFacts("request", age_days=3000, keep_days=2190, is_held=False)
LOOK = LookFacts("ana", ("analyst",), "production", minutes=30, has_reason=True, has_second_person=True)
PUBLISH = PublishFacts("ana", ("admin",), "production", cases_hold=True, has_reason=True, has_second_person=True)


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
        ({"lines_agreed": ("medicare",), "lines_of_business": ("commercial",)}, "policy.line_of_business"),
        ({"lines_agreed": ("medicare",)}, "policy.line_of_business"),
        ({"action": "erase"}, "policy.engine_error"),
        ({"consent": "refused", "releases_held": True}, "system.restored"),
    ],
)
def test_each_no_says_why(change, reason):
    decision = decide(BUNDLE, replace(YES, **change))
    assert not decision.allow
    assert decision.reasons[0] == reason
    assert decision.version == BUNDLE.version


@pytest.mark.parametrize(
    ("facts", "rules", "obligations"),
    [
        (YES, ("answer-consented",), ()),
        (replace(YES, consent="narrowed"), ("answer-narrowed",), ()),
        (replace(YES, action="send", scopes=(), attested=False), ("ask-consented",), ()),
        (replace(YES, lines_agreed=("medicare", "dual"), lines_of_business=("dual",)), ("answer-consented",), ()),
        (replace(YES, action="token", scopes=(), releases_held=True), ("door-active",), ()),
        (replace(YES, action="call", consent="refused", attested=False), ("door-call",), ()),
        (RECORD, ("payload-record",), ()),
        (
            replace(RECORD, kind=RecordKind("Condition", frozenset({"substance_use"}))),
            ("payload-part2",),
            ("attach_part2_notice",),
        ),
        (KEPT, ("kept-time-is-over",), ()),
        (replace(KEPT, action="forget", age_days=0), ("kept-forgotten",), ()),
        (LOOK, ("look-four-eyes",), ("notify_privacy", "tell_afterwards")),
        (PUBLISH, ("publish-four-eyes",), ()),
        (replace(PUBLISH, has_second_person=False, environment="test"), ("publish-where-nothing-is-real",), ()),
        (
            replace(PUBLISH, action="rollback", was_in_force=True, has_second_person=False, cases_hold=False),
            ("rollback-by-admin",),
            (),
        ),
    ],
)
def test_a_yes_names_its_rule_and_what_it_obliges_to(facts, rules, obligations):
    decision = decide(BUNDLE, facts)
    assert (decision.allow, decision.policies, decision.obligations, decision.reasons) == (True, rules, obligations, ())


@pytest.mark.parametrize(
    ("kind", "limits", "reason"),
    [
        ({"in_window": False}, Limits(), "record.excluded_service_date"),
        ({"excluded": "record.excluded_denied_authorization"}, Limits(), "record.excluded_denied_authorization"),
        ({"excluded": "record.excluded_drug_authorization"}, Limits(), "record.excluded_drug_authorization"),
        ({"excluded": "record.withheld"}, Limits(), "record.withheld"),
        ({"labels": frozenset({"psychotherapy_notes"})}, Limits(), "record.withheld"),
        ({"labels": frozenset({"hiv"})}, Limits(labels_withheld=frozenset({"hiv"})), "policy.narrowed"),
        ({"labels": frozenset({"own_name"})}, Limits(labels_withheld=frozenset({"*"})), "policy.narrowed"),
        ({"is_labelled": False}, Limits(labels_withheld=frozenset({"hiv"})), "consent.cannot_segment"),
        ({}, Limits(types=frozenset({"Coverage"})), "policy.narrowed"),
        ({}, Limits(types_withheld=frozenset({"Condition"})), "policy.narrowed"),
    ],
)
def test_a_record_that_stays_says_why(kind, limits, reason):
    decision = decide(BUNDLE, RecordFacts(YES, replace(RecordKind("Condition"), **kind), limits))
    assert (decision.allow, decision.reasons[0]) == (False, reason)


@pytest.mark.parametrize(
    ("facts", "change", "reason"),
    [
        (KEPT, {"age_days": 2189}, "policy.not_due"),
        (KEPT, {"is_settled": False}, "policy.not_due"),
        (KEPT, {"is_held": True}, "policy.legal_hold"),
        (KEPT, {"is_held": True, "action": "forget"}, "policy.legal_hold"),
        (LOOK, {"roles": ("operator", "admin")}, "caller.not_permitted"),
        (LOOK, {"has_reason": False}, "request.malformed"),
        (LOOK, {"minutes": 61}, "policy.too_long"),
        (LOOK, {"minutes": 0}, "policy.too_long"),
        (LOOK, {"has_second_person": False}, "policy.second_person"),
        (PUBLISH, {"roles": ("operator",)}, "caller.not_permitted"),
        (PUBLISH, {"has_reason": False}, "request.malformed"),
        (PUBLISH, {"cases_hold": False}, "policy.cases_fail"),
        (PUBLISH, {"has_second_person": False}, "policy.second_person"),
        (PUBLISH, {"action": "rollback"}, "policy.version_unknown"),
    ],
)
def test_what_is_kept_and_who_may_look(facts, change, reason):
    decision = decide(BUNDLE, replace(facts, **change))
    assert (decision.allow, decision.reasons[0]) == (False, reason)


def test_an_error_of_the_engine_is_a_no():
    """The engine skips a forbid that fails at run time and then says yes; we do not."""
    overflow = (
        '@id("never-overflowing")\n@reason("policy.denied")\n'
        "forbid (principal, action, resource) when { 9223372036854775807 + 1 > 0 };\n"
    )
    broken = read_bundle({**BUNDLE.files, "more.cedar": overflow})
    for facts in (YES, RECORD, KEPT, LOOK, PUBLISH):
        assert decide(BUNDLE, facts).allow
        decision = decide(broken, facts)
        assert (decision.allow, decision.reasons) == (False, ("policy.engine_error",))
    assert decide(BUNDLE, replace(YES, partner_status=None)).reasons == ("policy.engine_error",)


def test_files_that_do_not_load_here_say_no_to_everything():
    shut = closed({"ours.cedar": "permit"}, "it does not parse")
    assert {decide(shut, facts).reasons for facts in (YES, RECORD, KEPT, LOOK, PUBLISH)} == {
        ("policy.version_unknown",)
    }
    assert shut.version != BUNDLE.version
    assert decide(BUNDLE, YES).allow, "what ships keeps its own answers"


def test_the_same_facts_are_asked_once():
    bundle = replace(BUNDLE, answers={})
    first = decide(bundle, YES)
    assert decide(bundle, replace(YES)) is first
    assert len(bundle.answers) == 1
    again = evaluate(bundle, YES)
    assert again == first
    assert again is not first, "who measures or compares asks the engine"


def test_what_is_remembered_is_bounded():
    bundle = replace(BUNDLE, answers={replace(YES, partner_id=str(n)): None for n in range(MOST_KEPT)})
    assert decide(bundle, YES).allow
    assert len(bundle.answers) == 1

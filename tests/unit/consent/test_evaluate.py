"""Each reason of `consent.*`, in the order in which it wins; nothing can widen a consent."""

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from interpayer.consent.evaluate import Circumstances, evaluate, holds_until
from interpayer.model.consent import ANY_LABEL, Authority, Basis, Consent, Effect, Limits, Scope, Standing, Verdict
from interpayer.model.reason import REASONS

START, END = datetime(2026, 1, 1, tzinfo=UTC), datetime(2027, 1, 1, tzinfo=UTC)
NOW = datetime(2026, 11, 21, tzinfo=UTC)
CONSENT = Consent(
    id="k-1",
    member_id="m-1",
    scope=Scope.SENSITIVE,
    sources=("npi|old",),
    recipients=("npi|new",),
    starts_at=START,
    ends_at=END,
    performer="member",
    proof="DocumentReference/1",
)
HERE = Circumstances(at=NOW, recipients=("npi|new", "naic|77"), sources=("npi|old",), policy_version="p-1")
SECOND, DAY = timedelta(seconds=1), timedelta(days=1)
NO_CLAIMS = Limits(types_withheld=frozenset({"Claim"}))
BY_LAW = {"performer": "organization", "basis": Basis.STATE_MEDICAID_CONTRACT, "contract": "MCO-7"}

PROVEN = {"authority": Authority("HPOWATT", proof="court order 4")}
CHILD, ADULT = {"born_on": date(2010, 5, 1)}, {"born_on": date(1960, 5, 1)}


def other(**changes):
    """Another statement of the member about the same parties, said a month before the consent in question."""
    said = {"id": "k-2", "given_at": NOW - 30 * DAY, **changes}
    return replace(CONSENT, **said)


DENIAL = other(effect=Effect.DENY, recipients=("*",), sources=("*",))

# consent, circumstances, standing, verdict, reason
TABLE = [
    ({}, {}, {}, "granted", None),
    ({"recipients": ("new",)}, {}, {}, "granted", None),
    ({"recipients": ("npi|third", "naic|77")}, {}, {}, "granted", None),
    # taken back
    ({"revoked_at": NOW}, {}, {}, "refused", "consent.revoked"),
    ({"revoked_at": NOW + SECOND}, {}, {}, "granted", None),
    ({}, {}, {"withdrawn_at": NOW}, "refused", "consent.revoked"),
    ({}, {}, {"withdrawn_at": START - SECOND}, "refused", "consent.revoked"),
    # outside its time
    ({}, {"at": START - SECOND}, {}, "refused", "consent.not_yet"),
    ({}, {"at": START}, {}, "granted", None),
    ({}, {"at": END - SECOND}, {}, "granted", None),
    ({}, {"at": END}, {}, "refused", "consent.expired"),
    ({"ends_at": START}, {}, {}, "refused", "consent.contradictory"),
    # other parties, another purpose
    ({}, {"recipients": ("npi|third",)}, {}, "refused", "consent.wrong_recipient"),
    ({}, {"recipients": ()}, {}, "refused", "consent.wrong_recipient"),
    ({"recipients": ("naic|new",)}, {"recipients": ("npi|new",)}, {}, "refused", "consent.wrong_recipient"),
    ({"recipients": ("*",)}, {}, {}, "refused", "consent.wrong_recipient"),
    ({}, {"sources": ("npi|third",)}, {}, "refused", "consent.wrong_source"),
    ({"sources": ("*",)}, {}, {}, "refused", "consent.wrong_source"),
    ({"purpose": "research"}, {}, {}, "refused", "consent.scope_exceeded"),
    # nobody with authority
    ({"performer": "representative"}, {}, {}, "refused", "consent.representative_unproven"),
    ({"performer": "organization"}, {}, {}, "refused", "consent.representative_unproven"),
    ({"performer": "representative:HPOWATT"}, {}, {}, "refused", "consent.representative_unproven"),
    ({"performer": "representative:HPOWATT", **PROVEN}, {}, {}, "granted", None),
    ({"performer": "representative:HPOWATT", "received_from": "p-1"}, {}, {}, "granted", None),
    (
        {"performer": "representative:HPOWATT", "authority": Authority("HPOWATT", "order", ends_at=NOW)},
        *({}, {}, "refused", "consent.representative_unproven"),
    ),
    (
        {"performer": "representative:HPOWATT", "authority": Authority("HPOWATT", "order", starts_at=NOW + SECOND)},
        *({}, {}, "refused", "consent.representative_unproven"),
    ),
    ({"performer": "representative:MTH"}, {}, {}, "refused", "consent.representative_unproven"),
    ({"performer": "representative:MTH"}, {"can_segment": True}, CHILD, "narrowed", "policy.narrowed"),
    ({"performer": "representative:MTH"}, {}, CHILD, "refused", "consent.cannot_segment"),
    (
        {"performer": "representative:MTH"},
        *({"can_segment": True}, {"born_on": date(2008, 11, 22)}, "narrowed", "policy.narrowed"),
    ),
    ({"performer": "representative:MTH"}, {}, {"born_on": date(2008, 11, 21)}, "refused", "consent.aged_out"),
    (
        {"performer": "representative:MTH"},
        *({}, {**CHILD, "emancipated_on": NOW.date()}, "refused", "consent.aged_out"),
    ),
    ({"performer": "representative:GUARD"}, {}, ADULT, "refused", "consent.representative_unproven"),
    ({"performer": "representative:GUARD", **PROVEN}, {}, ADULT, "granted", None),
    # death ends what the member and the living allowed; the executor begins
    ({}, {}, {"died_on": NOW.date()}, "refused", "consent.deceased"),
    ({}, {}, {"died_on": NOW.date() + DAY}, "granted", None),
    ({"performer": "representative:HPOWATT", **PROVEN}, {}, {"died_on": START.date()}, "refused", "consent.deceased"),
    ({"performer": "representative:EXCEST", **PROVEN}, {}, {"died_on": START.date()}, "granted", None),
    ({"performer": "representative:EXCEST", **PROVEN}, {}, {}, "refused", "consent.representative_unproven"),
    # a contract or a law needs nobody's word; the opt-out took back an opt-in, a denial forbids
    ({**BY_LAW}, {}, {}, "granted", None),
    ({**BY_LAW}, {}, {"withdrawn_at": START}, "granted", None),
    ({**BY_LAW}, {}, {"statements": (DENIAL,)}, "refused", "consent.revoked"),
    # several statements: a no beats a yes, the narrower counts, later narrows and earlier does not
    ({}, {}, {"statements": (other(scope=Scope.REGULAR),)}, "granted", None),
    ({"received_from": "p-1"}, {}, {"statements": (DENIAL,)}, "refused", "consent.revoked"),
    ({}, {}, {"statements": (DENIAL,)}, "refused", "consent.contradictory"),
    ({"given_at": NOW - 40 * DAY}, {}, {"statements": (DENIAL,)}, "refused", "consent.revoked"),
    ({}, {}, {"statements": (replace(DENIAL, revoked_at=NOW),)}, "granted", None),
    ({}, {}, {"statements": (replace(DENIAL, recipients=("npi|third",)),)}, "granted", None),
    ({}, {}, {"statements": (replace(DENIAL, purpose="research"),)}, "granted", None),
    ({}, {}, {"statements": (replace(DENIAL, performer="representative"),)}, "granted", None),
    (
        {"given_at": NOW - 40 * DAY},
        *({"can_segment": True}, {"statements": (other(scope=Scope.REGULAR),)}, "narrowed", "policy.narrowed"),
    ),
    (
        {},
        *({}, {"statements": (other(effect=Effect.NARROW, limits=NO_CLAIMS),)}, "narrowed", "policy.narrowed"),
    ),
    # what contradicts itself
    ({"limits": Limits(types=frozenset())}, {}, {}, "refused", "consent.contradictory"),
    ({"limits": Limits(since=NOW.date(), until=START.date())}, {}, {}, "refused", "consent.contradictory"),
    ({"effect": Effect.NARROW}, {}, {}, "refused", "consent.contradictory"),
    # less is allowed than asked, or than can be told apart
    ({"scope": Scope.REGULAR}, {}, {}, "refused", "consent.cannot_segment"),
    ({"scope": Scope.REGULAR}, {"can_segment": True}, {}, "narrowed", "policy.narrowed"),
    (
        {"scope": Scope.REGULAR},
        *({"can_segment": True, "wanted": Scope.SENSITIVE}, {}, "refused", "consent.scope_exceeded"),
    ),
    ({"scope": Scope.REGULAR}, {"can_segment": True, "wanted": Scope.REGULAR}, {}, "narrowed", "policy.narrowed"),
    ({"limits": NO_CLAIMS}, {}, {}, "narrowed", "policy.narrowed"),
    ({"limits": NO_CLAIMS}, {"wanted_types": frozenset({"Claim"})}, {}, "refused", "consent.scope_exceeded"),
    ({"limits": NO_CLAIMS}, {"wanted_types": frozenset({"Claim", "Goal"})}, {}, "narrowed", "policy.narrowed"),
    # the first reason that speaks against it wins
    ({"revoked_at": NOW, "ends_at": NOW}, {}, {}, "refused", "consent.revoked"),
    ({"ends_at": NOW}, {"recipients": ()}, {}, "refused", "consent.expired"),
    ({"scope": Scope.REGULAR}, {"sources": ()}, {}, "refused", "consent.wrong_source"),
]


@pytest.mark.parametrize(("consent", "here", "standing", "verdict", "reason"), TABLE)
def test_every_reason(consent, here, standing, verdict, reason):
    permission = evaluate(replace(CONSENT, **consent), replace(HERE, standing=Standing(**standing), **here))
    assert (permission.verdict.value, permission.reason) == (verdict, reason)
    assert (permission.consent_id, permission.policy_version) == ("k-1", "p-1")
    assert reason is None or reason in REASONS


def test_the_table_shows_every_reason_that_evaluation_can_give():
    elsewhere = {"consent.missing", "consent.malformed", "consent.no_basis", "consent.proof_invalid"}
    shown = {reason for *_, reason in TABLE if reason and reason.startswith("consent.")}
    assert shown | elsewhere == {code for code in REASONS if code.startswith("consent.")}


def test_no_consent():
    assert evaluate(None, HERE).reason == "consent.missing"
    assert evaluate(None, replace(HERE, standing=Standing(withdrawn_at=START))).reason == "consent.revoked"
    assert evaluate(None, HERE).is_refused


MOMENTS = st.integers(-8760, 17520).map(lambda hours: START + timedelta(hours=hours))


@given(
    at=MOMENTS,
    withdrawn=st.none() | MOMENTS,
    scope=st.sampled_from(Scope),
    can_segment=st.booleans(),
)
def test_a_yes_is_inside_the_period_and_before_any_no(at, withdrawn, scope, can_segment):
    here = replace(HERE, at=at, standing=Standing(withdrawn_at=withdrawn), can_segment=can_segment)
    permission = evaluate(replace(CONSENT, scope=scope), here)
    if permission.verdict is not Verdict.REFUSED:
        assert START <= at < END
        assert withdrawn is None or withdrawn > at
        assert scope is Scope.SENSITIVE or (can_segment and permission.verdict is Verdict.NARROWED)


def limits_of(consent, *, standing=None, **here):
    return evaluate(consent, replace(HERE, can_segment=True, standing=standing or Standing(), **here)).limits


def test_what_is_left_out_is_the_sum_of_all_that_was_said():
    authority = Authority("HPOWATT", "order", limits=Limits(labels_withheld=frozenset({"psychotherapy_notes"})))
    consent = replace(CONSENT, performer="representative:HPOWATT", authority=authority, limits=NO_CLAIMS)
    restriction = other(effect=Effect.NARROW, limits=Limits(labels_withheld=frozenset({"hiv"})), scope=Scope.REGULAR)
    left_out = limits_of(consent, standing=Standing(statements=(restriction,)))
    assert left_out == Limits(frozenset({"psychotherapy_notes", "hiv"}), types_withheld=frozenset({"Claim"}))


def test_the_regular_word_leaves_out_whatever_is_labeled():
    assert limits_of(replace(CONSENT, scope=Scope.REGULAR)).labels_withheld == {ANY_LABEL}


def test_what_a_minor_controls_does_not_go_on_a_parents_word():
    mother = replace(CONSENT, performer="representative:MTH")
    assert limits_of(mother, standing=Standing(**CHILD)).labels_withheld == {"minor_own"}
    assert limits_of(CONSENT, standing=Standing(**CHILD)).labels_withheld == frozenset()


@pytest.mark.parametrize(
    ("consent", "standing", "until"),
    [
        ({}, {}, END),
        ({"performer": "representative:MTH"}, {"born_on": date(2008, 12, 1)}, datetime(2026, 12, 1, tzinfo=UTC)),
        ({"performer": "representative:MTH"}, {"born_on": date(2008, 2, 29)}, datetime(2026, 3, 1, tzinfo=UTC)),
        ({"performer": "representative:MTH"}, CHILD, END),
        (
            {"performer": "representative:MTH"},
            *({**CHILD, "emancipated_on": date(2026, 12, 24)}, datetime(2026, 12, 24, tzinfo=UTC)),
        ),
        ({"performer": "representative:HPOWATT", "authority": Authority("HPOWATT", "o", ends_at=NOW)}, {}, NOW),
    ],
)
def test_a_consent_holds_as_long_as_its_speaker_may_speak(consent, standing, until):
    here = replace(HERE, standing=Standing(**standing))
    assert holds_until(replace(CONSENT, **consent), here) == until


STATEMENTS = st.builds(
    lambda effect, days, scope, types: other(
        effect=effect, given_at=NOW - days * DAY, scope=scope, limits=Limits(types_withheld=types)
    ),
    st.sampled_from(Effect),
    st.integers(0, 60),
    st.sampled_from(Scope),
    st.frozensets(st.sampled_from(["Claim", "Goal"])),
)


@given(st.lists(STATEMENTS, max_size=4), STATEMENTS)
def test_one_more_statement_never_lets_more_go(known, more):
    consent = replace(CONSENT, given_at=NOW - 30 * DAY)
    here = replace(HERE, can_segment=True)
    before = evaluate(consent, replace(here, standing=Standing(statements=tuple(known))))
    after = evaluate(consent, replace(here, standing=Standing(statements=(*known, more))))
    assert before.is_refused <= after.is_refused
    assert after.is_refused or after.limits.is_within(before.limits)

"""Each reason of `consent.*`, in the order in which it wins; nothing can widen a consent."""

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from interpayer.consent.evaluate import Circumstances, evaluate
from interpayer.model.consent import Consent, Scope, Verdict
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
SECOND = timedelta(seconds=1)

TABLE = [
    # consent, circumstances, verdict, reason
    ({}, {}, "granted", None),
    ({"recipients": ("new",)}, {}, "granted", None),
    ({"recipients": ("npi|third", "naic|77")}, {}, "granted", None),
    ({"revoked_at": NOW}, {}, "refused", "consent.revoked"),
    ({"revoked_at": NOW + SECOND}, {}, "granted", None),
    ({}, {"withdrawn_at": NOW}, "refused", "consent.revoked"),
    ({}, {"withdrawn_at": START - SECOND}, "refused", "consent.revoked"),
    ({}, {"at": START - SECOND}, "refused", "consent.not_yet"),
    ({}, {"at": START}, "granted", None),
    ({}, {"at": END - SECOND}, "granted", None),
    ({}, {"at": END}, "refused", "consent.expired"),
    ({"ends_at": START}, {}, "refused", "consent.contradictory"),
    ({}, {"recipients": ("npi|third",)}, "refused", "consent.wrong_recipient"),
    ({}, {"recipients": ()}, "refused", "consent.wrong_recipient"),
    ({"recipients": ("naic|new",)}, {"recipients": ("npi|new",)}, "refused", "consent.wrong_recipient"),
    ({}, {"sources": ("npi|third",)}, "refused", "consent.wrong_source"),
    ({"performer": "representative"}, {}, "refused", "consent.representative_unproven"),
    ({"performer": "organization"}, {}, "refused", "consent.representative_unproven"),
    ({"performer": "representative:HPOWATT"}, {}, "granted", None),
    ({"performer": "representative:MTH"}, {}, "refused", "consent.representative_unproven"),
    ({"performer": "representative:MTH"}, {"born_on": date(2010, 5, 1)}, "granted", None),
    ({"performer": "representative:MTH"}, {"born_on": date(2008, 11, 22)}, "granted", None),
    ({"performer": "representative:MTH"}, {"born_on": date(2008, 11, 21)}, "refused", "consent.aged_out"),
    ({"scope": Scope.REGULAR}, {}, "refused", "consent.cannot_segment"),
    ({"scope": Scope.REGULAR}, {"can_segment": True}, "narrowed", "policy.narrowed"),
    ({"scope": Scope.REGULAR}, {"can_segment": True, "wanted": Scope.SENSITIVE}, "refused", "consent.scope_exceeded"),
    ({"scope": Scope.REGULAR}, {"can_segment": True, "wanted": Scope.REGULAR}, "narrowed", "policy.narrowed"),
    # the first reason that speaks against it wins
    ({"revoked_at": NOW, "ends_at": NOW}, {}, "refused", "consent.revoked"),
    ({"ends_at": NOW}, {"recipients": ()}, "refused", "consent.expired"),
    ({"scope": Scope.REGULAR}, {"sources": ()}, "refused", "consent.wrong_source"),
]


@pytest.mark.parametrize(("consent", "here", "verdict", "reason"), TABLE)
def test_every_reason(consent, here, verdict, reason):
    permission = evaluate(replace(CONSENT, **consent), replace(HERE, **here))
    assert (permission.verdict.value, permission.reason) == (verdict, reason)
    assert (permission.consent_id, permission.policy_version) == ("k-1", "p-1")
    assert reason is None or reason in REASONS


def test_the_table_shows_every_reason_that_evaluation_can_give():
    elsewhere = {"consent.missing", "consent.malformed"}
    shown = {reason for *_, reason in TABLE if reason and reason.startswith("consent.")}
    assert shown | elsewhere == {code for code in REASONS if code.startswith("consent.")}


def test_no_consent():
    assert evaluate(None, HERE).reason == "consent.missing"
    assert evaluate(None, replace(HERE, withdrawn_at=START)).reason == "consent.revoked"
    assert evaluate(None, HERE).is_refused


MOMENTS = st.integers(-8760, 17520).map(lambda hours: START + timedelta(hours=hours))


@given(
    at=MOMENTS,
    withdrawn=st.none() | MOMENTS,
    scope=st.sampled_from(Scope),
    can_segment=st.booleans(),
)
def test_a_yes_is_inside_the_period_and_before_any_no(at, withdrawn, scope, can_segment):
    here = replace(HERE, at=at, withdrawn_at=withdrawn, can_segment=can_segment)
    permission = evaluate(replace(CONSENT, scope=scope), here)
    if permission.verdict is not Verdict.REFUSED:
        assert START <= at < END
        assert withdrawn is None or withdrawn > at
        assert scope is Scope.SENSITIVE or (can_segment and permission.verdict is Verdict.NARROWED)

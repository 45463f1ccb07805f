"""Risk beside age: what is looked at first."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from interpayer.identity.casework.urgency import rank_of, risk_of
from interpayer.model.match import Disposition, Match

OPENED = datetime(2026, 11, 1, 9, tzinfo=UTC)
DUE = OPENED + timedelta(days=2)
CLEAR = Match(Disposition.REVIEW, "identity.weak", None, "e-1", None, "r-1", margin=30.0)


@pytest.mark.parametrize(
    ("lower", "higher"),
    [
        (CLEAR, replace(CLEAR, margin=3.0)),
        (CLEAR, replace(CLEAR, reason="identity.ambiguous")),
        (CLEAR, replace(CLEAR, reason="identity.conflict_birth_date")),
        (None, replace(CLEAR, reason="identity.conflict_name")),
    ],
    ids=["a near second person", "two fit", "a birth date disagrees", "a name disagrees"],
)
def test_what_could_be_somebody_else_is_more_at_stake(lower, higher):
    assert risk_of("identity", lower) < risk_of("identity", higher)


def test_kinds_two_names_and_hurry():
    by_kind = [risk_of(kind, None) for kind in ("policy", "identity", "conflict", "recall")]
    assert by_kind == sorted(by_kind)
    assert risk_of("identity", CLEAR) < risk_of("identity", CLEAR, needs_two=True)
    assert risk_of("identity", CLEAR) < risk_of("identity", CLEAR, priority="urgent")
    everything = replace(CLEAR, reason="identity.conflict_name", margin=0.0)
    assert risk_of("recall", everything, needs_two=True, priority="urgent") == 100


def test_age_overtakes_risk():
    young = rank_of(80, OPENED, DUE, at=OPENED)
    old = rank_of(40, OPENED, DUE, at=DUE - timedelta(hours=12))
    assert (young, old) == (80.0, 115.0)


def test_rank_grows_with_every_hour_and_has_an_end():
    ranks = [rank_of(40, OPENED, DUE, at=OPENED + timedelta(hours=h)) for h in range(0, 24 * 8, 8)]
    assert ranks == sorted(ranks)
    assert ranks[-1] == 340.0
    assert rank_of(40, OPENED, DUE, at=OPENED - timedelta(days=1)) == 40.0


def test_what_is_due_when_it_is_opened_is_overdue():
    assert rank_of(20, OPENED, OPENED, at=OPENED) == 120.0
    assert rank_of(20, OPENED, OPENED - timedelta(days=1), at=OPENED + timedelta(seconds=90)) == 170.0

"""We keep to a partner's pace: agreed, learnt from being throttled, or asked for; all workers share it."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from interpayer.model.agreement import ANY_PACE, Pace
from interpayer.routing import pacing, registry
from tests.store.routing.test_registry import ENDPOINT
from tests.support.databases import ScratchDatabase

NOW = datetime(2026, 11, 21, tzinfo=UTC)
AGREED = Pace(per_minute=60, burst=3)


@pytest.fixture
def conn(database: ScratchDatabase) -> Any:
    with database.operator.transaction() as conn:
        registry.add_endpoint(conn, ENDPOINT, ["bare"])
    with database.worker.transaction() as conn:
        yield conn


def after(seconds: float) -> datetime:
    return NOW + timedelta(seconds=seconds)


def test_without_an_agreement_calls_go(conn: Any) -> None:
    assert [pacing.take(conn, "e-1", agreed=ANY_PACE, at=NOW) for _ in range(50)] == [None] * 50


def test_the_agreed_pace_lets_a_burst_go_and_then_one_a_second(conn: Any) -> None:
    assert [pacing.take(conn, "e-1", agreed=AGREED, at=NOW) for _ in range(3)] == [None] * 3
    assert pacing.take(conn, "e-1", agreed=AGREED, at=NOW) == pytest.approx(1.0)
    assert pacing.take(conn, "e-1", agreed=AGREED, at=after(1)) is None
    assert pacing.take(conn, "e-1", agreed=AGREED, at=after(1)) == pytest.approx(1.0)
    # A rest fills the burst again, and no more than it.
    went = [pacing.take(conn, "e-1", agreed=AGREED, at=after(3600)) for _ in range(5)]
    assert [wait is None for wait in went] == [True, True, True, False, False]


def test_a_rest_that_was_asked_for_is_kept_by_all(conn: Any) -> None:
    pacing.throttled(conn, "e-1", rest_s=120, at=NOW)
    assert pacing.take(conn, "e-1", agreed=ANY_PACE, at=after(100)) == pytest.approx(20.0)
    assert pacing.take(conn, "e-1", agreed=ANY_PACE, at=after(121)) is None


def test_being_throttled_teaches_a_pace_that_loosens_with_time(conn: Any) -> None:
    for second in range(60):
        assert pacing.take(conn, "e-1", agreed=ANY_PACE, at=after(second)) is None
    learned = pacing.throttled(conn, "e-1", rest_s=None, at=after(60)).learned_per_minute
    assert learned == pytest.approx(60 * pacing.BACK_OFF, rel=0.05)
    # Others of the same burst come back throttled as well: one lesson, not sixty.
    again = pacing.throttled(conn, "e-1", rest_s=None, at=after(60.5))
    assert again.learned_per_minute == learned
    slow = [pacing.take(conn, "e-1", agreed=Pace(burst=1), at=after(70)) for _ in range(2)]
    assert slow[0] is None
    assert slow[1] == pytest.approx(60 / learned, rel=0.01)
    for _ in range(500):
        pacing.borne(conn, "e-1")
    loosened = pacing.paces(conn, ["e-1", "e-2"])["e-1"].learned_per_minute
    assert loosened is not None
    assert loosened > 2 * learned


def test_the_slower_of_agreed_and_learnt_holds_and_never_less_than_one_a_minute(conn: Any) -> None:
    for round_ in range(40):
        at = after(round_ * 100)
        pacing.take(conn, "e-1", agreed=ANY_PACE, at=at)
        pacing.throttled(conn, "e-1", rest_s=1, at=at)
    state = pacing.paces(conn, ["e-1"])["e-1"]
    assert state.learned_per_minute == pacing.LEAST_PER_MINUTE
    assert state.throttled == 40
    late = after(100_000)
    assert pacing.take(conn, "e-1", agreed=AGREED, at=late) is None
    assert [pacing.take(conn, "e-1", agreed=AGREED, at=late) for _ in range(3)][2] == pytest.approx(60.0)

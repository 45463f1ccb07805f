from itertools import pairwise

import pytest

from interpayer.exchange.retry import (
    PARTNER,
    POLL,
    QUICK,
    Follow,
    Next,
    RetryPolicy,
    Try,
    follow,
    in_force,
    jitter,
    next_round,
)
from interpayer.model.reason import FaultKind
from interpayer.policy.composing import compose, shipped

POLICY = RetryPolicy(attempts=3, base_s=1.0, cap_s=8.0, hold_s=10.0, rounds=4, round_base_s=5.0, round_cap_s=60.0)


@pytest.mark.parametrize("policy", [QUICK, PARTNER, POLL])
def test_the_numbers_in_the_code_are_those_that_ship(policy: RetryPolicy) -> None:
    assert in_force(policy, shipped().retries) == policy


def test_the_policy_in_force_counts_for_every_kind_that_it_names() -> None:
    own = compose({"policy.yaml": "retries: {partner: {attempts: 9, budget_s: 60}}"})
    changed = in_force(PARTNER, own.retries)
    assert (changed.attempts, changed.budget_s, changed.cap_s) == (9, 60, PARTNER.cap_s)
    assert in_force(POLL, own.retries) == POLL
    assert in_force(POLICY, own.retries) is POLICY


def always(value: float):
    return lambda: value


@pytest.mark.parametrize(
    ("kind", "can_find_out", "expected"),
    [
        (FaultKind.RETRYABLE, False, Follow.AGAIN),
        (FaultKind.RETRYABLE, True, Follow.AGAIN),
        (FaultKind.CONDITIONAL, True, Follow.FIND_OUT),
        (FaultKind.CONDITIONAL, False, Follow.END),
        (FaultKind.TERMINAL, True, Follow.END),
        (FaultKind.OURS, True, Follow.END),
    ],
)
def test_the_class_of_a_fault_decides_what_follows(kind: FaultKind, can_find_out: bool, expected: Follow) -> None:
    assert follow(POLICY, Try(1, 0.0, kind, can_find_out=can_find_out), always(0.5)).follow is expected


def test_a_wait_is_anything_from_nothing_to_the_doubled_base() -> None:
    assert jitter(1.0, 100.0, 3, draw=always(0.0)) == 0.0
    assert jitter(1.0, 100.0, 3, draw=always(0.999)) == pytest.approx(7.992)


def test_a_wait_never_passes_its_cap_even_after_very_many_tries() -> None:
    assert jitter(1.0, 100.0, 10_000, draw=always(0.999)) < 100.0


def test_waits_grow_while_a_step_is_tried_in_place() -> None:
    waits = [follow(POLICY, Try(n, 0.0, FaultKind.RETRYABLE), always(0.9)).wait_s for n in (1, 2)]
    assert all(later > earlier for earlier, later in pairwise(waits))


def test_the_last_try_in_place_leaves_the_thread() -> None:
    assert follow(POLICY, Try(3, 0.0, FaultKind.RETRYABLE), always(0.0)) == Next(Follow.POSTPONE)


def test_a_thread_is_not_held_longer_than_agreed() -> None:
    assert follow(POLICY, Try(1, 9.9, FaultKind.RETRYABLE), always(0.9)).follow is Follow.POSTPONE


def test_a_long_retry_after_leaves_the_thread_at_once() -> None:
    assert follow(POLICY, Try(1, 0.0, FaultKind.RETRYABLE, retry_after_s=11), always(0.0)).follow is Follow.POSTPONE


def test_a_short_retry_after_is_honored_in_place() -> None:
    assert follow(POLICY, Try(1, 0.0, FaultKind.RETRYABLE, retry_after_s=2), always(0.0)) == Next(Follow.AGAIN, 2)


def test_a_round_is_never_earlier_than_the_partner_asked() -> None:
    delay = next_round(POLICY, rounds=0, waited_s=0, retry_after_s=120, draw=always(0.5))
    assert delay == pytest.approx(122.5)


def test_who_is_told_when_to_come_does_not_wait_ever_longer() -> None:
    told = next_round(PARTNER, rounds=9, waited_s=60, retry_after_s=8, draw=always(0.5))
    untold = next_round(PARTNER, rounds=9, waited_s=60, retry_after_s=None, draw=always(0.5))
    assert told == 9 and untold == 300


def test_an_absurd_retry_after_is_not_believed() -> None:
    delay = next_round(POLICY, rounds=0, waited_s=0, retry_after_s=10**9, draw=always(0.0))
    assert delay == POLICY.heed_s


@pytest.mark.parametrize(("rounds", "waited_s"), [(4, 0.0), (0, POLICY.budget_s)])
def test_the_budget_ends_by_rounds_and_by_time(rounds: int, waited_s: float) -> None:
    assert next_round(POLICY, rounds=rounds, waited_s=waited_s, retry_after_s=None, draw=always(0.0)) is None


def test_a_partner_that_is_down_for_a_week_is_waited_for() -> None:
    waited_s, rounds = 0.0, 0
    while delay := next_round(PARTNER, rounds=rounds, waited_s=waited_s, retry_after_s=None, draw=always(0.5)):
        waited_s, rounds = waited_s + delay, rounds + 1
    assert waited_s >= 7 * 86_400

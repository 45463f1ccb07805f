"""When to try again: failure classes and what follows from them (exchange.md, section 6). Decides only, never waits.

Two clocks: short tries inside one run of a step, then rounds. Between rounds no thread waits, only a row does.
"""

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from enum import StrEnum

from interpayer.model.reason import FaultKind
from interpayer.policy.figures import RetryNumbers

Draw = Callable[[], float]
"""Gives a number from 0 up to, but not including, 1."""


@dataclass(frozen=True, slots=True)
class RetryPolicy:
    """How often and how long a step is tried before somebody else has to decide."""

    attempts: int = 3
    base_s: float = 0.2
    cap_s: float = 2.0
    hold_s: float = 5.0
    """A thread is never held longer than this by waiting inside one run."""
    rounds: int = 5_000
    round_base_s: float = 2.0
    round_cap_s: float = 600.0
    budget_s: float = 7 * 86_400.0
    """Rounds end this long after the first one."""
    heed_s: float = 6 * 3_600.0
    """The longest Retry-After that is believed."""
    name: str | None = None
    """Under which the policy in force has other numbers; None: these count wherever the step runs."""


# What the steps say they are; the numbers in force are those of policy.yaml, `retries` (a test holds them together).
QUICK = RetryPolicy(attempts=5, base_s=0.05, cap_s=1.0, name="quick")
PARTNER = RetryPolicy(name="partner")
POLL = RetryPolicy(attempts=2, rounds=10_000, name="poll")


class Follow(StrEnum):
    """What follows from a fault inside one run of a step."""

    AGAIN = "again"
    FIND_OUT = "find_out"
    POSTPONE = "postpone"
    END = "end"


@dataclass(frozen=True, slots=True)
class Next:
    """What follows, and after how many seconds."""

    follow: Follow
    wait_s: float = 0.0


@dataclass(frozen=True, slots=True)
class Try:
    """One try that ended in a fault: its number from 1, the seconds held so far, and what the fault said."""

    number: int
    held_s: float
    kind: FaultKind
    retry_after_s: float | None = None
    can_find_out: bool = False


def in_force(policy: RetryPolicy, numbers: Mapping[str, RetryNumbers]) -> RetryPolicy:
    """The same policy with the numbers that are in force under its name."""
    found = numbers.get(policy.name) if policy.name else None
    return RetryPolicy(**asdict(found), name=policy.name) if found else policy


def jitter(base_s: float, cap_s: float, number: int, *, draw: Draw) -> float:
    """Full jitter: anything from nothing to the doubled wait, so that many who failed together do not come together."""
    return draw() * min(cap_s, base_s * 2.0 ** min(number, 60))


def follow(policy: RetryPolicy, tried: Try, draw: Draw) -> Next:
    """What a step does after a fault: try again in place, find out first, leave the thread, or end."""
    if tried.kind in (FaultKind.TERMINAL, FaultKind.OURS):
        return Next(Follow.END)
    if tried.kind is FaultKind.CONDITIONAL and not tried.can_find_out:
        return Next(Follow.END)
    wait_s = max(tried.retry_after_s or 0.0, jitter(policy.base_s, policy.cap_s, tried.number - 1, draw=draw))
    if tried.number >= policy.attempts or tried.held_s + wait_s > policy.hold_s:
        return Next(Follow.POSTPONE)
    return Next(Follow.FIND_OUT if tried.kind is FaultKind.CONDITIONAL else Follow.AGAIN, wait_s)


def next_round(
    policy: RetryPolicy, *, rounds: int, waited_s: float, retry_after_s: float | None, draw: Draw
) -> float | None:
    """Seconds until the next round; None when the budget of rounds or of time is used up.

    Who was told when to come (by the partner, or by our own breaker) comes then and a little later; only who was told
    nothing waits ever longer. Waits that double on top of a Retry-After would outlast an outage many times over.
    """
    if rounds >= policy.rounds or waited_s >= policy.budget_s:
        return None
    asked_s = min(retry_after_s or 0.0, policy.heed_s)
    spread_s = max(policy.round_base_s, asked_s / 4) if asked_s else policy.round_cap_s
    return asked_s + jitter(policy.round_base_s, spread_s, rounds, draw=draw)

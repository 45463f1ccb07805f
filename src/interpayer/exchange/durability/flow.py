"""How a story is written: plain functions for steps, and one function that calls them in order.

    @tx_step("authorize")                                    # one transaction, exactly once
    def authorize(tools: Tools, conn: Connection, exchange_id: str) -> str: ...

    @step("ask_match", policy=PARTNER)                       # calls a partner, at least once
    def ask_match(tools: Tools, exchange_id: str) -> str: ...

    @workflow("request_exchange")
    def request_exchange(exchange_id: str) -> str | None:
        if steps.authorize(exchange_id) != "granted":        # called without tools and connection
            return steps.refuse(exchange_id)
        return steps.finish(exchange_id, steps.ask_match(exchange_id))

A workflow is deterministic: it branches on its argument and on what steps return, nothing else. After a crash it runs
again from the top; a step that has an outcome is not done again but gives the same outcome, be it a value, a
``Refusal``, a ``Fault`` or ``Postponed``. Outcomes are stored in clear: ids and codes, never a member's facts.

``Postponed`` that nobody catches starts the same workflow again after the delay, in a new run from the top. Everything
else that escapes becomes a dead letter. Tests call the bare function: ``authorize.plain(tools, conn, exchange_id)``.
"""

from collections.abc import Callable
from functools import update_wrapper
from typing import Any, Concatenate, Final, Generic, ParamSpec, TypeVar, cast

from interpayer.exchange.durability.run import (
    Postponed,
    Story,
    as_stored,
    current,
    go_on_after,
    keep,
    perform,
)
from interpayer.exchange.durability.run_store import Outcome
from interpayer.exchange.retry import PARTNER, QUICK, RetryPolicy
from interpayer.model.event import JSON
from interpayer.system.database import Connection

__all__ = ["WORKFLOWS", "Postponed", "Step", "TxStep", "after", "step", "step_key", "tx_step", "workflow"]

P = ParamSpec("P")
R = TypeVar("R")
S = TypeVar("S", bound=Story)

WORKFLOWS: Final[dict[str, Story]] = {}
HELD_S: Final = 0.5


def workflow(name: str) -> Callable[[S], S]:
    """Register a story. Its name is stored with every run: renaming it strands what is under way."""

    def register(story: S) -> S:
        known = WORKFLOWS.get(name)
        if known is not None and (known.__module__, known.__qualname__) != (story.__module__, story.__qualname__):
            raise ValueError(f"two workflows are named {name}")
        WORKFLOWS[name] = story
        return story

    return register


class TxStep(Generic[P, R]):
    """A step that is one transaction. Calling it inside a workflow gives its outcome: recorded before, or made now."""

    def __init__(self, name: str, plain: Callable[Concatenate[Any, Connection, P], R], policy: RetryPolicy) -> None:
        update_wrapper(self, plain)
        self.name = name
        self.plain = plain
        self.policy = policy

    def __call__(self, *args: P.args, **kwargs: P.kwargs) -> R:
        """The step's outcome."""
        run = current()

        def attempt(kept: Outcome) -> JSON:
            with run.home.database.transaction() as conn:
                value = as_stored(self.plain(run.home.tools, conn, *args, **kwargs))
                keep(conn, run, kept, outcome="value", result=value)
            return value

        return cast(R, perform(run, self.name, self.policy, attempt=attempt))


class Step(Generic[P, R]):
    """A step that talks to somebody else. Calling it inside a workflow gives its outcome: recorded, or made now."""

    def __init__(
        self,
        name: str,
        plain: Callable[Concatenate[Any, P], R],
        policy: RetryPolicy,
        *,
        find_out: Callable[Concatenate[Any, P], R | None] | None,
    ) -> None:
        update_wrapper(self, plain)
        self.name = name
        self.plain = plain
        self.policy = policy
        self.find_out = find_out

    def __call__(self, *args: P.args, **kwargs: P.kwargs) -> R:
        """The step's outcome."""
        run, find_out = current(), self.find_out

        def record(kept: Outcome, value: JSON) -> JSON:
            with run.home.database.transaction() as conn:
                keep(conn, run, kept, outcome="value", result=value)
            return value

        def attempt(kept: Outcome) -> JSON:
            value = as_stored(self.plain(run.home.tools, *args, **kwargs))
            return run.patiently(lambda: record(kept, value))

        def look(kept: Outcome) -> JSON:
            found = as_stored(find_out(run.home.tools, *args, **kwargs)) if find_out else None
            return None if found is None else run.patiently(lambda: record(kept, found))

        return cast(R, perform(run, self.name, self.policy, attempt=attempt, look=look if find_out else None))


def tx_step(
    name: str, *, policy: RetryPolicy = QUICK
) -> Callable[[Callable[Concatenate[Any, Connection, P], R]], TxStep[P, R]]:
    """Make ``fn(tools, conn, ...)`` a step that happens exactly once: its outcome commits with what it did."""
    return lambda plain: TxStep(name, plain, policy)


def step(
    name: str,
    *,
    policy: RetryPolicy = PARTNER,
    find_out: Callable[..., Any] | None = None,
) -> Callable[[Callable[Concatenate[Any, P], R]], Step[P, R]]:
    """Make ``fn(tools, ...)`` a step that happens at least once, without an open transaction.

    ``find_out(tools, ...)`` answers what an earlier try came to, after a fault that leaves it open; None: not done.
    """
    return lambda plain: Step(name, plain, policy, find_out=find_out)


def after(delay_s: float, workflow_name: str, argument: str) -> str:
    """Go on later in a new run that inherits priority and partition; exactly once. Returns the id of that run.

    The engine wakes what is delayed once a second: a shorter wait is waited for here.
    """
    run = current()
    if delay_s <= HELD_S:
        run.pause(delay_s)
        delay_s = 0.0
    return go_on_after(run, delay_s, workflow_name, argument=argument)


def step_key(suffix: str = "") -> str:
    """The idempotency key of the step at work: the same over tries, continuations and replays.

    Give a suffix where a new key is wanted, as in a loop or for a fresh attempt at the partner.
    """
    run = current()
    if not run.is_inside or run.step is None:
        raise RuntimeError("only a step at work has a key")
    return "/".join(filter(None, (run.work.root, run.step, suffix)))

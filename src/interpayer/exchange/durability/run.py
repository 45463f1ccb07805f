"""One execution of a workflow: which step it is at, what is recorded already, and what follows from a fault.

The fence is one row per step. A transactional step writes it in its own transaction, so the step and its outcome are
there both or not at all, whenever the process dies. The row is only written by the execution that owns the run: one
that was declared dead, or cancelled, can record nothing more and stops.
"""

import threading
from collections.abc import Callable
from contextvars import ContextVar
from dataclasses import dataclass, field, replace
from functools import partial
from itertools import count
from secrets import SystemRandom
from time import monotonic
from typing import Any, Final, NoReturn, TypeVar, cast

import orjson

from interpayer.exchange.durability import letters, run_store, store
from interpayer.exchange.durability.run_store import Outcome
from interpayer.exchange.durability.work import DeadLetter, Watch, Work, continuation_id
from interpayer.exchange.retry import QUICK, Follow, RetryPolicy, Try, follow, in_force, jitter, next_round
from interpayer.model.event import JSON
from interpayer.model.reason import Fault, FaultKind, Refusal
from interpayer.system.database import Connection, Database, DatabaseError, DatabaseGone
from interpayer.system.telemetry import get_logger

T = TypeVar("T")
Story = Callable[[str], str | None]
Attempt = Callable[[Outcome], JSON]

LARGEST_RESULT: Final = 16_384
GAVE_UP: Final = "system.gave_up"
BUSY_STATES: Final = frozenset({"40001", "40P01", "55P03"})
"""Serialization failure, deadlock, lock not available: the same transaction again can succeed."""

EXHAUSTED: Final = frozenset({"53100", "53200", "53300", "53400"})
"""Short of disk, memory, connections or room for its configuration: waited for like a database that is away."""

_draw = SystemRandom().random
log = get_logger()


class Postponed(Exception):
    """A step has to wait longer than a thread may be held: why, and in how many seconds to try again."""

    def __init__(self, delay_s: float, reason: str) -> None:
        super().__init__(reason)
        self.delay_s = delay_s
        self.reason = reason


class Abandoned(BaseException):
    """This execution stops without an outcome: it lost the run to another one, or the worker stops."""


class _AlreadyRecorded(Exception):
    """The step has an outcome from elsewhere, or the run another owner: this attempt must leave nothing behind."""


class _Waits(Exception):
    """A fault that is not worth holding the thread for."""

    def __init__(self, fault: Fault, unsure: bool) -> None:
        super().__init__(fault.reason)
        self.fault = fault
        self.unsure = unsure


@dataclass(frozen=True, slots=True)
class Home:
    """What every run of a worker shares."""

    tools: object
    database: Database
    watch: Watch
    stopping: threading.Event


@dataclass(slots=True)
class Run:
    """One execution of one run."""

    home: Home
    work: Work
    owner: str
    done: dict[int, list[Any]] = field(default_factory=dict)
    rounds: dict[str, list[Any]] = field(default_factory=dict)
    step_no: int = 0
    step: str | None = None
    is_inside: bool = False
    tries: int = 0

    def pause(self, seconds: float) -> None:
        """Wait, unless the worker stops."""
        if self.home.stopping.wait(seconds):
            raise Abandoned

    def patiently(self, act: Callable[[], T]) -> T:
        """What the act returns, as soon as the database is there and nobody is in the way."""
        for number in count():
            try:
                return act()
            except DatabaseGone:
                pass
            except DatabaseError as error:
                if error.sqlstate not in EXHAUSTED and (error.sqlstate not in BUSY_STATES or number >= 20):
                    raise
            self.pause(jitter(0.05, 2.0, number, draw=_draw))
        raise AssertionError("counting does not end")


_RUN: ContextVar[Run | None] = ContextVar("interpayer_run", default=None)


def current() -> Run:
    """The run at work in this thread; RuntimeError outside a workflow."""
    run = _RUN.get()
    if run is None:
        raise RuntimeError("steps are called from a workflow; use .plain to call the function itself")
    return run


def execute(home: Home, work: Work, *, owner: str, story: Story) -> str | None:
    """Run a story from the top over what is recorded. Whatever escapes from it becomes a dead letter."""
    run = Run(home, work, owner)
    _load(run)
    token = _RUN.set(run)
    try:
        return story(work.argument)
    except Postponed as wait:
        go_on_after(run, wait.delay_s, work.workflow_name, argument=work.argument)
        return None
    except Exception as error:
        attempts = max(1, run.tries) + (run.rounds[run.step][0] if run.step in run.rounds else 0)
        letter = letters.letter_about(work, error, step=run.step, attempts=attempts)
        run.patiently(lambda: _keep_letter(home, letter))
        raise Fault(FaultKind(letter.kind), letter.reason) from None
    finally:
        _RUN.reset(token)


def perform(run: Run, name: str, policy: RetryPolicy, *, attempt: Attempt, look: Attempt | None = None) -> JSON:
    """The outcome of the next step of a run: as it was recorded, or done now, retried as the policy says."""
    if run.is_inside:
        raise RuntimeError(f"{name} is called from inside the step {run.step}")
    if run.home.stopping.is_set():
        raise Abandoned
    run.step_no, run.step, run.tries = run.step_no + 1, name, 0
    if run.step_no in run.done:
        return _again(run.done[run.step_no], name)
    kept = Outcome(run.work.workflow_id, run.owner, run.step_no, name, "value", None)
    run.is_inside = True
    try:
        policy = in_force(policy, run.patiently(run.home.watch.retries))
        return _try(run, policy, lambda: attempt(kept), (lambda: look(kept)) if look else None)
    except _Waits as waits:
        return _settle(run, kept, partial(_end_round, run, kept, policy, waits))
    except (Refusal, Fault) as ending:
        return _settle(run, kept, partial(_end, run, kept, ending))
    except _AlreadyRecorded:
        return _adopt(run, kept)
    finally:
        run.is_inside = False


def go_on_after(run: Run, delay_s: float, workflow_name: str, *, argument: str) -> str:
    """Enqueue a continuation as a step of this run; its id is made from the run and the step, so it is there once."""

    def attempt(kept: Outcome) -> JSON:
        workflow_id = continuation_id(run.work, kept.step_no)
        with run.home.database.transaction() as conn:
            priority, partition = store.inherited(conn, run.work.workflow_id)
            store.accept(
                conn, workflow_name, workflow_id, argument, delay_s=delay_s, priority=priority, partition=partition
            )
            keep(conn, run, kept, outcome="continued", result=workflow_id)
        return workflow_id

    return cast(str, perform(run, "after", QUICK, attempt=attempt))


def keep(conn: Connection, run: Run, kept: Outcome, *, outcome: str, result: JSON) -> None:
    """Record an outcome in this transaction; raises, and so rolls it back, when this execution may not."""
    if kept.name in run.rounds and outcome != "postponed":
        run_store.end_rounds(conn, run.work, kept.name)
    if not run_store.record_step(conn, replace(kept, outcome=outcome, result=result)):
        raise _AlreadyRecorded


def as_stored(value: object) -> JSON:
    """The value as a later execution will read it back; TypeError when it is not small JSON."""
    text = orjson.dumps(value)
    if len(text) > LARGEST_RESULT:
        raise TypeError(f"a step returns ids and codes, not {len(text)} bytes")
    return cast(JSON, orjson.loads(text))


def _load(run: Run) -> None:
    def look() -> dict[str, Any]:
        with run.home.database.transaction() as conn:
            return run_store.load_run(conn, run.work)

    found = run.patiently(look)
    if found["dead"]:
        raise Fault(FaultKind.OURS, letters.BUG, detail="this run is a dead letter already")
    run.done = {int(number): outcome for number, outcome in (found["done"] or {}).items()}
    run.rounds = found["rounds"] or {}


def _try(run: Run, policy: RetryPolicy, attempt: Callable[[], JSON], look: Callable[[], JSON] | None) -> JSON:
    """Try in place as long as the policy allows. After a fault that leaves it open: first find out."""
    began = monotonic()
    unsure = run.step in run.rounds and bool(run.rounds[run.step][1])
    while True:
        run.tries += 1
        try:
            if unsure and look and (found := look()) is not None:
                return found
            return run.patiently(attempt)
        except Fault as fault:
            unsure = unsure or fault.kind is FaultKind.CONDITIONAL
            tried = Try(run.tries, monotonic() - began, fault.kind, fault.retry_after_s, look is not None)
            following = follow(policy, tried, _draw)
            if following.follow is Follow.END:
                raise
            if following.follow is Follow.POSTPONE:
                raise _Waits(fault, unsure) from None
            run.pause(following.wait_s)


def _settle(run: Run, kept: Outcome, record: Callable[[], Exception]) -> JSON:
    """Record how a step ended and raise that; what somebody else recorded meanwhile counts more."""
    try:
        ending = run.patiently(record)
    except _AlreadyRecorded:
        return _adopt(run, kept)
    raise ending from None


def _end(run: Run, kept: Outcome, ending: Refusal | Fault) -> Exception:
    with run.home.database.transaction() as conn:
        if isinstance(ending, Refusal):
            keep(conn, run, kept, outcome="refused", result={"reason": ending.reason, "detail": ending.detail})
        else:
            told: JSON = {"kind": ending.kind.value, "reason": ending.reason, "detail": ending.detail}
            keep(conn, run, kept, outcome="fault", result=told)
    return ending


def _end_round(run: Run, kept: Outcome, policy: RetryPolicy, waits: _Waits) -> Exception:
    fault = waits.fault
    with run.home.database.transaction() as conn:
        rounds, waited_s = run_store.add_round(conn, run.work, name=kept.name, unsure=waits.unsure, reason=fault.reason)
        run.rounds[kept.name] = [rounds, waits.unsure]
        delay_s = next_round(policy, rounds=rounds, waited_s=waited_s, retry_after_s=fault.retry_after_s, draw=_draw)
        if delay_s is None:
            told: JSON = {"kind": FaultKind.TERMINAL.value, "reason": GAVE_UP, "detail": fault.reason}
            keep(conn, run, kept, outcome="fault", result=told)
            return Fault(FaultKind.TERMINAL, GAVE_UP, detail=fault.reason)
        keep(conn, run, kept, outcome="postponed", result={"delay_s": delay_s, "reason": fault.reason})
    log.warning("a step waits", workflow_id=run.work.workflow_id, step=kept.name, reason=fault.reason, delay_s=delay_s)
    return Postponed(delay_s, fault.reason)


def _adopt(run: Run, kept: Outcome) -> JSON:
    """The outcome that is recorded for this step, if this execution still owns the run; otherwise it stops."""

    def look() -> list[Any] | None:
        with run.home.database.transaction() as conn:
            return run_store.recorded_step(conn, kept)

    found = run.patiently(look)
    if found is None:
        raise Abandoned
    return _again(found, kept.name)


def _again(recorded: list[Any], name: str) -> JSON:
    """A recorded outcome once more. Another name in its place means that the story changed under a running exchange."""
    was, outcome, result = recorded
    if was != name:
        raise Fault(FaultKind.OURS, letters.BUG, detail=f"the step {name} stands where {was} is recorded")
    if outcome in {"value", "continued"}:
        return cast(JSON, result)
    _raise(outcome, result)


def _raise(outcome: str, result: dict[str, Any]) -> NoReturn:
    if outcome == "postponed":
        raise Postponed(result["delay_s"], result["reason"])
    if outcome == "refused":
        raise Refusal(result["reason"], result["detail"])
    raise Fault(FaultKind(result["kind"]), result["reason"], detail=result["detail"])


def _keep_letter(home: Home, letter: DeadLetter) -> None:
    with home.database.transaction() as conn:
        letters.keep(conn, home.watch, letter)

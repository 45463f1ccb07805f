"""What happens to work whose executor died or that ended badly: slots, leases, the watchdog, dead letters, replay."""

import os
import socket
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from time import monotonic

from interpayer.exchange.durability import letters, run_store, store
from interpayer.exchange.durability.work import Circumstances, DeadLetter, Watch, Work
from interpayer.model.reason import Fault, FaultKind
from interpayer.system.database import Connection, Database, DatabaseError, DatabaseGone, connect

__all__ = ["Circumstances", "DeadLetter", "Watch", "Work", "dead_letters", "recover", "replay"]


DISPATCHES = 10


class SlotTaken(Exception):
    """Another process holds this slot: two with one name would take each other's work."""


@dataclass(frozen=True, slots=True)
class Pace:
    """How fast a worker is and how patient with others; defaults for production."""

    threads: int = 16
    poll_s: float = 0.2
    beat_s: float = 10.0
    expiry_s: float = 60.0
    drain_s: float = 5.0
    dispatches: int = DISPATCHES
    """A run that is dispatched more often, because its process died each time, is a dead letter."""


# ---------------------------------------------------------------- for a person's hand


def dead_letters(conn: Connection, *, open_only: bool = True, limit: int = 100) -> list[DeadLetter]:
    """What automation gave up, the newest first."""
    return store.letters(conn, open_only=open_only, limit=limit)


def replay(conn: Connection, letter_id: str, *, person: str, reason: str) -> str:
    """Have it done again from the top, in a new run with the same argument; the id of that run.

    Nothing decided before is used again. The same letter twice is once: the second gets the first one's id.
    Raises ``LookupError`` for an unknown letter and ``ValueError`` when nobody, or no reason, is named.
    """
    if not person.strip() or not reason.strip():
        raise ValueError("a replay names a person and a reason")
    letter = store.letter(conn, letter_id)
    if letter is None:
        raise LookupError(letter_id)
    if letter.replay_id is not None:
        return letter.replay_id
    replay_id = f"{letter.root}:replay.{letter.id}"
    priority, partition = store.inherited(conn, letter.workflow_id)
    store.accept(conn, letter.workflow_name, replay_id, letter.argument, priority=priority, partition=partition)
    store.mark_replayed(conn, letter_id, person=person, reason=reason, replay_id=replay_id)
    return replay_id


def recover(conn: Connection, executor: str, *, dispatches: int = DISPATCHES) -> list[Work]:
    """Take over what an executor left running, and forget it. It must be dead: its steps would happen twice."""
    work = run_store.queue_again(conn, executor, dispatches=dispatches)
    run_store.end_lease(conn, executor)
    return work


# ---------------------------------------------------------------- for the worker


class Slot:
    """An executor's name, held by a lock for the life of one connection, and its lease, renewed with every beat."""

    def __init__(self, url: str, executor: str, pace: Pace) -> None:
        self.executor = executor
        self._url = url
        self._pace = pace
        self._conn: Connection | None = None
        self._held_since = 0.0

    def take(self) -> None:
        """Hold the slot and start the lease; ``SlotTaken`` if another process has it."""
        self._conn = connect(self._url, autocommit=True)
        with self._translated():
            if not run_store.take_slot(self._conn, self.executor):
                self.leave()
                raise SlotTaken(self.executor)
        self._held_since = monotonic()
        self.beat()

    def beat(self) -> None:
        """Renew the lease. After a lost connection the slot is taken anew, which can raise ``SlotTaken``."""
        if self._conn is None or self._conn.closed:
            self.take()
            return
        with self._translated():
            run_store.renew_lease(
                self._conn, self.executor, host=socket.gethostname(), process=os.getpid(), expiry_s=self._pace.expiry_s
            )

    def may_judge(self) -> bool:
        """Whether others had the time to renew their leases: not just after a start of the database or of ours."""
        return self._conn is not None and monotonic() - self._held_since >= self._pace.expiry_s

    def leave(self) -> None:
        """Give the slot back."""
        if self._conn is not None:
            self._conn.close()
        self._conn = None

    @contextmanager
    def _translated(self) -> Iterator[None]:
        """Whatever the database says here, the slot is not held any more until it is taken anew."""
        try:
            yield
        except DatabaseError:
            self.leave()
            raise DatabaseGone("the slot's connection was lost") from None


def watch_over(database: Database, slot: Slot, pace: Pace, *, watch: Watch, at_work: Collection[str]) -> None:
    """One round of the watchdog: own strays, dead executors, runs that ended badly without a letter.

    A stray is a run that the engine claimed for us and never started, because the database went away in between.
    """
    take_up(database, slot, pace, watch=watch, older_s=pace.expiry_s, but=at_work)
    if not slot.may_judge():
        return
    with database.transaction() as conn:
        if not run_store.take_sweep(conn):
            return
        for executor in run_store.dead_executors(conn, expiry_s=pace.expiry_s):
            work = recover(conn, executor, dispatches=pace.dispatches)
            if work:
                watch.recovered(conn, executor, work)
        _keep_letters(conn, watch)


def take_up(
    database: Database, slot: Slot, pace: Pace, *, watch: Watch, older_s: float = 0, but: Collection[str] = ()
) -> None:
    """Queue what an earlier process of this slot left, and what this one was given but never began."""
    with database.transaction() as conn:
        work = run_store.queue_again(conn, slot.executor, dispatches=pace.dispatches, older_s=older_s, but=but)
        if work:
            watch.recovered(conn, slot.executor, work)


def hand_back(database: Database, slot: Slot, pace: Pace) -> Sequence[Work]:
    """Queue what a stopping worker could not finish, so that others take it at once."""
    with database.transaction() as conn:
        return recover(conn, slot.executor, dispatches=pace.dispatches)


def _keep_letters(conn: Connection, watch: Watch) -> None:
    for work, attempts in run_store.dead_without_letter(conn):
        fault = Fault(FaultKind.OURS, letters.BUG, detail="the run ended without saying why")
        letters.keep(conn, watch, letters.letter_about(work, fault, step=None, attempts=attempts))

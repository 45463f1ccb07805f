"""Several processes that each do one piece after another: work on members whose order matters stays in one lane."""

import gc
import os
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from multiprocessing import get_context
from typing import TypeVar

from interpayer.model.reason import Fault, FaultKind
from interpayer.system.database import Connection, Database, connect
from interpayer.system.keys import Vault

_Piece = TypeVar("_Piece")
_Done = TypeVar("_Done")
# So many pieces wait in each lane; more would only take memory.
_AHEAD = 2


@dataclass(frozen=True, slots=True)
class Floor:
    """What a process needs to work beside us: how to reach the database, as which role, and the keys.

    `owner_url` reaches it as who owns the tables, to have them looked over after much was written.
    """

    url: str
    role: str
    vault: Vault
    owner_url: str | None = None

    def database(self) -> Database:
        """A pool of this process."""
        return Database(self.url, role=self.role, size=2)

    def connection(self) -> Connection:
        """A connection that commits by itself; transactions are opened on it."""
        return connect(self.url, role=self.role, autocommit=True)

    def look_over(self) -> None:
        """Have the big tables vacuumed and analyzed, where the owner can be reached."""
        if self.owner_url is not None:
            with connect(self.owner_url, autocommit=True) as conn:
                conn.execute("vacuum (analyze) identity.block, identity.member, identity.coverage, identity.frequency")


@dataclass(frozen=True, slots=True)
class _Broken:
    """A fault on its way from the process where it happened."""

    kind: FaultKind
    reason: str
    detail: str


@dataclass(frozen=True, slots=True)
class Lanes:
    """So many processes, each with a queue of its own."""

    _pools: list[ProcessPoolExecutor]

    def __len__(self) -> int:
        """The number of lanes."""
        return len(self._pools)

    def run(self, work: Callable[[_Piece], _Done], pieces: Iterable[tuple[int, _Piece]]) -> Iterator[_Done]:
        """Do (lane, piece) one by one per lane; what is done comes back in the order of the pieces."""
        waiting: deque[Future[_Done | _Broken]] = deque()
        for lane, piece in pieces:
            waiting.append(self._pools[lane % len(self._pools)].submit(_try, work, piece))
            while waiting and (len(waiting) > _AHEAD * len(self._pools) or waiting[0].done()):
                yield _done(waiting.popleft())
        while waiting:
            yield _done(waiting.popleft())

    def each(self, ask: Callable[[], _Done]) -> list[_Done]:
        """What every process answers, after its pieces."""
        return [pool.submit(ask).result() for pool in self._pools]


@contextmanager
def open_lanes(count: int | None, begin: Callable[..., None], *given: object) -> Iterator[Lanes]:
    """So many processes (default: one per processor) that begin with `begin(*given)`; they end with the block."""
    context = get_context("spawn")
    with ExitStack() as stack:
        yield Lanes(
            [
                stack.enter_context(ProcessPoolExecutor(1, context, initializer=_begin, initargs=(begin, given)))
                for _ in range(count or processors())
            ]
        )


def _try(work: Callable[[_Piece], _Done], piece: _Piece) -> "_Done | _Broken":
    try:
        return work(piece)
    except Fault as fault:
        return _Broken(fault.kind, fault.reason, fault.detail)


def _done(future: "Future[_Done | _Broken]") -> _Done:
    done = future.result()
    if isinstance(done, _Broken):
        raise Fault(done.kind, done.reason, detail=done.detail)
    return done


def processors() -> int:
    """The processors that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _begin(begin: Callable[..., None], given: tuple[object, ...]) -> None:
    # Millions of short-lived objects and no circles among them: looking for circles costs a third of the time.
    gc.disable()
    begin(*given)

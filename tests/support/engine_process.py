"""Workers as processes of their own, forked from one that has loaded the engine, so that a drill can kill many."""

import multiprocessing
import os
import signal
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from multiprocessing import forkserver
from multiprocessing.context import ForkServerProcess
from pathlib import Path
from typing import Any

from interpayer.exchange.durability import store
from interpayer.exchange.engine import Engine
from interpayer.exchange.recovery import Pace, SlotTaken
from interpayer.system.database import Database, DatabaseGone
from tests.support import engine_stories

QUICK = Pace(threads=8, poll_s=0.05, beat_s=0.1, expiry_s=1.0, drain_s=2.0, dispatches=5)
ROOT = Path(__file__).parent.parent.parent
SLOT_TAKEN, SLOT_LOST = 3, 4
_FORKS = multiprocessing.get_context("forkserver")


@dataclass(frozen=True, slots=True)
class WorkerOptions:
    """How to start one worker."""

    url: str
    slot: str
    pace: Pace = QUICK
    dies_at: int | None = None


class WorkerProcess:
    """A worker that can be killed. Use as a context: whatever is left of it at the end is killed."""

    def __init__(self, url: str, slot: str, *, pace: Pace = QUICK, dies_at: int | None = None) -> None:
        _preload()
        self._ready = _FORKS.Event()
        options = WorkerOptions(url, slot, pace, dies_at)
        self._process: ForkServerProcess = _FORKS.Process(target=_work, args=(options, self._ready), daemon=True)
        self._process.start()

    @property
    def pid(self) -> int:
        assert self._process.pid is not None
        return self._process.pid

    def ready(self, timeout_s: float = 20) -> "WorkerProcess":
        """Wait until it works."""
        assert self._ready.wait(timeout_s), "the worker does not start"
        return self

    def kill(self) -> None:
        """As if the power went."""
        self._process.kill()
        self._process.join(10)

    def stop(self) -> None:
        """As an operator would."""
        self._process.terminate()
        self._process.join(20)

    def ended(self, timeout_s: float) -> int | None:
        """Its exit code, or None when it lives on."""
        self._process.join(timeout_s)
        return self._process.exitcode

    def cpu_s(self) -> float:
        """Processor time it took so far."""
        with open(f"/proc/{self.pid}/stat", encoding="ascii") as file:
            fields = file.read().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def threads(self) -> int:
        """How many threads it has."""
        return len(os.listdir(f"/proc/{self.pid}/task"))

    def __enter__(self) -> "WorkerProcess":
        return self

    def __exit__(self, *_: object) -> None:
        self.kill()


@cache
def _preload() -> None:
    """Load the engine once, in the process that the others are forked from; it finds modules by PYTHONPATH only."""
    _FORKS.set_forkserver_preload(["tests.support.engine_process"])
    before = os.environ.get("PYTHONPATH")
    os.environ["PYTHONPATH"] = os.pathsep.join([str(ROOT / "src"), str(ROOT)])
    try:
        forkserver.ensure_running()
    finally:
        os.environ.pop("PYTHONPATH")
        if before is not None:
            os.environ["PYTHONPATH"] = before


def _work(options: WorkerOptions, ready: Any) -> None:
    database = engine_stories.Mortal(options.url, size=options.pace.threads + 2, dies_at=options.dies_at)
    tools = engine_stories.Tools(database, threading.Event())
    engine = Engine(
        url=options.url,
        slot=options.slot,
        database=database,
        tools=tools,
        watch=engine_stories.watch(),
        pace=options.pace,
    )
    told = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: told.set())
    try:
        engine.start()
    except SlotTaken:
        os._exit(SLOT_TAKEN)
    ready.set()
    while not told.is_set():
        if engine.wait(0.05):
            os._exit(SLOT_LOST)
    engine.stop()
    os._exit(0)


def status(database: Database, workflow_id: str) -> str | None:
    """Where a run stands; None as well while the database is away."""
    try:
        with database.transaction() as conn:
            return store.status(conn, workflow_id)
    except DatabaseGone:
        return None


def wait_until(what: Callable[[], object], timeout_s: float = 15) -> None:
    """Wait until it is so; fail when it does not come to that."""
    end = time.monotonic() + timeout_s
    while not what():
        assert time.monotonic() < end, "it did not happen in time"
        time.sleep(0.02)

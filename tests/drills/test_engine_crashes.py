"""What any engine behind the port must survive: processes and databases that die.

Runbook: docs/how-to/a-process-dies.md
"""

import os
import random
import signal
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path

import pytest

from interpayer.exchange.durability import store
from interpayer.exchange.engine import migrate_engine
from interpayer.exchange.recovery import dead_letters
from interpayer.system.database import Database, connect
from interpayer.system.migrate import migrate
from interpayer.system.postgres import EmbeddedPostgres
from tests.support import engine_stories as stories
from tests.support.databases import ScratchDatabase
from tests.support.engine_process import QUICK, SLOT_TAKEN, WorkerProcess, status, wait_until

pytestmark = pytest.mark.drill


@pytest.fixture
def scene(database: ScratchDatabase) -> ScratchDatabase:
    """A database with a place for traces."""
    with database.owner.transaction() as conn:
        conn.execute(stories.TABLES.encode())
    return database


class OwnServer:
    """A server that a drill may stop and kill."""

    def __init__(self, home: Path) -> None:
        self._server = EmbeddedPostgres(home, os.environ.get("INTERPAYER_RUN_AS", "nobody"))
        self._server.start()
        self._server.wait_ready()
        with connect(self.url("owner")) as conn:
            migrate(conn, hooks=[lambda: migrate_engine(self.url("migrator"))])
            conn.execute(stories.TABLES.encode())
        self.worker = Database(self.url("worker"))

    def url(self, role: str) -> str:
        return self._server.url(role)

    def restart(self, how: signal.Signals) -> None:
        pid = self._server.status().pid
        assert pid is not None
        os.kill(pid, how)
        self._server.stop()
        self._server.start()
        self._server.wait_ready()

    def close(self) -> None:
        self.worker.close()
        self._server.stop()


@pytest.fixture
def own_server(open_folder: Path) -> Iterator[OwnServer]:
    server = OwnServer(open_folder / "home")
    yield server
    server.close()


def accept(door: Database, name: str, exchange_id: str, **options: object) -> None:
    with door.transaction() as conn:
        store.accept(conn, name, exchange_id, exchange_id, **options)  # type: ignore[arg-type]


def told(database: Database, event: str) -> list[dict]:
    with database.transaction() as conn:
        return conn.execute("select * from drill.told where event = %s order by workflow_id", (event,)).fetchall()


def all_done(database: Database, count: int) -> Callable[[], bool]:
    return lambda: [status(database, f"x-{number}") for number in range(count)] == ["done"] * count


def assert_each_once(database: Database, count: int) -> None:
    """Each slow story left each of its four transactions exactly once, and each plain step at least once."""
    for number in range(count):
        with database.transaction() as conn:
            left = stories.traces(conn, f"x-{number}")
        assert left.count("permit") == 4
        assert {name for name in left if name != "permit"} == {f"dawdle {part}" for part in range(4)}


def test_a_process_killed_at_any_point_leaves_every_transaction_once(scene: ScratchDatabase) -> None:
    """Killed before, inside and after every transaction, between any two steps, until it ran through undisturbed."""
    deaths = 0
    while _dies_at(scene, f"x-{deaths}", deaths + 1):
        with WorkerProcess(scene.url("worker"), "s1"):
            wait_until(partial(_is_through, scene, f"x-{deaths}"))
        deaths += 1
    assert deaths > 20
    assert {row["executor"] for row in told(scene.worker, "recovered")} == {"s1"}
    with scene.worker.transaction() as conn:
        for number in range(deaths + 1):
            left = stories.traces(conn, f"x-{number}")
            assert [name for name in left if name != "send"] == ["permit", "record", "deliver"], f"point {number + 1}"
            assert 1 <= left.count("send") <= 2
        keys = conn.execute("select distinct exchange_id, step, key from drill.trace").fetchall()
    assert {row["key"] for row in keys} == {f"{row['exchange_id']}/{row['step']}" for row in keys}


def _dies_at(scene: ScratchDatabase, exchange_id: str, point: int) -> bool:
    accept(scene.door, "drill_whole", exchange_id)
    with WorkerProcess(scene.url("worker"), "s1", dies_at=point) as worker:
        wait_until(lambda: worker.ended(0) is not None or _is_through(scene, exchange_id))
        return worker.ended(0) is not None


def _is_through(scene: ScratchDatabase, root: str) -> bool:
    with scene.door.transaction() as conn:
        runs = store.steps_of(conn, root)
    return len(runs) == 2 and all(run["status"] == "done" for run in runs)


def _at_work(scene: ScratchDatabase, executor: str) -> bool:
    statement = "select 1 from engine.workflow_status where executor_id = %s and status = 'PENDING' limit 1"
    with scene.owner.transaction() as conn:
        return conn.execute(statement, (executor,)).fetchone() is not None


def test_the_living_worker_takes_over_what_the_dead_one_had(scene: ScratchDatabase) -> None:
    with WorkerProcess(scene.url("worker"), "s1") as first, WorkerProcess(scene.url("worker"), "s2") as second:
        first.ready()
        second.ready()
        for number in range(24):
            accept(scene.door, "drill_slow", f"x-{number}")
        wait_until(lambda: _at_work(scene, "s1"))
        first.kill()
        wait_until(all_done(scene.door, 24))
    recovered = told(scene.worker, "recovered")
    assert recovered
    assert {row["executor"] for row in recovered} == {"s1"}
    assert len({row["workflow_id"] for row in recovered}) == len(recovered)
    assert_each_once(scene.worker, 24)


def test_a_worker_that_stops_hands_its_work_back_at_once(scene: ScratchDatabase) -> None:
    patient = replace(QUICK, expiry_s=60.0)
    with WorkerProcess(scene.url("worker"), "s1", pace=patient) as first:
        first.ready()
        for number in range(8):
            accept(scene.door, "drill_slow", f"x-{number}")
        wait_until(lambda: status(scene.door, "x-7") == "running")
        first.stop()
        assert first.ended(0) == 0
    with scene.operator.transaction() as conn:
        assert conn.execute("select from exchange.lease").fetchall() == []
    with WorkerProcess(scene.url("worker"), "s2", pace=patient):
        wait_until(all_done(scene.door, 8))
    assert_each_once(scene.worker, 8)


def test_a_slot_is_held_by_one_process(scene: ScratchDatabase) -> None:
    with WorkerProcess(scene.url("worker"), "s1") as first:
        first.ready()
        with WorkerProcess(scene.url("worker"), "s1") as second:
            assert second.ended(10) == SLOT_TAKEN
        accept(scene.door, "drill_nothing", "x-0")
        wait_until(all_done(scene.door, 1))
        first.kill()
    with WorkerProcess(scene.url("worker"), "s1") as third:
        third.ready(5)


def test_work_that_kills_its_process_again_and_again_becomes_a_dead_letter(scene: ScratchDatabase) -> None:
    accept(scene.door, "drill_poison", "x-0")
    for _ in range(QUICK.dispatches + 2):
        with WorkerProcess(scene.url("worker"), "s1") as worker:
            if worker.ended(3) is None:
                break
    with WorkerProcess(scene.url("worker"), "s1"):
        wait_until(lambda: status(scene.door, "x-0") == "dead")
        wait_until(lambda: told(scene.worker, "kept"))
    with scene.operator.transaction() as conn:
        (letter,) = dead_letters(conn)
    assert (letter.kind, letter.reason, letter.argument) == ("ours", "system.bug", "x-0")
    assert letter.attempts == QUICK.dispatches


def test_the_database_can_be_restarted_underneath(own_server: OwnServer) -> None:
    """Stopped in the middle, then killed in the middle: everything ends, nothing happens twice."""
    database = own_server.worker
    with (
        WorkerProcess(own_server.url("worker"), "s1") as first,
        WorkerProcess(own_server.url("worker"), "s2") as second,
    ):
        first.ready()
        second.ready()
        for number in range(40):
            accept(database, "drill_slow", f"x-{number}")
        time.sleep(0.5)
        own_server.restart(signal.SIGINT)
        time.sleep(0.5)
        own_server.restart(signal.SIGQUIT)
        wait_until(all_done(database, 40), 60)
        assert first.ended(0) is None
        assert second.ended(0) is None
    assert_each_once(database, 40)


def test_ten_thousand_parked_exchanges_cost_rows_only(scene: ScratchDatabase) -> None:
    with scene.operator.transaction() as conn:
        for number in range(10_000):
            store.park(conn, f"x-{number}", "drill_nothing", f"x-{number}", reason="identity.ambiguous")
    began = time.monotonic()
    with WorkerProcess(scene.url("worker"), "s1") as worker:
        worker.ready(5)
        accept(scene.door, "drill_nothing", "y-0")
        wait_until(lambda: status(scene.door, "y-0") == "done", 5)
        assert time.monotonic() - began < 5
        before = worker.cpu_s()
        time.sleep(2)
        assert worker.cpu_s() - before < 0.5
        assert worker.threads() < 40
        with scene.operator.transaction() as conn:
            continued = [store.continue_with(conn, f"x-{number}", "same") for number in range(0, 10_000, 500)]
        wait_until(lambda: [status(scene.door, str(run)) for run in continued] == ["done"] * 20, 5)
    with scene.operator.transaction() as conn:
        assert len(store.parked(conn, limit=20_000)) == 10_000 - 20


@pytest.mark.timeout(600)
@pytest.mark.parametrize("seed", [7, *(pytest.param(seed, marks=pytest.mark.long) for seed in range(11, 21))])
def test_a_storm_of_deaths_loses_nothing_and_repeats_nothing(own_server: OwnServer, seed: int) -> None:
    """Twenty deaths, drawn by a seed, of three workers and the database, while two hundred exchanges are under way."""
    chance, database, url = random.Random(seed), own_server.worker, own_server.url("worker")
    workers = {slot: WorkerProcess(url, slot) for slot in ("s1", "s2", "s3")}
    accepted = 0
    try:
        for _ in range(20):
            for number in range(accepted, accepted + 10):
                accept(database, chance.choice(["drill_slow", "drill_whole"]), f"x-{number}")
            accepted += 10
            time.sleep(chance.uniform(0.05, 0.8))
            victim = chance.choice([*workers, "database"])
            if victim == "database":
                own_server.restart(chance.choice([signal.SIGINT, signal.SIGQUIT]))
                continue
            workers[victim].kill()
            workers[victim] = WorkerProcess(url, victim)
        wait_until(partial(_all_quiet, database, accepted), 120)
    finally:
        for worker in workers.values():
            worker.kill()
    with database.transaction() as conn:
        for number in range(accepted):
            left = [name for name in stories.traces(conn, f"x-{number}") if "dawdle" not in name and name != "send"]
            assert left in (["permit"] * 4, ["permit", "record", "deliver"])
        assert dead_letters(conn) == []


def _all_quiet(database: Database, count: int) -> bool:
    with database.transaction() as conn:
        runs = [run for number in range(count) for run in store.steps_of(conn, f"x-{number}")]
    return len(runs) >= count and all(run["status"] == "done" for run in runs)

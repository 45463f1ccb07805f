"""What any engine behind the port must do, told against the port alone.

Runbook: docs/how-to/replay-a-dead-letter.md
"""

import threading
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest

from interpayer.exchange.durability import store
from interpayer.exchange.engine import Engine
from interpayer.exchange.recovery import DeadLetter, Pace, Slot, SlotTaken, dead_letters, replay
from interpayer.system.database import Connection, Database
from tests.support import engine_stories as stories
from tests.support.databases import ScratchDatabase
from tests.support.engine_process import status, wait_until

pytestmark = pytest.mark.drill
PACE = Pace(threads=4, poll_s=0.03, beat_s=0.1, expiry_s=1.0, drain_s=2.0)


class Scene:
    """A database with a place for traces and, while it is entered, a worker in this process."""

    def __init__(self, database: ScratchDatabase) -> None:
        self.database = database
        self.door, self.operator = database.door, database.operator
        self.worker = Database(database.url("worker"), size=6)
        self.gate = threading.Event()
        with database.owner.transaction() as conn:
            conn.execute(stories.TABLES.encode())
        self.engine = Engine(
            url=database.url("worker"),
            slot="here",
            database=self.worker,
            tools=stories.Tools(self.worker, self.gate),
            watch=stories.watch(),
            pace=PACE,
        )

    def __enter__(self) -> "Scene":
        self.engine.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.gate.set()
        self.engine.stop()
        self.worker.close()

    def accept(self, name: str, workflow_id: str, **options: object) -> None:
        with self.door.transaction() as conn:
            store.accept(conn, name, workflow_id, workflow_id, **options)  # type: ignore[arg-type]

    def partner(self, exchange_id: str, *, failures: int, kind: str = "retryable") -> None:
        with self.worker.transaction() as conn:
            conn.execute(
                "insert into drill.partner (name, failures, kind) values (%s, %s, %s)", (exchange_id, failures, kind)
            )

    def reaches(self, workflow_id: str, wanted: str, timeout_s: float = 10) -> None:
        wait_until(lambda: status(self.door, workflow_id) == wanted, timeout_s)

    def traces(self, exchange_id: str) -> list[str]:
        with self.worker.transaction() as conn:
            return stories.traces(conn, exchange_id)

    def runs(self, root: str) -> list[dict]:
        with self.operator.transaction() as conn:
            return store.steps_of(conn, root)

    def letter(self) -> DeadLetter:
        with self.operator.transaction() as conn:
            (letter,) = dead_letters(conn)
        return letter

    def told(self, event: str) -> list[dict]:
        with self.worker.transaction() as conn:
            return conn.execute("select * from drill.told where event = %s", (event,)).fetchall()


@pytest.fixture
def idle(database: ScratchDatabase) -> Scene:
    """The place without a worker."""
    return Scene(database)


@pytest.fixture
def scene(idle: Scene) -> Iterator[Scene]:
    """The place with a worker at work."""
    with idle:
        yield idle


# ---------------------------------------------------------------- accepting


@pytest.mark.parametrize("role", ["door", "operator", "worker"])
def test_work_is_kept_with_whatever_else_the_transaction_does(scene: Scene, role: str) -> None:
    with getattr(scene, role).transaction() as conn:
        conn.execute("insert into drill.business values ('x-0', 'received')")
        store.accept(conn, "drill_nothing", "x-0", "x-0")
    scene.reaches("x-0", "done")
    assert scene.traces("x-0") == ["deliver"]


def test_a_rollback_leaves_nothing(scene: Scene) -> None:
    with pytest.raises(ZeroDivisionError), scene.door.transaction() as conn:
        conn.execute("insert into drill.business values ('x-0', 'received')")
        store.accept(conn, "drill_nothing", "x-0", "x-0")
        raise ZeroDivisionError
    scene.accept("drill_nothing", "x-1")
    scene.reaches("x-1", "done")
    assert status(scene.door, "x-0") is None
    assert scene.traces("x-0") == []


def test_the_same_id_twice_is_one_run(scene: Scene) -> None:
    both = [threading.Thread(target=scene.accept, args=("drill_nothing", "x-0")) for _ in range(4)]
    for one in both:
        one.start()
    for one in both:
        one.join()
    scene.reaches("x-0", "done")
    scene.accept("drill_nothing", "x-0")
    time.sleep(0.2)
    assert status(scene.door, "x-0") == "done"
    assert scene.traces("x-0") == ["deliver"]


def test_a_delay_costs_a_row_and_no_thread(scene: Scene) -> None:
    scene.accept("drill_nothing", "x-0", delay_s=1.0)
    assert status(scene.door, "x-0") == "delayed"
    time.sleep(0.5)
    assert scene.traces("x-0") == []
    scene.reaches("x-0", "done")


def test_lower_priorities_go_first(idle: Scene) -> None:
    for number in range(12):
        idle.accept("drill_nothing", f"x-{number}", priority=100 - number)
    with idle:
        wait_until(lambda: status(idle.door, "x-0") == "done")
        with idle.worker.transaction() as conn:
            rows = conn.execute("select exchange_id from drill.trace order by id limit 4").fetchall()
    assert {row["exchange_id"] for row in rows} <= {f"x-{number}" for number in range(6, 12)}


def test_one_partner_does_not_take_all_threads(scene: Scene) -> None:
    for number in range(10):
        scene.accept("drill_hang", f"x-{number}", partition="slow partner")
    wait_until(lambda: sum(status(scene.door, f"x-{number}") == "running" for number in range(10)) == 3)
    scene.accept("drill_nothing", "y-0", partition="other partner")
    scene.reaches("y-0", "done")
    assert scene.traces("y-0") == ["deliver"]


def test_a_worker_whose_slot_is_taken_ends(scene: Scene) -> None:
    with scene.database.owner.transaction() as conn:
        cut = conn.execute(
            "select pg_terminate_backend(pid) from pg_locks where locktype = 'advisory' and database = "
            "(select oid from pg_database where datname = current_database())"
        ).fetchall()
    assert cut
    thief = Slot(scene.database.url("worker"), "here", PACE)
    wait_until(lambda: _takes(thief))
    assert scene.engine.wait(10)
    thief.leave()


def _takes(slot: Slot) -> bool:
    try:
        slot.take()
    except SlotTaken:
        return False
    return True


def test_a_worker_that_lost_its_connection_takes_its_slot_again(scene: Scene) -> None:
    with scene.database.owner.transaction() as conn:
        conn.execute("select pg_terminate_backend(pid) from pg_locks where locktype = 'advisory'")
    scene.accept("drill_nothing", "x-0")
    scene.reaches("x-0", "done")
    assert not scene.engine.wait(1.5)
    with pytest.raises(SlotTaken):
        Slot(scene.database.url("worker"), "here", PACE).take()


def test_a_run_that_was_claimed_and_never_begun_is_found(scene: Scene) -> None:
    """The database went away between the claim and its answer; only this test looks behind the port to show it."""
    with scene.worker.transaction() as conn:
        store.accept(conn, "drill_nothing", "x-0", "x-0", delay_s=60)
        conn.execute(
            "update engine.workflow_status set status = 'PENDING', executor_id = 'here', owner_xid = 'lost', "
            "started_at_epoch_ms = extract(epoch from clock_timestamp()) * 1000 where workflow_uuid = 'x-0'"
        )
    scene.reaches("x-0", "done")
    assert [row["workflow_id"] for row in scene.told("recovered")] == ["x-0"]


# ---------------------------------------------------------------- faults


def test_a_short_fault_is_tried_again_in_place(scene: Scene) -> None:
    scene.partner("x-0", failures=1)
    scene.accept("drill_call", "x-0")
    scene.reaches("x-0", "done")
    assert scene.traces("x-0") == ["call", "call"]
    assert len(scene.runs("x-0")) == 1


def test_a_long_fault_goes_on_in_another_run_and_waits_as_a_row(scene: Scene) -> None:
    scene.partner("x-0", failures=3)
    scene.accept("drill_call", "x-0", priority=7, partition="p-1")
    wait_until(lambda: [run["status"] for run in scene.runs("x-0")] == ["done", "done"])
    first, second = scene.runs("x-0")
    assert [step["outcome"] for step in first["steps"]] == ["postponed", "continued"]
    assert [step["outcome"] for step in second["steps"]] == ["value"]
    assert (second["priority"], second["partition"]) == (7, "p-1")
    with scene.worker.transaction() as conn:
        keys = conn.execute("select distinct key from drill.trace").fetchall()
        assert conn.execute("select from exchange.step_round").fetchall() == []
    assert [row["key"] for row in keys] == ["x-0/call"]


def test_a_story_may_say_itself_what_happens_while_it_waits(scene: Scene) -> None:
    scene.partner("x-0", failures=2)
    scene.accept("drill_patient", "x-0")
    wait_until(lambda: [run["status"] for run in scene.runs("x-0")] == ["done", "done"])
    assert scene.traces("x-0") == ["call", "call", "permit", "call"]


def test_a_used_up_budget_is_a_dead_letter(scene: Scene) -> None:
    scene.partner("x-0", failures=100)
    scene.accept("drill_call", "x-0")
    wait_until(lambda: scene.told("kept"), 20)
    letter = scene.letter()
    assert (letter.kind, letter.reason, letter.detail) == ("terminal", "system.gave_up", "partner.timeout")
    assert letter.step == "call"
    assert letter.attempts >= stories.NIMBLE.rounds
    assert scene.traces("x-0").count("call") == (stories.NIMBLE.rounds + 1) * stories.NIMBLE.attempts


def test_after_an_open_fault_it_is_found_out_what_happened(scene: Scene) -> None:
    scene.partner("x-0", failures=1, kind="conditional")
    scene.accept("drill_call_once", "x-0")
    scene.reaches("x-0", "done")
    assert scene.traces("x-0") == ["call", "find_out"]


@pytest.mark.parametrize("kind", ["terminal", "conditional", "ours"])
def test_a_fault_that_a_retry_cannot_help_ends_at_once(scene: Scene, kind: str) -> None:
    scene.partner("x-0", failures=1, kind=kind)
    scene.accept("drill_call", "x-0")
    scene.reaches("x-0", "dead")
    assert scene.traces("x-0") == ["call"]
    assert (scene.letter().kind, scene.letter().reason) == (kind, "partner.timeout")


# ---------------------------------------------------------------- dead letters and replay


def test_a_bug_is_kept_with_its_circumstances_and_without_its_text(scene: Scene) -> None:
    scene.partner("x-0", failures=1)
    scene.accept("drill_bug", "x-0")
    scene.reaches("x-0", "dead")
    letter = scene.letter()
    assert (letter.kind, letter.reason, letter.step, letter.argument) == ("ours", "system.bug", "break", "x-0")
    assert letter.detail.startswith("ValueError at ")
    assert "Mustermann" not in repr(letter) + repr(scene.runs("x-0"))
    assert (letter.policy_version, letter.registry_version) == ("policy-7", "registry-3")
    assert letter.last_route and letter.payload_checksum and letter.next_action
    assert [row["reason"] for row in scene.told("kept")] == ["system.bug"]
    assert scene.traces("x-0") == ["permit"]


def test_a_replay_is_deliberate_and_happens_once(scene: Scene) -> None:
    scene.partner("x-0", failures=1)
    scene.accept("drill_bug", "x-0", priority=3)
    scene.reaches("x-0", "dead")
    letter = scene.letter()
    with scene.operator.transaction() as conn:
        with pytest.raises(ValueError, match="person"):
            replay(conn, letter.id, person=" ", reason="mended")
        with pytest.raises(ValueError, match="reason"):
            replay(conn, letter.id, person="m.berger", reason="")
        with pytest.raises(LookupError):
            replay(conn, "d-unknown", person="m.berger", reason="mended")
        conn.execute("update drill.partner set failures = 0")
    ids = [_replay(scene.operator, letter.id, person=person) for person in ("m.berger", "somebody.later")]
    assert ids[0] == ids[1]
    scene.reaches(ids[0], "done")
    assert [run["priority"] for run in scene.runs("x-0")] == [3, 3]
    assert scene.traces("x-0") == ["permit", "permit", "break"]
    with scene.operator.transaction() as conn:
        assert dead_letters(conn) == []
        (closed,) = dead_letters(conn, open_only=False)
    assert (closed.replayed_by, closed.replay_reason, closed.replay_id) == ("m.berger", "mended", ids[0])


def _replay(operator: Database, letter_id: str, person: str = "m.berger") -> str:
    with operator.transaction() as conn:
        return replay(conn, letter_id, person=person, reason="mended")


def test_two_people_replaying_at_once_start_one_run(idle: Scene) -> None:
    with idle:
        idle.partner("x-0", failures=1)
        idle.accept("drill_bug", "x-0")
        idle.reaches("x-0", "dead")
        letter = idle.letter()
        both = [threading.Thread(target=_replay, args=(idle.operator, letter.id)) for _ in range(2)]
        for one in both:
            one.start()
        for one in both:
            one.join()
        assert len(idle.runs("x-0")) == 2


# ---------------------------------------------------------------- parking, cancelling, purging


def test_a_decision_continues_what_was_parked_once(scene: Scene) -> None:
    with scene.worker.transaction() as conn:
        store.park(conn, "x-0", "drill_nothing", "x-0", reason="identity.ambiguous")
        store.park(conn, "x-0", "drill_nothing", "x-0", reason="identity.ambiguous")
        assert [row["key"] for row in store.parked(conn)] == ["x-0"]
        assert store.decision_of(conn, "x-0") is None
    with scene.operator.transaction() as conn:
        continued = store.continue_with(conn, "x-0", "same")
        assert store.continue_with(conn, "x-0", "other") is None
        assert store.decision_of(conn, "x-0") == "same"
    assert continued is not None
    scene.reaches(continued, "done")
    assert scene.traces("x-0") == ["deliver"]


def test_what_was_parked_can_be_parked_again(scene: Scene) -> None:
    runs = []
    for decision in ("more", "same"):
        with scene.operator.transaction() as conn:
            store.park(conn, "x-0", "drill_nothing", "x-0", reason="identity.ambiguous")
            runs.append(store.continue_with(conn, "x-0", decision))
    wait_until(lambda: scene.traces("x-0") == ["deliver", "deliver"])
    assert len(set(runs)) == 2


def test_a_cancelled_run_can_record_nothing_more(scene: Scene) -> None:
    scene.accept("drill_hang", "x-0")
    scene.accept("drill_nothing", "x-0:later", delay_s=60)
    scene.accept("drill_hang", "x-00")
    with scene.operator.transaction() as conn:
        store.park(conn, "x-0:review", "drill_nothing", "x-0", reason="identity.ambiguous")
    wait_until(lambda: "hang" in scene.traces("x-0") and "hang" in scene.traces("x-00"))
    with scene.operator.transaction() as conn:
        assert store.cancel(conn, "x-0") == 3
        assert store.cancel(conn, "x-0") == 0
    scene.gate.set()
    scene.reaches("x-00", "done")
    time.sleep(0.2)
    assert [run["status"] for run in scene.runs("x-0")] == ["cancelled", "cancelled"]
    assert scene.traces("x-0") == ["permit", "hang"]
    assert scene.traces("x-00") == ["permit", "hang", "deliver"]


def test_a_cancel_that_is_rolled_back_stops_nothing(scene: Scene) -> None:
    scene.accept("drill_hang", "x-0")
    wait_until(lambda: "hang" in scene.traces("x-0"))
    with pytest.raises(ZeroDivisionError), scene.operator.transaction() as conn:
        store.cancel(conn, "x-0")
        raise ZeroDivisionError
    scene.gate.set()
    scene.reaches("x-0", "done")


def test_retention_removes_what_ended_and_nothing_else(scene: Scene) -> None:
    for number in range(3):
        scene.accept("drill_nothing", f"x-{number}")
    scene.partner("d-0", failures=1)
    scene.accept("drill_bug", "d-0")
    scene.accept("drill_hang", "h-0")
    for number in range(3):
        scene.reaches(f"x-{number}", "done")
    scene.reaches("d-0", "dead")
    wait_until(lambda: "hang" in scene.traces("h-0"))
    with scene.operator.transaction() as conn:
        assert store.purge(conn, datetime.now(UTC) - timedelta(hours=1)) == 0
        assert store.purge(conn, datetime.now(UTC) + timedelta(seconds=1), limit=2) == 2
        assert store.purge(conn, datetime.now(UTC) + timedelta(seconds=1)) == 1
        assert _rows_left(conn, "x-%") == 0
        assert _rows_left(conn, "d-%") == 1
        assert _rows_left(conn, "h-%") == 1
    scene.gate.set()
    scene.reaches("h-0", "done")
    assert scene.letter().root == "d-0"


def _rows_left(conn: Connection, pattern: str) -> int:
    row = conn.execute("select count(*) as n from exchange.step_done where workflow_id like %s", (pattern,)).fetchone()
    assert row is not None
    return int(row["n"])


def test_no_login_role_reaches_the_tables_of_the_engine(idle: Scene) -> None:
    for database in (idle.door, idle.operator):
        with pytest.raises(Exception, match="permission denied"), database.transaction() as conn:
            conn.execute("select from engine.workflow_status")
    with pytest.raises(Exception, match="permission denied"), idle.door.transaction() as conn:
        store.purge(conn, datetime.now(UTC))

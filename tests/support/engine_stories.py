"""Stories that only leave traces, written against the port: what a drill counts afterwards is what really happened."""

import os
import signal
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from interpayer.exchange.durability.flow import Postponed, after, step, step_key, tx_step, workflow
from interpayer.exchange.durability.work import Circumstances, DeadLetter, Watch, Work
from interpayer.exchange.retry import RetryPolicy
from interpayer.model.reason import Fault, FaultKind, Refusal
from interpayer.system.database import Connection, Database

TABLES = """
create schema drill;
create table drill.trace (id bigint generated always as identity, exchange_id text, step text, key text, process int);
create table drill.partner (name text primary key, failures int not null, kind text not null, done bool default false);
create table drill.told (event text, executor text, workflow_id text, reason text);
create table drill.business (id text primary key, state text not null);
grant usage on schema drill to interpayer_door, interpayer_worker, interpayer_operator;
grant select, insert, update, delete on all tables in schema drill
   to interpayer_door, interpayer_worker, interpayer_operator;
"""
NIMBLE = RetryPolicy(attempts=2, base_s=0.01, cap_s=0.02, hold_s=0.1, rounds=4, round_base_s=0.2, round_cap_s=0.4)


@dataclass(frozen=True, slots=True)
class Tools:
    """What the stories of a drill use."""

    database: Database
    gate: threading.Event


class Mortal(Database):
    """A pool of a process that dies, as if the power went, at the n-th point where it could."""

    def __init__(self, url: str, *, size: int = 8, dies_at: int | None = None) -> None:
        super().__init__(url, size=size)
        self._dies_at = dies_at
        self._points = 0

    @contextmanager
    def transaction(self) -> Iterator[Connection]:
        """A transaction with a point before it, before its commit and after its commit."""
        self.point()
        with super().transaction() as conn:
            yield conn
            self.point()
        self.point()

    def point(self) -> None:
        """One more point at which the process may die; the watchdog's own work does not count."""
        if self._dies_at is None or threading.current_thread().name == "engine-watch":
            return
        self._points += 1
        if self._points == self._dies_at:
            os.kill(os.getpid(), signal.SIGKILL)


def _point(tools: Tools) -> None:
    if isinstance(tools.database, Mortal):
        tools.database.point()


def trace(conn: Connection, exchange_id: str, name: str) -> None:
    """Leave a trace of a step."""
    conn.execute(
        "insert into drill.trace (exchange_id, step, key, process) values (%s, %s, %s, %s)",
        (exchange_id, name, step_key(), os.getpid()),
    )


def traces(conn: Connection, exchange_id: str) -> list[str]:
    """The traces that steps left, in order."""
    rows = conn.execute("select step from drill.trace where exchange_id = %s order by id", (exchange_id,)).fetchall()
    return [row["step"] for row in rows]


def watch() -> Watch:
    """Somebody who writes down what the engine tells."""

    def recovered(conn: Connection, executor: str, work: Sequence[Work]) -> None:
        for one in work:
            conn.execute(
                "insert into drill.told (event, executor, workflow_id) values ('recovered', %s, %s)",
                (executor, one.workflow_id),
            )

    def kept(conn: Connection, letter: DeadLetter) -> Circumstances:
        conn.execute(
            "insert into drill.told (event, workflow_id, reason) values ('kept', %s, %s)",
            (letter.workflow_id, letter.reason),
        )
        return Circumstances("policy-7", "registry-3", "bulk_2.2 via https://partner", "sha256:0", "ask the partner")

    return Watch(recovered, kept)


# ---------------------------------------------------------------- a story with every kind of step


@tx_step("permit")
def permit(tools: Tools, conn: Connection, exchange_id: str) -> str:
    _point(tools)
    trace(conn, exchange_id, "permit")
    return "granted"


@step("send", policy=NIMBLE)
def send(tools: Tools, exchange_id: str) -> dict[str, Any]:
    _point(tools)
    with tools.database.transaction() as conn:
        trace(conn, exchange_id, "send")
    _point(tools)
    return {"job": exchange_id, "files": [1, 2]}


@tx_step("record")
def record(tools: Tools, conn: Connection, exchange_id: str, job: str) -> int:
    trace(conn, exchange_id, "record")
    _point(tools)
    return len(job)


@tx_step("refuse")
def refuse(tools: Tools, conn: Connection, exchange_id: str) -> str:
    trace(conn, exchange_id, "refuse")
    _point(tools)
    raise Refusal("consent.revoked")


@tx_step("deliver")
def deliver(tools: Tools, conn: Connection, exchange_id: str) -> None:
    trace(conn, exchange_id, "deliver")


@workflow("drill_whole")
def whole(exchange_id: str) -> str:
    if permit(exchange_id) != "granted":
        return "refused"
    answer = send(exchange_id)
    record(exchange_id, answer["job"])
    try:
        refuse(exchange_id)
    except Refusal as no:
        after(0, "drill_deliver", exchange_id)
        return no.reason
    return "not reached"


@workflow("drill_deliver")
def delivered(exchange_id: str) -> str:
    deliver(exchange_id)
    return "delivered"


# ---------------------------------------------------------------- slow ones, for taking over and for stopping


@step("dawdle", policy=NIMBLE)
def dawdle(tools: Tools, exchange_id: str, part: int) -> int:
    time.sleep(0.1)
    with tools.database.transaction() as conn:
        trace(conn, exchange_id, f"dawdle {part}")
    return part


@step("hang", policy=NIMBLE)
def hang(tools: Tools, exchange_id: str) -> None:
    with tools.database.transaction() as conn:
        trace(conn, exchange_id, "hang")
    tools.gate.wait(30)


@workflow("drill_slow")
def slow(exchange_id: str) -> str:
    for part in range(4):
        dawdle(exchange_id, part)
        permit(exchange_id)
    return "slow"


@workflow("drill_hang")
def hanging(exchange_id: str) -> str:
    permit(exchange_id)
    hang(exchange_id)
    deliver(exchange_id)
    return "let go"


# ---------------------------------------------------------------- faults


@step("call", policy=NIMBLE)
def call(tools: Tools, exchange_id: str) -> str:
    """A partner that fails as often as its row says, and does the work in the end."""
    return _call(tools, exchange_id)


def was_called(tools: Tools, exchange_id: str) -> str | None:
    with tools.database.transaction() as conn:
        trace(conn, exchange_id, "find_out")
        row = conn.execute("select done from drill.partner where name = %s", (exchange_id,)).fetchone()
    return "found" if row and row["done"] else None


@step("call_once", policy=NIMBLE, find_out=was_called)
def call_once(tools: Tools, exchange_id: str) -> str:
    return _call(tools, exchange_id)


def _call(tools: Tools, exchange_id: str) -> str:
    with tools.database.transaction() as conn:
        trace(conn, exchange_id, "call")
        row = conn.execute(
            "update drill.partner set failures = failures - 1, done = true where name = %s returning failures, kind",
            (exchange_id,),
        ).fetchone()
    assert row is not None
    if row["failures"] >= 0:
        raise Fault(FaultKind(row["kind"]), "partner.timeout")
    return "answered"


@workflow("drill_call")
def calling(exchange_id: str) -> str:
    return call(exchange_id)


@workflow("drill_call_once")
def calling_once(exchange_id: str) -> str:
    return call_once(exchange_id)


@workflow("drill_patient")
def patient(exchange_id: str) -> str:
    try:
        return call(exchange_id)
    except Postponed as wait:
        permit(exchange_id)
        after(wait.delay_s, "drill_patient", exchange_id)
        return wait.reason


@tx_step("break")
def broken(tools: Tools, conn: Connection, exchange_id: str) -> None:
    row = conn.execute("select failures from drill.partner where name = %s", (exchange_id,)).fetchone()
    trace(conn, exchange_id, "break")
    if row and row["failures"] > 0:
        raise ValueError("Erika Mustermann")


@workflow("drill_bug")
def bug(exchange_id: str) -> str:
    permit(exchange_id)
    broken(exchange_id)
    return "mended"


@step("die", policy=NIMBLE)
def die(_tools: Tools, _exchange_id: str) -> None:
    os.kill(os.getpid(), signal.SIGKILL)


@workflow("drill_poison")
def poison(exchange_id: str) -> str:
    die(exchange_id)
    return "not reached"


# ---------------------------------------------------------------- nothing at all, for benches and for waiting


@step("nothing")
def nothing(_tools: Tools, number: int) -> int:
    return number


@workflow("drill_nothing")
def nothing_at_all(exchange_id: str) -> str:
    nothing(1)
    deliver(exchange_id)
    return "done"

"""The engine port against bare DBOS: runs of eight steps, interleaved, on one server; what counts is the ratio.

python -m bench.engine [--workflows 200] [--rounds 3] [--json]
"""

import argparse
import itertools
import json
import multiprocessing
import os
import statistics
import tempfile
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import sqlalchemy
from dbos import DBOS, DBOSConfig, DBOSPortableJSONSerializer, SQLAlchemyDatasource

from interpayer.exchange.durability import store
from interpayer.exchange.durability.flow import step, tx_step, workflow
from interpayer.exchange.durability.store import address
from interpayer.exchange.engine import Engine, migrate_engine
from interpayer.exchange.recovery import Pace
from interpayer.system.database import Connection, Database, connect
from interpayer.system.migrate import migrate
from interpayer.system.postgres import EmbeddedPostgres

STEPS, THREADS, POLL_S = 8, 16, 0.05
BARE = "bare"
TABLE = """create table public.written (id bigint generated always as identity, exchange_id text, step int);
grant select, insert on public.written to interpayer_worker; grant usage on schema public to interpayer_worker"""
WRITE = "insert into public.written (exchange_id, step) values ({}, {})"


@dataclass(frozen=True, slots=True)
class Measured:
    """One contender over all rounds."""

    contender: str
    against: str
    per_second: list[float]
    median: float
    ratio: float


# ---------------------------------------------------------------- ours


@step("nothing")
def nothing(_tools: object, number: int) -> int:
    return number


@tx_step("write")
def write(_tools: object, conn: Connection, exchange_id: str, number: int) -> int:
    conn.execute(WRITE.format("%s", "%s").encode(), (exchange_id, number))
    return number


@workflow("bench_nothing")
def bench_nothing(exchange_id: str) -> str:
    for number in range(STEPS):
        nothing(number)
    return exchange_id


@workflow("bench_write")
def bench_write(exchange_id: str) -> str:
    for number in range(STEPS):
        write(exchange_id, number)
    return exchange_id


def ours(name: str) -> Callable[[str, Sequence[str]], None]:
    def run(url: str, ids: Sequence[str]) -> None:
        database = Database(url, size=THREADS + 2)
        with database.transaction() as conn:
            for one in ids:
                store.accept(conn, name, one, one)
        pace = Pace(threads=THREADS, poll_s=POLL_S)
        engine = Engine(url=url, slot="bench", database=database, tools=None, pace=pace)
        engine.start()
        _wait(url, "engine", ids)
        engine.stop()

    return run


# ---------------------------------------------------------------- bare DBOS


def bare(kind: str) -> Callable[[str, Sequence[str]], None]:
    def run(url: str, ids: Sequence[str]) -> None:
        DBOS(
            config=DBOSConfig(
                name=BARE,
                system_database_url=address(url),
                dbos_system_schema=BARE,
                run_migrations=False,
                executor_id="bench",
                application_version="1",
                serializer=DBOSPortableJSONSerializer(),
                max_executor_threads=THREADS + 2,
                log_level="WARNING",
            )
        )
        step_of = _bare_write(url) if kind == "write" else _bare_nothing

        @DBOS.workflow(name=f"bare_{kind}")
        def story(exchange_id: str) -> str:
            for number in range(STEPS):
                step_of(exchange_id, number)
            return exchange_id

        DBOS.launch()
        with connect(url) as conn:
            for one in ids:
                conn.execute(
                    "select bare.enqueue_workflow(workflow_name => %s, queue_name => 'q', "
                    "positional_args => array[to_json(%s::text)], workflow_id => %s, application_name => 'bare')",
                    (f"bare_{kind}", one, one),
                )
        DBOS.register_queue("q", worker_concurrency=THREADS, polling_interval_sec=POLL_S)
        _wait(url, BARE, ids)
        DBOS.destroy(destroy_registry=True)

    return run


def _bare_nothing(_exchange_id: str, number: int) -> int:
    return DBOS.run_step({"name": "nothing"}, lambda: number)


def _bare_write(url: str) -> Callable[[str, int], int]:
    source = SQLAlchemyDatasource.create(
        address(url),
        engine_kwargs={"pool_size": THREADS + 2},
        schema=BARE,
        serializer=DBOSPortableJSONSerializer(),
        run_migrations=False,
    )

    @source.transaction(isolation_level="READ COMMITTED")
    def written(exchange_id: str, number: int) -> int:
        statement = sqlalchemy.text(WRITE.format(":exchange_id", ":step"))
        source.sql_session().execute(statement, {"exchange_id": exchange_id, "step": number})
        return number

    return written


CONTENDERS: dict[str, tuple[str, Callable[[str, Sequence[str]], None]]] = {
    "bare DBOS, steps that do nothing": ("bare DBOS, steps that do nothing", bare("nothing")),
    "port, steps that do nothing": ("bare DBOS, steps that do nothing", ours("bench_nothing")),
    "bare DBOS, steps that write a row": ("bare DBOS, steps that do nothing", bare("write")),
    "port, steps that write a row": ("bare DBOS, steps that write a row", ours("bench_write")),
}


# ---------------------------------------------------------------- measuring


def _wait(url: str, schema: str, ids: Sequence[str]) -> None:
    left = f"select count(*) as n from {schema}.workflow_status where workflow_uuid = any(%s) and status <> 'SUCCESS'"
    with connect(url, autocommit=True) as conn:
        while (row := conn.execute(left.encode(), (list(ids),)).fetchone()) and row["n"]:
            time.sleep(0.1)


def _rate(url: str, schema: str, ids: Sequence[str]) -> float:
    """Runs per second, from the first that was claimed to the last that ended, by the database's clock."""
    asked = f"""select max(completed_at) - min(started_at_epoch_ms) as ms
                  from {schema}.workflow_status where workflow_uuid = any(%s)"""
    with connect(url) as conn:
        row = conn.execute(asked.encode(), (list(ids),)).fetchone()
    assert row is not None
    return len(ids) * 1000 / row["ms"]


def _round(url: str, name: str, ids: Sequence[str]) -> float:
    """One contender once, in a process of its own; runs per second."""
    process = multiprocessing.get_context("fork").Process(target=CONTENDERS[name][1], args=(url, ids))
    process.start()
    process.join()
    if process.exitcode:
        raise RuntimeError(f"{name} failed")
    return _rate(url, BARE if name.startswith("bare") else "engine", ids)


def measure(workflows: int = 200, rounds: int = 3) -> list[Measured]:
    """Each contender in each round, one after the other, in a process of its own."""
    rates: dict[str, list[float]] = {name: [] for name in CONTENDERS}
    with tempfile.TemporaryDirectory() as folder:
        Path(folder).chmod(0o711)
        with EmbeddedPostgres(Path(folder) / "home", os.environ.get("INTERPAYER_RUN_AS", "nobody")) as server:
            url = _prepare(server)
            for number, name in itertools.product(range(rounds), CONTENDERS):
                rates[name].append(_round(url, name, [f"x-{number}-{name[-5:]}-{one}" for one in range(workflows)]))
    medians = {name: statistics.median(found) for name, found in rates.items()}
    return [
        Measured(
            name,
            against,
            [round(one, 1) for one in rates[name]],
            round(medians[name], 1),
            round(statistics.median(a / b for a, b in zip(rates[name], rates[against], strict=True)), 2),
        )
        for name, (against, _) in CONTENDERS.items()
    ]


def _prepare(server: EmbeddedPostgres) -> str:
    with connect(server.url("owner"), autocommit=True) as conn:
        migrate(conn, hooks=[lambda: migrate_engine(server.url("migrator"))])
        for statement in TABLE.split(";"):
            conn.execute(statement.encode())
    # In a process of its own: what DBOS starts here must not be forked along.
    process = multiprocessing.get_context("fork").Process(target=_prepare_bare, args=(server.url("migrator"),))
    process.start()
    process.join()
    return server.url("worker")


def _prepare_bare(url: str) -> None:
    DBOS.migrate(address(url), schema=BARE, application_role="interpayer_worker")
    SQLAlchemyDatasource.migrate(address(url), schema=BARE, application_role="interpayer_worker")


def main() -> None:
    """Print what was measured, as a table or as JSON."""
    options = argparse.ArgumentParser(prog="python -m bench.engine", description=(__doc__ or "").splitlines()[0])
    options.add_argument("--workflows", type=int, default=200)
    options.add_argument("--rounds", type=int, default=3)
    options.add_argument("--json", action="store_true")
    given = options.parse_args()
    found = measure(given.workflows, given.rounds)
    if given.json:
        print(json.dumps([asdict(one) for one in found], indent=2))
        return
    print(f"{'contender':40} {'runs/s, each round':28} {'median':>7} {'ratio':>6}  against")
    for one in found:
        rates = " ".join(f"{rate:.0f}" for rate in one.per_second)
        print(f"{one.contender:40} {rates:28} {one.median:7.0f} {one.ratio:6.2f}  {one.against}")


if __name__ == "__main__":
    assert threading.active_count() == 1
    main()

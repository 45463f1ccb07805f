"""The SQL of the worker: the fence of steps, budgets, slots and leases, and taking over what a dead executor left."""

from collections.abc import Collection
from dataclasses import asdict, dataclass
from typing import Any, Final

import orjson

from interpayer.exchange.durability.work import Work
from interpayer.model.event import JSON
from interpayer.system.database import Connection

SHORT: Final = 200
SLOT_LOCK: Final = "select {}(hashtextextended('interpayer.slot:' || %s, 0)) as done"


@dataclass(frozen=True, slots=True)
class Outcome:
    """What one step of one run came to, and the token of the execution that says so."""

    workflow_id: str
    owner: str
    step_no: int
    name: str
    outcome: str
    result: JSON


# ---------------------------------------------------------------- steps


def load_run(conn: Connection, work: Work) -> dict[str, Any]:
    """What earlier executions of this run left: outcomes by step, rounds by step name, and whether it is dead."""
    row = conn.execute(
        """select (select json_object_agg(step_no, json_build_array(name, outcome, result))
                     from exchange.step_done where workflow_id = %(id)s) as done,
                  (select json_object_agg(name, json_build_array(rounds, unsure))
                     from exchange.step_round where root = %(root)s) as rounds,
                  exists (select from exchange.dead_letter where workflow_id = %(id)s) as dead""",
        {"id": work.workflow_id, "root": work.root},
    ).fetchone()
    assert row is not None
    return row


def record_step(conn: Connection, found: Outcome) -> bool:
    """Keep an outcome; False when this execution does not own the run any more, or the step has an outcome already.

    The owner's row stays locked until the commit, so nobody takes the run over in between. Called last in a
    transaction: whoever cancels locks the business row first and the run second, in the same order.
    """
    row = conn.execute(
        """with mine as (select from engine.workflow_status
                          where workflow_uuid = %(workflow_id)s and owner_xid = %(owner)s and status = 'PENDING'
                            for share)
           insert into exchange.step_done (workflow_id, step_no, name, outcome, result)
           select %(workflow_id)s, %(step_no)s, %(name)s, %(outcome)s, %(result)s::json from mine
           on conflict (workflow_id, step_no) do nothing returning true as kept""",
        asdict(found) | {"result": orjson.dumps(found.result).decode()},
    ).fetchone()
    return row is not None


def recorded_step(conn: Connection, sought: Outcome) -> list[Any] | None:
    """Name, outcome and result of a step, if this execution still owns the run; None if it does not."""
    row = conn.execute(
        """select s.name, s.outcome, s.result from exchange.step_done s
             join engine.workflow_status w on w.workflow_uuid = s.workflow_id
            where s.workflow_id = %s and s.step_no = %s and w.owner_xid = %s and w.status = 'PENDING'""",
        (sought.workflow_id, sought.step_no, sought.owner),
    ).fetchone()
    return [row["name"], row["outcome"], row["result"]] if row else None


def add_round(conn: Connection, work: Work, *, name: str, unsure: bool, reason: str) -> tuple[int, float]:
    """Count one more postponement of a step; how many there were before, and seconds since the first."""
    row = conn.execute(
        """insert into exchange.step_round as r (root, name, rounds, unsure, reason) values (%s, %s, 1, %s, %s)
           on conflict (root, name) do update
               set rounds = r.rounds + 1, unsure = excluded.unsure, reason = excluded.reason
           returning rounds, extract(epoch from clock_timestamp() - first_at)::float8 as waited_s""",
        (work.root, name, unsure, reason),
    ).fetchone()
    assert row is not None
    return row["rounds"] - 1, row["waited_s"]


def end_rounds(conn: Connection, work: Work, name: str) -> None:
    """Give a step its whole budget back: it came to an end."""
    conn.execute("delete from exchange.step_round where root = %s and name = %s", (work.root, name))


# ---------------------------------------------------------------- slots, leases, recovery


def take_slot(conn: Connection, executor: str) -> bool:
    """Lock the slot for the life of this connection; False when another process holds it."""
    row = conn.execute(SLOT_LOCK.format("pg_try_advisory_lock"), (executor,)).fetchone()
    return row is not None and row["done"] is True


def take_sweep(conn: Connection) -> bool:
    """Lock the watchdog's round for this transaction; False when another worker is at it."""
    row = conn.execute("select pg_try_advisory_xact_lock(hashtextextended('interpayer.sweep', 0)) as done").fetchone()
    return row is not None and row["done"] is True


def renew_lease(conn: Connection, executor: str, *, host: str, process: int, expiry_s: float) -> None:
    """Say that this executor lives, by the database's clock."""
    conn.execute(
        """insert into exchange.lease (executor, host, process, expires_at)
           values (%(executor)s, %(host)s, %(process)s, clock_timestamp() + make_interval(secs => %(expiry_s)s))
           on conflict (executor) do update set host = excluded.host, process = excluded.process,
               since = case when lease.host = excluded.host and lease.process = excluded.process
                            then lease.since else clock_timestamp() end,
               beat_at = clock_timestamp(), expires_at = excluded.expires_at""",
        {"executor": executor, "host": host, "process": process, "expiry_s": expiry_s},
    )


def end_lease(conn: Connection, executor: str) -> None:
    """Forget an executor that stopped or died."""
    conn.execute("delete from exchange.lease where executor = %s", (executor,))


def dead_executors(conn: Connection, *, expiry_s: float) -> list[str]:
    """Executors whose lease expired, and those that hold work for that long without any lease."""
    rows = conn.execute(
        """select executor from exchange.lease where expires_at < clock_timestamp()
           union
           select w.executor_id from engine.workflow_status w
            where w.status = 'PENDING' and w.executor_id is not null
              and w.started_at_epoch_ms < (extract(epoch from clock_timestamp()) - %s) * 1000
              and not exists (select from exchange.lease l where l.executor = w.executor_id)
           order by 1""",
        (expiry_s,),
    ).fetchall()
    return [row["executor"] for row in rows]


def queue_again(
    conn: Connection, executor: str, *, dispatches: int, older_s: float = 0, but: Collection[str] = ()
) -> list[Work]:
    """Queue what an executor left running, except what it is known to be at; returns what was queued.

    The token of the old execution dies with this, so it can record nothing more. A run that took its executor down
    as often as ``dispatches`` is not queued any more but ends.
    """
    rows = conn.execute(
        """update engine.workflow_status w
              set status = case when w.recovery_attempts >= %(dispatches)s
                                then 'MAX_RECOVERY_ATTEMPTS_EXCEEDED' else 'ENQUEUED' end,
                  completed_at = case when w.recovery_attempts >= %(dispatches)s
                                      then (extract(epoch from clock_timestamp()) * 1000)::bigint end,
                  owner_xid = null, started_at_epoch_ms = null,
                  queue_name = coalesce(w.queue_name, 'exchange'),
                  updated_at = (extract(epoch from clock_timestamp()) * 1000)::bigint
             from engine.workflow_input i
            where i.workflow_uuid = w.workflow_uuid and w.status = 'PENDING' and w.executor_id = %(executor)s
              and w.started_at_epoch_ms <= (extract(epoch from clock_timestamp()) - %(older_s)s) * 1000
              and w.workflow_uuid <> all (%(but)s)
        returning w.workflow_uuid, w.name, i.inputs::json -> 'positionalArgs' ->> 0 as argument, w.status""",
        {"executor": executor, "dispatches": dispatches, "older_s": older_s, "but": list(but)},
    ).fetchall()
    return [
        Work(row["workflow_uuid"], row["name"], row["argument"] or "") for row in rows if row["status"] == "ENQUEUED"
    ]


def dead_without_letter(conn: Connection) -> list[tuple[Work, int]]:
    """Runs that ended badly without a letter, such as one that took its process down again and again; and how often."""
    rows = conn.execute(
        """select w.workflow_uuid, w.name, i.inputs::json -> 'positionalArgs' ->> 0 as argument, w.recovery_attempts
             from engine.workflow_status w left join engine.workflow_input i using (workflow_uuid)
            where w.status in ('ERROR', 'MAX_RECOVERY_ATTEMPTS_EXCEEDED')
              and not exists (select from exchange.dead_letter d where d.workflow_id = w.workflow_uuid)
            order by w.created_at limit %s""",
        (SHORT,),
    ).fetchall()
    return [(Work(row["workflow_uuid"], row["name"], row["argument"] or ""), row["recovery_attempts"]) for row in rows]

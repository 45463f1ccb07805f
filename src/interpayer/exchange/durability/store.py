"""The SQL of durable work for everybody: hand it over, park it, look at it, stop it; and the dead letters.

What only the worker does is in ``run_store``. The engine's own tables (DBOS 3.4, schema ``engine``) are named in these
two files and in migration 0030, nowhere else.
"""

from dataclasses import asdict
from datetime import datetime
from typing import Any
from urllib.parse import quote, urlencode

from psycopg.conninfo import conninfo_to_dict

from interpayer.exchange.durability.work import Circumstances, DeadLetter, root_of
from interpayer.system.database import Connection

SHORT = 200


# ---------------------------------------------------------------- for everybody who hands over work


def accept(  # noqa: PLR0913 -- the connection does not count
    conn: Connection,
    workflow_name: str,
    workflow_id: str,
    argument: str,
    *,
    delay_s: float = 0,
    priority: int = 0,
    partition: str | None = None,
) -> None:
    """Keep work together with whatever else this transaction does; the same id again changes nothing.

    Lower priorities go first. A partition (the partner) shares a part of a worker's threads, so none takes all.
    """
    conn.execute(
        "select exchange.enqueue(%s, %s, %s, %s, %s, %s)",
        (workflow_name, workflow_id, argument, float(delay_s), priority, partition),
    )


def park(  # noqa: PLR0913 -- the connection does not count
    conn: Connection,
    key: str,
    workflow_name: str,
    argument: str,
    *,
    reason: str,
    priority: int = 0,
    partition: str | None = None,
) -> None:
    """Let work wait for a person at the cost of one row. A key that is parked already stays as it is."""
    conn.execute(
        """insert into exchange.parked (key, workflow_name, argument, reason, priority, partition)
           values (%s, %s, %s, %s, %s, %s) on conflict (key) where continued_at is null do nothing""",
        (key, workflow_name, argument, reason, priority, partition),
    )


def continue_with(conn: Connection, key: str, decision: str) -> str | None:
    """Go on with what was parked; the id of the new run, or None when nothing is parked under this key."""
    row = conn.execute(
        """update exchange.parked set continued_at = clock_timestamp(), decision = %s
            where key = %s and continued_at is null
        returning id, workflow_name, argument, priority, partition""",
        (decision, key),
    ).fetchone()
    if row is None:
        return None
    workflow_id = f"{key}:parked.{row['id']}"
    accept(
        conn,
        row["workflow_name"],
        workflow_id,
        row["argument"],
        priority=row["priority"],
        partition=row["partition"],
    )
    return workflow_id


def decision_of(conn: Connection, key: str) -> str | None:
    """The last decision for this key, or None when there was none."""
    row = conn.execute(
        """select decision from exchange.parked where key = %s and continued_at is not null
            order by id desc limit 1""",
        (key,),
    ).fetchone()
    return row["decision"] if row else None


def parked(conn: Connection, *, limit: int = SHORT) -> list[dict[str, Any]]:
    """What waits for a person, the oldest first."""
    return conn.execute(
        """select key, root, workflow_name, argument, reason, parked_at from exchange.parked
            where continued_at is null order by id limit %s""",
        (limit,),
    ).fetchall()


def status(conn: Connection, workflow_id: str) -> str | None:
    """delayed, queued, running, done, cancelled or dead; None when the id is unknown."""
    row = conn.execute(
        "select status from exchange.runs_of(%s) where workflow_id = %s", (root_of(workflow_id), workflow_id)
    ).fetchone()
    return row["status"] if row else None


def inherited(conn: Connection, workflow_id: str) -> tuple[int, str | None]:
    """Priority and partition of a run, for the one that goes on from it."""
    row = conn.execute(
        "select priority, partition from exchange.runs_of(%s) where workflow_id = %s",
        (root_of(workflow_id), workflow_id),
    ).fetchone()
    return (row["priority"], row["partition"]) if row else (0, None)


def steps_of(conn: Connection, root: str) -> list[dict[str, Any]]:
    """Every run of one root, the oldest first, each with the steps that have an outcome."""
    return conn.execute(
        """select r.*, coalesce((
               select jsonb_agg(jsonb_build_object('step_no', s.step_no, 'name', s.name, 'outcome', s.outcome,
                                                   'result', s.result, 'done_at', s.done_at) order by s.step_no)
                 from exchange.step_done s where s.workflow_id = r.workflow_id), '[]') as steps
             from exchange.runs_of(%s) r""",
        (root,),
    ).fetchall()


def cancel(conn: Connection, root: str) -> int:
    """Stop every unfinished run of this root and what is parked for it; how many. Not from within such a run."""
    row = conn.execute("select exchange.cancel_root(%s) as stopped", (root,)).fetchone()
    return int(row["stopped"]) if row else 0


def purge(conn: Connection, before: datetime, *, limit: int = 10_000) -> int:
    """Remove runs that ended before, with their steps and letters; how many. Open dead letters stay."""
    row = conn.execute("select exchange.purge_finished(%s, %s) as gone", (before, limit)).fetchone()
    return int(row["gone"]) if row else 0


# ---------------------------------------------------------------- dead letters


def letters(conn: Connection, *, open_only: bool, limit: int) -> list[DeadLetter]:
    """Dead letters, the newest first."""
    rows = conn.execute(
        "select * from exchange.dead_letter where replayed_at is null or not %s order by kept_at desc limit %s",
        (open_only, limit),
    ).fetchall()
    return [DeadLetter(**row) for row in rows]


def letter(conn: Connection, letter_id: str) -> DeadLetter | None:
    """One dead letter, locked so that two people cannot replay it at once; None when it is unknown."""
    row = conn.execute("select * from exchange.dead_letter where id = %s for update", (letter_id,)).fetchone()
    return DeadLetter(**row) if row else None


def keep_letter(conn: Connection, kept: DeadLetter) -> bool:
    """Keep a letter; False when there is one for this run already."""
    row = conn.execute(
        """insert into exchange.dead_letter
               (id, root, workflow_id, workflow_name, argument, step, kind, reason, detail, attempts)
           values (%(id)s, %(root)s, %(workflow_id)s, %(workflow_name)s, %(argument)s, %(step)s, %(kind)s,
                   %(reason)s, %(detail)s, %(attempts)s)
           on conflict (workflow_id) do nothing returning id""",
        asdict(kept),
    ).fetchone()
    return row is not None


def add_circumstances(conn: Connection, letter_id: str, found: Circumstances) -> None:
    """Store with a letter what was known when it was kept."""
    conn.execute(
        """update exchange.dead_letter set policy_version = %(policy_version)s, last_route = %(last_route)s,
               registry_version = %(registry_version)s, payload_checksum = %(payload_checksum)s,
               next_action = %(next_action)s where id = %(id)s""",
        asdict(found) | {"id": letter_id},
    )


def mark_replayed(conn: Connection, letter_id: str, *, person: str, reason: str, replay_id: str) -> None:
    """Close a letter: who had it done again, why, and as which run."""
    conn.execute(
        """update exchange.dead_letter set replayed_at = clock_timestamp(), replayed_by = %s, replay_reason = %s,
               replay_id = %s where id = %s""",
        (person, reason, replay_id, letter_id),
    )


def address(given: str) -> str:
    """The database address as the one form of URL that the engine's library reads, whichever form libpq was given."""
    parts = {key: str(value) for key, value in conninfo_to_dict(given).items() if value is not None}
    user, password, name = (parts.pop(key, "") for key in ("user", "password", "dbname"))
    login = quote(user, safe="") + (f":{quote(password, safe='')}" if password else "")
    return f"postgresql://{login}@/{quote(name or user, safe='')}?{urlencode(parts, quote_via=quote, safe='')}"

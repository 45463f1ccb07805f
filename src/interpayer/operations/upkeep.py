"""What time brings: standing requests fall due, clocks pass, files expire. Any worker may do it, one at a time does."""

import time
from collections.abc import Callable
from datetime import timedelta
from typing import Any

from interpayer.delivery import ndjson
from interpayer.delivery import store as delivery_store
from interpayer.delivery.parts import open_parts
from interpayer.exchange import batch_store, store
from interpayer.exchange.durability import store as durable
from interpayer.exchange.tools import Tools
from interpayer.exchange.transitions import Move, move
from interpayer.identity import review
from interpayer.identity.learning import store as learning_store
from interpayer.identity.published import default_policy
from interpayer.model.event import Event
from interpayer.model.exchange import State
from interpayer.operations import (
    break_glass,
    cases,
    guessing,
    holds,
    partner_watch,
    recall,
    retention,
    signing,
    standing,
)
from interpayer.operations.legal_holds import held_jobs
from interpayer.operations.rebuilding import rebuild_files
from interpayer.system.clock import now
from interpayer.system.database import Connection

_LIMIT = 200
_MOST_EVIDENCE = 50_000


class Upkeep:
    """Does what is due, each kind at its own pace and in its own transaction."""

    def __init__(self, tools: Tools) -> None:
        self._tools = tools
        self._next: dict[str, float] = {}

    def tick(self) -> dict[str, int]:
        """Do what is due now and nobody else is doing; how much of each was done."""
        done: dict[str, int] = {}
        for name, (task, every_s) in _TASKS.items():
            at = time.monotonic()
            if at < self._next.get(name, 0.0):
                continue
            self._next[name] = at + every_s
            with self._tools.database.transaction() as conn:
                if _is_mine(conn, name):
                    done[name] = task(self._tools, conn)
        return done | {"rebuilt": rebuild_files(self._tools)}


def _standing(tools: Tools, conn: Connection) -> int:
    return len(standing.fire_due(tools, conn, limit=_LIMIT))


def _overdue(tools: Tools, conn: Connection) -> int:
    """The law's time passed: flagged, counted, on the ledger; it stops nothing."""
    ids = store.overdue(conn, now(), _LIMIT)
    tools.ledger.append_many(
        conn, [Event(*("exchange.overdue", x, "process", "interpayer"), exchange_id=x, outcome="late") for x in ids]
    )
    return len(ids)


def _overdue_cases(tools: Tools, conn: Connection) -> int:
    """A decision that is owed is late: flagged, on the ledger, first in the queue."""
    return cases.note_overdue(tools, conn, limit=_LIMIT)


def _given_up(tools: Tools, conn: Connection) -> int:
    """Our own time is over: attempts end, an owner takes over by a case."""
    ids = store.given_up(conn, now(), _LIMIT)
    moves = [Move(x, State.EXPIRED, "system.gave_up", outcome="failed") for x in ids]
    for exchange_id in move(conn, tools.ledger, moves):
        durable.cancel(conn, exchange_id)
        row: dict[str, Any] = store.row_of(conn, exchange_id) or {}
        case = review.NewCase(
            kind="policy",
            exchange_id=exchange_id,
            partner_id=row.get("partner_id"),
            match=None,
            query=None,
            fingerprint=None,
            due_at=now(),
            reason="system.gave_up",
        )
        review.open_case(conn, tools.vault, case)
    return len(ids)


def _expired_files(tools: Tools, conn: Connection) -> int:
    """Files past their time go; the exchanges, the ledger and the receipts stay. What is held is kept, not served."""
    job_ids = delivery_store.expired_jobs(conn, now())
    held = held_jobs(conn, job_ids)
    for job_id in job_ids:
        if job_id not in held:
            ndjson.remove_files(conn, open_parts(conn, tools.objects, tools.vault, job_id=job_id))
        delivery_store.set_state(conn, job_id, "expired")
        ids = list(batch_store.job_members(conn, job_id).values())
        standing_rows = store.lock_many(conn, ids)
        moves = [
            Move(x, State.EXPIRED, facts={"job": job_id}) for x, e in standing_rows.items() if e.state is State.RELEASED
        ]
        move(conn, tools.ledger, moves)
    return len(job_ids)


def _leftovers(tools: Tools, conn: Connection) -> int:
    """Jobs that are over while bytes of theirs still lie there: deleted while the files were being written."""
    over = delivery_store.leftover_jobs(conn)
    held = held_jobs(conn, over)
    job_ids = [job_id for job_id in over if job_id not in held]
    for job_id in job_ids:
        ndjson.remove_files(conn, open_parts(conn, tools.objects, tools.vault, job_id=job_id))
    return len(job_ids)


def _finished_work(tools: Tools, conn: Connection) -> int:
    """What the engine keeps of finished work goes after a while; exchanges and ledger stay."""
    return durable.purge(conn, retention.work_kept_since(tools))


def _archived(tools: Tools, conn: Connection) -> int:
    """What was completed long ago leaves the daily view; the member's record, ledger and receipts stay."""
    ids = store.completed_before(conn, now() - timedelta(days=tools.policy().exchange.archive_days), _LIMIT)
    return len(move(conn, tools.ledger, [Move(x, State.ARCHIVED) for x in ids]))


def _is_mine(conn: Connection, name: str) -> bool:
    row = conn.execute("select pg_try_advisory_xact_lock(hashtext(%s)) as mine", (f"upkeep:{name}",)).fetchone()
    return row is not None and bool(row["mine"])


def _old_evidence(_tools: Tools, conn: Connection) -> int:
    """Evidence goes when its published time is over; the ledger keeps what it said."""
    before = now() - timedelta(days=default_policy().retention["evidence"])
    return learning_store.forget_evidence(conn, before, _MOST_EVIDENCE)


_TASKS: dict[str, tuple[Callable[[Tools, Connection], int], float]] = {
    "standing": (_standing, 1.0),
    "overdue": (_overdue, 10.0),
    "overdue_cases": (_overdue_cases, 10.0),
    "given_up": (_given_up, 10.0),
    "expired_files": (_expired_files, 10.0),
    "leftovers": (_leftovers, 60.0),
    "finished_work": (_finished_work, 600.0),
    "archived": (_archived, 600.0),
    "old_requests": (retention.purge_requests, 600.0),
    "old_decisions": (retention.purge_decisions, 3600.0),
    "restored": (holds.tell, 10.0),
    "broken_glass": (break_glass.pass_time, 10.0),
    "silent_recalls": (recall.silence, 10.0),
    "own_keys": (signing.end_retiring, 30.0),
    "endings": (partner_watch.warn, 600.0),
    "old_tries": (guessing.forget, 3600.0),
    "old_evidence": (_old_evidence, 3600.0),
}

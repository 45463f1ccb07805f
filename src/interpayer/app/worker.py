"""The worker: the only executor of workflows, and what time brings."""

import signal
import threading
from collections.abc import Callable, Sequence

from interpayer.app.build import Application
from interpayer.audit.ledger import origin_of
from interpayer.audit.sealer import copy_notes, seal_once
from interpayer.delivery import store as delivery_store
from interpayer.exchange import batch_store, recalling, requester, responder, store
from interpayer.exchange.durability.work import Circumstances, DeadLetter, Watch, Work
from interpayer.exchange.engine import Engine
from interpayer.exchange.recovery import Pace
from interpayer.exchange.tools import Tools
from interpayer.exchange.transitions import Move, move
from interpayer.model.event import Event
from interpayer.model.exchange import State
from interpayer.model.reason import REASONS
from interpayer.operations import environment
from interpayer.operations.upkeep import Upkeep
from interpayer.routing.registry import registry_version
from interpayer.system.database import Connection, DatabaseGone, role_url
from interpayer.system.telemetry import get_logger

STORIES = (requester, responder, recalling)
UPKEEP_S = 1.0
_IN_BATCH = (State.QUEUED, State.SENT, State.ACKNOWLEDGED, State.RECEIVING, State.RECONCILING)
log = get_logger()


def run_worker(application: Application, slot: str, *, pace: Pace | None = None) -> None:
    """Execute workflows until SIGTERM; unfinished work goes back to the queue."""
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    tools = application.tools("worker")
    environment.claim(tools)
    engine = Engine(
        url=role_url(application.settings, "worker"),
        slot=slot,
        database=tools.database,
        tools=tools,
        watch=Watch(recovered=_recovered(tools), kept=_kept(tools), retries=lambda: tools.policy().retries),
        pace=pace,
    )
    log.info("policy.in_force", version=tools.policy().version)
    engine.start()
    upkeep = threading.Thread(target=_upkeep, args=(application, tools, stop), name="upkeep", daemon=True)
    upkeep.start()
    log.info("worker.started", slot=slot)
    while not stop.wait(0.2):
        if engine.wait(0):
            stop.set()
    engine.stop()
    upkeep.join(timeout=5)
    application.close()


def _upkeep(application: Application, tools: Tools, stop: threading.Event) -> None:
    key, export = application.checkpoint_key(), application.settings.home / "checkpoints"
    export.mkdir(parents=True, exist_ok=True)
    chores = Upkeep(tools)

    def seal() -> None:
        with tools.database.transaction() as conn:
            seal_once(conn, key, origin_of(conn, application.settings.base_url), export)

    def copy() -> None:
        with tools.database.transaction() as conn:
            copy_notes(conn, export)

    while not stop.wait(UPKEEP_S):
        for task in (seal, copy, chores.tick):
            _tried(task)


def _tried(task: Callable[[], object]) -> None:
    """Upkeep must live: what fails now is tried again at the next tick, and keeps nothing else from being done."""
    try:
        task()
    except DatabaseGone:
        log.warning("upkeep.database_gone")
    except Exception:
        log.error("upkeep.failed", exc_info=True)


def _recovered(tools: Tools) -> "_Recovered":
    return _Recovered(tools)


class _Recovered:
    """Tells the ledger that the work of a dead executor was taken over."""

    def __init__(self, tools: Tools) -> None:
        self._tools = tools

    def __call__(self, conn: Connection, executor: str, work: Sequence[Work]) -> None:
        events = [
            Event(
                *("exchange.recovered", chain_of(w.root), "process", "watchdog"),
                exchange_id=w.root if w.root.startswith("x-") else None,
                facts={"executor": executor, "workflow": w.workflow_name},
            )
            for w in work
        ]
        self._tools.ledger.append_many(conn, events)


def _kept(tools: Tools) -> "_Kept":
    return _Kept(tools)


class _Kept:
    """A run that ended in a fault: its exchanges fail with the reason, the letter says what was in force."""

    def __init__(self, tools: Tools) -> None:
        self._tools = tools

    def __call__(self, conn: Connection, letter: DeadLetter) -> Circumstances:
        tools, version = self._tools, self._tools.policy().version
        moves = [
            Move(x, State.FAILED, letter.reason, outcome="failed", facts={"letter": letter.id, "step": letter.step})
            for x in _exchanges_of(conn, letter.root)
        ]
        move(conn, tools.ledger, moves)
        if letter.root.startswith("j-"):
            _fail_job(tools, conn, letter)
        tools.ledger.append(
            conn,
            Event(
                *("dead_letter.kept", chain_of(letter.root), "process", "engine"),
                outcome="failed",
                reason=letter.reason,
                policy_version=version,
                facts={"letter": letter.id, "step": letter.step, "attempts": letter.attempts},
            ),
        )
        exchange_ids = _exchanges_of(conn, letter.root) or [letter.root]
        row = store.row_of(conn, exchange_ids[0]) or {}
        route = row.get("details", {}).get("route", {})
        return Circumstances(
            policy_version=version,
            registry_version=route.get("registry_version") or registry_version(conn),
            last_route=f"{route['mode']} at {route['endpoint']}" if route.get("mode") else None,
            payload_checksum=store.envelope_checksum(conn, exchange_ids[0]),
            next_action=REASONS[letter.reason].remedy if letter.reason in REASONS else REASONS["system.bug"].remedy,
        )


def _fail_job(tools: Tools, conn: Connection, letter: DeadLetter) -> None:
    """The partner is told at its next poll that its job failed; its members' exchanges fail with it."""
    delivery_store.set_state(conn, letter.root, "failed", reason=letter.reason)
    job = delivery_store.job(conn, letter.root, None)
    tools.ledger.append(
        conn,
        Event(
            *("job.failed", f"job:{letter.root}", "process", "engine"),
            outcome="failed",
            reason=letter.reason,
            partner_id=job.partner_id if job else None,
            facts={"job": letter.root, "letter": letter.id},
        ),
    )


def chain_of(root: str) -> str:
    """The ledger chain of a workflow's root: exchanges by their id, batches and jobs by kind."""
    kinds = {"b": "batch", "j": "job", "s": "standing", "q": "recall", "u": "recall"}
    kind = kinds.get(root.partition("-")[0])
    return f"{kind}:{root}" if kind else root


def _exchanges_of(conn: Connection, root: str) -> list[str]:
    if root.startswith("x-"):
        return [root]
    if root.startswith("b-"):
        return [row["id"] for row in store.of_batch(conn, root, _IN_BATCH)]
    if root.startswith("j-"):
        return list(batch_store.job_members(conn, root).values())
    return []

"""The worker's engine: DBOS claims and dispatches runs, everything else about them is ours (decisions/: the engine).

DBOS keeps the queue, delays, priorities, partitions and the ownership token of a run. The steps, their fence, retries,
leases and dead letters are in ``durability/`` and ``recovery.py``, which know nothing of DBOS. Only the worker imports
this file; whoever hands over work uses ``durability/store.py``.

    engine = Engine(url=role_url(settings, "worker"), slot="host-1", database=database, tools=tools, watch=watch)
    engine.start()
    engine.wait()
    engine.stop()
"""

import logging
import threading
from collections.abc import Callable
from time import monotonic

from dbos import DBOS, DBOSConfig, DBOSPortableJSONSerializer, WorkflowSerializationFormat
from dbos._context import current_owner_xid

from interpayer.exchange.durability.flow import WORKFLOWS, Story
from interpayer.exchange.durability.run import Home, execute
from interpayer.exchange.durability.store import address
from interpayer.exchange.durability.work import Watch, Work
from interpayer.exchange.recovery import Pace, Slot, SlotTaken, hand_back, watch_over
from interpayer.system.database import Database, DatabaseError, DatabaseGone, connect

VERSION = "ip-1"
"""Runs that are under way belong to one version: raise it only when the steps of a story change incompatibly."""
APPLICATION = "interpayer"
SCHEMA = "engine"
QUEUE = "exchange"

log = logging.getLogger(__name__)


def prepare(url: str) -> list[str]:
    """Create or upgrade the engine's own schema; logs in as the owner of our schemas. A hook for ``migrate``."""
    DBOS.migrate(address(url), schema=SCHEMA, application_role="interpayer_worker")
    with connect(url) as conn:
        conn.execute(
            "create index if not exists interpayer_root on engine.workflow_status (split_part(workflow_uuid, ':', 1))"
        )
    return [f"engine schema {SCHEMA} is ready"]


class Engine:
    """Runs the registered workflows in this process. One per process, one process per slot."""

    def __init__(
        self,
        *,
        url: str,
        slot: str,
        database: Database,
        tools: object,
        watch: Watch | None = None,
        pace: Pace | None = None,
    ) -> None:
        self._url = url
        self._database = database
        self._watch = watch or Watch()
        self._pace = pace or Pace()
        self._slot = Slot(url, slot, self._pace)
        self._home = Home(tools, database, self._watch, threading.Event())
        self._at_work: set[str] = set()
        self._ended = threading.Event()
        self._keeper = threading.Thread(target=self._keep_watch, name="engine-watch", daemon=True)

    def start(self) -> None:
        """Take the slot and begin to work; ``SlotTaken`` when another live process holds it."""
        self._take_slot()
        try:
            DBOS(config=self._config())
            for name, story in WORKFLOWS.items():
                DBOS.workflow(
                    name=name,
                    max_recovery_attempts=self._pace.dispatches,
                    serialization_type=WorkflowSerializationFormat.PORTABLE,
                )(self._entry(name, story))
            DBOS.launch()
            DBOS.register_queue(
                QUEUE,
                worker_concurrency=self._pace.threads,
                partition_worker_concurrency=max(1, self._pace.threads * 3 // 4),
                polling_interval_sec=self._pace.poll_s,
                on_conflict="always_update",
            )
        except BaseException:
            self._slot.leave()
            raise
        self._keeper.start()

    def wait(self, timeout_s: float | None = None) -> bool:
        """Wait; True when the engine ended by itself, because another process took the slot: then this one must exit."""
        return self._ended.wait(timeout_s)

    def stop(self) -> None:
        """Finish what can be finished soon, hand back the rest, free the slot."""
        deadline = monotonic() + self._pace.drain_s
        for stopped in DBOS._get_stop_events():
            stopped.set()

    def _config(self) -> DBOSConfig:
        return DBOSConfig(
            name=APPLICATION,
            system_database_url=address(self._url),
            dbos_system_schema=SCHEMA,
            run_migrations=False,
            executor_id=self._slot.executor,
            application_version=VERSION,
            serializer=DBOSPortableJSONSerializer(),
            max_executor_threads=self._pace.threads + 2,
            sys_db_pool_size=max(4, self._pace.threads // 2),
            log_level="WARNING",
        )

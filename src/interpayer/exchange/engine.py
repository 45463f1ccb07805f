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
from time import monotonic, sleep

from dbos import DBOS, DBOSClient, DBOSConfig, DBOSPortableJSONSerializer, WorkflowSerializationFormat
from dbos._context import current_owner_xid

from interpayer.exchange.durability.flow import WORKFLOWS
from interpayer.exchange.durability.run import Abandoned, Home, Story, execute
from interpayer.exchange.durability.store import address
from interpayer.exchange.durability.work import Watch, Work
from interpayer.exchange.recovery import Pace, Slot, SlotTaken, hand_back, take_up, watch_over
from interpayer.system.database import Database, DatabaseError, DatabaseGone, connect

VERSION = "ip-1"
"""Runs that are under way belong to one version: raise it only when the steps of a story change incompatibly."""
APPLICATION = "interpayer"
SCHEMA = "engine"
QUEUE = "exchange"
PATIENCE_S = 2.0

log = logging.getLogger(__name__)


def migrate_engine(url: str) -> list[str]:
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
            take_up(self._database, self._slot, self._pace, watch=self._watch)
            self._register_queue()
            DBOS(config=self._config())
            for name, story in WORKFLOWS.items():
                DBOS.workflow(
                    name=name,
                    max_recovery_attempts=self._pace.dispatches,
                    serialization_type=WorkflowSerializationFormat.PORTABLE,
                )(self._entry(name, story))
            DBOS.launch()
        except BaseException:
            DBOS.destroy(destroy_registry=True)
            self._slot.leave()
            raise
        self._keeper.start()

    def wait(self, timeout_s: float | None = None) -> bool:
        """Wait; True when the engine ended by itself, as another process has the slot: then this one must exit."""
        return self._ended.wait(timeout_s)

    def stop(self) -> None:
        """End after the steps at work, hand the unfinished runs back to the queue, free the slot."""
        self._home.stopping.set()
        deadline = monotonic() + self._pace.drain_s
        while self._at_work and monotonic() < deadline:
            sleep(0.02)
        DBOS.destroy(destroy_registry=True)
        if self._keeper.is_alive():
            self._keeper.join(self._pace.beat_s)
        if not self._ended.is_set():
            try:
                hand_back(self._database, self._slot, self._pace)
            except (DatabaseGone, DatabaseError):
                log.warning("the work of %s is not handed back; its lease will expire", self._slot.executor)
        self._slot.leave()

    def _take_slot(self) -> None:
        """A predecessor that was killed a moment ago may still seem to be there: ask for a while."""
        deadline = monotonic() + PATIENCE_S
        while True:
            try:
                return self._slot.take()
            except SlotTaken:
                if monotonic() > deadline:
                    raise
            sleep(0.1)

    def _entry(self, name: str, story: Story) -> Callable[[str], str | None]:
        """What DBOS calls when it has claimed a run for this process."""

        def begin(argument: str) -> str | None:
            workflow_id = DBOS.workflow_id
            owner = current_owner_xid(workflow_id) if workflow_id else None
            if workflow_id is None or owner is None or self._home.stopping.is_set():
                raise Abandoned
            self._at_work.add(workflow_id)
            try:
                return execute(self._home, Work(workflow_id, name, argument), owner=owner, story=story)
            finally:
                self._at_work.discard(workflow_id)

        return begin

    def _keep_watch(self) -> None:
        """Beat and look after the dead until the worker stops, or until its slot belongs to somebody else."""
        lost_at: float | None = None
        while not self._home.stopping.wait(self._pace.beat_s if lost_at is None else min(self._pace.beat_s, 1.0)):
            try:
                self._slot.beat()
                lost_at = None
                watch_over(self._database, self._slot, self._pace, watch=self._watch, at_work=list(self._at_work))
            except SlotTaken:
                lost_at = lost_at or monotonic()
                if monotonic() - lost_at > self._pace.expiry_s:
                    log.critical("slot %s belongs to another process; this one ends", self._slot.executor)
                    self._home.stopping.set()
                    self._ended.set()
            except DatabaseGone:
                log.warning("the database is gone; %s waits for it", self._slot.executor)
            except Exception as error:  # the watchdog outlives what it could not do this time
                log.error("the watchdog of %s failed: %s", self._slot.executor, type(error).__name__)

    def _register_queue(self) -> None:
        """Before the launch: DBOS looks for new queues only once a second. The last worker to start sets the pace."""
        client = DBOSClient(
            system_database_url=address(self._url),
            dbos_system_schema=SCHEMA,
            application_name=APPLICATION,
            serializer=DBOSPortableJSONSerializer(),
            system_database_pool_size=1,
        )
        try:
            client.register_queue(
                QUEUE,
                worker_concurrency=self._pace.threads,
                partition_worker_concurrency=max(1, self._pace.threads * 3 // 4),
                polling_interval_sec=self._pace.poll_s,
            )
        finally:
            client.destroy()

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

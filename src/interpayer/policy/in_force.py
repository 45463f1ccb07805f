"""The policy in force in this process: what was published last, read again every second it is asked for."""

from collections.abc import Callable, Mapping
from threading import Lock
from time import monotonic

from interpayer.policy import store
from interpayer.policy.bundle import Bundle
from interpayer.policy.composing import closed, compose
from interpayer.system.database import Connection, Database, DatabaseGone
from interpayer.system.telemetry import get_logger

# How long a process goes on with what it has read: a new version is in force everywhere within this time.
FRESH_S = 1.0
log = get_logger()


class PolicyInForce:
    """One object serves all threads of a process. It has a connection of its own, so that it never waits for a caller
    who holds one of the pool's while asking."""

    def __init__(self, database: Database, clock: Callable[[], float] = monotonic) -> None:
        self._database, self._clock = database, clock
        self._lock = Lock()
        self._bundle: Bundle | None = None
        self._number = -1
        self._read_at = 0.0

    def __call__(self) -> Bundle:
        """The policy as it is now, at most a second old. `DatabaseGone` only when it was never read."""
        known = self._bundle
        if known is not None and self._clock() - self._read_at < FRESH_S:
            return known
        if not self._lock.acquire(blocking=known is None):
            # somebody else is reading it
            assert known is not None
            return known
        try:
            return self._read()
        finally:
            self._lock.release()

    def close(self) -> None:
        """Close its connection."""
        self._database.close()

    def _read(self) -> Bundle:
        if self._bundle is not None and self._clock() - self._read_at < FRESH_S:
            return self._bundle
        try:
            with self._database.transaction() as conn:
                bundle = self._as_published(conn)
        except DatabaseGone:
            # Nothing can be released while it is away; what was known last says how long things may take until then.
            if self._bundle is None:
                raise
            bundle = self._bundle
        self._bundle, self._read_at = bundle, self._clock()
        return bundle

    def _as_published(self, conn: Connection) -> Bundle:
        if self._bundle is not None and store.newest_release(conn) == self._number:
            return self._bundle
        number, own = store.own_files_in_force(conn)
        bundle = _composed(own)
        # A release of ours may ship other rules than the one that published: whatever decides can be read.
        if not store.is_published(conn, bundle.version):
            store.publish(conn, bundle, by="interpayer", own=own)
        self._number = number
        return bundle


def in_force(conn: Connection) -> Bundle:
    """The policy in force, as this transaction sees it."""
    return _composed(store.own_files_in_force(conn)[1])


def _composed(own: Mapping[str, str]) -> Bundle:
    """What ships under these files. Files that do not load here close everything: they are not left out silently."""
    try:
        return compose(own)
    except ValueError as error:
        log.error("policy.unreadable", reason="policy.version_unknown")
        return closed(own, str(error))

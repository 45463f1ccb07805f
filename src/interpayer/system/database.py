"""Connections to PostgreSQL: one pool per login role, one transaction at a time, dictionaries as rows."""

import re
import select
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from contextvars import ContextVar
from pathlib import Path
from typing import Any, TypeAlias
from urllib.parse import parse_qsl, quote, urlencode, urlsplit, urlunsplit

import orjson
import psycopg
from psycopg import conninfo
from psycopg.pq import ExecStatus, PGconn, Ping, TransactionStatus
from psycopg.rows import dict_row
from psycopg.types.json import Jsonb, set_json_loads

from interpayer.system.cluster import DATABASE, OWNER, folder_of, password_file, socket_folder, user_of
from interpayer.system.settings import Settings

Connection: TypeAlias = psycopg.Connection[dict[str, Any]]
DatabaseError: TypeAlias = psycopg.Error

OLDEST_VERSION = 160000
LONGEST_IDLE_S = 300
RECONNECT_PAUSE_S = 0.1
# The server is going down, or cut us off: class 57P; connection exceptions: class 08.
GONE_STATES = re.compile(r"^(08|57P)")
NAME = re.compile(r"^[a-z_][a-z0-9_]{0,62}$")
PARTNER = re.compile(r"^[A-Za-z0-9._:-]{1,200}$")
# The partner whose call is being answered: the FHIR door says it once the caller is known, and from then on its
# transactions see, of what belongs to partners, only that partner's rows (row-level security, migration 0280).
serving: ContextVar[str | None] = ContextVar("serving", default=None)


class DatabaseGone(Exception):
    """The database cannot be reached now. Whether a commit that was under way took place is not known."""


class DatabaseTooOld(Exception):
    """The server is older than PostgreSQL 16."""


class Database:
    """A pool for one login role. Connections that died with the server are replaced without anybody noticing.

    Our own pool, because the driver's waits seconds between two looks at a server that is back already.
    """

    def __init__(self, url: str, *, role: str | None = None, size: int = 8, wait_s: float = 10) -> None:
        self._conninfo, self._wait_s = _conninfo(url, role), wait_s
        self._slots = threading.BoundedSemaphore(size)
        self._idle: list[tuple[float, Connection]] = []
        self._lock = threading.Lock()
        self._closed = False

    @contextmanager
    def transaction(self) -> Iterator[Connection]:
        """A connection in a transaction: committed at the end, rolled back on any exception.

        Raises ``DatabaseGone`` when the database cannot be reached, before or in the middle.
        """
        deadline = time.monotonic() + self._wait_s
        if not self._slots.acquire(timeout=self._wait_s):
            raise DatabaseGone("all connections of the pool are in use")
        try:
            conn = self._take(deadline)
            try:
                if (partner_id := serving.get()) is not None:
                    _begin_for(conn, partner_id)
                with _ended(conn):
                    yield conn
            finally:
                self._put_back(conn)
        except psycopg.Error as error:
            if is_gone(error):
                raise DatabaseGone("the connection to the database was lost") from error
            raise
        finally:
            self._slots.release()

    def close(self) -> None:
        """Close the connections; the object cannot be used afterwards."""
        with self._lock:
            self._closed = True
            while self._idle:
                self._idle.pop()[1].close()

    def _take(self, deadline: float) -> Connection:
        """A living idle connection, the last used first, or a new one; waits for a server that restarts."""
        while (conn := self._pop_idle()) is not None:
            if _is_alive(conn):
                return conn
            conn.close()
        while True:
            if self._closed:
                raise DatabaseGone("this pool is closed")
            try:
                return _open(self._conninfo)
            except DatabaseGone:
                if time.monotonic() + RECONNECT_PAUSE_S > deadline:
                    raise
                time.sleep(RECONNECT_PAUSE_S)

    def _pop_idle(self) -> Connection | None:
        oldest = time.monotonic() - LONGEST_IDLE_S
        with self._lock:
            while self._idle and self._idle[0][0] < oldest:
                self._idle.pop(0)[1].close()
            return self._idle.pop()[1] if self._idle else None

    def _put_back(self, conn: Connection) -> None:
        if conn.closed or conn.info.transaction_status != TransactionStatus.IDLE:
            conn.close()
            return
        with self._lock:
            if self._closed:
                conn.close()
            else:
                self._idle.append((time.monotonic(), conn))


@contextmanager
def _ended(conn: Connection) -> Iterator[None]:
    """Commit when the block ends well, roll back when it does not; a rollback that fails hides no error."""
    try:
        yield
    except BaseException:
        with suppress(psycopg.Error):
            conn.rollback()
        raise
    conn.commit()


def serve_partner(conn: Connection, partner_id: str) -> None:
    """From here to its end this transaction sees the rows of this partner, for work before the caller is admitted."""
    conn.execute("select set_config('interpayer.partner', %s, true)", (_plain_partner(partner_id),))


def _begin_for(conn: Connection, partner_id: str) -> None:
    """Begin the transaction and say for whom, in the one round trip that beginning takes anyway."""
    statement = f"begin; set local interpayer.partner = '{_plain_partner(partner_id)}'"
    try:
        result = conn.pgconn.exec_(statement.encode())
    except psycopg.Error as error:
        raise DatabaseGone("the connection to the database was lost") from error
    if result.status != ExecStatus.COMMAND_OK:
        raise DatabaseGone("the connection to the database was lost")


def _plain_partner(partner_id: str) -> str:
    if not PARTNER.match(partner_id):
        raise ValueError("not the id of a partner")
    return partner_id


def is_gone(error: psycopg.Error) -> bool:
    """Whether the error means that the server or the connection went away, rather than that it said no."""
    if error.sqlstate is not None:
        return GONE_STATES.match(error.sqlstate) is not None
    return isinstance(error, (psycopg.OperationalError, psycopg.InterfaceError))


def connect(url: str, *, role: str | None = None, autocommit: bool = False) -> Connection:
    """One connection outside any pool; ``DatabaseGone`` when the server cannot be reached."""
    return _open(_conninfo(url, role), autocommit=autocommit)


def _open(address: str, *, autocommit: bool = False) -> Connection:
    try:
        conn = psycopg.connect(address, autocommit=autocommit, row_factory=dict_row)
    except psycopg.OperationalError as error:
        if error.sqlstate is None or is_gone(error):
            raise DatabaseGone(f"cannot connect to the database: {_without_secrets(error)}") from None
        raise
    set_json_loads(orjson.loads, conn)
    if conn.info.server_version < OLDEST_VERSION:
        conn.close()
        raise DatabaseTooOld("Interpayer needs PostgreSQL 16 or newer")
    return conn


def answers(url: str) -> bool:
    """Whether a server at this address accepts connections now; needs no password."""
    return PGconn.ping(_conninfo(url, None).encode()) == Ping.OK


def role_url(settings: Settings, role: str) -> str:
    """The address for a login role: door, worker, operator, migrator, or owner (who only migrates).

    With a database of your own, ``{role}`` in its address becomes the role's name; without it, the one login
    takes the role (``set role``) when it connects, and stays itself as owner.
    """
    if settings.database_url is None:
        return embedded_url(settings.home, role)
    user = user_of(role)
    if "{role}" in settings.database_url:
        return settings.database_url.replace("{role}", role)
    return settings.database_url if role == OWNER else _with_options(settings.database_url, f"-c role={user}")


def embedded_url(home: Path, role: str, *, database: str = DATABASE) -> str:
    """The address of the embedded server for a role: its socket, and the file with the password."""
    options = {"host": str(socket_folder(home)), "passfile": str(password_file(folder_of(home), role))}
    return f"postgresql://{user_of(role)}@/{database}?{urlencode(options, quote_via=quote, safe='')}"


def address_parts(url: str) -> dict[str, str]:
    """What an address says: user, host, passfile, sslcert and so on."""
    return {key: str(value) for key, value in conninfo.conninfo_to_dict(url).items() if value is not None}


def split_password(url: str) -> tuple[str, str | None]:
    """The address without its password, and the password, for programs whose arguments everybody can read."""
    given = conninfo.conninfo_to_dict(url)
    secret = given.pop("password", None)
    return conninfo.make_conninfo("", **given), None if secret is None else str(secret)


def _with_options(url: str, options: str) -> str:
    parts = urlsplit(url)
    query = dict(parse_qsl(parts.query))
    query["options"] = f"{query.get('options', '')} {options}".strip()
    return urlunsplit(parts._replace(query=urlencode(query, quote_via=quote, safe="")))


def as_json(value: object) -> object:
    """A parameter of type ``jsonb``."""
    return Jsonb(value, dumps=orjson.dumps)


def identifier(name: str) -> str:
    """The name, if it is a plain lowercase identifier; anything else raises ``ValueError``."""
    if not NAME.match(name):
        raise ValueError(f"not a plain identifier: {name!r}")
    return name


def literal(text: str) -> str:
    """The text as a quoted SQL literal, for statements that take no parameters."""
    escaped = text.replace("'", "''").replace("\\", "\\\\")
    return f" E'{escaped}'"


def sql(statement: str) -> bytes:
    """A statement built at run time from ``identifier`` and ``literal`` pieces only."""
    return statement.encode()


def _conninfo(url: str, role: str | None) -> str:
    """The address with our session's settings added to those it brings."""
    given = conninfo.conninfo_to_dict(url)
    options = [str(given.get("options") or ""), "-c TimeZone=UTC"]
    if role is not None:
        options.append(f"-c role={identifier(role)}")
    merged = {"application_name": "interpayer", "connect_timeout": "10"} | given
    return conninfo.make_conninfo("", **merged | {"options": " ".join(filter(None, options))})


def _is_alive(conn: Connection) -> bool:
    """Whether the server still holds this idle connection; a round trip only when something arrived meanwhile."""
    arrived = select.poll()  # select.select refuses descriptors above 1023
    arrived.register(conn.fileno(), select.POLLIN)
    if not arrived.poll(0):
        return True
    try:
        conn.execute("select 1")
        conn.rollback()
    except psycopg.Error:
        return False
    return True


def _without_secrets(error: psycopg.Error) -> str:
    return re.sub(r"password=\S+", "password=…", str(error).strip().splitlines()[0] if str(error).strip() else "")

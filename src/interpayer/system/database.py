"""Connections to PostgreSQL: one pool per login role, one transaction at a time, dictionaries as rows."""

import re
import select
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeAlias
from urllib.parse import parse_qsl, quote, urlencode, urlsplit, urlunsplit

import orjson
import psycopg
from psycopg import conninfo
from psycopg.pq import ConnStatus, Ping, TransactionStatus
from psycopg.pq import PGconn as _PGconn
from psycopg.rows import dict_row
from psycopg.types.json import Jsonb, set_json_loads
from psycopg_pool import ConnectionPool, PoolClosed, PoolTimeout

from interpayer.system.cluster import DATABASE, OWNER, folder_of, password_file, socket_folder, user_of
from interpayer.system.settings import Settings

Connection: TypeAlias = psycopg.Connection[dict[str, Any]]
DatabaseError: TypeAlias = psycopg.Error

OLDEST_VERSION = 160000
# The server is going down, or cut us off: class 57P; connection exceptions: class 08.
GONE_STATES = re.compile(r"^(08|57P)")
NAME = re.compile(r"^[a-z_][a-z0-9_]{0,62}$")


class DatabaseGone(Exception):
    """The database cannot be reached now. Whether a commit that was under way took place is not known."""


class DatabaseTooOld(Exception):
    """The server is older than PostgreSQL 16."""


class Database:
    """A pool for one login role. Connections that died with the server are replaced without anybody noticing."""

    def __init__(self, url: str, *, role: str | None = None, size: int = 8, wait_s: float = 10) -> None:
        self._pool: ConnectionPool[Connection] = ConnectionPool(
            _conninfo(url, role),
            connection_class=psycopg.Connection[dict[str, Any]],
            kwargs={"row_factory": dict_row},
            configure=_configure,
            check=_check_alive,
            min_size=0,
            max_size=size,
            timeout=wait_s,
            max_idle=300,
            open=False,
        )
        self._opening = threading.Lock()

    @contextmanager
    def transaction(self) -> Iterator[Connection]:
        """A connection in a transaction: committed at the end, rolled back on any exception.

        Raises ``DatabaseGone`` when the database cannot be reached, before or in the middle.
        """
        if self._pool.closed:
            with self._opening:
                self._pool.open()
        try:
            with self._pool.connection() as conn:
                yield conn
        except (PoolTimeout, PoolClosed) as error:
            raise DatabaseGone("no connection to the database") from error
        except psycopg.Error as error:
            if is_gone(error):
                raise DatabaseGone("the connection to the database was lost") from error
            raise

    def close(self) -> None:
        """Close the connections; the object cannot be used afterwards."""
        self._pool.close()


def is_gone(error: psycopg.Error) -> bool:
    """Whether the error means that the server or the connection went away, rather than that it said no."""
    if error.sqlstate is not None:
        return GONE_STATES.match(error.sqlstate) is not None
    return isinstance(error, (psycopg.OperationalError, psycopg.InterfaceError))


def connect(url: str, *, role: str | None = None, autocommit: bool = False) -> Connection:
    """One connection outside any pool; ``DatabaseGone`` when the server cannot be reached."""
    try:
        conn = psycopg.connect(_conninfo(url, role), autocommit=autocommit, row_factory=dict_row)
    except psycopg.OperationalError as error:
        if error.sqlstate is None or is_gone(error):
            raise DatabaseGone(f"cannot connect to the database: {_without_secrets(error)}") from None
        raise
    _configure(conn)
    return conn


def answers(url: str) -> bool:
    """Whether a server at this address accepts connections now; needs no password."""
    return _PGconn.ping(_conninfo(url, None).encode()) == Ping.OK


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


def _configure(conn: Connection) -> None:
    set_json_loads(orjson.loads, conn)
    if conn.info.server_version < OLDEST_VERSION:
        conn.close()
        raise DatabaseTooOld("Interpayer needs PostgreSQL 16 or newer")


def _check_alive(conn: Connection) -> None:
    """Raise if the server closed this idle connection; looks at the socket only, no round trip."""
    if select.select([conn.fileno()], [], [], 0)[0]:
        conn.pgconn.consume_input()
    if conn.pgconn.status != ConnStatus.OK or conn.pgconn.transaction_status == TransactionStatus.UNKNOWN:
        raise psycopg.OperationalError("the connection was closed")


def _without_secrets(error: psycopg.Error) -> str:
    return re.sub(r"password=\S+", "password=…", str(error).strip().splitlines()[0] if str(error).strip() else "")

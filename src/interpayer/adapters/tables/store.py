"""The SQL databases of sources: one statement, read only, its rows streamed as text. PostgreSQL, and SQLite files."""

import re
import sqlite3
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from datetime import UTC, date, datetime, time
from decimal import Decimal
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

import psycopg
from psycopg.rows import tuple_row

from interpayer.model.reason import Fault, FaultKind
from interpayer.system.database import is_gone

POSTGRES = ("postgresql", "postgres")
_PARAMETER = re.compile(r"(?<![:\w]):([a-z_]+)\b")
_AT_ONCE = 1000
CANCELED = "57014"
Values = Mapping[str, str]


def read_query(address: str, query: str, values: Values, *, until: datetime | None = None) -> Iterator[dict[str, Any]]:
    """The rows of the query with its `:name` parameters, values as text, nested JSON as it is.

    Raises Fault: source.unreachable, source.late (after `until`), source.refused, source.invalid (the query fails).
    """
    scheme = urlsplit(address).scheme
    if scheme in POSTGRES:
        yield from _postgres(address, query, values, until)
    elif scheme == "sqlite":
        yield from _sqlite(address, query, values, until)
    else:
        raise Fault(FaultKind.CONDITIONAL, "source.refused", detail="the database is postgresql://... or sqlite:///...")


def _postgres(address: str, query: str, values: Values, until: datetime | None) -> Iterator[dict[str, Any]]:
    statement = _PARAMETER.sub(r"%(\1)s", query.replace("%", "%%")) if values else query
    with _faults(), psycopg.connect(address, row_factory=tuple_row, connect_timeout=_seconds(until)) as conn:
        conn.read_only = True
        if until is not None:
            conn.execute("select set_config('statement_timeout', %s, false)", (str(_milliseconds(until)),))
        with conn.cursor("rows") as cursor:
            cursor.itersize = _AT_ONCE
            cursor.execute(statement.encode(), values or None)
            names = [column.name for column in cursor.description or ()]
            for row in cursor:
                _in_time(until)
                yield {name: as_text(value) for name, value in zip(names, row, strict=True)}


def _sqlite(address: str, query: str, values: Values, until: datetime | None) -> Iterator[dict[str, Any]]:
    path = Path(unquote(urlsplit(address).path))
    with _faults(), _closing(sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True)) as base:
        if until is not None:
            base.set_progress_handler(lambda: int(datetime.now(UTC) > until), 10_000)
        cursor = base.execute(query, dict(values))
        names = [column[0] for column in cursor.description or ()]
        for row in cursor:
            _in_time(until)
            yield {name: as_text(value) for name, value in zip(names, row, strict=True)}


def as_text(value: Any) -> Any:
    """A value as a delimited file would have it; objects and lists (JSON, arrays) stay, their values too."""
    if value is None or isinstance(value, str | dict | list):
        return "" if value is None else value
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, date | time):
        return value.isoformat()
    if isinstance(value, Decimal):
        return format(value, "f")
    return value.hex() if isinstance(value, bytes) else str(value)


@contextmanager
def _faults() -> Iterator[None]:
    """What a database says as a fault of the source; its own words stay here, they may quote values."""
    try:
        yield
    except psycopg.Error as error:
        raise _fault_of(error) from None
    except sqlite3.OperationalError as error:
        if "interrupted" in str(error):
            raise Fault(FaultKind.RETRYABLE, "source.late", detail="the query took too long") from None
        if "unable to open" in str(error):
            raise Fault(FaultKind.RETRYABLE, "source.unreachable", detail="the file cannot be opened") from None
        raise Fault(FaultKind.CONDITIONAL, "source.invalid", detail="the query fails") from None
    except sqlite3.Error:
        raise Fault(FaultKind.CONDITIONAL, "source.invalid", detail="the file is no database, or damaged") from None


def _fault_of(error: psycopg.Error) -> Fault:
    state = error.sqlstate or ""
    if state == CANCELED:
        return Fault(FaultKind.RETRYABLE, "source.late", detail="the query took too long")
    if state.startswith("28") or state == "42501":
        return Fault(FaultKind.CONDITIONAL, "source.refused", detail=f"the database refuses us (SQLSTATE {state})")
    if is_gone(error):
        return Fault(FaultKind.RETRYABLE, "source.unreachable", detail="the database cannot be reached")
    return Fault(FaultKind.CONDITIONAL, "source.invalid", detail=f"the query fails (SQLSTATE {state})")


@contextmanager
def _closing(base: sqlite3.Connection) -> Iterator[sqlite3.Connection]:
    try:
        yield base
    finally:
        with suppress(sqlite3.Error):
            base.close()


def _in_time(until: datetime | None) -> None:
    """The server's own limit counts for each part of an answer; this one for all of it."""
    if until is not None and datetime.now(UTC) > until:
        raise Fault(FaultKind.RETRYABLE, "source.late", detail="the query took too long")


def _milliseconds(until: datetime) -> int:
    return max(1, int((until - datetime.now(UTC)).total_seconds() * 1000))


def _seconds(until: datetime | None) -> int:
    return 10 if until is None else max(2, min(10, _milliseconds(until) // 1000))

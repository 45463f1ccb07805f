"""A read that is asked all the time, past the driver's own machinery: half of the time of a short read was that."""

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple, TypeAlias

from psycopg import OperationalError, RawCursor
from psycopg.errors import InvalidSqlStatementName, error_from_result
from psycopg.pq import ConnStatus, ExecStatus, TransactionStatus
from psycopg.pq.abc import PGconn, PGresult

from interpayer.system.database import Connection

# The cells of one row: bytes in PostgreSQL's binary form, or None.
Row: TypeAlias = tuple[Any, ...]


class Read(NamedTuple):
    """A select with $1, $2 … for parameters that are text, and the name under which a connection remembers it."""

    name: bytes
    text: bytes


def read(conn: Connection, asked: Read, values: Sequence[str]) -> Iterator[Row]:
    """The rows. Before a transaction has begun it begins none, which is one round trip less: a statement sees what is
    committed when it starts, inside of a transaction and outside of one.
    """
    if conn.pgconn.transaction_status == TransactionStatus.IDLE:
        found: PGresult | None = _alone(conn.pgconn, asked, [value.encode() for value in values])
    else:
        # A name that the driver made the server forget would end the transaction: here its own bookkeeping is safer.
        found = RawCursor(conn).execute(asked.text, values, prepare=True, binary=True).pgresult
    if found is None:
        return
    columns = range(found.nfields)
    for number in range(found.ntuples):
        yield tuple([found.get_value(number, column) for column in columns])


def _alone(server: PGconn, asked: Read, values: Sequence[bytes]) -> PGresult:
    found = server.exec_prepared(asked.name, values, result_format=1)
    if found.status != ExecStatus.TUPLES_OK and isinstance(error_from_result(found), InvalidSqlStatementName):
        # Not prepared here, or forgotten: the driver deallocates everything when it rolls back.
        _checked(server, server.prepare(asked.name, asked.text), ExecStatus.COMMAND_OK)
        found = server.exec_prepared(asked.name, values, result_format=1)
    return _checked(server, found, ExecStatus.TUPLES_OK)


def _checked(server: PGconn, found: PGresult, wanted: ExecStatus) -> PGresult:
    if found.status == wanted:
        return found
    if server.status == ConnStatus.BAD:
        raise OperationalError("the connection to the database was lost")
    raise error_from_result(found)

"""A read that begins no transaction: the same rows as in one, and no name that the server forgot can hurt."""

import pytest
from psycopg.errors import InvalidTextRepresentation
from psycopg.pq import TransactionStatus

from interpayer.system.database import DatabaseGone
from interpayer.system.first_read import Read, read

COUNTS = Read(b"test.counts", b"select n::text from generate_series(1, $1::text::int) n")


def numbers(conn, upto="3"):
    return [cell.decode() for (cell,) in read(conn, COUNTS, [upto])]


def test_a_first_read_begins_no_transaction_and_a_later_one_stays_in_it(database):
    with database.operator.transaction() as conn:
        assert numbers(conn) == ["1", "2", "3"]
        assert conn.info.transaction_status == TransactionStatus.IDLE
        conn.execute("select 1")
        assert numbers(conn, "2") == ["1", "2"]
        assert conn.info.transaction_status == TransactionStatus.INTRANS


def test_a_statement_that_the_server_forgot_is_prepared_again(database):
    with database.operator.transaction() as conn:
        assert numbers(conn) == ["1", "2", "3"]
        conn.execute("deallocate all")
        assert numbers(conn) == ["1", "2", "3"]
        conn.rollback()
        assert numbers(conn) == ["1", "2", "3"]


def test_what_the_server_refuses_is_raised_and_the_connection_goes_on(database):
    with database.operator.transaction() as conn:
        with pytest.raises(InvalidTextRepresentation):
            numbers(conn, "three")
        assert numbers(conn) == ["1", "2", "3"]


def test_a_connection_that_is_cut_is_told_as_the_database_gone(database):
    with pytest.raises(DatabaseGone), database.operator.transaction() as conn:
        with database.operator.transaction() as other:
            other.execute("select pg_terminate_backend(%s)", [conn.info.backend_pid])
        numbers(conn)

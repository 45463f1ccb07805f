"""Pools: commit and rollback, roles, lost connections, addresses."""

import threading
from datetime import UTC, datetime

import pytest

from interpayer.system.database import (
    Database,
    DatabaseGone,
    as_json,
    connect,
    identifier,
    literal,
    role_url,
    sql,
)


@pytest.fixture
def table(database):
    with database.owner.transaction() as conn:
        conn.execute("create table public.note (id int primary key, body jsonb, at timestamptz)")
    return database


def test_a_transaction_commits_at_its_end_and_rolls_back_on_any_exception(table) -> None:
    with table.owner.transaction() as conn:
        conn.execute(
            "insert into note values (1, %s, %s)", [as_json({"a": [1, None]}), datetime(2026, 1, 1, tzinfo=UTC)]
        )
    with pytest.raises(KeyError), table.owner.transaction() as conn:
        conn.execute("insert into note values (2)")
        raise KeyError
    with table.owner.transaction() as conn:
        rows = conn.execute("select * from note").fetchall()
    assert rows == [{"id": 1, "body": {"a": [1, None]}, "at": datetime(2026, 1, 1, tzinfo=UTC)}]
    assert rows[0]["at"].tzinfo.utcoffset(None) == UTC.utcoffset(None)


def test_an_error_of_the_statement_stays_what_it_is(table) -> None:
    with pytest.raises(Exception, match="duplicate key") as failed, table.owner.transaction() as conn:
        conn.execute("insert into note values (1), (1)")
    assert failed.value.sqlstate == "23505"


def test_connections_that_the_server_closed_are_replaced_unnoticed(table) -> None:
    pool = Database(table.url("operator"), size=4)
    everybody = threading.Barrier(4)

    def use() -> None:
        with pool.transaction() as conn:
            conn.execute("select 1")
            everybody.wait()

    threads = [threading.Thread(target=use) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    with table.owner.transaction() as conn:
        ended = conn.execute(
            "select count(pg_terminate_backend(pid, 5000)) as n from pg_stat_activity"
            " where usename = 'interpayer_operator' and datname = current_database()"
        ).fetchone()
    assert ended == {"n": 4}
    for _ in range(4):
        with pool.transaction() as conn:
            assert conn.execute("select 1 as one").fetchone() == {"one": 1}
    pool.close()


def test_a_connection_lost_in_the_middle_is_told_as_such(table) -> None:
    with pytest.raises(DatabaseGone), table.operator.transaction() as conn:
        pid = conn.info.backend_pid
        with table.owner.transaction() as other:
            other.execute("select pg_terminate_backend(%s, 5000)", [pid])
        conn.execute("select 1")
    with table.operator.transaction() as conn:
        assert conn.execute("select 1 as one").fetchone() == {"one": 1}


def test_no_server_is_told_as_such(tmp_path) -> None:
    nowhere = f"postgresql:///x?host={tmp_path}"
    pool = Database(nowhere, wait_s=0.2)
    with pytest.raises(DatabaseGone), pool.transaction():
        pass
    pool.close()
    with pytest.raises(DatabaseGone):
        connect(nowhere)


def test_a_closed_pool_is_told_as_such(table) -> None:
    pool = Database(table.url("door"))
    with pool.transaction():
        pass
    pool.close()
    with pytest.raises(DatabaseGone), pool.transaction():
        pass


def test_each_role_logs_in_with_its_own_name(database) -> None:
    for role in ("door", "worker", "operator", "migrator"):
        with database.pool(role).transaction() as conn:
            assert conn.execute("select session_user::text as name").fetchone() == {"name": f"interpayer_{role}"}


def test_one_login_may_take_the_roles(database, tmp_path) -> None:
    settings = database.settings(tmp_path, database_url=database.url("owner"))
    for role, expected in (("door", "interpayer_door"), ("owner", "postgres")):
        with connect(role_url(settings, role)) as conn:
            assert conn.execute("select current_user::text as name").fetchone() == {"name": expected}
    with connect(database.url("owner"), role="interpayer_worker") as conn:
        assert conn.execute("select current_user::text as name").fetchone() == {"name": "interpayer_worker"}


def test_the_role_in_an_address_is_filled_in(database, tmp_path) -> None:
    settings = database.settings(tmp_path)
    for role in ("door", "worker", "operator", "migrator", "owner"):
        with connect(role_url(settings, role)) as conn:
            assert conn.execute("select session_user::text as name").fetchone() == {"name": f"interpayer_{role}"}


def test_options_in_an_address_are_kept(database, tmp_path) -> None:
    url = database.url("owner") + "&options=-c%20work_mem%3D7MB"
    with connect(role_url(database.settings(tmp_path, database_url=url), "door")) as conn:
        row = conn.execute(
            "select current_setting('work_mem') as m, current_setting('TimeZone') as z, current_user::text as u"
        )
        assert row.fetchone() == {"m": "7MB", "z": "UTC", "u": "interpayer_door"}


def test_statements_are_built_from_safe_pieces(database) -> None:
    for bad in ("a; drop", "A", "", "1a", 'a"b', "a" * 64):
        with pytest.raises(ValueError, match="identifier"):
            identifier(bad)
    text = "it's a \\ 'quote' \n ü"
    with database.door.transaction() as conn:
        assert conn.execute(sql(f"select {literal(text)} as text")).fetchone() == {"text": text}

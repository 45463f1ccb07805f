"""Migrations: in order, once, checked; the same schema whether built at once or step by step."""

import subprocess
import threading
from pathlib import Path

import pytest

from interpayer.system.database import connect
from interpayer.system.grants import declared_grants, granted
from interpayer.system.migrate import FOLDER, MigrationFailed, migrate, pending, read_migrations
from interpayer.system.programs import environment_for, find_programs


def schema_of(database) -> str:
    programs = find_programs()
    command = [programs / "pg_dump", "--schema-only", "--restrict-key=fixed", "-d", database.url("owner")]
    return subprocess.run(command, env=environment_for(programs), check=True, capture_output=True, text=True).stdout


def test_fresh_and_stepwise_give_the_same_schema(make_database) -> None:
    fresh, stepwise = make_database(template=None), make_database(template=None)
    with connect(fresh.url("owner")) as conn:
        migrate(conn)
    for migration in read_migrations():
        with connect(stepwise.url("owner")) as conn:
            assert migrate(conn, upto=migration.number) == [f"applied {migration.name}"]
    with connect(stepwise.url("owner")) as conn:
        migrate(conn)
    assert schema_of(fresh) == schema_of(stepwise)
    assert "CREATE TABLE operations.hold" in schema_of(fresh)


def test_the_catalog_holds_the_declared_grants_and_no_other(database) -> None:
    with database.owner.transaction() as conn:
        assert granted(conn) == declared_grants(conn)


def test_a_right_that_is_not_declared_is_taken_back(database) -> None:
    with connect(database.url("owner"), autocommit=True) as conn:
        conn.execute("grant delete on operations.hold to interpayer_door")
        conn.execute("grant execute on all functions in schema operations to public")
        assert migrate(conn) == [
            "revoke execute on routine operations.is_held(text,text,text) from public",
            "revoke execute on routine operations.refuse_if_held() from public",
            "revoke delete on table operations.hold from interpayer_door",
        ]
        assert migrate(conn) == []


def test_the_schema_of_the_ledger_belongs_to_nobody_who_logs_in(database) -> None:
    with database.owner.transaction() as conn:
        row = conn.execute(
            "select r.rolname, r.rolcanlogin from pg_namespace n join pg_roles r on r.oid = n.nspowner"
            " where nspname = 'audit'"
        ).fetchone()
        members = conn.execute(
            "select pg_get_userbyid(member) as name from pg_auth_members where roleid = 'interpayer_auditor'::regrole"
        ).fetchall()
    assert row == {"rolname": "interpayer_auditor", "rolcanlogin": False}
    assert members == []


@pytest.mark.parametrize("role", ["door", "worker", "operator"])
def test_login_roles_cannot_make_or_drop_anything(database, role) -> None:
    for statement in (
        "create table operations.extra (x int)",
        "create table public.extra (x int)",
        "create schema extra",
        "drop table operations.hold",
        "truncate operations.hold",
        "set role interpayer_migrator",
        "set role interpayer_auditor",
        "delete from system.migration",
    ):
        with connect(database.url(role), autocommit=True) as conn, pytest.raises(Exception) as refused:
            conn.execute(statement)
        assert refused.value.sqlstate == "42501", statement


def test_every_role_may_ask_what_is_pending(database) -> None:
    for role in ("door", "worker", "operator", "migrator"):
        with database.pool(role).transaction() as conn:
            assert pending(conn) == []


def a_folder(path: Path, **files: str) -> Path:
    path.mkdir(exist_ok=True)
    for name, text in files.items():
        (path / f"{name}.sql").write_text(text)
    return path


def own(tmp_path: Path, **files: str) -> Path:
    """The real first migration, then made-up ones."""
    first = FOLDER / "0001_roles_schemas.sql"
    return a_folder(tmp_path / "migrations", **{first.stem: first.read_text()}, **files)


def test_an_applied_file_that_changes_is_an_error(make_database, tmp_path) -> None:
    folder = own(tmp_path, **{"0002_more": "create table operations.more (x int);"})
    with connect(make_database(template=None).url("owner"), autocommit=True) as conn:
        assert pending(conn, folder=folder) == ["0001_roles_schemas.sql", "0002_more.sql"]
        migrate(conn, folder=folder, upto=2)
        assert pending(conn, folder=folder) == []
        own(tmp_path, **{"0002_more": "create table operations.more (x bigint);"})
        with pytest.raises(MigrationFailed, match=r"0002_more\.sql: the file was changed"):
            migrate(conn, folder=folder)


def test_a_failing_file_leaves_nothing_and_says_no_values(make_database, tmp_path) -> None:
    broken = "create table operations.half (x text unique); insert into operations.half values ('Doe'), ('Doe');"
    folder = own(tmp_path, **{"0002_half": broken})
    with connect(make_database(template=None).url("owner"), autocommit=True) as conn:
        with pytest.raises(MigrationFailed, match="0002_half") as failed:
            migrate(conn, folder=folder, upto=2)
        assert "Doe" not in str(failed.value)
        assert conn.execute("select to_regclass('operations.half') as x, current_user as who").fetchone() == {
            "x": None,
            "who": "postgres",
        }
        assert pending(conn, folder=folder) == ["0002_half.sql"]


def test_a_concurrent_index_runs_outside_a_transaction(make_database, tmp_path) -> None:
    index = "-- no-transaction\n-- why\ncreate index concurrently if not exists i on operations.hold (since);\n"
    folder = own(
        tmp_path, **{"0002_index": index + "-- a second; one\ncreate index concurrently j on operations.hold (kind);"}
    )
    with connect(make_database(template=None).url("owner"), autocommit=True) as conn:
        migrate(conn, folder=folder, upto=2)
        owner = conn.execute("select pg_get_userbyid(relowner) as x from pg_class where relname = 'j'").fetchone()
        assert owner == {"x": "interpayer_migrator"}


def test_a_taken_lock_ends_the_migration_instead_of_the_service(make_database, tmp_path) -> None:
    database = make_database(template=None)
    folder = own(tmp_path)
    with connect(database.url("owner"), autocommit=True) as conn:
        migrate(conn, folder=folder, upto=1)
    own(tmp_path, **{"0002_alter": "alter table operations.hold add column extra int;"})
    with connect(database.url("owner")) as holder, connect(database.url("owner"), autocommit=True) as conn:
        holder.execute("lock table operations.hold in access share mode")
        with pytest.raises(MigrationFailed, match="lock timeout"):
            migrate(conn, folder=folder, upto=2)


def test_two_at_once_apply_each_file_once(make_database) -> None:
    database, done = make_database(template=None), []

    def run() -> None:
        with connect(database.url("owner"), autocommit=True) as conn:
            done.append(migrate(conn))

    threads = [threading.Thread(target=run) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(map(bool, done)) == [False, True]


def test_hooks_run_after_the_files_and_before_the_grants(make_database) -> None:
    database, seen = make_database(template=None), []

    def hook() -> list[str]:
        with connect(database.url("owner")) as other:
            seen.append(pending(other))
        return ["engine made"]

    with connect(database.url("owner"), autocommit=True) as conn:
        done = migrate(conn, hooks=[hook])
    assert seen == [[]]
    assert done.index("engine made") > max(i for i, line in enumerate(done) if line.startswith("applied"))


def test_names_and_numbers_are_checked(tmp_path) -> None:
    with pytest.raises(MigrationFailed, match="name must be like"):
        read_migrations(a_folder(tmp_path / "a", **{"1_short": "select 1;"}))
    with pytest.raises(MigrationFailed, match="taken"):
        read_migrations(a_folder(tmp_path / "b", **{"0001_a": "select 1;", "0001_b": "select 1;"}))

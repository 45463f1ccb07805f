"""Backup and restore: everything comes back, releases are held, keys stay where they are, nothing is half done."""

import hashlib
import json
import stat

import pytest

from interpayer.system.backup import DUMP, MANIFEST, BackupUnusable, backup, missing_keys, read_manifest, restore
from interpayer.system.database import connect, role_url, split_password
from interpayer.system.keys import SigningKey, load_or_create_kek
from interpayer.system.migrate import migrate, pending


@pytest.fixture
def plan(database, tmp_path):
    """Settings of a payer with some state."""
    settings = database.settings(tmp_path / "home")
    load_or_create_kek(settings.kek)
    SigningKey.load_or_create(settings.home / "keys" / "checkpoint")
    with connect(role_url(settings, "migrator"), autocommit=True) as conn:
        conn.execute("create table operations.kept (id bigint generated always as identity, text text)")
        conn.execute("insert into operations.kept (text) select 'Marker-' || n from generate_series(1, 1000) n")
    return settings


@pytest.fixture
def fresh(make_database, tmp_path, plan):
    """Settings of the same payer on new machines: an empty database, the keys brought along."""
    settings = make_database(template=None).settings(tmp_path / "new")
    settings.kek.parent.mkdir(parents=True)
    settings.kek.write_bytes(plan.kek.read_bytes())
    settings.kek.chmod(0o600)
    return settings


def holds(settings) -> list[dict]:
    with connect(role_url(settings, "door")) as conn:
        return conn.execute("select kind, cleared_at from operations.hold").fetchall()


def test_what_was_backed_up_comes_back_and_releases_are_held(plan, fresh, tmp_path) -> None:
    said: list[str] = []
    made = backup(plan, tmp_path / "backup", say=said.append)
    assert any("operations.kept" in line for line in said)
    assert holds(plan) == []
    assert restore(fresh, tmp_path / "backup") == made
    assert holds(fresh) == [{"kind": "restore", "cleared_at": None}]
    with connect(role_url(fresh, "owner"), autocommit=True) as conn:
        rows = conn.execute("select count(*) as n, max(id) as last from operations.kept").fetchone()
        assert rows == {"n": 1000, "last": 1000}
        conn.execute("insert into operations.kept (text) values ('next')")
        assert conn.execute("select max(id) as last from operations.kept").fetchone() == {"last": 1001}
        conn.execute("drop table operations.kept")
        assert pending(conn) == []
        assert migrate(conn) == []  # schema and rights are those of a migrated database
    with connect(role_url(fresh, "door")) as conn, pytest.raises(Exception, match="permission denied"):
        conn.execute("insert into operations.hold (kind, reason) values ('x', 'x')")


def test_a_backup_holds_no_key_and_nobody_else_reads_it(plan, tmp_path) -> None:
    folder = tmp_path / "backup"
    made = backup(plan, folder)
    secrets = [path.read_text().strip() for path in (plan.home / "keys").iterdir()]
    assert len(secrets) == 2
    for path in folder.iterdir():
        assert not any(secret.encode() in path.read_bytes() for secret in secrets)
    assert set(made.key_files) == {"kek", "checkpoint"}
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert stat.S_IMODE((folder / DUMP).stat().st_mode) == 0o600


def test_keys_that_are_not_there_are_named(plan, fresh, tmp_path) -> None:
    made = backup(plan, tmp_path / "backup")
    assert missing_keys(plan, made) == []
    assert missing_keys(fresh, made) == ["checkpoint"]


def refused(settings, folder, says) -> None:
    with pytest.raises(BackupUnusable, match=says):
        restore(settings, folder)


def test_a_restore_that_cannot_be_right_is_refused(plan, fresh, tmp_path) -> None:
    folder = tmp_path / "backup"
    backup(plan, folder)
    refused(plan, folder, "not empty")
    kek = fresh.kek.read_bytes()
    fresh.kek.unlink()
    refused(fresh, folder, "must hold the KEK")
    assert not fresh.kek.exists()
    load_or_create_kek(fresh.kek)
    refused(fresh, folder, "must hold the KEK")
    fresh.kek.write_bytes(kek)
    dump = bytearray((folder / DUMP).read_bytes())
    dump[len(dump) // 2] ^= 1
    (folder / DUMP).write_bytes(dump)
    refused(fresh, folder, "damaged")
    refused(fresh, tmp_path / "nowhere", "no finished backup")


@pytest.mark.parametrize("cut", [0.5, 0.99])
def test_a_restore_that_breaks_changes_nothing(plan, fresh, tmp_path, cut) -> None:
    folder = tmp_path / "backup"
    backup(plan, folder)
    dump = (folder / DUMP).read_bytes()
    (folder / DUMP).write_bytes(dump[: int(len(dump) * cut)])
    manifest = json.loads((folder / MANIFEST).read_text())
    manifest["dump_sha256"] = hashlib.sha256((folder / DUMP).read_bytes()).hexdigest()
    (folder / MANIFEST).write_text(json.dumps(manifest))
    refused(fresh, folder, "changed nothing")
    with connect(role_url(fresh, "owner")) as conn:
        assert conn.execute("select to_regnamespace('operations') as x").fetchone() == {"x": None}


def test_a_backup_goes_into_an_empty_folder_only_and_is_none_until_it_is_whole(plan, tmp_path) -> None:
    folder = tmp_path / "backup"
    made = backup(plan, folder)
    with pytest.raises(BackupUnusable, match="not empty"):
        backup(plan, folder)
    assert read_manifest(folder) == made
    (folder / MANIFEST).unlink()
    with pytest.raises(BackupUnusable, match="no finished backup"):
        read_manifest(folder)


def test_a_password_in_the_address_is_in_no_argument() -> None:
    address, secret = split_password("postgresql://me:s3cret@db.example/x?sslmode=verify-full")
    assert secret == "s3cret"
    assert "s3cret" not in address
    assert "verify-full" in address
    assert split_password("postgresql://me@db/x")[1] is None


def test_a_dump_that_fails_is_no_backup(plan, tmp_path, monkeypatch) -> None:
    full = tmp_path / "full"
    full.mkdir()
    (full / "pg_dump").write_text(
        "#!/bin/sh\n[ \"$1\" = --version ] && echo 'pg_dump (PostgreSQL) 99' && exit\n"
        "echo 'pg_dump: error: could not write: No space left on device' >&2; exit 1\n"
    )
    (full / "pg_dump").chmod(0o755)
    monkeypatch.setenv("PATH", str(full), prepend=":")
    with pytest.raises(BackupUnusable, match="No space left"):
        backup(plan, tmp_path / "backup")
    with pytest.raises(BackupUnusable, match="no finished backup"):
        read_manifest(tmp_path / "backup")

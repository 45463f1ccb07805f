"""A PostgreSQL of one's own (INTERPAYER_DATABASE_URL): by socket, and by TCP with TLS and a password; 16 and 18.

Its owner is no superuser here: it may create roles and owns its database, which is what a site would grant.
"""

import re
import shutil
import socket
import tempfile
import threading
from pathlib import Path
from urllib.parse import parse_qsl, quote, urlsplit

import pytest

from interpayer.app.floor import migrate_all
from interpayer.system.backup import backup, restore
from interpayer.system.child import Launch
from interpayer.system.cluster import LOGIN_ROLES, find_account, socket_folder
from interpayer.system.database import Database, DatabaseGone, DatabaseTooOld, answers, connect, role_url
from interpayer.system.grants import declared_grants, granted
from interpayer.system.keys import load_or_create_kek
from interpayer.system.migrate import pending
from interpayer.system.passwords import rotate_password
from interpayer.system.postgres import EmbeddedPostgres
from interpayer.system.roles import make_roles
from interpayer.system.settings import Settings, read_settings
from interpayer.system.tls import KeyPair, create_authority, issue_server
from tests.support.supervised import TUNING
from tests.support.tls_front import TlsFront


class Site:
    """One server as a site's administrator would prepare it."""

    def __init__(self, server: EmbeddedPostgres, home: Path) -> None:
        self.sockets = socket_folder(home)
        self._admin = connect(server.url("owner", database="postgres"), autocommit=True)
        for role in LOGIN_ROLES:
            self._admin.execute(f"drop role interpayer_{role}".encode())
        self._admin.execute(b"create role interpayer_owner login createrole password 'owner'")
        self.create("interpayer_site")
        self.passfile = home / "passfile"
        self.passfile.touch(mode=0o600)
        lines = [f"*:*:*:interpayer_{role}:{role}" for role in (*LOGIN_ROLES, "owner")]
        self.passfile.write_text("\n".join(lines) + "\n")

    def create(self, database: str) -> None:
        self._admin.execute(f"create database {database} owner interpayer_owner".encode())

    def give_passwords(self) -> None:
        for role in LOGIN_ROLES:
            self._admin.execute(f"alter role interpayer_{role} password '{role}'".encode())

    def url(self, where: str, database: str = "interpayer_site", **options: str) -> str:
        given = {"passfile": str(self.passfile)} | options
        return f"postgresql://interpayer_{{role}}@{where}/{database}?" + "&".join(
            f"{key}={quote(value, safe='')}" for key, value in given.items()
        )

    def close(self) -> None:
        self._admin.close()


@pytest.fixture(scope="module", params=[16, 18])
def site(request):
    folder = Path(tempfile.mkdtemp(prefix="ip-test-"))
    folder.chmod(0o711)
    with EmbeddedPostgres(folder / "home", "nobody", version=request.param, tuning=TUNING) as server:
        site = Site(server, folder / "home")
        yield site
        site.close()
    shutil.rmtree(folder)


def settings(tmp_path: Path, url: str) -> Settings:
    return read_settings({"INTERPAYER_HOME": str(tmp_path), "INTERPAYER_DATABASE_URL": url})


def works(given: Settings) -> None:
    for role in LOGIN_ROLES:
        pool = Database(role_url(given, role))
        with pool.transaction() as conn:
            assert conn.execute("select session_user::text as name").fetchone() == {"name": f"interpayer_{role}"}
            assert pending(conn) == []
        pool.close()
    with connect(role_url(given, "owner")) as conn:
        assert granted(conn) == declared_grants(conn)


def test_by_socket_an_owner_without_superuser_rights_does_it_all(site, tmp_path) -> None:
    given = settings(tmp_path, site.url("", host=str(site.sockets)))
    with connect(role_url(given, "owner"), autocommit=True) as conn:
        make_roles(conn)
    site.give_passwords()
    assert migrate_all(given)
    works(given)
    load_or_create_kek(given.kek)
    made = backup(given, tmp_path / "backup")
    site.create("interpayer_again")
    again = settings(tmp_path, site.url("", "interpayer_again", host=str(site.sockets)))
    assert restore(again, tmp_path / "backup") == made
    migrate_all(again)
    works(again)


@pytest.fixture(scope="module")
def tls(tmp_path_factory) -> tuple[KeyPair, KeyPair, KeyPair]:
    folder = tmp_path_factory.mktemp("tls")
    ca, other = create_authority(folder, "Site"), create_authority(folder / "other", "Other")
    return ca, other, issue_server(folder, ca, ["localhost"], name="database")


def test_by_tcp_with_tls_and_passwords(site, tls, tmp_path) -> None:
    ca, other, pair = tls
    with TlsFront(site.sockets / ".s.PGSQL.5432", pair) as front:
        where = f"localhost:{front.port}"
        site.create("interpayer_tls")
        safe = {"sslmode": "verify-full", "sslrootcert": str(ca.certificate)}
        given = settings(tmp_path, site.url(where, "interpayer_tls", **safe))
        with connect(role_url(given, "owner"), autocommit=True) as conn:
            assert conn.pgconn.ssl_in_use
            make_roles(conn)
        site.give_passwords()
        migrate_all(given)
        works(given)
        passwords_change_while_processes_connect(given)

        def refused(url: str, says: str) -> None:
            with pytest.raises(DatabaseGone, match=says) as failed:
                connect(role_url(settings(tmp_path, url), "door"))
            assert "wrong-one" not in str(failed.value)

        refused(site.url(where, **safe | {"sslrootcert": str(other.certificate)}), "certificate verify failed")
        refused(site.url(f"127.0.0.1:{front.port}", **safe), "does not match host")
        refused(site.url(where, **safe).replace("{role}@", "{role}:wrong-one@"), "password authentication failed")
        refused(
            site.url(where, passfile="/dev/null", **safe).replace("passfile", "passfile", 1), "no password|password"
        )
        assert front.plain_refused == 0
        refused(site.url(where, sslmode="disable"), "closed")
        assert front.plain_refused == 1


def passwords_change_while_processes_connect(given: Settings) -> None:
    """Each role's password changes twice; whoever opens a connection meanwhile gets one, without a restart."""
    pool, done, ended = Database(role_url(given, "door")), [], threading.Event()

    def connect_again_and_again() -> None:
        while not ended.is_set():
            fresh = Database(role_url(given, "door"))
            with fresh.transaction() as conn:
                done.append(conn.execute("select 1 as one").fetchone())
            fresh.close()

    process = threading.Thread(target=connect_again_and_again)
    process.start()
    try:
        with pool.transaction() as conn:  # an open connection stays open
            before = Path(dict(parse_qsl(urlsplit(given.database_url or "").query))["passfile"]).read_text()
            files = {rotate_password(given, role) for role in LOGIN_ROLES for _ in range(2)}
            assert conn.execute("select 1 as one").fetchone() == {"one": 1}
    finally:
        ended.set()
        process.join()
        pool.close()
    (file,) = files
    after = file.read_text()
    assert len(done) > 3
    assert after != before
    assert ":interpayer_door:door\n" not in after
    assert ":interpayer_owner:owner\n" in after
    assert file.stat().st_mode & 0o077 == 0
    works(given)
    file.write_text(before)
    with pytest.raises(DatabaseGone, match="password authentication failed"):
        connect(role_url(given, "door"))
    file.write_text(after)


def of_this_machine() -> Path | None:
    """The newest PostgreSQL of the distribution that can do TLS."""
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"), key=lambda path: int(path.parts[4]))
    return found[-1].parent if found else None


def test_a_server_with_its_own_tls(tls, tmp_path) -> None:
    """TLS end to end with a stock server, where the machine has one; one before 16 is told that it is too old."""
    programs = of_this_machine()
    if programs is None:
        pytest.skip("no PostgreSQL of the distribution in /usr/lib/postgresql")
    ca, _, pair = tls
    folder = Path(tempfile.mkdtemp(prefix="ip-test-"))
    account = find_account("nobody")
    for name, source in (("server.crt", pair.certificate), ("server.key", pair.key)):
        shutil.copy(source, folder / name)
        (folder / name).chmod(0o600)
    (folder / "password").write_text("owner")
    for path in (folder, *folder.iterdir()):
        shutil.chown(path, account.uid, account.gid)
    launch = Launch(programs, account, tmp_path / "log", by_kernel=True)
    initdb = ["-U", "interpayer_owner", "-A", "scram-sha-256", "--pwfile", str(folder / "password"), "--no-sync"]
    assert launch.spawn("initdb", "-D", str(folder / "data"), *initdb).wait() == 0
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = str(probe.getsockname()[1])
    options = {
        "ssl": "on",
        "ssl_cert_file": folder / "server.crt",
        "ssl_key_file": folder / "server.key",
        "fsync": "off",
    }
    options |= {"listen_addresses": "127.0.0.1", "port": port, "unix_socket_directories": folder}
    server = launch.spawn(
        "postgres", "-D", str(folder / "data"), *[f"--{key}={value}" for key, value in options.items()]
    )
    url = f"postgresql://interpayer_owner:owner@localhost:{port}/postgres?sslmode=verify-full&sslrootcert={ca.certificate}"
    try:
        while not answers(url):
            assert server.poll() is None, (tmp_path / "log").read_text()
        if int(programs.parts[4]) < 16:
            with pytest.raises(DatabaseTooOld):
                connect(url)
        else:
            with connect(url) as conn:
                assert conn.pgconn.ssl_in_use
        with pytest.raises(DatabaseGone, match="password authentication failed"):
            connect(re.sub(":owner@", ":wrong@", url))
    finally:
        server.terminate()
        server.wait()
        shutil.rmtree(folder)

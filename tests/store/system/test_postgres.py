"""The supervisor of the embedded PostgreSQL, as root and as an ordinary account.

The first part takes the faults of the start function that the binaries' package brings, one after another
(docs/decisions: PostgreSQL is the only database); none of them may be ours.
"""

import contextlib
import os
import pwd
import shutil
import signal
import stat
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from interpayer.system.cluster import (
    SHARED_FOLDER,
    Account,
    ClusterUnusable,
    can_reach,
    find_account,
    folder_of,
    password_file,
    socket_folder,
)
from interpayer.system.database import Database, DatabaseGone, connect, embedded_url
from interpayer.system.postgres import EmbeddedPostgres, ServerFailed, ServerRunning, server_status
from interpayer.system.programs import environment_for, find_programs, reachable_programs
from tests.support.supervised import TUNING, Supervised, is_alive, wait_until_gone

ROOT = os.geteuid() == 0
OURSELVES = pwd.getpwuid(os.geteuid()).pw_name
ACCOUNTS = ["root", "nobody"] if ROOT else [OURSELVES]


@pytest.fixture(params=ACCOUNTS)
def account(request) -> str:
    """Who supervises: root (the server is then `nobody`'s) and an ordinary account."""
    return request.param


@contextlib.contextmanager
def folder_for(account: str) -> Iterator[Path]:
    """A folder of the account, outside pytest's own (which only root may pass)."""
    folder = Path(tempfile.mkdtemp(prefix="ip-test-"))
    if account != OURSELVES:
        os.chown(folder, pwd.getpwnam(account).pw_uid, -1)
    elif ROOT:
        folder.chmod(0o711)
    yield folder
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture
def place(account) -> Iterator[Path]:
    """A folder of that account."""
    with folder_for(account) as folder:
        yield folder


@pytest.fixture
def home() -> Iterator[Path]:
    """A home of our own account, for what is the same whoever supervises."""
    with folder_for(OURSELVES) as folder:
        yield folder / "home"


@pytest.fixture
def start(place, account):
    """Starts supervisors; whatever is left of them at the end is ended."""
    started: list[Supervised] = []

    def start(home: Path | None = None, **options) -> Supervised:
        started.append(Supervised(home or place / "home", account, **options))
        return started[-1]

    yield start
    for one in started:
        one.end()
        wait_until_gone(one.server_pid)


def owner_of(home: Path) -> str:
    return embedded_url(home, "owner")


def modes_above(path: Path) -> dict[Path, tuple[int, int, int]]:
    return {folder: (found.st_mode, found.st_uid, found.st_gid) for folder in path.parents for found in [folder.stat()]}


# 1. Killed parent: the server lived on, and no later exit stopped it.


def supervise_by(account: str, watch: str) -> None:
    """Skip where the watchdog cannot be: it is a Python process, and our interpreter may lie in a private home."""
    interpreter = Path(sys.executable).resolve()
    entry = pwd.getpwnam(account)
    reachable = entry.pw_uid == 0 or can_reach(Account(account, entry.pw_uid, entry.pw_gid), interpreter)
    if watch == "pipe" and not reachable:
        pytest.skip(f"the account {account} cannot run {interpreter}")


@pytest.mark.parametrize("watch", ["kernel", "pipe"])
def test_the_server_dies_with_its_supervisor_and_starts_again(start, account, watch) -> None:
    supervise_by(account, watch)
    first = start(watch=watch)
    with connect(owner_of(first.home)) as conn:
        conn.execute("create table kept (x int)")
    first.kill()
    second = start(watch=watch)  # at once: waits for the first server to be gone
    assert not is_alive(first.server_pid)
    with connect(owner_of(second.home)) as conn:
        assert conn.execute("select count(*) as n from kept").fetchone() == {"n": 0}


def test_an_orphan_is_ended_by_the_next_supervisor(start, account) -> None:
    supervise_by(account, "pipe")
    first = start(watch="pipe")
    watchdogs = Path(f"/proc/{first.pid}/task/{first.pid}/children").read_text().split()
    for child in map(int, watchdogs):
        if child != first.server_pid:
            os.kill(child, signal.SIGKILL)
    first.kill()
    assert is_alive(first.server_pid)
    second = start()
    assert not is_alive(first.server_pid)
    assert is_alive(second.server_pid)


def test_a_normal_end_stops_the_server_and_gives_back_the_data(start) -> None:
    server = start()
    assert server_status(server.home).state == "running"
    assert server.end() == 0
    assert not is_alive(server.server_pid)
    assert server_status(server.home).state == "stopped"
    assert not (folder_of(server.home) / "data" / "postmaster.pid").exists()


# 2. As root: a system user was made, and every folder above was opened to 0755.


def test_no_account_is_made_and_no_folder_above_is_changed(start, place) -> None:
    accounts, above = Path("/etc/passwd").read_bytes(), modes_above(place / "home")
    start()
    assert Path("/etc/passwd").read_bytes() == accounts
    assert modes_above(place / "home") == above


@pytest.mark.skipif(not ROOT, reason="only root has a home that its server cannot reach")
def test_a_home_that_the_server_cannot_reach_gets_a_place_elsewhere() -> None:
    private = Path(tempfile.mkdtemp(prefix="ip-test-"))  # 0700
    home, above = private / "home", modes_above(private / "home")
    try:
        with EmbeddedPostgres(home, "nobody", tuning=TUNING) as server:
            folder = server.status().folder
            assert folder.parent == SHARED_FOLDER
            assert (home / "postgres").resolve() == folder
            with connect(server.url("door")) as conn:
                assert conn.execute("select 1 as one").fetchone() == {"one": 1}
        assert modes_above(home) == above
        with EmbeddedPostgres(home, "nobody", tuning=TUNING) as again:
            assert again.status().folder == folder
    finally:
        shutil.rmtree(folder_of(home), ignore_errors=True)
        shutil.rmtree(private)
        with contextlib.suppress(OSError):
            SHARED_FOLDER.rmdir()


@pytest.mark.skipif(not ROOT, reason="needs root")
@pytest.mark.parametrize("run_as", [None, "", "root", "no-such-account"])
def test_root_without_another_account_is_refused(run_as) -> None:
    with pytest.raises(ClusterUnusable):
        find_account(run_as)


@pytest.mark.skipif(not ROOT, reason="needs root")
def test_programs_that_the_account_cannot_reach_are_copied() -> None:
    private = Path(tempfile.mkdtemp(prefix="ip-test-"))
    shared = Path(tempfile.mkdtemp(prefix="ip-test-"))
    shared.chmod(0o711)
    account = find_account("nobody")
    try:
        here = private / "pginstall18"
        (here / "bin").mkdir(parents=True)
        shutil.copy2(find_programs() / "postgres", here / "bin")
        (here / "lib").mkdir()
        assert not can_reach(account, here / "bin" / "postgres")
        copy = reachable_programs(here / "bin", account, shared=shared)
        assert copy == reachable_programs(here / "bin", account, shared=shared)
        command = [copy / "postgres", "--version"]
        shown = subprocess.run(command, user=account.uid, env=environment_for(copy), capture_output=True, check=True)
        assert b"(PostgreSQL) 18" in shown.stdout
        assert stat.S_IMODE(private.stat().st_mode) == 0o700
    finally:
        shutil.rmtree(private)
        shutil.rmtree(shared)


# 3. One lock file for the whole machine: after root used it, nobody else could.


@pytest.mark.skipif(not ROOT, reason="needs root and another account at once")
def test_root_and_another_account_run_servers_side_by_side() -> None:
    folders = {name: Path(tempfile.mkdtemp(prefix="ip-test-")) for name in ("root", "nobody")}
    folders["root"].chmod(0o711)
    os.chown(folders["nobody"], pwd.getpwnam("nobody").pw_uid, -1)
    before = set(os.listdir("/tmp"))
    servers = {name: Supervised(folder / "home", name) for name, folder in folders.items()}
    try:
        assert all(is_alive(server.server_pid) for server in servers.values())
        made = set(os.listdir("/tmp")) - before
        assert not [name for name in made if name.startswith((".lock", "runtime", ".s.PGSQL", "python_"))]
    finally:
        for server in servers.values():
            server.end()
        for folder in folders.values():
            shutil.rmtree(folder)


def test_a_home_has_one_supervisor(start, place, account) -> None:
    first = start()
    with pytest.raises(RuntimeError, match="ServerRunning"):
        Supervised(place / "home", account)
    assert is_alive(first.server_pid)


# 4. Trust authentication, and TCP open to every local account on some systems.


def test_every_login_needs_its_password_and_only_the_socket_listens(start, place) -> None:
    home = start().home
    host = socket_folder(home)
    for wrong in ("", "&password=wrong"):
        for user in ("postgres", "interpayer_door", "interpayer_migrator"):
            with pytest.raises(DatabaseGone, match="password"):
                connect(f"postgresql://{user}@/interpayer?host={host}&passfile=/dev/null{wrong}")
    with connect(owner_of(home)) as conn:
        methods = conn.execute("select distinct auth_method from pg_hba_file_rules").fetchall()
        listens = conn.execute("select current_setting('listen_addresses') as addresses").fetchone()
        hashes = conn.execute("select rolpassword like 'SCRAM-SHA-256$%' as scram from pg_authid where rolcanlogin")
        assert methods == [{"auth_method": "scram-sha-256"}]
        assert listens == {"addresses": ""}
        assert all(row["scram"] for row in hashes.fetchall())


def test_passwords_are_random_and_in_private_files(start) -> None:
    home = start().home
    texts = set()
    for role in ("owner", "door", "worker", "operator", "migrator"):
        file = password_file(folder_of(home), role)
        assert stat.S_IMODE(file.stat().st_mode) == 0o600
        texts.add(file.read_text().strip().rpartition(":")[2])
        with connect(embedded_url(home, role)) as conn:
            assert "password" not in embedded_url(home, role).replace("passwords", "")
            assert conn.execute("select session_user::text as name").fetchone() is not None
    assert len(texts) == 5
    assert min(map(len, texts)) >= 32
    assert not (folder_of(home) / "log" / "first-password").exists()


def test_an_operators_setting_outlives_a_restart_but_not_ours(start) -> None:
    first = start()
    with connect(owner_of(first.home), autocommit=True) as conn:
        conn.execute("alter system set work_mem = '9MB'")
        conn.execute("alter system set listen_addresses = '*'")
    first.end()
    with connect(owner_of(start().home)) as conn:
        row = conn.execute(
            "select current_setting('work_mem') as m, current_setting('listen_addresses') as a"
        ).fetchone()
        assert row == {"m": "9MB", "a": ""}


def test_the_servers_log_holds_no_values(start) -> None:
    server = start()
    with connect(owner_of(server.home), autocommit=True) as conn:
        conn.execute("create table person (name text unique)")
        for _ in range(2):
            with contextlib.suppress(Exception):
                conn.execute("insert into person values (%s)", ["Marker-Doe"])
    server.end()
    logs = [path.read_text() for path in (folder_of(server.home) / "log").iterdir()]
    assert any("duplicate key" in text for text in logs)
    assert not any("Marker-Doe" in text for text in logs)


# 5. A long path: the socket went into a folder with mode 0777.


def test_a_long_path_gets_a_short_private_socket_folder(start, place) -> None:
    home = place / ("long" * 25) / "home"
    home.parent.mkdir()
    found = place.stat()
    os.chown(home.parent, found.st_uid, found.st_gid)
    server = start(home)
    folder = socket_folder(home)
    assert len(str(home)) > 107 > len(str(folder))
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    with connect(embedded_url(home, "door")) as conn:
        assert conn.execute("select 1 as one").fetchone() == {"one": 1}
    server.end()
    assert not folder.exists()
    assert start(home)


def test_a_squatted_socket_folder_is_not_used(start, place) -> None:
    home = place / ("long" * 25) / "home"
    home.parent.mkdir()
    os.chown(home.parent, place.stat().st_uid, -1)
    start(home).end()
    squatted = Path(tempfile.mkdtemp(prefix="ip-test-"))
    squatted.chmod(0o777)
    (folder_of(home) / "socket-folder").write_text(str(squatted))
    try:
        start(home)
        assert socket_folder(home) != squatted
    finally:
        shutil.rmtree(squatted)


def test_the_socket_folder_is_private(start) -> None:
    home = start().home
    assert stat.S_IMODE(socket_folder(home).stat().st_mode) == 0o700
    assert stat.S_IMODE((folder_of(home) / "data").stat().st_mode) == 0o700


# 6. Ten seconds to start, or it was a failure; no PG_VERSION, and any server of this path was killed.


def test_a_slow_start_is_waited_for(home) -> None:
    said: list[str] = []
    server = EmbeddedPostgres(home, "nobody", tuning=TUNING, say=said.append)
    server.start()
    assert server._server is not None
    os.kill(server._server.pid, signal.SIGSTOP)
    waiting = threading.Thread(target=server.wait_ready)
    waiting.start()
    try:
        waiting.join(5.5)
        assert waiting.is_alive()
    finally:
        os.kill(server._server.pid, signal.SIGCONT)
    waiting.join()
    assert any("starting or recovering" in line for line in said)
    with connect(server.url("door")) as conn:
        assert conn.execute("select 1 as one").fetchone() == {"one": 1}
    server.stop()


def test_a_running_server_outlives_a_lost_version_file(start, place, account) -> None:
    server = start()
    version = folder_of(server.home) / "data" / "PG_VERSION"
    version.rename(version.with_suffix(".gone"))
    with pytest.raises(RuntimeError, match="ServerRunning"):
        Supervised(place / "home", account)
    assert is_alive(server.server_pid)
    server.end()
    with pytest.raises(RuntimeError, match="nothing was changed"):
        Supervised(place / "home", account)
    version.with_suffix(".gone").rename(version)
    assert start()


# Beyond these.


def test_a_torn_first_start_leaves_no_half_cluster(start, place) -> None:
    first = start()
    first.end()
    folder = folder_of(first.home)
    (folder / "data").rename(folder / "data.new")
    (folder / "data.new" / "global" / "pg_control").unlink()
    again = start()
    assert not (folder / "data.new").exists()
    with connect(owner_of(again.home)) as conn:
        assert conn.execute("select 1 as one").fetchone() == {"one": 1}


def kept_rows(pool: Database) -> list[dict[str, int]]:
    """What is kept; a backend that outlives its killed postmaster for a moment may still take the first question."""
    for _ in range(3):
        try:
            with pool.transaction() as conn:
                return conn.execute("select x from kept").fetchall()
        except DatabaseGone:
            time.sleep(0.1)
    raise AssertionError("the database did not come back")


def test_a_killed_server_is_started_again_and_its_data_are_there(home) -> None:
    server, stop, said = (
        EmbeddedPostgres(home, "nobody", tuning=TUNING | {"fsync": "on"}),
        threading.Event(),
        [],
    )
    server._say = said.append
    # The main thread runs the supervisor, as in `db run`; another one breaks it and looks.
    failures: list[BaseException] = []

    def break_and_look() -> None:
        try:
            pool = Database(server.url("owner"), wait_s=30)
            while server.status().state != "running":
                time.sleep(0.05)
            with pool.transaction() as conn:
                conn.execute("create table kept (x int)")
                conn.execute("insert into kept values (1)")
            pid = server.status().pid
            assert pid is not None
            os.kill(pid, signal.SIGKILL)
            wait_until_gone(pid)
            assert kept_rows(pool) == [{"x": 1}]
            pool.close()
        except BaseException as error:
            failures.append(error)
        finally:
            stop.set()

    looking = threading.Thread(target=break_and_look)
    looking.start()
    server.run(stop)
    looking.join()
    assert failures == []
    assert any("ended unexpectedly" in line for line in said)
    assert server.status().state == "stopped"


def test_a_stop_that_takes_too_long_becomes_an_immediate_one(home, monkeypatch) -> None:
    monkeypatch.setattr("interpayer.system.postgres.STOP_S", 0.5)
    said: list[str] = []
    server = EmbeddedPostgres(home, "nobody", tuning=TUNING, say=said.append)
    server.start()
    server.wait_ready()
    with connect(server.url("owner")) as conn:
        conn.execute("create table kept as select 7 as n")
    with connect(server.url("owner")) as conn:
        row = conn.execute("select pid from pg_stat_activity where backend_type = 'checkpointer'").fetchone()
    assert row is not None
    os.kill(row["pid"], signal.SIGSTOP)
    server.stop()
    assert any("did not stop" in line for line in said)
    with EmbeddedPostgres(home, "nobody", tuning=TUNING) as again, connect(again.url("owner")) as conn:
        assert conn.execute("select n from kept").fetchone() == {"n": 7}


def test_a_server_that_cannot_start_says_why(home) -> None:
    with pytest.raises(ServerFailed, match="shared_buffers"):
        EmbeddedPostgres(home, "nobody", tuning=TUNING | {"shared_buffers": "1kB"}).__enter__()
    with EmbeddedPostgres(home, "nobody", tuning=TUNING):
        pass


def test_an_older_clusters_data_are_not_touched(home) -> None:
    with EmbeddedPostgres(home, "nobody", version=16, tuning=TUNING) as server:
        assert server.status().version == "16"
    with pytest.raises(ClusterUnusable, match="PostgreSQL 16"):
        EmbeddedPostgres(home, "nobody").start()
    server = EmbeddedPostgres(home, "nobody", version=16, tuning=TUNING)
    server.start()
    with pytest.raises(ServerRunning):
        EmbeddedPostgres(home, "nobody", version=16).start()
    server.stop()


def test_reach_follows_the_mode_bits(tmp_path) -> None:
    me = Account("me", os.geteuid(), os.getegid())
    stranger = Account("stranger", 4_000_000, 4_000_000)
    tmp_path.chmod(0o700)
    assert can_reach(me, tmp_path / "x")
    assert not can_reach(stranger, tmp_path / "x")

"""The supervisor of the embedded PostgreSQL: one server, our direct child, that never outlives us.

For evaluation and small sites; a cluster of your own (INTERPAYER_DATABASE_URL) needs none of this.
Two locks in the cluster's folder: `supervisor.lock` is ours; `server.lock` is inherited by the server and all its
children, so whoever holds it knows that nothing of an earlier server is left.
"""

import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self

from interpayer.system.child import Launch, dismiss, try_lock, watch_over
from interpayer.system.cluster import (
    DATABASE,
    LOGIN_ROLES,
    OWNER,
    Cluster,
    ClusterUnusable,
    find_account,
    folder_of,
    make_private,
    prepare_folders,
    prepare_socket_folder,
    socket_folder,
    user_of,
    write_password,
)
from interpayer.system.database import answers, connect, embedded_url, literal, sql
from interpayer.system.programs import DEFAULT_VERSION, find_programs, reachable_programs
from interpayer.system.tuning import write_settings

POLL_S = 0.05
STOP_S = 60.0


class ServerRunning(Exception):
    """Another supervisor has this cluster."""


class ServerFailed(Exception):
    """The server ended instead of starting; the message holds the end of its log, which is free of members' data."""


@dataclass(frozen=True, slots=True)
class ServerStatus:
    """What `db status` says about the embedded server."""

    state: str
    folder: Path
    pid: int | None
    version: str | None


class EmbeddedPostgres:
    """The server of one home. Start it from a thread that lives as long as it should."""

    def __init__(
        self,
        home: Path,
        run_as: str | None = None,
        *,
        version: int = DEFAULT_VERSION,
        tuning: Mapping[str, str] | None = None,
        watch: str = "kernel" if sys.platform == "linux" else "pipe",
        say: Callable[[str], None] = lambda _: None,
    ) -> None:
        self._home, self._run_as, self._version, self._tuning = home, run_as, version, dict(tuning or {})
        self._watch, self._say = watch, say
        self._server: subprocess.Popen[bytes] | None = None
        self._watchdog: subprocess.Popen[bytes] | None = None
        self._locks: list[int] = []

    def start(self) -> None:
        """Start the server (first making the cluster) without waiting; a taken cluster raises ``ServerRunning``."""
        account = find_account(self._run_as)
        cluster = prepare_folders(self._home, account)
        lock = try_lock(cluster.folder / "supervisor.lock")
        if lock is None:
            raise ServerRunning(f"another process supervises the server in {cluster.folder}")
        self._locks = [lock]
        try:
            self._locks.append(self._wait_for_earlier_server(cluster))
            programs = reachable_programs(find_programs(self._version), account)
            launch = Launch(programs, account, cluster.folder / "start.log", by_kernel=self._watch == "kernel")
            self._make_data(cluster, launch)
            write_settings(cluster, prepare_socket_folder(cluster, account), self._tuning)
            self._server = launch.spawn("postgres", "-D", str(cluster.data), lock=self._locks[-1])
            os.close(self._locks.pop())
            self._watchdog = None if self._watch == "kernel" else watch_over(self._server.pid)
        except BaseException:
            self._let_go()
            raise

    def wait_ready(self) -> None:
        """Wait, without limit, until the server answers (recovery can take long); then see to database and logins."""
        began, told = time.monotonic(), 0.0
        while not answers(self.url(OWNER, database="postgres")):
            if self._server is None or self._server.poll() is not None:
                failure = ServerFailed(_end_of_log(Cluster(folder_of(self._home))))
                self.stop()
                raise failure
            waited = time.monotonic() - began
            if waited - told >= 5:
                told = waited
                self._say(f"PostgreSQL is starting or recovering since {waited:.0f} s")
            time.sleep(POLL_S)
        self._see_to_database()

    def stop(self) -> None:
        """A fast stop: transactions in flight are rolled back, the data are written; waits until it is done.

        One that takes longer than a minute becomes an immediate stop: the next start recovers, and loses nothing.
        """
        server, self._server = self._server, None
        if server is not None and server.poll() is None:
            with suppress(ProcessLookupError):
                server.send_signal(signal.SIGINT)
            self._wait_or_quit(server)
        if self._watchdog is not None:
            dismiss(self._watchdog)
            self._watchdog = None
        _remove_outside_socket_folder(self._home)
        self._let_go()

    def _wait_or_quit(self, server: "subprocess.Popen[bytes]") -> None:
        try:
            server.wait(STOP_S)
        except subprocess.TimeoutExpired:
            self._say(f"PostgreSQL did not stop within {STOP_S:.0f} s; stopping it at once")
            with suppress(ProcessLookupError):
                server.send_signal(signal.SIGQUIT)
            server.wait()

    def run(self, until: threading.Event, *, ready: Callable[[], None] = lambda: None) -> None:
        """Keep the server up until told otherwise; when it dies, it is started again with growing pauses."""
        pause = 0.5
        while not until.is_set():
            began = time.monotonic()
            if self._server is None:
                self.start()
                self.wait_ready()
                ready()
            while self._server is not None and self._server.poll() is None and not until.wait(0.2):
                pass
            if until.is_set():
                break
            pause = 0.5 if time.monotonic() - began > 60 else min(pause * 2, 30)
            self._say(f"PostgreSQL ended unexpectedly; starting it again in {pause:.0f} s")
            self.stop()
            until.wait(pause)
        self.stop()

    def url(self, role: str, *, database: str = DATABASE) -> str:
        """The address for a login role; the password stays in its file."""
        return embedded_url(self._home, role, database=database)

    def status(self) -> ServerStatus:
        """Whether a server of this home runs, whoever supervises it."""
        return server_status(self._home)

    def __enter__(self) -> Self:
        """The server, ready."""
        self.start()
        self.wait_ready()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """The server, stopped."""
        self.stop()

    def _wait_for_earlier_server(self, cluster: Cluster) -> int:
        """The server lock, once nothing of an earlier server is left; an orphan is told to stop."""
        told = False
        while (lock := try_lock(cluster.folder / "server.lock")) is None:
            pid = _postmaster_pid(cluster)
            if not told and pid is not None:
                self._say("an earlier server of this home is still stopping")
                with suppress(ProcessLookupError, PermissionError):
                    os.kill(pid, signal.SIGINT)
                told = True
            time.sleep(POLL_S)
        return lock

    def _make_data(self, cluster: Cluster, launch: Launch) -> None:
        if (cluster.data / "PG_VERSION").exists():
            found = (cluster.data / "PG_VERSION").read_text().strip()
            if found != str(self._version):
                raise ClusterUnusable(f"{cluster.data} is of PostgreSQL {found}; back it up there and restore it here")
            return
        if any(cluster.data.iterdir()):
            raise ClusterUnusable(f"{cluster.data} is not empty and no database cluster; nothing was changed in it")
        self._say("making a new database cluster")
        # Made beside and renamed when it is whole: a torn first start leaves no half cluster.
        unfinished = cluster.folder / "data.new"
        shutil.rmtree(unfinished, ignore_errors=True)
        make_private(unfinished, launch.account.uid)
        first_password = _lend_password(cluster)
        # fmt: off
        options = [
            "-D", str(unfinished), "-U", user_of(OWNER), "--pwfile", str(first_password),
            "--auth-local=scram-sha-256", "--auth-host=scram-sha-256", "--encoding=UTF8", "--locale=C",
            "--data-checksums", "--no-instructions",
        ]
        # fmt: on
        if self._tuning.get("fsync") == "off":
            options.append("--no-sync")
        try:
            if launch.spawn("initdb", *options).wait() != 0:
                raise ServerFailed(_end_of_log(cluster))
        finally:
            first_password.unlink()
        unfinished.rename(cluster.data)

    def _see_to_database(self) -> None:
        cluster = Cluster(folder_of(self._home))
        with connect(self.url(OWNER, database="postgres"), autocommit=True) as conn:
            for role in LOGIN_ROLES:
                known = conn.execute("select 1 from pg_roles where rolname = %s", [user_of(role)]).fetchone()
                verb = "alter" if known else "create"
                password = literal(write_password(cluster, role))
                conn.execute(sql(f"{verb} role {user_of(role)} login password {password}"))
            if conn.execute("select 1 from pg_database where datname = %s", [DATABASE]).fetchone() is None:
                conn.execute(sql(f"create database {DATABASE}"))

    def _let_go(self) -> None:
        while self._locks:
            os.close(self._locks.pop())


def server_status(home: Path) -> ServerStatus:
    """Whether the embedded server of a home runs; asks the server itself."""
    cluster = Cluster(folder_of(home))
    version = cluster.data / "PG_VERSION"
    if not version.exists():
        return ServerStatus("not made yet", cluster.folder, None, None)
    pid = _postmaster_pid(cluster)
    state = "running" if answers(embedded_url(home, OWNER, database="postgres")) else "stopped"
    return ServerStatus(state, cluster.folder, pid if state == "running" else None, version.read_text().strip())


def _lend_password(cluster: Cluster) -> Path:
    """The owner's password where the server's account can read it, for as long as initdb runs."""
    lent = cluster.log / "first-password"
    lent.touch(mode=0o600)
    os.chown(lent, cluster.data.stat().st_uid, -1)
    lent.write_text(write_password(cluster, OWNER))
    return lent


def _postmaster_pid(cluster: Cluster) -> int | None:
    try:
        return int((cluster.data / "postmaster.pid").read_text().split("\n", 1)[0])
    except (OSError, ValueError):
        return None


def _end_of_log(cluster: Cluster) -> str:
    logs = [cluster.folder / "start.log", *sorted(cluster.log.glob("*.log"), key=lambda path: path.stat().st_mtime)]
    lines = [line for path in logs if path.exists() for line in path.read_text(errors="replace").splitlines()]
    return "PostgreSQL did not start: " + " | ".join(lines[-8:])


def _remove_outside_socket_folder(home: Path) -> None:
    folder = socket_folder(home)
    if folder.parent != folder_of(home):
        with suppress(OSError):
            folder.rmdir()

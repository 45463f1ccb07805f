"""The PostgreSQL of one test run: a process of its own, shared by all test processes, gone when the run is.

`python -m tests.support.postgres_server FOLDER` serves until nobody holds the lock FOLDER/alive any more; the run's
first process holds it, so a killed run leaves nothing behind either.
"""

import contextlib
import fcntl
import json
import logging
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

from interpayer.system.cluster import folder_of
from interpayer.system.database import connect
from interpayer.system.migrate import migrate
from interpayer.system.postgres import EmbeddedPostgres

ROOT = Path(__file__).parent.parent.parent
TEMPLATE = "migrated"
# Speed instead of durability: nothing here has to survive a crash. Drills start servers of their own.
TUNING = {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off", "max_wal_senders": "0"}
TUNING |= {"wal_level": "minimal", "autovacuum": "off", "shared_buffers": "64MB", "max_connections": "300"}


def home_of(folder: Path) -> Path:
    """Where the run's server lives: a home like any other."""
    return folder / "home"


def require_server(folder: Path) -> None:
    """Make sure that the run's server is up; the first who asks starts it, the others wait."""
    ready = folder / "ready.json"
    with (folder / "start.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not ready.exists():
            _start(folder, ready)
    failure = json.loads(ready.read_text()).get("failure")
    if failure:
        raise RuntimeError(failure)


def _start(folder: Path, ready: Path) -> None:
    with (folder / "server.log").open("w") as log:
        command = [sys.executable, "-m", "tests.support.postgres_server", str(folder)]
        environment = os.environ | {"PYTHONPATH": f"{ROOT / 'src'}{os.pathsep}{ROOT}"}
        server = subprocess.Popen(command, cwd=ROOT, env=environment, stdout=log, stderr=log, start_new_session=True)
    while not ready.exists():
        if server.poll() is not None:
            raise RuntimeError((folder / "server.log").read_text())
        time.sleep(0.02)
    # Not ours to wait for: it ends when the run does.
    server.returncode = 0


def _serve(folder: Path) -> None:
    home = home_of(folder)
    server = EmbeddedPostgres(home, os.environ.get("INTERPAYER_RUN_AS", "nobody"), tuning=TUNING)
    place = None
    try:
        with server:
            place = folder_of(home)
            try:
                _make_template(server)
                _announce(folder, {"home": str(home)})
            except Exception as error:
                logging.exception("no template")
                _announce(folder, {"failure": f"the test database cannot be made: {error}"})
            _wait_until_nobody_holds(folder / "alive")
    finally:
        if place is not None:
            shutil.rmtree(place, ignore_errors=True)
        shutil.rmtree(folder, ignore_errors=True)


def _make_template(server: EmbeddedPostgres) -> None:
    with connect(server.url("owner", database="postgres"), autocommit=True) as conn:
        password = (folder_of(server._home) / "passwords" / "owner").read_text().strip().rpartition(":")[2]
        conn.execute(f"create role interpayer_owner superuser login password '{password}'".encode())
        conn.execute(f"create database {TEMPLATE}".encode())
    with (folder_of(server._home) / "passwords" / "owner").open("a") as file:
        file.write(f"*:*:*:interpayer_owner:{password}\n")
    with connect(server.url("owner", database=TEMPLATE)) as conn:
        migrate(conn, hooks=_engine_hooks(server.url("migrator", database=TEMPLATE)))


def _engine_hooks(url: str) -> list:
    """The engine's own tables, once that room stands."""
    with contextlib.suppress(ImportError):
        from interpayer.exchange import engine  # noqa: PLC0415

        if hasattr(engine, "migrate_engine"):
            return [lambda: engine.migrate_engine(url)]
    return []


def _announce(folder: Path, content: dict[str, str]) -> None:
    unfinished = folder / "ready.new"
    unfinished.write_text(json.dumps(content))
    unfinished.rename(folder / "ready.json")


def _wait_until_nobody_holds(path: Path) -> None:
    stop = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: stop.set())
    with path.open("w") as lock:
        while not stop.wait(0.1):
            with contextlib.suppress(BlockingIOError):
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                return


if __name__ == "__main__":
    _serve(Path(sys.argv[1]))

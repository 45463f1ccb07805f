"""`interpayer db`, as a person uses it: run, migrate, back up, lose the machine, restore."""

import contextlib
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from typer.testing import CliRunner

from interpayer.cli.db import app
from interpayer.system.database import connect, embedded_url
from interpayer.system.keys import load_or_create_kek
from interpayer.system.postgres import server_status
from tests.support.supervised import wait_until_gone

SOURCE = Path(__file__).parents[3] / "src"
COMMAND = [sys.executable, "-c", "from interpayer.cli.db import app; app(prog_name='interpayer db')"]


@pytest.fixture
def place() -> Iterator[Path]:
    folder = Path(tempfile.mkdtemp(prefix="ip-test-"))
    if os.geteuid() == 0:
        folder.chmod(0o711)
    yield folder
    shutil.rmtree(folder)


def environment(home: Path, **settings: str) -> dict[str, str]:
    kept = {key: value for key, value in os.environ.items() if not key.startswith("INTERPAYER_")}
    return kept | {"PYTHONPATH": str(SOURCE), "INTERPAYER_HOME": str(home)} | settings


def db(home: Path, *arguments: str, **settings: str) -> tuple[int, dict, str]:
    """Exit code, what was printed as JSON, and what was said on standard error."""
    given = {"INTERPAYER_HOME": str(home)} | settings
    done = CliRunner().invoke(app, [*arguments, "--json"], env=given)
    return done.exit_code, json.loads(done.stdout) if done.stdout else {}, done.stderr


@contextlib.contextmanager
def running(home: Path) -> Iterator[subprocess.Popen[bytes]]:
    """`interpayer db run`, ready; stopped at the end."""
    with (home.parent / "said").open("wb") as said:
        server = subprocess.Popen([*COMMAND, "run"], env=environment(home), stderr=said)
    try:
        until(lambda: db(home, "status")[0] == 0 or server.poll() is not None)
        yield server
    finally:
        server.terminate()
        code = server.wait()
    assert code == 0, (home.parent / "said").read_text()


def until(found, limit_s: float = 30) -> None:
    end = time.monotonic() + limit_s
    while not found():
        assert time.monotonic() < end
        time.sleep(0.05)


def test_from_first_start_to_a_new_machine(place) -> None:
    home, backup = place / "home", place / "backup"
    code, status, _ = db(home, "status")
    assert (code, status["state"]) == (75, "not made yet")
    load_or_create_kek(home / "keys" / "kek")
    with running(home) as process:
        code, status, _ = db(home, "status")
        assert (code, status["ready"], status["version"]) == (0, True, "18")
        assert status["pending"][0] == "0001_roles_schemas.sql"
        code, done, _ = db(home, "migrate")
        assert code == 0
        assert "applied 0001_roles_schemas.sql" in done["done"]
        assert db(home, "status")[1]["pending"] == []
        code, manifest, _ = db(home, "backup", str(backup))
        assert (code, manifest["migrations"][0]) == (0, "0001_roles_schemas.sql")
        assert db(home, "backup", str(backup))[0] == 1  # not empty any more

        first = server_status(home).pid
        assert first is not None
        os.kill(first, signal.SIGKILL)
        until(lambda: server_status(home).pid not in (None, first))

        second = server_status(home).pid
        assert second is not None
        process.send_signal(signal.SIGTERM)
        assert process.wait() == 0
        wait_until_gone(second)
    assert "evaluation and small sites" in (place / "said").read_text()

    again = place / "again"
    assert db(again, "restore", str(backup))[0] == 1  # the key is not there
    shutil.copytree(home / "keys", again / "keys")
    code, restored, said = db(again, "restore", str(backup))
    assert code == 0, said
    assert (restored["held"], restored["missing_keys"]) == (True, [])
    assert server_status(again).state == "stopped"  # it ran for the restore only
    assert db(again, "restore", str(backup))[0] == 1  # not empty any more


def test_usage_is_told_apart_from_failure(place) -> None:
    code, _, said = db(place / "home", "status", INTERPAYER_HOMEE="x")
    assert code == 2
    assert "INTERPAYER_HOMEE" in said
    url = f"postgresql:///x?host={place}"
    run = subprocess.run([*COMMAND, "run"], env=environment(place, INTERPAYER_DATABASE_URL=url), capture_output=True)
    assert run.returncode == 2
    code, status, _ = db(place / "home", "status", INTERPAYER_DATABASE_URL=url)
    assert (code, status["database"], status["ready"]) == (75, "external", False)
    assert db(place / "home", "migrate", INTERPAYER_DATABASE_URL=url)[0] == 75


def test_a_migration_without_a_running_server_runs_one(place) -> None:
    assert db(place / "home", "migrate")[0] == 0
    assert server_status(place / "home").state == "stopped"
    with running(place / "home"), connect(embedded_url(place / "home", "door")) as conn:
        assert conn.execute("select 1 as one").fetchone() == {"one": 1}

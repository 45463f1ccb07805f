"""Fixtures for every test: scratch databases on one PostgreSQL per run, and the folder of foreign test data."""

import fcntl
import os
import shutil
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.support.databases import DatabaseServer, ScratchDatabase

# Handed to xdist's workers through the environment; not a setting of Interpayer.
RUN_FOLDER = "TEST_RUN_FOLDER"
_alive: list[int] = []


def pytest_configure(config: pytest.Config) -> None:
    """The run's first process makes the folder of the server that may be started, and holds its lock."""
    if hasattr(config, "workerinput"):
        return
    folder = Path(tempfile.mkdtemp(prefix="interpayer-test-"))
    folder.chmod(0o711)
    os.environ[RUN_FOLDER] = str(folder)
    _alive.append(os.open(folder / "alive", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600))
    fcntl.flock(_alive[0], fcntl.LOCK_EX)


def pytest_unconfigure(config: pytest.Config) -> None:
    """Let the server go, and see it gone."""
    if hasattr(config, "workerinput") or not _alive:
        return
    os.close(_alive.pop())
    folder = Path(os.environ.pop(RUN_FOLDER))
    if not (folder / "server.log").exists():
        shutil.rmtree(folder, ignore_errors=True)
    end = time.monotonic() + 30
    while folder.exists() and time.monotonic() < end:
        time.sleep(0.02)


@pytest.fixture(scope="session")
def database_server() -> Iterator[DatabaseServer]:
    """The run's server: ``create()`` gives migrated databases, for tests that need several or keep them."""
    server = DatabaseServer(Path(os.environ[RUN_FOLDER]))
    yield server
    server.close()


@pytest.fixture
def make_database(database_server: DatabaseServer) -> Iterator[Callable[[], ScratchDatabase]]:
    """A function that gives a fresh migrated database at each call."""
    made: list[ScratchDatabase] = []

    def make(*, template: str | None = "migrated") -> ScratchDatabase:
        made.append(database_server.create(template=template))
        return made[-1]

    yield make
    for database in made:
        database_server.drop(database)


@pytest.fixture
def database(make_database: Callable[[], ScratchDatabase]) -> ScratchDatabase:
    """A fresh migrated database: ``database.door.transaction()`` and so on for each login role."""
    return make_database()


@pytest.fixture(scope="session")
def test_data() -> Path:
    """The folder of records that nobody here wrote; a test that needs it is skipped where it is missing."""
    folder = Path(os.environ.get("INTERPAYER_TEST_DATA", Path(__file__).parent.parent.parent / "shared"))
    if not folder.is_dir():
        pytest.skip(f"no test data in {folder}; set INTERPAYER_TEST_DATA")
    return folder


@pytest.fixture
def open_folder() -> Iterator[Path]:
    """A temporary folder for homes with an embedded server.

    The server's account can reach it, unlike ``tmp_path``: under root a home there gets its cluster in
    /var/lib/interpayer, where nobody takes it away.
    """
    folder = Path(tempfile.mkdtemp(prefix="interpayer-home-"))
    folder.chmod(0o711)
    yield folder
    shutil.rmtree(folder, ignore_errors=True)

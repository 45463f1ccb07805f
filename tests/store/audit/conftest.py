"""A ledger that the tests of this room write to, seal and attack."""

import fcntl
import os
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.databases import DatabaseServer
from tests.support.ledgers import LedgerUnderTest


@pytest.fixture(scope="session")
def database_server() -> Iterator[DatabaseServer]:
    """A server of its own: the sealer waits for every transaction of the server, so for other tests' databases too."""
    folder = Path(tempfile.mkdtemp(prefix="interpayer-test-"))
    folder.chmod(0o711)
    alive = os.open(folder / "alive", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    fcntl.flock(alive, fcntl.LOCK_EX)
    server = DatabaseServer(folder)
    yield server
    server.close()
    os.close(alive)
    end = time.monotonic() + 30
    while folder.exists() and time.monotonic() < end:
        time.sleep(0.02)


@pytest.fixture
def book(database, tmp_path):
    """An empty ledger with a signing key and a witness."""
    return LedgerUnderTest(database, tmp_path / "witness")

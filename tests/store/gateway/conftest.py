from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.databases import DatabaseServer, ScratchDatabase
from tests.support.doors import DoorUnderTest, Grounds, a_partner


@pytest.fixture(scope="session")
def grounds(tmp_path_factory: pytest.TempPathFactory) -> Grounds:
    return Grounds(Path(tmp_path_factory.mktemp("grounds")))


@pytest.fixture(scope="module")
def door(database_server: DatabaseServer, grounds: Grounds) -> Iterator[DoorUnderTest]:
    """An open door that knows plan-b and plan-c; shared by a module's tests, which leave the partners as they are."""
    database = database_server.create()
    yield from opened(database, grounds)
    database_server.drop(database)


@pytest.fixture
def fresh_door(database: ScratchDatabase, grounds: Grounds) -> Iterator[DoorUnderTest]:
    """The same, for a test that suspends partners or takes the database away."""
    yield from opened(database, grounds)


def opened(database: ScratchDatabase, grounds: Grounds) -> Iterator[DoorUnderTest]:
    under_test = DoorUnderTest(database, grounds)
    under_test.add(a_partner("plan-b"))
    under_test.add(a_partner("plan-c"))
    yield under_test
    under_test.close()

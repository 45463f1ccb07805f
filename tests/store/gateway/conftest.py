from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.databases import ScratchDatabase
from tests.support.doors import DoorUnderTest, Grounds, a_partner


@pytest.fixture(scope="session")
def grounds(tmp_path_factory: pytest.TempPathFactory) -> Grounds:
    return Grounds(Path(tmp_path_factory.mktemp("grounds")))


@pytest.fixture
def door(database: ScratchDatabase, grounds: Grounds) -> Iterator[DoorUnderTest]:
    """An open door that knows plan-b and plan-c."""
    under_test = DoorUnderTest(database, grounds)
    under_test.add(a_partner("plan-b"))
    under_test.add(a_partner("plan-c"))
    yield under_test
    under_test.close()

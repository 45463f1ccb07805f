"""The client in Go, compiled from the page as it stands there, gets in: the page is all that a stranger has.

Runbook: docs/how-to/call-us-from-any-language.md
"""

from pathlib import Path

import pytest

from tests.support.databases import DatabaseServer
from tests.support.doors import DoorUnderTest, Grounds
from tests.support.strangers import gets_in

pytestmark = [pytest.mark.drill, pytest.mark.long, pytest.mark.timeout(600)]


def test_the_program_in_go_gets_in(database_server: DatabaseServer, tmp_path: Path) -> None:
    """Runbook: call-us-from-any-language.md. Compiling without a cache takes most of a minute."""
    database = database_server.create()
    door = DoorUnderTest(database, Grounds(tmp_path / "grounds"))
    try:
        folder = tmp_path / "stranger"
        folder.mkdir()
        gets_in(door, folder, language="go")
    finally:
        door.close()
        database_server.drop(database)

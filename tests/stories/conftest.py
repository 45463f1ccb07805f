"""One town for all stories of a worker process; opening a payer takes seconds, so they are shared."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.town import Town


@pytest.fixture(scope="session")
def town(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Town]:
    """Payers are opened by the fixtures and tests that need them."""
    folder: Path = tmp_path_factory.mktemp("town")
    for parent in (folder, *folder.parents[:3]):
        if parent.stat().st_mode & 0o001 == 0 and str(parent).startswith(str(tmp_path_factory.getbasetemp().parent)):
            parent.chmod(0o711)
    opened = Town(folder)
    yield opened
    opened.close()

"""The door's role sees the grants of the partner that it serves: here, of p-1."""

from collections.abc import Iterator

import pytest

from tests.support.databases import serves


@pytest.fixture(autouse=True)
def _partner_served() -> Iterator[None]:
    with serves("p-1"):
        yield

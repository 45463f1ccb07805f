"""A ledger that the tests of this room write to, seal and attack."""

import pytest

from tests.support.ledgers import LedgerUnderTest


@pytest.fixture
def book(database, tmp_path):
    """An empty ledger with a signing key and a witness."""
    return LedgerUnderTest(database, tmp_path / "witness")

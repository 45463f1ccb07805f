"""Our own door passes the checks that any payer's door can be run against."""

import pytest

from interpayer.simulation.installation import Installation
from tests.support.town import Town

pytestmark = pytest.mark.xdist_group("conformance")


@pytest.fixture(scope="module")
def one(town: Town) -> Installation:
    return town.open("payer-conforming")


def test_our_own_door_passes_every_check(one: Installation):
    found = one.command("conformance", "run", f"{one.base_url}/fhir", allowed=(0, 1))["findings"]
    assert len(found) > 6
    assert [f for f in found if f["outcome"] != "passed"] == []


def test_a_door_that_is_not_there_fails_every_check(one: Installation):
    found = one.command("conformance", "run", "https://127.0.0.1:1/fhir", allowed=(1,))["findings"]
    assert found
    assert [f for f in found if f["outcome"] == "passed"] == []

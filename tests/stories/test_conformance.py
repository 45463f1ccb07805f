"""Our own door passes the checks that any payer's door can be run against."""

import pytest

from tests.support.town import Town

pytestmark = pytest.mark.xdist_group("conformance")


def test_our_own_door_passes_every_check(town: Town):
    one = town.open("payer-conforming")
    found = one.command("conformance", "run", f"{one.base_url}/fhir", allowed=(0, 1))["findings"]
    assert len(found) > 6
    assert [f for f in found if f["outcome"] != "passed"] == []


def test_a_door_that_is_not_there_fails_every_check(town: Town):
    one = town.payers["payer-conforming"]
    found = one.command("conformance", "run", "https://127.0.0.1:1/fhir", allowed=(1,))["findings"]
    assert found
    assert [f for f in found if f["outcome"] == "passed"] == []

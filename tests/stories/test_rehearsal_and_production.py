"""A partner of the test environment knocks at production; and what was made up for a rehearsal stays outside."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from interpayer.cli import output
from interpayer.simulation.installation import CommandFailed, Installation
from tests.support.outsider import Outsider
from tests.support.town import Town, ledger

pytestmark = [pytest.mark.xdist_group("rehearsal")]
MARK = {"security": [{"system": "http://terminology.hl7.org/CodeSystem/v3-ActReason", "code": "HTEST"}]}


@pytest.fixture(scope="module")
def harbor(town: Town) -> Iterator[Installation]:
    """A payer in production. (`Installation.environment` is what its test partners register with.)"""
    yield town.open("harbor", ENVIRONMENT="production", ALLOWED_PRIVATE_HOSTS="")
    town.shut("harbor")


@pytest.fixture(scope="module")
def rehearsing(harbor: Installation, town: Town) -> Iterator[Outsider]:
    """A partner that is registered for rehearsals only."""
    outsider = Outsider("skiff", harbor, town.authority)
    yield outsider
    outsider.http.close()


def test_test_credentials_get_no_token_and_learn_what_to_use(
    harbor: Installation, rehearsing: Outsider, town: Town
) -> None:
    answer = rehearsing.ask_token()
    assert answer.status_code == 401
    assert answer.json() == {
        "error": "invalid_client",
        "error_description": "these are credentials of the test environment, this is production",
    }
    [event] = [e for e in ledger(town, harbor, "caller.refused") if e["reason"] == "caller.wrong_environment"]
    assert event["partner_id"] == rehearsing.partner_id


def test_who_cannot_prove_itself_learns_nothing_of_environments(rehearsing: Outsider, town: Town) -> None:
    stranger = Outsider("raft", rehearsing.target, town.authority, is_registered=False)
    with stranger.http as http:
        answer = rehearsing.ask_token(http=http, client_assertion=stranger.assertion(iss="skiff", sub="skiff"))
    assert answer.status_code == 401
    assert "environment" not in answer.text


def test_nobody_can_vouch_a_test_partner_into_production(harbor: Installation, rehearsing: Outsider) -> None:
    harbor.command("partner", "quarantine", rehearsing.partner_id, "--reason", "a look")
    vouch = [word for item in ("certificate", "endpoints", "trial", "samples") for word in ("--vouch", item)]
    with pytest.raises(CommandFailed) as refused:
        harbor.command("partner", "activate", rehearsing.partner_id, "--reason", "they are nice", *vouch)
    assert "registered for test, this installation is production" in refused.value.said
    with pytest.raises(CommandFailed) as refused:
        harbor.command("partner", "test", rehearsing.partner_id)
    assert "test" in refused.value.said


def test_what_is_made_up_is_not_taken_in(harbor: Installation, tmp_path: Path) -> None:
    made_up = {"resourceType": "Patient", "id": "p-1", "meta": MARK, "name": [{"family": "Nobody", "given": ["Ina"]}]}
    (tmp_path / "all.ndjson").write_text(json.dumps(made_up | {"birthDate": "1980-01-01", "gender": "female"}) + "\n")
    told = harbor.command("load", "fhir", str(tmp_path), "--as-members", allowed=(output.PARTIAL,))
    assert told["quarantined"] == {"record.test_data": 1}
    assert (told["new"], told["members_made"]) == (0, 0)


def test_the_database_of_production_opens_for_no_rehearsal(harbor: Installation, tmp_path: Path) -> None:
    (tmp_path / "all.ndjson").write_text("")
    harbor.extra["ENVIRONMENT"] = "test"
    try:
        with pytest.raises(CommandFailed) as refused:
            harbor.command("load", "fhir", str(tmp_path))
    finally:
        harbor.extra["ENVIRONMENT"] = "production"
    assert "belongs to the production environment" in refused.value.said

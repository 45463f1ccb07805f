"""What partners may read about how we find people: as in force, without the limits of other partners."""

import pytest
from starlette.testclient import TestClient

from interpayer.app.build import build
from interpayer.app.doors import door_of
from interpayer.gateway import server
from interpayer.gateway.metadata import IDENTITY_POLICY_PATH
from interpayer.identity.learning import adopting
from interpayer.model.reason import Fault, FaultKind
from interpayer.operations.identity_policy import PolicyForPartners


@pytest.fixture
def application(database, tmp_path):
    home = tmp_path / "home"
    home.mkdir()
    made = build(database.settings(home))
    yield made
    made.close()


def adopt(application, limits, *, by="Ana Ruiz"):
    shipped = adopting.shipped_text(adopting.THRESHOLDS)
    text = shipped.replace("partners: {}", f"partners: {limits}")
    assert text != shipped
    with application.tools("operator").database.transaction() as conn:
        return adopting.adopt(conn, text, by=by, why="a test")


@pytest.mark.parametrize("base", ["", "/fhir"])
def test_it_is_read_without_a_token_at_both_bases(application, base):
    adopted = adopt(application, "{plan-b: {certain: 19}}")
    with TestClient(server.build(door_of(application), [])) as http:
        answer = http.get(f"{base}{IDENTITY_POLICY_PATH}")
        assert http.post(f"{base}{IDENTITY_POLICY_PATH}").status_code == 405
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "application/json"
    told = answer.json()
    assert told["versions"]["thresholds"] == adopted.version
    assert told["thresholds"]["purposes"]["payer_to_payer"] == {"needs_id": True}
    assert told["escalation"]
    assert told["retention_days"]["evidence"] == 2192
    assert "plan-b" not in answer.text


def test_it_is_made_once_for_many_who_ask_and_anew_when_limits_change(application):
    clock = [10.0]
    tools = application.tools("door")
    statement = PolicyForPartners(tools, clock=lambda: clock[0])
    first = statement()
    assert statement() is first
    clock[0] += adopting.FRESH_S
    assert statement() is not first
    assert statement() == first


def test_a_database_that_is_away_is_said_without_its_words(application):
    def away():
        raise Fault(FaultKind.RETRYABLE, "system.storage", detail="connection to 10.0.0.7 refused")

    door = door_of(application)
    object.__setattr__(door, "identity_policy", away)
    with TestClient(server.build(door, [])) as http:
        answer = http.get(IDENTITY_POLICY_PATH)
    assert answer.status_code >= 500
    assert "10.0.0.7" not in answer.text

"""A plan changes its rules while partners are at work: one gets less, a faulty rule stops everything and is taken back.

Every answer is read as the partner reads it, over mutual TLS; nothing is restarted.
"""

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import pytest

from interpayer.simulation.installation import Installation
from tests.support.histories import Human, history, write_history
from tests.support.outsider import Outsider, parameters
from tests.support.town import Town, enroll, wait_for

pytestmark = [pytest.mark.xdist_group("policies")]

ADA, NUMBER = Human("Ruled", "Ada", "1961-03-04"), "R-1001"
SOON_S = 10


@dataclass
class Rules:
    """The plan whose rules change, and a partner whose calls are written by hand."""

    plan: Installation
    hand: Outsider

    def publish(self, **files: str) -> tuple[int, Any]:
        """Put these files into force (the environment is one where a single name is enough)."""
        given = {"files": {name.replace("_", "."): text for name, text in files.items()}, "reason": "agreed"}
        return self.plan.api("POST", "/policies", given)

    def rollback(self) -> None:
        """Back to what ships."""
        status, told = self.plan.api("GET", "/policies")
        assert status == 200
        if told["version"] != told["shipped"]:
            back = self.plan.api(
                "POST", f"/policies/versions/{told['shipped']}/rollback", {"reason": "end of the test"}
            )
            assert back[0] == 200, back

    def match(self) -> Any:
        """A single match for Ada; the answer of the door."""
        return self.hand.post("/Patient/$member-match", parameters(self.hand.match_parts(ADA.row(NUMBER))))

    def everything(self) -> Any:
        """All of Ada; the answer of the door."""
        answer = self.match()
        assert answer.status_code == 200, answer.text
        (found,) = [p for p in answer.json()["parameter"] if p["name"] == "MemberIdentifier"]
        patient = found["valueReference"]["reference"] if "valueReference" in found else f"Patient/{self.member()}"
        return self.hand.get(f"/{patient}/$everything")

    def types(self) -> set[str]:
        """The kinds of resources that the partner gets of Ada now."""
        return {entry["resource"]["resourceType"] for entry in self.everything().json().get("entry", [])}

    def member(self) -> str:
        """The plan's own id of Ada."""
        return str(next(e["member"]["id"] for e in self.plan.exchanges() if e["member"]["id"]))

    def last(self) -> dict[str, Any]:
        """The newest exchange."""
        return dict(self.plan.exchanges()[0])


@pytest.fixture(scope="module")
def open_rules(town: Town, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Rules]:
    folder = tmp_path_factory.mktemp("policies")
    plan = town.open("ruler")
    hand = Outsider("governed", plan, town.authority)
    enroll(plan, folder, [ADA.row(NUMBER)])
    plan.command("load", "fhir", str(write_history(folder / "records", history(ADA, NUMBER))))
    yield Rules(plan, hand)
    hand.http.close()
    town.shut("ruler")


@pytest.fixture
def rules(open_rules: Rules) -> Iterator[Rules]:
    yield open_rules
    open_rules.rollback()


def soon(check: Callable[[], bool]) -> None:
    """The check holds within seconds, with nothing restarted."""
    wait_for(check, within_s=SOON_S)


def test_a_partner_whose_policy_narrows_gets_less_from_the_next_call_on(rules: Rules) -> None:
    before = rules.types()
    assert {"Encounter", "ExplanationOfBenefit"} <= before
    claims = f"""// Agreed with governed: no claims.
@id("governed-no-claims")
@reason("policy.narrowed")
forbid (principal, action == Action::"release", resource)
when {{ principal.client_id == "{rules.hand.name}" && resource.type == "ExplanationOfBenefit" }};
"""
    status, told = rules.plan.api("POST", "/policies/difference", {"files": {"governed.cedar": claims}})
    assert status == 200
    closed = [c for c in told["changes"] if c["what"] == "closed"]
    assert {c["facts"]["kind"]["type"] for c in closed} == {"ExplanationOfBenefit"}, "said before it counts"
    assert rules.publish(governed_cedar=claims)[0] == 202
    soon(lambda: "ExplanationOfBenefit" not in rules.types())
    answer = rules.everything()
    assert before - rules.types() == {"ExplanationOfBenefit"}
    assert "governed-no-claims" not in answer.text and "policy" not in answer.text, "which rule it was is not told"
    kept = rules.plan.api("GET", f"/policies/decisions/{rules.last()['exchange']}")[1]["decisions"]
    assert kept[-1]["policy_version"] == rules.plan.api("GET", "/policies")[1]["version"]
    rules.rollback()
    soon(lambda: rules.types() == before)


def test_a_rule_with_an_error_does_not_load_and_one_that_fails_stops_everything(rules: Rules) -> None:
    version = rules.plan.api("GET", "/policies")[1]["version"]
    misspelt = (
        '@id("x")\n@reason("policy.denied")\nforbid (principal, action, resource) when { principal.statuss == "" };'
    )
    status, told = rules.publish(x_cedar=misspelt)
    assert (status, told["reason"]) == (422, "request.malformed")
    assert "statuss" in told["detail"], "the attribute is named"
    overflow = (
        '@id("x")\n@reason("policy.denied")\n'
        'forbid (principal, action == Action::"match", resource) when { 9223372036854775807 + 1 > 0 };'
    )
    status, told = rules.publish(x_cedar=overflow)
    assert (status, told["reason"]) == (422, "policy.cases_fail"), told
    assert rules.plan.api("GET", "/policies")[1]["version"] == version, "nothing changed"
    assert rules.match().status_code == 200

    # somebody takes the cases away that would have held it back
    status, checked = rules.plan.api("POST", "/policies/check", {"files": {"x.cedar": overflow}})
    off = json.dumps({"cases": {one["case"]: None for one in checked["failing"]}})
    assert rules.publish(x_cedar=overflow, cases_yaml=off)[0] == 202
    soon(lambda: rules.match().status_code != 200)
    refused = rules.match()
    assert refused.status_code == 422
    assert "policy" not in refused.text and "x.cedar" not in refused.text
    last = rules.last()
    assert (last["state"], last["reason"]) == ("blocked", "policy.engine_error")
    rules.rollback()
    soon(lambda: rules.match().status_code == 200)

"""Policies through the plan's own door: who may what, and the answers that systems build on."""

from interpayer.exchange.tools import Tools
from interpayer.policy import store
from interpayer.policy.composing import shipped
from interpayer.policy.facts import Facts, RecordFacts, RecordKind
from interpayer.policy.told import facts_as_json
from tests.store.api.conftest import Call

OWN = {
    "partners.cedar": '@id("no-claims")\n@reason("policy.narrowed")\n'
    'forbid (principal, action == Action::"release", resource)\nwhen { resource.type == "ExplanationOfBenefit" };\n'
}
CLAIM = RecordFacts(Facts("export", "p-1", "active", "production", "production"), RecordKind("ExplanationOfBenefit"))


def test_a_policy_from_check_to_rollback(api: Call, tools: Tools) -> None:
    with tools.database.transaction() as conn:
        store.keep(conn, [store.Kept("p", "RecordFacts", facts_as_json(CLAIM), True, (), (), (), 5, "j-1")])
    checked = api("POST", "/policies/check", json={"files": OWN}).json()
    assert (checked["failing"], "no-claims" in checked["rules"]) == ([], True)
    (change,) = api("POST", "/policies/difference", json={"files": OWN}).json()["changes"]
    assert (change["what"], change["who"], change["subjects"]) == ("closed", "p-1", ["j-1"])

    refused = api("POST", "/policies", role="operator", json={"files": OWN, "reason": "agreed"})
    assert (refused.status_code, refused.json()["reason"]) == (403, "caller.not_permitted")
    done = api("POST", "/policies", role="admin", json={"files": OWN, "reason": "agreed"})
    assert done.status_code == 202, done.text
    version = done.json()["version"]
    assert (version, done.json()["number"]) == (checked["version"], 1), "where nothing is real one name is enough"
    assert api("GET", "/policies").json()["version"] == version
    assert api("GET", f"/policies/versions/{version}").json()["own"] == OWN
    with tools.database.transaction() as conn:
        store.propose(conn, "o-1", version, by="Bo Lind", reason="again")
    assert api("POST", "/policies/proposals/o-1/withdraw", role="admin").json() == {
        "proposal": "o-1",
        "version": version,
    }
    ended = api("POST", "/policies/proposals/o-1/approve", role="admin")
    assert (ended.status_code, ended.json()["reason"]) == (409, "request.wrong_state")
    back = api("POST", f"/policies/versions/{shipped().version}/rollback", role="admin", json={"reason": "too strict"})
    assert back.json()["number"] == 2
    assert [one["act"] for one in api("GET", "/policies").json()["releases"]] == ["rollback", "publish"]
    never = api("POST", "/policies/versions/p-0123456789abcdef/rollback", role="admin", json={"reason": "never was"})
    assert (never.status_code, never.json()["reason"]) == (422, "policy.version_unknown")


def test_what_does_not_load_is_told(api: Call) -> None:
    broken = ({"a.cedar": "permit everything"}, {"never.cedar": ""}, {"policy.yaml": "exchange: {token_s: 999}"})
    for files in broken:
        answer = api("POST", "/policies/check", json={"files": files})
        assert (answer.status_code, answer.json()["reason"]) == (422, "request.malformed")
        assert "policy" in answer.json()["detail"]


def test_a_question_is_answered_with_what_was_missing(api: Call) -> None:
    facts = facts_as_json(CLAIM) | {"kind": {"type": "Condition", "in_window": False}}
    answer = api("POST", "/policies/question", json={"facts": facts}).json()
    assert (answer["allow"], answer["reasons"]) == (False, ["record.excluded_service_date"])
    assert answer["missing"] == [{"kind": {"type": "Condition"}}]
    assert "payload-service-dates" in answer["rules"]
    assert api("POST", "/policies/question", json={"facts": {"action": "x"}}).status_code == 422
    unknown = api("POST", "/policies/question", json={"facts": facts, "version": "p-0123456789abcdef"})
    assert unknown.json()["reason"] == "policy.version_unknown"
    assert api("GET", "/policies/decisions/x-none").status_code == 404
    assert api("GET", "/policies/versions/p-0123456789abcdef").status_code == 404
    assert api("GET", "/policies").json()["version"] == shipped().version

"""The plan's own door to cases and to the graph of people."""

from typing import Any

import pytest

from interpayer.exchange.tools import Tools
from interpayer.exchange.transitions import Actor
from interpayer.operations import access
from tests.store.api.conftest import Call
from tests.support.databases import ScratchDatabase
from tests.support.tools import a_doubt, add_members

LINK = {"kind": "patient", "value": "pat-77", "issuer": "https://other.example/fhir"}


def ask_for_two_names(tools: Tools) -> None:
    with tools.database.transaction() as conn:
        conn.execute("update identity.review_case set two_names_below = 1000")


def test_the_next_case_is_the_callers_and_goes_back(api: Call, tools: Tools) -> None:
    doubt = a_doubt(tools)
    taken = api("POST", "/cases/next", role="steward").json()["case"]
    assert (taken["id"], taken["assigned_to"], taken["risk"] > 0) == (doubt.case_id, "steward", True)
    assert api("POST", "/cases/next", role="steward").json() == {"case": None}
    assert [c["id"] for c in api("GET", "/cases?mine=true", role="steward").json()["cases"]] == [doubt.case_id]
    assert api("GET", "/cases?mine=true").json()["cases"] == []
    assert api("GET", "/cases?kind=recall").json()["cases"] == []
    back = api("POST", f"/cases/{doubt.case_id}/hand-back", role="steward").json()["case"]
    assert (back["state"], back["assigned_to"]) == ("open", None)


def test_a_second_person_settles_what_needs_two_names(api: Call, tools: Tools, tokens: dict[str, str]) -> None:
    doubt = a_doubt(tools)
    ask_for_two_names(tools)
    added = {"decision": "same", "reason": "documents_checked", "member_id": doubt.member_ids[0]}
    path = f"/cases/{doubt.case_id}"
    first = api("POST", f"{path}/decision", role="steward", json=added).json()
    assert (first["is_settled"], first["resumed"]) == (False, [])
    shown = api("GET", path, role="steward").json()["case"]
    assert (shown["names_needed"], shown["waits_for_second"], shown["state"]) == (2, True, "open")
    assert api("POST", f"{path}/decision", role="steward", json=added).json()["is_settled"] is False
    tokens["second"] = _another_steward(tools)
    second = api("POST", f"{path}/decision", role="second", json=added).json()
    assert (second["is_settled"], second["resumed"]) == (True, [doubt.exchange_id])
    assert api("GET", path).json()["case"]["decided_by"] == "steward and Bo Lind"
    match = api("GET", f"/exchanges/{doubt.exchange_id}").json()["member"]["match"]
    assert (match["reviewer"], match["review_reason"]) == ("steward and Bo Lind", "documents_checked")
    assert match["reviewed_at"]


def test_a_decision_is_undone_with_a_reason_from_the_list(api: Call, tools: Tools) -> None:
    doubt = a_doubt(tools)
    path = f"/cases/{doubt.case_id}"
    no = {"decision": "different", "reason": "twin_or_namesake"}
    assert api("POST", f"{path}/undo", role="steward", json={"reason": "new_facts"}).status_code == 409
    assert api("POST", f"{path}/decision", role="steward", json=no).status_code == 200
    assert api("POST", f"{path}/undo", role="operator", json={"reason": "new_facts"}).status_code == 403
    assert api("POST", f"{path}/undo", role="steward", json={"reason": "just so"}).status_code == 422
    done = api("POST", f"{path}/undo", role="steward", json={"reason": "new_facts"}).json()
    assert (done["is_open"], done["waiting"], done["fallout"]["recalled"]) == (True, [doubt.exchange_id], [])
    assert api("GET", path).json()["case"]["state"] == "open"


def test_members_are_merged_shown_and_split(api: Call, tools: Tools) -> None:
    one, other = add_members(tools)
    wish: dict[str, Any] = {"into": one, "reason": "enrolled_twice", "confidence": 0.9}
    merged = api("POST", f"/people/{other}/merge", role="steward", json=wish).json()
    assert (merged["person_id"], set(merged["members"])) == (one, {one, other})
    again = api("POST", f"/people/{other}/merge", role="steward", json=wish)
    assert (again.status_code, again.json()["reason"]) == (409, "request.wrong_state")
    person = api("GET", f"/people/{other}", role="analyst").json()["person"]
    assert (person["person_id"], person["judgements"][0]["judged_by"]) == (one, "steward")
    assert {i["state"] for i in person["ids"]} == {"current"}
    assert "W100001" not in str(person)
    split = api("POST", f"/people/{other}/split", role="steward", json={"reason": "twin_or_namesake"}).json()
    assert (split["stays"], split["left"], split["fallout"]["recall_id"]) == ([one], [other], None)
    assert len(api("GET", f"/people/{other}", role="steward").json()["person"]["judgements"]) == 2


def test_outside_ids_are_linked_found_and_ended(api: Call, tools: Tools) -> None:
    one, other = add_members(tools)
    wish = {**LINK, "reason": "documents_checked", "effective_from": "2024-01-01"}
    assert api("POST", f"/people/{one}/links", role="steward", json=wish).status_code == 201
    taken = api("POST", f"/people/{other}/links", role="steward", json=wish)
    assert taken.json()["reason"] == "record.conflict"
    assert "pat-77" not in taken.text
    assert api("POST", "/people/find", role="steward", json={**LINK, "purpose": "audit"}).json()["members"] == [
        {"member_id": one, "state": "current"}
    ]
    ended = {**LINK, "reason": "id_reassigned", "ended_on": "2025-12-31"}
    assert api("POST", "/people/links/end", role="steward", json=ended).json()["member_id"] == one
    clear = api("GET", f"/people/{one}?purpose=member_request&on=2025-06-01", role="steward").json()["person"]["ids"]
    assert [(i["value"], i["state"]) for i in clear if i["kind"] == "patient"] == [("pat-77", "current")]


@pytest.mark.parametrize(
    ("role", "method", "path", "status"),
    [
        ("operator", "GET", "/people/m-none", 403),
        ("analyst", "GET", "/people/m-none?purpose=member_request", 403),
        ("steward", "GET", "/people/m-none", 404),
        ("analyst", "POST", "/people/m-none/split", 403),
        ("steward", "GET", "/people/m-none?on=yesterday", 422),
    ],
)
def test_who_may_and_what_is_refused(api: Call, role: str, method: str, path: str, status: int) -> None:
    assert api(method, path, role=role).status_code == status


def test_no_id_of_a_person_comes_back_in_an_error(api: Call, database: ScratchDatabase) -> None:
    for broken in (LINK, {**LINK, "kind": "nonsense"}, {**LINK, "value": ""}, {"value": "pat-77"}):
        told = api("POST", "/people/find", role="steward", json=broken)
        assert told.status_code == 422
        assert "pat-77" not in told.text
    with database.operator.transaction() as conn:
        kept = conn.execute(
            "select count(*) as n from audit.timeline where convert_from(header, 'UTF8') like '%%pat-77%%'"
        ).fetchone()
    assert kept == {"n": 0}


def _another_steward(tools: Tools) -> str:
    with tools.database.transaction() as conn:
        return access.add_person(tools, conn, "Bo Lind", roles=["steward"], actor=Actor("person", "admin"))[1]

"""Exchanges at the plan's own door: kept at once, shown, listed by pages, supplemented, cancelled, done again."""

from typing import Any

import pytest

from interpayer.exchange.steps import asking
from interpayer.exchange.tools import Tools
from interpayer.exchange.transitions import Move, move_one
from interpayer.model.exchange import State
from tests.store.api.conftest import Call

BODY: dict[str, Any] = {
    "request_id": "request-0001",
    "correlation_id": "correlation-1",
    "partner": "urn:payers|old",
    "member": {
        "names": [{"family": "Muster", "given": ["Ada"], "suffix": "Jr", "used_until": "2020-01-01"}],
        "birth_date": "1980-02-29",
        "sex": "female",
        "address": {"line": "1 Oak Street", "postal_code": "53259"},
        "phones": ["555-0100"],
        "emails": ["ada@example.org"],
        "external_identifiers": [{"type": "member_id", "value": "W1", "issuer": "urn:payers|old"}],
    },
    "consent_reference": "k-1",
    "basis": "opt_in",
    "attestation": {"by": "enrollment desk", "at": "2026-11-01T10:00:00Z", "enrolled": True, "opted_in": True},
    "exchange_purpose": "member_request",
    "requested_action": "history",
    "priority": "urgent",
    "routing": {"destination_payer": "urn:payers|old", "capability_profile": "bulk_2.2", "requires_mtls": True},
    "give_up_at": "2027-01-01T00:00:00-05:00",
    "since": "2026-01-01T00:00:00Z",
}


def ask(api: Call, body: dict[str, Any] | None = None, *, key: str = "key-1") -> Any:
    return api("POST", "/exchanges", json=BODY if body is None else body, headers={"Idempotency-Key": key})


def triage(tools: Tools, exchange_id: str) -> str:
    with tools.database.transaction() as conn:
        return str(asking.validate.plain(tools, conn, exchange_id))


def end(tools: Tools, exchange_id: str, state: State) -> None:
    with tools.database.transaction() as conn:
        move_one(conn, tools.ledger, Move(exchange_id, state, "system.bug"))


def test_a_request_is_kept_and_linked_at_once(api: Call) -> None:
    response = ask(api)
    told = response.json()
    assert response.status_code == 202
    assert response.headers["location"] == f"/api/v1/exchanges/{told['exchange']}"
    assert (told["status"], told["state"], told["answer"]) == (202, "received", None)
    assert told["correlation_id"] == "correlation-1"
    assert told["clock"]["give_up_at"] == "2027-01-01T05:00:00Z"
    assert api("GET", f"/exchanges/{told['exchange']}").json() == {**told, "status": 200}


def test_the_request_is_readable_by_the_steps_as_it_was_sent(api: Call, tools: Tools) -> None:
    exchange_id = ask(api).json()["exchange"]
    with tools.database.transaction() as conn:
        asked = asking.asked_for(tools, conn, exchange_id)
    assert asked.demographics is not None
    assert asked.demographics.names[0].suffix == "Jr"
    assert (asked.partner, asked.capability_profile, asked.requires_mtls) == ("urn:payers|old", "bulk_2.2", True)
    assert asked.since is not None


@pytest.mark.parametrize(
    ("left_out", "reason", "element"),
    [
        ("partner", "request.missing_payer", "partner"),
        ("member", "request.missing_member", "member.names, member.birth_date"),
        ("basis", "request.missing_consent", "basis"),
        ("attestation", "request.missing_attestation", "attestation.enrolled, attestation.opted_in"),
    ],
)
def test_what_is_missing_is_a_state_and_not_an_error(
    api: Call, tools: Tools, left_out: str, reason: str, element: str
) -> None:
    body = {name: value for name, value in BODY.items() if name not in (left_out, "routing")}
    response = ask(api, body)
    assert response.status_code == 202
    assert triage(tools, response.json()["exchange"]) == "incomplete"
    told = api("GET", f"/exchanges/{response.json()['exchange']}").json()
    assert (told["state"], told["reason"], told["supply"]) == ("incomplete", reason, [element])


def test_a_supplement_lets_the_exchange_begin_again(api: Call, tools: Tools) -> None:
    exchange_id = ask(api, {name: BODY[name] for name in ("member", "basis", "attestation")}).json()["exchange"]
    assert triage(tools, exchange_id) == "incomplete"
    supplied = api("POST", f"/exchanges/{exchange_id}/supplement", json={"partner": "urn:payers|old"})
    assert (supplied.status_code, supplied.json()["state"]) == (202, "received")
    assert triage(tools, exchange_id) == "validated"
    again = api("POST", f"/exchanges/{exchange_id}/supplement", json={"partner": "urn:payers|old"})
    assert (again.status_code, again.json()["reason"]) == (409, "request.wrong_state")


def test_an_empty_supplement_is_refused(api: Call) -> None:
    exchange_id = ask(api).json()["exchange"]
    assert api("POST", f"/exchanges/{exchange_id}/supplement", json={}).status_code == 422


def test_the_same_key_and_body_are_the_same_exchange(api: Call, tools: Tools) -> None:
    first = ask(api).json()["exchange"]
    second = ask(api)
    assert (second.status_code, second.json()["exchange"]) == (202, first)
    end(tools, first, State.CANCELLED)
    finished = ask(api)
    assert (finished.status_code, finished.json()["exchange"], finished.json()["state"]) == (200, first, "cancelled")
    assert len(api("GET", "/exchanges").json()["exchanges"]) == 1


def test_the_same_key_with_another_body_is_refused(api: Call) -> None:
    ask(api)
    response = ask(api, {**BODY, "priority": "normal"})
    assert (response.status_code, response.json()["reason"]) == (422, "request.duplicate_differs")


def test_a_key_belongs_to_its_caller(api: Call) -> None:
    first = ask(api).json()["exchange"]
    other = api("POST", "/exchanges", role="system", json=BODY, headers={"Idempotency-Key": "key-1"})
    assert other.status_code == 202
    assert other.json()["exchange"] != first


def test_following_an_exchange_that_is_not_there_is_refused(api: Call) -> None:
    assert ask(api, {**BODY, "follows": "x-nowhere"}).json()["reason"] == "request.malformed"
    first = ask(api).json()["exchange"]
    assert ask(api, {**BODY, "follows": first}, key="key-2").json()["follows"] == first


def test_a_list_goes_on_page_by_page_and_ends(api: Call) -> None:
    made = {ask(api, key=f"key-{n}").json()["exchange"] for n in range(5)}
    seen: list[str] = []
    path: str | None = "/exchanges?limit=2&role=requester"
    pages = 0
    while path is not None:
        response = api("GET", path)
        told = response.json()
        assert ("link" in response.headers) == (told["next"] is not None)
        seen += [row["exchange"] for row in told["exchanges"]]
        path = told["next"].removeprefix("/api/v1") if told["next"] else None
        pages += 1
    assert (pages, len(seen), set(seen)) == (3, 5, made)


def test_a_list_is_narrowed(api: Call, tools: Tools) -> None:
    first, second = (ask(api, key=key).json()["exchange"] for key in ("one", "two"))
    end(tools, first, State.FAILED)

    def ids(query: str) -> list[str]:
        return [row["exchange"] for row in api("GET", f"/exchanges?{query}").json()["exchanges"]]

    assert ids("state=failed") == [first]
    assert ids("state=received") == [second]
    assert ids("role=responder") == ids("partner=p-none") == ids("member=m-none") == []
    assert len(ids("correlation_id=correlation-1")) == 2
    assert ids("until=2020-01-01T00:00:00Z") == []
    assert len(ids("since=2020-01-01T00:00:00Z")) == 2


def test_what_happened_is_told_in_words_too(api: Call) -> None:
    exchange_id = ask(api).json()["exchange"]
    told = api("GET", f"/exchanges/{exchange_id}/events").json()
    assert [event["name"] for event in told["events"]] == ["exchange.received"]
    assert "A request for one member's history was kept" in told["events"][0]["sentence"]
    assert "Muster" not in str(told)


def test_cancel_needs_a_reason_and_is_final(api: Call) -> None:
    exchange_id = ask(api).json()["exchange"]
    assert api("POST", f"/exchanges/{exchange_id}/cancel", json={}).status_code == 422
    assert (
        api("POST", f"/exchanges/{exchange_id}/cancel", json={"reason": "asked twice"}).json()["state"] == "cancelled"
    )
    assert api("POST", f"/exchanges/{exchange_id}/cancel", json={"reason": "asked twice"}).status_code == 409


def test_a_failed_exchange_is_done_again_by_a_person(api: Call, tools: Tools) -> None:
    exchange_id = ask(api).json()["exchange"]
    assert api("POST", f"/exchanges/{exchange_id}/replay", json={"reason": "repaired"}).status_code == 409
    end(tools, exchange_id, State.FAILED)
    refused = api("POST", f"/exchanges/{exchange_id}/replay", role="system", json={"reason": "repaired"})
    assert refused.status_code == 403
    again = api("POST", f"/exchanges/{exchange_id}/replay", json={"reason": "repaired"})
    assert (again.status_code, again.json()["state"]) == (202, "received")


def test_unknown_exchanges_are_404_everywhere(api: Call) -> None:
    for path in ("", "/events"):
        assert api("GET", f"/exchanges/x-none{path}").status_code == 404
    glass = {"reason": "audit", "exchange": "x-none"}
    assert api("POST", "/break-glass", role="analyst", json=glass).status_code == 404
    for act in ("cancel", "replay"):
        assert api("POST", f"/exchanges/x-none/{act}", json={"reason": "why"}).status_code == 404

"""Cases, partners, standing requests, consents, audit, records, health: thin doors to their rooms."""

from datetime import date
from typing import Any

from interpayer.exchange import standing_store
from interpayer.exchange.tools import Tools
from interpayer.exchange.transitions import Actor
from interpayer.model.event import Event
from interpayer.operations import exchanges
from interpayer.operations.exchanges import Wish
from interpayer.partners import directory
from interpayer.records import loading
from interpayer.system.clock import now
from tests.store.api.conftest import Call
from tests.support.databases import ScratchDatabase
from tests.support.doors import a_partner
from tests.support.records import THEIRS, an_arrival, an_encounter, make
from tests.support.tools import BORN, a_doubt, add_members


def events(database: ScratchDatabase, name: str) -> int:
    with database.operator.transaction() as conn:
        row = conn.execute("select count(*) as n from audit.timeline where name = %s", (name,)).fetchone()
    return int(row["n"]) if row else -1


def test_a_case_is_masked_unless_a_steward_asks_and_the_look_is_an_event(
    api: Call, tools: Tools, database: ScratchDatabase
) -> None:
    doubt = a_doubt(tools, family="Horton")
    masked = api("GET", f"/cases/{doubt.case_id}", role="steward")
    assert masked.json()["case"]["exchange_ids"] == [doubt.exchange_id]
    assert {c["member_id"] for c in masked.json()["sides"]["candidates"]} == set(doubt.member_ids)
    assert "Horton" not in masked.text
    assert BORN not in masked.text
    assert events(database, "access.looked") == 0
    clear = api("GET", f"/cases/{doubt.case_id}?purpose=case_review", role="steward")
    assert "Horton" in clear.text
    assert events(database, "access.looked") == 1


def test_an_operator_sees_a_case_and_never_its_sides(api: Call, tools: Tools) -> None:
    doubt = a_doubt(tools)
    assert set(api("GET", f"/cases/{doubt.case_id}").json()) == {"case"}
    assert api("GET", f"/cases/{doubt.case_id}?purpose=case_review").status_code == 403
    listed = api("GET", "/cases?state=open").json()["cases"]
    assert [case["id"] for case in listed] == [doubt.case_id]
    assert api("GET", "/cases?state=decided").json()["cases"] == []


def test_a_decision_lets_our_own_exchange_go_on(api: Call, tools: Tools) -> None:
    doubt = a_doubt(tools)
    assert api("POST", f"/cases/{doubt.case_id}/assign", json={"to": "steward"}).json()["case"]["state"] == "assigned"
    ruling = {"decision": "same", "member_id": doubt.member_ids[0], "reason": "member_confirmed", "note": "by phone"}
    for broken in ({**ruling, "reason": "Ada said so"}, {**ruling, "decision": "maybe"}, {**ruling, "person": "me"}):
        assert api("POST", f"/cases/{doubt.case_id}/decision", role="steward", json=broken).status_code == 422
    decided = api("POST", f"/cases/{doubt.case_id}/decision", role="steward", json=ruling)
    assert decided.json()["resumed"] == [doubt.exchange_id]
    told = api("GET", f"/exchanges/{doubt.exchange_id}").json()
    assert (told["state"], told["member"]["id"]) == ("identified", doubt.member_ids[0])
    again = api("POST", f"/cases/{doubt.case_id}/decision", role="steward", json=ruling)
    assert (again.status_code, again.json()["reason"]) == (409, "request.wrong_state")
    assert api("GET", f"/cases/{doubt.case_id}").json()["case"]["decided_by"] == "steward"


def test_partners_are_shown_without_their_keys(api: Call, database: ScratchDatabase) -> None:
    with database.operator.transaction() as conn:
        directory.add_partner(conn, a_partner("plan-b"), by="tests")
    listed = api("GET", "/partners", role="admin").json()["partners"]
    assert [(p["id"], p["key_ids"]) for p in listed] == [("p-plan-b", ["curve", "rsa"])]
    shown = api("GET", "/partners/p-plan-b")
    assert shown.json()["endpoints"] == []
    assert '"x"' not in shown.text
    assert api("GET", "/partners/p-none").status_code == 404


def test_a_standing_request_is_listed_and_fired_at_a_members_wish(api: Call, tools: Tools) -> None:
    (member_id, _) = add_members(tools)
    prior = {"external_identifiers": [{"type": "member_id", "value": "Zzyzx", "issuer": "urn:payers|old"}]}
    with tools.database.transaction() as conn:
        sealed = tools.seal_request(prior, exchange_id=member_id)
        wanted = standing_store.Standing(
            *("s-1", member_id, "urn:payers|old", "previous", "opt_in", None, sealed, date(2026, 1, 1), now())
        )
        standing_store.upsert(conn, [wanted], now())
    listed = api("GET", "/standing?state=active")
    assert [row["member_id"] for row in listed.json()["standing"]] == [member_id]
    assert "Zzyzx" not in listed.text
    fired = api("POST", "/standing/s-1/ask")
    assert fired.status_code == 202
    assert api("GET", fired.headers["location"].removeprefix("/api/v1")).json()["purpose"] == "member_request"
    assert api("POST", "/standing/s-2/ask").status_code == 404


def consent_for(member_id: str, **more: Any) -> dict[str, Any]:
    return {
        "member": member_id,
        "scope": "sensitive",
        "sources": ["urn:payers|old"],
        "recipients": ["urn:payers|new"],
        "starts_at": "2026-01-01T00:00:00Z",
        "ends_at": "2027-01-01T00:00:00Z",
        "proof": "archive/1",
        **more,
    }


def test_a_consent_is_recorded_once_and_taken_back_once(api: Call, tools: Tools, database: ScratchDatabase) -> None:
    (member_id, _) = add_members(tools)
    first = api("POST", "/consents", json=consent_for(member_id))
    assert first.status_code == 201
    consent_id = first.json()["consent"]["id"]
    assert api("POST", "/consents", json=consent_for(member_id)).json()["consent"]["id"] == consent_id
    assert events(database, "consent.recorded") == 1
    for _ in range(2):
        revoked = api("POST", f"/consents/{consent_id}/revoke", role="steward", json={"reason": "member called"})
        assert revoked.status_code == 200
    assert events(database, "consent.revoked") == 1
    assert api("POST", "/consents", json=consent_for(member_id)).json()["consent"]["revoked_at"] is not None


def test_a_consent_of_nobody_or_of_no_time_is_refused(api: Call, tools: Tools) -> None:
    (member_id, _) = add_members(tools)
    assert api("POST", "/consents", json=consent_for("m-none")).status_code == 422
    backwards = consent_for(member_id, ends_at="2025-01-01T00:00:00Z")
    assert api("POST", "/consents", json=backwards).status_code == 422
    assert api("POST", "/consents", json=consent_for(member_id, sources=[])).status_code == 422
    assert api("POST", "/consents/k-none/revoke", json={"reason": "x"}).status_code == 404


def test_disclosures_of_a_member_are_told_to_the_analyst_and_the_look_is_an_event(
    api: Call, tools: Tools, database: ScratchDatabase
) -> None:
    (member_id, _) = add_members(tools)
    with tools.database.transaction() as conn:
        released = Event("answer.released", "x-1", "process", "interpayer", member_id=member_id, exchange_id="x-1")
        tools.ledger.append(conn, released)
    told = api("GET", f"/audit/disclosures/{member_id}", role="analyst").json()["disclosures"]
    assert [event["exchange_id"] for event in told] == ["x-1"]
    assert "can be fetched by the partner" in told[0]["sentence"]
    assert events(database, "access.looked") == 1
    chain = api("GET", "/audit/exchanges/x-1", role="analyst").json()
    assert (chain["events"][0]["seq"], chain["checkpoint"]) == (1, None)


def test_bodies_are_seen_through_broken_glass_only(api: Call, tools: Tools, database: ScratchDatabase) -> None:
    (member_id, _) = add_members(tools)
    with tools.database.transaction() as conn:
        exchange_id, _ = exchanges.ask(tools, conn, Wish({"partner": "urn:payers|old"}, Actor("system", "feed")))
        arrival = an_arrival(
            source=THEIRS, own=False, at=loading.begin_load(conn), exchange_id=exchange_id, sender="p-1"
        )
        received = [an_encounter(f"e{n}", patient="p1") for n in range(3)]
        records, quarantined = make(received, arrival, {"p1": member_id})
        assert not quarantined
        loading.save_records(conn, tools.codec, records)
    assert api("POST", "/break-glass", role="analyst", json={"exchange": exchange_id}).status_code == 422
    wish = {"exchange": exchange_id, "reason": "complaint"}
    assert api("POST", "/break-glass", role="operator", json=wish).status_code == 403
    glass = "/break-glass/" + api("POST", "/break-glass", role="analyst", json=wish).json()["look"]["id"]
    assert api("GET", f"{glass}/records", role="analyst").status_code == 409
    assert api("POST", f"{glass}/open", role="analyst").status_code == 403
    assert api("POST", f"{glass}/open", role="admin").json()["look"]["state"] == "open"
    seen: list[str] = []
    following: str | None = ""
    while following is not None:
        after = f"&after={following}" if following else ""
        page = api("GET", f"{glass}/records?limit=2{after}", role="analyst").json()
        seen += [record["resource"]["id"] for record in page["records"]]
        following = page["next"]
    assert sorted(seen) == ["e0", "e1", "e2"]
    assert events(database, "access.looked") == 2
    assert api("POST", f"{glass}/end", role="analyst").json()["look"]["state"] == "ended"
    found = {"reason": "no more than was needed"}
    assert api("POST", f"{glass}/confirmation", role="admin", json=found).json()["look"]["state"] == "confirmed"
    assert [row["looks"] for row in api("GET", "/break-glass", role="admin").json()["looks"]] == [2]
    assert api("GET", f"/exchanges/{exchange_id}").json()["records"] == {"Encounter": 3}


def test_health_is_open_and_says_what_is_missing(api: Call, tools: Tools, database: ScratchDatabase) -> None:
    told = api("GET", "/../../health", role=None)
    assert (told.status_code, told.json()["status"], told.json()["workers"]) == (200, "degraded", 0)
    with database.worker.transaction() as conn:
        conn.execute(
            "insert into exchange.lease (executor, host, process, expires_at)"
            " values ('1', 'h', 1, now() + interval '1 min')"
        )
    told = api("GET", "/../../health", role=None)
    assert (told.json()["status"], told.json()["workers"]) == ("ok", 1)
    tools.database.close()
    gone = api("GET", "/../../health", role=None)
    assert (gone.status_code, gone.json()["status"]) == (503, "down")

"""Every way in which a history is asked for, and what becomes of it when something is missing, doubtful or wrong."""

import json
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest

from interpayer.simulation.installation import CommandFailed, Installation, introduce
from tests.support.elder import Elder
from tests.support.histories import Human, history, write_history
from tests.support.town import (
    Town,
    allow,
    ask,
    counterpart,
    enroll,
    events,
    holdings,
    inbox,
    ledger,
    member_id_of,
    opted_in,
    settled,
    wait_for,
)

pytestmark = [pytest.mark.xdist_group("ways_of_asking")]

KEPT = Human("Abara", "Ngozi", "1957-05-01")
LACKING = Human("Bergstrom", "Ulrika", "1969-02-11")
TWICE_HERE = Human("Castellanos", "Ramona", "1974-08-23")
TWICE_THERE = Human("Dvorakova", "Zdenka", "1981-12-02")
ONE_BY_ONE = Human("Eriksen", "Solveig", "1990-04-30")
CONTRADICTED = Human("Fitzgerald", "Maeve", "1963-07-19")
RECALLED = Human("Gunawardena", "Dilani", "1949-09-09")
STANDING = Human("Hakimi", "Parisa", "1986-01-27")
WITH_ELDERS = Human("Ivarsdottir", "Sigrun", "1954-03-08")
EVERYBODY = (KEPT, LACKING, TWICE_HERE, TWICE_THERE, ONE_BY_ONE, CONTRADICTED, RECALLED, STANDING, WITH_ELDERS)
ONLY_SINGLE = ("member-match", "everything")
SAME = {"decision": "same", "reason": "documents_checked"}


def number(human: Human, payer: str) -> str:
    """The member number of a person at a payer."""
    return f"{payer}-{1000 + EVERYBODY.index(human)}"


@dataclass
class Desk:
    """A payer that asks, one that is asked in bulk, and one that can only be asked for one member at a time."""

    town: Town
    asking: Installation
    asked: Installation
    single: Installation
    begun: dict[str, str] = field(default_factory=dict)

    def member(self, human: Human, one: Installation | None = None) -> str:
        """The member's id at the payer that asks, or at another."""
        return member_id_of(self.town, one or self.asking, number(human, (one or self.asking).name))

    def begin(self, name: str, human: Human, other: Installation, **more: Any) -> None:
        """Ask `other` for somebody who allowed it; the exchange is kept under a name."""
        allow(self.asking, self.member(human), other.name)
        cards = {other.name: number(human, other.name), self.asking.name: number(human, self.asking.name)}
        self.begun[name] = ask(self.asking, other.name, human.asked(cards), **more)

    def open_cases(self, one: Installation, exchange_id: str) -> list[dict[str, Any]]:
        """The open cases of an exchange."""
        _, found = one.api("GET", "/cases?state=open&limit=500")
        return [case for case in found["cases"] if exchange_id in case["exchange_ids"]]


@pytest.fixture(scope="module")
def desk(town: Town, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Desk]:
    folder = tmp_path_factory.mktemp("desk")
    asking, asked, single = town.open_all("asking", "asked", "single", known=[("asking", "asked")])
    introduce(single, asking)
    introduce(asking, single, capabilities=ONLY_SINGLE)
    desk = Desk(town, asking, asked, single)
    # who asks comes last: its standing request fires at once, and must find what the others hold
    for one in (asked, single, asking):
        _fill(one, folder)
    for human in (LACKING, KEPT):
        allow(asking, desk.member(human), "asked")
    desk.begin("one by one", ONE_BY_ONE, single)
    desk.begin("contradicted", CONTRADICTED, asked)
    desk.begin("recalled", RECALLED, asked)
    _begin_doubtful(desk)
    yield desk
    town.shut("asking", "asked", "single")


def _fill(one: Installation, folder: Path) -> None:
    """The same people at every payer; who is enrolled twice has two numbers on one card."""
    rows = []
    twice = {"asking": TWICE_HERE, "asked": TWICE_THERE}.get(one.name)
    for human in EVERYBODY:
        wish = opted_in("asked", member_id=number(human, "asked")) if human is STANDING and one.name == "asking" else {}
        card = {"subscriber_id": _card(one.name)["value"]} if human is twice else {}
        rows.append(human.row(number(human, one.name), phone=_phone(human), **wish, **card))
    if twice:
        rows.append(twice.row(f"{one.name}-2000", phone=_phone(twice), subscriber_id=_card(one.name)["value"]))
    enroll(one, folder, rows)
    if one.name == "asking":
        return
    records = [r for human in EVERYBODY for r in history(human, number(human, one.name), visits=1)]
    if one.name == "asked":
        (patient,) = [r for r in records if r["id"] == number(CONTRADICTED, "asked")]
        patient["birthDate"] = "1936-07-19"
    one.command("load", "fhir", str(write_history(folder / one.name, records)))


def _phone(human: Human) -> str:
    return f"402555{2000 + EVERYBODY.index(human)}"


def _card(payer: str) -> dict[str, str]:
    """The number of a card that several members share."""
    return {"type": "subscriber_id", "value": f"{payer}-770077", "issuer": payer}


def _begin_doubtful(desk: Desk) -> None:
    """Here one person is our member twice; there another one is, and the card names neither."""
    for member_number in (number(TWICE_HERE, "asking"), "asking-2000"):
        allow(desk.asking, member_id_of(desk.town, desk.asking, member_number), "asked")
    ours = TWICE_HERE.asked({"asked": number(TWICE_HERE, "asked")}) | {"phones": [_phone(TWICE_HERE)]}
    ours["external_identifiers"].append(_card("asking"))
    desk.begun["twice here"] = ask(desk.asking, "asked", ours)
    desk.begun["twice here, again"] = ask(desk.asking, "asked", ours)
    allow(desk.asking, desk.member(TWICE_THERE), "asked")
    desk.begun["twice there"] = _ask_with_a_shared_card(desk)


def _ask_with_a_shared_card(desk: Desk) -> str:
    theirs = TWICE_THERE.asked({"asking": number(TWICE_THERE, "asking")})
    theirs["external_identifiers"].append(_card("asked"))
    return ask(desk.asking, "asked", theirs)


def test_the_same_key_and_body_are_the_same_exchange_and_another_body_is_refused(desk: Desk) -> None:
    body = {
        "partner": "asked",
        "member": {"id": desk.member(KEPT)}
        | {"external_identifiers": KEPT.asked({"asked": number(KEPT, "asked")})["external_identifiers"]},
        "basis": "opt_in",
        "attestation": {"enrolled": True, "opted_in": True},
    }
    first = desk.asking.api("POST", "/exchanges", body, key="desk-0001")
    again = desk.asking.api("POST", "/exchanges", body, key="desk-0001")
    assert (first[0], again[0]) == (202, 202)
    assert first[1]["exchange"] == again[1]["exchange"]
    status, problem = desk.asking.api("POST", "/exchanges", {**body, "priority": "urgent"}, key="desk-0001")
    assert (status, problem["reason"]) == (422, "request.duplicate_differs")
    assert settled(desk.asking, first[1]["exchange"])["state"] == "completed"
    finished = desk.asking.api("POST", "/exchanges", body, key="desk-0001")
    assert (finished[0], finished[1]["exchange"], finished[1]["answer"]) == (200, first[1]["exchange"], "complete")
    assert len(counterpart(desk.asked, finished[1])) == 1


def test_what_is_incomplete_says_what_is_missing_and_goes_on_when_it_comes(desk: Desk) -> None:
    status, kept = desk.asking.api("POST", "/exchanges", {"member": {"id": desk.member(LACKING)}}, key="desk-0002")
    assert status == 202
    found = settled(desk.asking, kept["exchange"])
    assert (found["state"], found["reason"]) == ("incomplete", "request.missing_payer")
    assert found["supply"] == ["partner", "basis"]
    card = LACKING.asked({"asked": number(LACKING, "asked")})["external_identifiers"]
    more = {"partner": "asked", "basis": "opt_in", "member": {"external_identifiers": card}, "routing": {}}
    assert desk.asking.api("POST", f"/exchanges/{kept['exchange']}/supplement", more)[0] == 202
    found = settled(desk.asking, kept["exchange"], states=("incomplete",))
    assert found["supply"] == ["attestation.enrolled, attestation.opted_in"]
    vouched = {"attestation": {"by": "enrollment desk", "enrolled": True, "opted_in": True}}
    assert desk.asking.api("POST", f"/exchanges/{kept['exchange']}/supplement", vouched)[0] == 202
    found = settled(desk.asking, kept["exchange"], states=("completed", "unresolved", "blocked", "failed"))
    assert (found["state"], found["answer"], found["supply"]) == ("completed", "complete", [])
    assert found["records"]["ExplanationOfBenefit"] == 1


def test_a_doubt_about_our_own_member_waits_for_a_person_and_then_goes_on_by_itself(desk: Desk) -> None:
    exchange_id = desk.begun["twice here"]
    found = settled(desk.asking, exchange_id)
    assert (found["state"], found["reason"]) == ("in_review", "identity.ambiguous")
    assert counterpart(desk.asked, found) == [], "nobody was asked before it was clear who is meant"
    assert settled(desk.asking, desk.begun["twice here, again"])["state"] == "in_review"
    (case,) = desk.open_cases(desk.asking, exchange_id)
    chosen = desk.member(TWICE_HERE)
    ruling = {**SAME, "member_id": chosen}
    status, decided = desk.asking.api("POST", f"/cases/{case['id']}/decision", ruling)
    waiting = {exchange_id, desk.begun["twice here, again"]}
    assert (status, set(decided["resumed"])) == (200, waiting), "whoever waits for the same answer goes on"
    found = settled(desk.asking, exchange_id, states=("completed", "unresolved", "blocked", "failed"))
    assert (found["state"], found["member"]["id"]) == ("completed", chosen)
    assert "case.decided" in {e["name"] for e in ledger(desk.town, desk.asking, "case.decided")}


def test_a_doubt_at_the_other_payer_is_decided_there_and_found_on_the_next_request(desk: Desk) -> None:
    found = settled(desk.asking, desk.begun["twice there"])
    assert (found["state"], found["reason"]) == ("unresolved", "partner.not_found")
    (theirs,) = counterpart(desk.asked, found)
    assert (theirs["state"], theirs["reason"]) == ("in_review", "identity.ambiguous")
    (case,) = desk.open_cases(desk.asked, theirs["exchange"])
    chosen = member_id_of(desk.town, desk.asked, "asked-2000")
    status, decided = desk.asked.api("POST", f"/cases/{case['id']}/decision", {**SAME, "member_id": chosen})
    assert (status, decided["answered_on_next_request"]) == (200, [theirs["exchange"]])
    again = settled(desk.asking, _ask_with_a_shared_card(desk))
    assert again["state"] == "completed"
    (theirs,) = counterpart(desk.asked, again)
    assert theirs["member"]["id"] == chosen


def test_a_payer_that_can_only_be_asked_for_one_member_is_asked_so(desk: Desk) -> None:
    found = settled(desk.asking, desk.begun["one by one"])
    assert (found["state"], found["answer"], found["reason"]) == ("completed", "complete", None)
    assert found["route"]["mode"] == "single_everything"
    assert found["records"] == {
        "Patient": 1,
        "Encounter": 1,
        "Condition": 1,
        "ExplanationOfBenefit": 1,
        "Provenance": 2,
    }
    assert wait_for(lambda: not inbox(desk.asking)), "what was taken in does not stay where it was fetched to"
    (theirs,) = counterpart(desk.single, found)
    assert (theirs["state"], theirs["member"]["id"]) == ("completed", desk.member(ONE_BY_ONE, desk.single))
    authors = Counter(r["author"] for r in holdings(desk.town, desk.asking, desk.member(ONE_BY_ONE)))
    assert authors == {f"{desk.single.base_url}/fhir": 5, f"{desk.asking.base_url}/fhir": 1}


def test_a_payer_that_speaks_an_older_guide_alone_is_asked_as_it_wants(desk: Desk, tmp_path: Path) -> None:
    with Elder(tmp_path / "elder", desk.town.authority, "elder", history(WITH_ELDERS, "elder-1", visits=1)) as elder:
        _register_elder(desk, elder, tmp_path)
        allow(desk.asking, desk.member(WITH_ELDERS), "elder")
        found = settled(
            desk.asking, ask(desk.asking, "elder", WITH_ELDERS.asked({"asking": number(WITH_ELDERS, "asking")}))
        )
        heard = [call for call in elder.heard if "/Group/" in call[1]]
    assert (found["state"], found["answer"]) == ("completed", "complete"), found
    routed = next(e for e in events(desk.asking, found["exchange"]) if e["name"] == "route.chosen")
    assert routed["facts"]["mode"] == "bulk_2.1"
    # Its own name of the match alone, and the version of the guide told with both.
    assert heard == [
        ("POST", "/fhir/Group/$multi-member-match", "2.1"),
        ("POST", "/fhir/Group/old-group/$davinci-data-export", "2.1"),
    ]
    authors = Counter(r["author"] for r in holdings(desk.town, desk.asking, desk.member(WITH_ELDERS)))
    assert authors[elder.fhir_base] == 4


def _register_elder(desk: Desk, elder: Elder, folder: Path) -> None:
    wishes = {"spec_version": "2.1", "bulk_match_operation": "multi-member-match"}
    document = {
        "name": "Elder Plan",
        "client_id": "elder",
        "organizations": ["elder"],
        "jwks_url": "https://elder.example/jwks",
        "profile": wishes,
        "endpoints": [{"fhir_base": elder.fhir_base, "version": "2.1"}],
    }
    path = folder / "elder.json"
    path.write_text(json.dumps(document), encoding="utf-8")
    desk.asking.command("partner", "add", str(path))


def test_a_payer_that_nobody_knows_becomes_a_work_item_for_a_person(desk: Desk) -> None:
    allow(desk.asking, desk.member(KEPT), "nobody-knows")
    found = settled(desk.asking, ask(desk.asking, "nobody-knows", {"id": desk.member(KEPT)}))
    assert (found["state"], found["reason"]) == ("escalated", "route.payer_unknown")
    (case,) = desk.open_cases(desk.asking, found["exchange"])
    assert case["kind"] == "policy" and case["id"] == found["case"]


def test_an_exchange_can_be_cancelled_once(desk: Desk) -> None:
    _, kept = desk.asking.api("POST", "/exchanges", {"member": {"id": desk.member(KEPT)}}, key="desk-0003")
    exchange_id = kept["exchange"]
    assert settled(desk.asking, exchange_id)["state"] == "incomplete"
    why = {"reason": "asked for twice"}
    assert desk.asking.api("POST", f"/exchanges/{exchange_id}/cancel", why)[0] == 200
    assert settled(desk.asking, exchange_id)["state"] == "cancelled"
    status, problem = desk.asking.api("POST", f"/exchanges/{exchange_id}/cancel", why)
    assert (status, problem["reason"]) == (409, "request.wrong_state")


def test_a_received_patient_who_conflicts_with_our_member_is_kept_apart_until_a_person_decides(desk: Desk) -> None:
    exchange_id = desk.begun["contradicted"]
    found = settled(desk.asking, exchange_id)
    assert (found["state"], found["reason"]) == ("in_review", "identity.conflict_birth_date")
    member_id = desk.member(CONTRADICTED)
    received = [r for r in holdings(desk.town, desk.asking, member_id) if r["sender"]]
    assert received and all(r["quarantined_at"] for r in received)
    (case,) = desk.open_cases(desk.asking, exchange_id)
    assert case["kind"] == "conflict"
    status, _ = desk.asking.api("POST", f"/cases/{case['id']}/decision", {**SAME, "member_id": member_id})
    assert status == 200
    found = settled(desk.asking, exchange_id, states=("completed", "unresolved", "failed"))
    assert (found["state"], found["answer"]) == ("completed", "complete")
    assert not [r for r in holdings(desk.town, desk.asking, member_id) if r["quarantined_at"]]


def test_a_wrong_release_is_recalled_at_both_payers_and_closed_by_a_second_person(desk: Desk) -> None:
    exchange_id = desk.begun["recalled"]
    ours = settled(desk.asking, exchange_id)
    assert ours["state"] == "completed"
    (theirs,) = counterpart(desk.asked, ours)
    reason = ("--reason", "recall.wrong_member")
    opened = desk.asked.command("recall", "open", theirs["exchange"], *reason)["recall"]
    # the other payer is told by machine, and its own people find the recall there
    heard = wait_for(lambda: desk.asking.command("recall", "list")["recalls"])[0]
    assert heard["told_by"] == ours["partner"] and heard["exchange_ids"] == [exchange_id]
    for one, place, recall in ((desk.asked, theirs["exchange"], opened), (desk.asking, exchange_id, heard)):
        assert settled(one, place)["state"] == "recalled"
        assert "recall.contained" in [e["name"] for e in events(one, place)]
        token = one.command("access", "add", "a second person", "--role", "operator")["token"]
        second = replace(one, token=token, client=None)
        if one is desk.asked:
            with pytest.raises(CommandFailed, match=r"four eyes"):
                one.command("recall", "close", recall["id"], "--why", "deleted")
        assert second.command("recall", "close", recall["id"], "--why", "deleted")["recall"]["state"] == "closed"
    received = [r for r in holdings(desk.town, desk.asking, desk.member(RECALLED)) if r["sender"]]
    assert received and all(r["quarantined_at"] for r in received), "what was recalled is not served any more"
    assert settled(desk.asking, exchange_id)["state"] == "recalled"


def test_a_standing_request_asks_by_itself_and_when_a_person_wants_it(desk: Desk) -> None:
    def fired() -> list[dict[str, Any]]:
        return [e for e in desk.asking.exchanges() if e["member"]["id"] == desk.member(STANDING)]

    (first,) = wait_for(fired)
    done = settled(desk.asking, first["exchange"])
    assert (done["state"], done["purpose"]) == ("completed", "initial")
    again = desk.asking.command("standing", "ask", done["standing"])["exchange"]
    done = settled(desk.asking, again)
    assert (done["state"], done["purpose"], done["arrivals"]["same"]) == ("completed", "member_request", 4)

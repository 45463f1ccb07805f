"""A partner that guesses at members, over real sockets: slowed, refused, on the ledger, shown to people, pardoned."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import httpx2
import pytest

from interpayer.simulation.installation import Installation
from interpayer.system.database import connect, role_url
from interpayer.system.settings import read_settings
from tests.support.outsider import Outsider, parameters, stamp
from tests.support.town import Town, enroll

MEMBER = {
    "member_id": "G-4711", "family": "Quillfeather", "given": "Ottoline", "birth_date": "1984-05-17", "sex": "female",
}  # fmt: skip
STRANGER = {**MEMBER, "family": "Umberland", "given": "Ursula", "birth_date": "1990-02-03"}
MATCH, BULK = "/Patient/$member-match", "/Group/$bulk-member-match"
pytestmark = pytest.mark.xdist_group("guessing")


@dataclass
class Scene:
    """A payer with one member, and partners of it."""

    payer: Installation
    town: Town

    def partner(self, name: str) -> Outsider:
        """A partner that has asked nothing yet."""
        return Outsider(name, self.payer, self.town.authority)

    def events(self, partner: Outsider) -> list[dict[str, Any]]:
        """What the ledger says of this partner beside its exchanges."""
        with connect(role_url(read_settings(self.payer.environ), "owner")) as conn:
            rows = conn.execute("select header from audit.event order by id").fetchall()
        headers = [json.loads(bytes(row["header"])) for row in rows]
        mine = [h for h in headers if h.get("partner") == partner.partner_id]
        return [h for h in mine if h["name"].partition(".")[0] in {"guessing", "caller"}]

    def let_pass(self, time: str) -> None:
        """Make all that was tried older, as if this time had passed."""
        with connect(role_url(read_settings(self.payer.environ), "owner")) as conn:
            conn.execute("update identity.guess_try set first_at = first_at - %s::interval", [time])


@pytest.fixture(scope="module")
def scene(town: Town) -> Iterator[Scene]:
    payer = town.open("watched")
    enroll(payer, town.folder, [MEMBER])
    yield Scene(payer, town)
    town.shut("watched")


def ask(partner: Outsider, member: dict[str, str], number: str, **headers: str) -> httpx2.Response:
    """A single match for this person with this number on the card."""
    return partner.post(MATCH, parameters(partner.match_parts({**member, "member_id": number})), **headers)


def code_of(answer: httpx2.Response) -> str:
    return str(answer.json()["issue"][0]["details"]["coding"][0]["code"])


def test_ids_tried_out_for_one_person_are_slowed_then_refused_and_on_the_ledger(scene: Scene) -> None:
    partner = scene.partner("guesser")
    told = [ask(partner, MEMBER, f"Q-{n:05d}") for n in range(6)]
    assert {(answer.status_code, code_of(answer)) for answer in told} == {(422, "identity.not_enrolled")}
    # (1) slowed: the right number is not even looked at
    slowed = ask(partner, MEMBER, MEMBER["member_id"])
    assert (slowed.status_code, code_of(slowed)) == (429, "caller.slowed")
    assert 1 <= int(slowed.headers["retry-after"]) <= 30
    # (2) with time in between some more come, then none
    for n in range(4):
        scene.let_pass("20 minutes")
        assert ask(partner, MEMBER, f"R-{n:05d}").status_code == 422
    scene.let_pass("20 minutes")
    refused = ask(partner, MEMBER, MEMBER["member_id"])
    assert (refused.status_code, code_of(refused)) == (403, "caller.guessing")
    assert "retry-after" not in refused.headers
    # (3) what was answered before may be asked again; others are asked about as ever
    assert ask(partner, MEMBER, "Q-00000").status_code == 422
    assert ask(partner, STRANGER, "S-1").status_code == 422
    # (4) the ledger says it, and nobody can be read out of it
    events = scene.events(partner)
    names = [e["name"] for e in events]
    assert [name for name in names if name.startswith("guessing.")] == [
        "guessing.noticed",
        "guessing.slowed",
        "guessing.refused",
    ]
    assert {e["reason"] for e in events if e["name"] == "caller.refused"} == {"caller.slowed", "caller.guessing"}
    assert not any(word in json.dumps(events) for word in ("Quillfeather", "Ottoline", "1984", "G-4711"))
    partner.http.close()


def test_the_answers_to_guesses_are_the_same_with_and_without_a_member(scene: Scene) -> None:
    """Whether somebody real was near shows in no byte, not in the moment when it ends, and not in the pause."""
    seen = []
    for name, person in (("near", MEMBER), ("far", STRANGER)):
        partner = scene.partner(name)
        label = stamp()
        answers = [ask(partner, person, f"T-{n:05d}", **{"X-Correlation-Id": label}) for n in range(8)]
        headers = {"date", "retry-after"}
        seen.append(
            [
                (a.status_code, a.text.replace(label, ""), sorted(set(a.headers) - headers), "retry-after" in a.headers)
                for a in answers
            ]
        )
        partner.http.close()
    assert seen[0] == seen[1]
    assert [status for status, *_ in seen[0]] == [422] * 6 + [429] * 2


def test_many_guesses_in_one_call_are_told_like_strangers(scene: Scene) -> None:
    partner = scene.partner("bulk-guesser")
    numbers = [*(f"U-{n:05d}" for n in range(30)), MEMBER["member_id"]]
    bundles = [partner.match_parts({**MEMBER, "member_id": number}) for number in numbers]
    body = {"resourceType": "Parameters", "parameter": [{"name": "MemberBundle", "part": parts} for parts in bundles]}
    manifest = partner.result(partner.post(BULK, body))
    groups = [g for out in manifest["output"] if out["type"] == "Group" for g in partner.lines(out["url"])]
    found = {g["code"]["coding"][0]["code"]: g.get("quantity", 0) for g in groups}
    assert found == {"match": 0, "nomatch": len(numbers)}
    assert "caller.guessing" not in json.dumps(groups)
    assert "guessing.slowed" in [e["name"] for e in scene.events(partner)]
    assert ask(partner, MEMBER, MEMBER["member_id"]).status_code == 429
    partner.http.close()


def test_operators_see_it_and_a_named_person_pardons(scene: Scene) -> None:
    partner = scene.partner("clumsy")
    assert [ask(partner, MEMBER, f"V-{n:05d}").status_code for n in range(7)][-1] == 429
    alarms = scene.payer.command("partner", "guessing")["alarms"]
    mine = [alarm for alarm in alarms if alarm["partner_id"] == partner.partner_id]
    assert [(alarm["level"], alarm["pattern"], alarm["tries"]) for alarm in mine] == [
        ("slowed", "person", 6),
        ("noticed", "person", 4),
    ]
    scene.payer.command("partner", "pardon", "clumsy", "--reason", "their feed had the old numbers")
    assert ask(partner, MEMBER, MEMBER["member_id"]).status_code == 200
    assert "guessing.pardoned" in [e["name"] for e in scene.events(partner)]
    left = scene.payer.command("partner", "guessing")["alarms"]
    assert partner.partner_id not in {alarm["partner_id"] for alarm in left}
    partner.http.close()


def test_a_quarterly_repeat_is_answered_as_ever(scene: Scene) -> None:
    partner = scene.partner("patient-one")
    for _ in range(4):
        assert ask(partner, MEMBER, MEMBER["member_id"]).status_code == 200
        assert [ask(partner, STRANGER, f"W-{n}").status_code for n in range(3)] == [422] * 3
        scene.let_pass("90 days")
    assert [e for e in scene.events(partner) if e["name"].startswith("guessing.")] == []
    partner.http.close()

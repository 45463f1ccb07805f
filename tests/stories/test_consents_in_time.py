"""Consent as it changes: one of a thousand says no in mid-download, a child comes of age, a state needs no opt-in."""

import base64
import random
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from interpayer.consent.writing import write_consent
from interpayer.model.consent import Consent, Scope
from interpayer.simulation.installation import Installation
from interpayer.system.clock import now
from tests.stories.test_revocation import SlowReader
from tests.support.histories import Human, Resource, history, write_history
from tests.support.outsider import Outsider, parameters
from tests.support.town import Town, enroll, ledger, member_id_of, wait_for

pytestmark = [pytest.mark.xdist_group("consents")]

THOUSAND = 1000
LETTERS = "abcdefghij"
TODAY = now().date()


def _eighteen_years_before(day: date) -> date:
    # 29 February has no such day in every year; who is born on 1 March comes of age on the same day
    return day.replace(year=day.year - 18) if (day.month, day.day) != (2, 29) else date(day.year - 18, 3, 1)


CHILD = Human("Fledge", "Nora", _eighteen_years_before(TODAY + timedelta(days=1)).isoformat())
COVERED = Human("Medway", "Otto", "1970-07-07", sex="male")
CONTRACT = "MCO-7"


@dataclass
class State:
    """A state agency, and a plan whose calls are written by hand."""

    town: Town
    agency: Installation
    hand: Outsider
    folder: Path

    def member(self, number: str) -> str:
        return member_id_of(self.town, self.agency, number)

    def match(self, *bundles: list[dict[str, Any]]) -> dict[str, dict[str, Any]]:
        """A bulk match; the Groups of its answer by their kind."""
        body = {
            "resourceType": "Parameters",
            "parameter": [{"name": "MemberBundle", "part": parts} for parts in bundles],
        }
        manifest = self.hand.result(self.hand.post("/Group/$bulk-member-match", body))
        (url,) = [o["url"] for o in manifest["output"] if o["type"] == "Group"]
        return {group["code"]["coding"][0]["code"]: group for group in self.hand.lines(url)}

    def export(self, group: dict[str, Any]) -> Any:
        return self.hand.post(f"/Group/{group['id']}/$davinci-data-export", parameters([]))

    def about(self, member_id: str) -> list[dict[str, Any]]:
        """The agency's exchanges about somebody, newest first."""
        return [e for e in self.agency.exchanges() if e["member"]["id"] == member_id]

    def withdrawn(self, member_id: str) -> list[dict[str, Any]]:
        """What the agency's ledger says about files that lost somebody."""
        pseudonym = self.town.tools(self.agency).ledger.pseudonym(member_id)
        return [e for e in ledger(self.town, self.agency, "answer.withdrawn") if e["member"] == pseudonym]


def a_human(place: int) -> Human:
    """One of the thousand: a name and a birth date of their own."""
    family = "Th" + "".join(LETTERS[int(digit)] for digit in f"{place:03}") + "son"
    return Human(family, "Kim", f"{1940 + place % 60}-{place % 12 + 1:02}-{place % 28 + 1:02}")


def number_of(place: int) -> str:
    return f"T-{10000 + place}"


def a_document(place: int) -> Resource:
    """A note that gzip cannot make much smaller."""
    noise = random.Random(place).randbytes(12_000)
    return {
        "resourceType": "DocumentReference",
        "id": f"{number_of(place)}-note",
        "status": "current",
        "subject": {"reference": f"Patient/{number_of(place)}"},
        "content": [{"attachment": {"contentType": "image/png", "data": base64.b64encode(noise).decode()}}],
    }


@pytest.fixture(scope="module")
def state(town: Town, tmp_path_factory: pytest.TempPathFactory) -> Iterator[State]:
    folder = tmp_path_factory.mktemp("consents-in-time")
    agency = town.open("agency")
    hand = Outsider("otherplan", agency, town.authority)
    people = {number_of(place): a_human(place) for place in range(THOUSAND)}
    people |= {"C-1001": CHILD, "M-1001": COVERED}
    enroll(agency, folder, [human.row(number) for number, human in people.items()])
    records = [
        r for n in range(0, THOUSAND, 8) for r in (history(a_human(n), number_of(n), visits=0)[0], a_document(n))
    ]
    records += [*history(CHILD, "C-1001", visits=1), *history(COVERED, "M-1001", visits=1), _substance_use("M-1001")]
    agency.command("load", "fhir", str(write_history(folder / "records", records)))
    yield State(town, agency, hand, folder)
    hand.http.close()
    town.shut("agency")


def _substance_use(number: str) -> Resource:
    return {
        "resourceType": "Condition",
        "id": f"{number}-f10",
        "clinicalStatus": {
            "coding": [{"system": "http://terminology.hl7.org/CodeSystem/condition-clinical", "code": "active"}]
        },
        "code": {"coding": [{"system": "http://hl7.org/fhir/sid/icd-10-cm", "code": "F10.20"}]},
        "subject": {"reference": f"Patient/{number}"},
        "onsetDateTime": (TODAY - timedelta(days=90)).isoformat(),
    }


# ---- one of a thousand


def test_one_of_a_thousand_takes_a_consent_back_while_the_export_downloads(state: State) -> None:
    groups = state.match(*[state.hand.match_parts(a_human(n).row(number_of(n))) for n in range(THOUSAND)])
    assert groups["match"]["quantity"] == THOUSAND
    kick_off = state.export(groups["match"])
    manifest = state.hand.result(kick_off)
    (url,) = [o["url"] for o in manifest["output"] if o["type"] == "DocumentReference"]
    # who stands last in the file says no while its first bytes are on the way
    last = state.hand.lines(url)[-1]["subject"]["reference"].removeprefix("Patient/")
    with SlowReader(state.hand, url) as reader:
        _, length = reader.begin()
        reader.read(100_000)
        (consent,) = state.agency.command("consent", "list", last)["consents"]
        stopped = state.agency.command("consent", "revoke", consent["id"], "--reason", "letter of the member")
        assert len(stopped["exchanges"]) == 1
        time.sleep(1.0)
        reader.read_to_the_end()
    assert reader.got < length, "the file was cut, so that its end is not mistaken for the whole"

    def rebuilt() -> dict[str, Any] | None:
        found = state.hand.result(kick_off)
        sums = [o.get("extension", {}).get("sha256-gzip") for o in found["output"]]
        return found if all(sums) else None

    after = wait_for(rebuilt)
    counts = {o["type"]: o["count"] for o in after["output"]}
    assert (counts["Patient"], counts["DocumentReference"]) == (THOUSAND - 1, THOUSAND / 8 - 1)
    assert last not in {r["subject"]["reference"].removeprefix("Patient/") for r in state.hand.lines(url)}
    assert state.withdrawn(last)


# ---- a child comes of age


def test_a_parents_consent_ends_on_the_childs_18th_birthday(state: State) -> None:
    child = state.member("C-1001")
    group = state.match(_parts(state, CHILD, "representative:MTH"))["match"]
    kick_off = state.export(group)
    manifest = state.hand.result(kick_off)
    assert child in {r["id"] for o in manifest["output"] if o["type"] == "Patient" for r in state.hand.lines(o["url"])}
    explained = state.agency.command("consent", "explain", child, "--payer", "otherplan")["they_ask"]
    assert explained["leaves_out"] == {"labels_withheld": ["minor_own"]}
    assert explained["until"].startswith((TODAY + timedelta(days=1)).isoformat()), "it ends with the birthday"

    # nobody waits for midnight: the plan learns that the child was born a day earlier, so that today is the birthday
    grown = replace(CHILD, born=_eighteen_years_before(TODAY).isoformat())
    enroll(state.agency, state.folder, [grown.row("C-1001")])
    for output in manifest["output"]:
        assert state.hand.lines(output["url"]) == [], "what lay ready is not handed out any more"
    assert state.hand.get(f"/Patient/{child}/$everything").json().get("entry", []) == []
    groups = state.match(_parts(state, grown, "representative:MTH"))
    assert "match" not in groups or groups["match"]["quantity"] == 0
    assert groups["consentconstraint"]["quantity"] == 1
    _assert_says_nothing_of_the_member(groups["consentconstraint"], child)
    explained = state.agency.command("consent", "explain", child, "--payer", "otherplan")["they_ask"]
    assert (explained["reason"], explained["owner"]) == ("consent.aged_out", "member")
    assert explained["next"].startswith("Ask the member")

    # the grown child's own word opens everything again
    assert state.match(_parts(state, grown, "member"))["match"]["quantity"] == 1
    explained = state.agency.command("consent", "explain", child, "--payer", "otherplan")["they_ask"]
    assert (explained["answer"], explained["leaves_out"]) == ("granted", {})


def _parts(
    state: State, human: Human, performer: str, *, number: str = "C-1001", proof: str = "form"
) -> list[dict[str, Any]]:
    """The parts of a match request whose Consent somebody else gave than the member."""
    at = datetime.now(UTC)
    consent = Consent(
        id="k-1", member_id=None, scope=Scope.SENSITIVE, sources=("agency",), recipients=("otherplan",),
        starts_at=at - timedelta(days=2), ends_at=at + timedelta(days=300), performer=performer, proof=proof,
    )  # fmt: skip
    resource = write_consent(consent, consent_id="k1", patient_ref="Patient/member")
    parts = state.hand.match_parts(human.row(number))
    return [part if part["name"] != "Consent" else {"name": "Consent", "resource": resource} for part in parts]


def _assert_says_nothing_of_the_member(group: dict[str, Any], member_id: str) -> None:
    """The partner's own words come back, and no id, reason or date of ours."""
    assert member_id not in str(group)
    assert "aged" not in str(group) and "consent." not in str(group)


# ---- a state agency and its contracted plan


def test_a_state_agency_and_its_contracted_plan_exchange_without_an_opt_in(state: State) -> None:
    member = state.member("M-1001")

    def asked() -> dict[str, dict[str, Any]]:
        """The plan asks under the contract: an organization consents, and its source is the contract."""
        return state.match(_parts(state, COVERED, "organization", number="M-1001", proof=CONTRACT))

    # a contract that nobody recorded is none; the plan reads a no, and nothing about the member
    refused = asked()
    assert "match" not in refused or refused["match"]["quantity"] == 0
    _assert_says_nothing_of_the_member(refused["consentconstraint"], member)
    assert {(e["state"], e["reason"]) for e in state.about(member)} == {("blocked", "consent.no_basis")}

    # on record, it needs no opt-in, and an opt-out of sharing is none of the contract's business
    days = ("--start", (TODAY - timedelta(days=90)).isoformat(), "--end", (TODAY + timedelta(days=900)).isoformat())
    parties = ("--from", "agency", "--to", "otherplan", "--proof", "contract office 3")
    basis = state.agency.command("consent", "basis", "add", "--contract", CONTRACT, *parties, *days)["basis"]
    group = asked()["match"]
    assert group["quantity"] == 1
    going_on = state.agency.command("consent", "withdraw", member, "--proof", "form 12")["continuing"]
    assert len(going_on) == 1
    kick_off = state.export(group)
    given = [r for o in state.hand.result(kick_off)["output"] for r in state.hand.lines(o["url"])]
    assert {"Patient", "Condition", "Encounter"} <= {r["resourceType"] for r in given}
    assert "F10.20" not in str(given), "substance use needs a consent of its own (42 CFR Part 2)"

    # what the member forbids outright is forbidden under the contract too
    denied = state.agency.command("consent", "deny", member, "--proof", "call 8")
    assert len(denied["grants"]) == 1 and denied["files"]
    for output in state.hand.result(kick_off)["output"]:
        assert state.hand.lines(output["url"]) == []
    assert "consentconstraint" in asked()
    state.agency.command("consent", "revoke", denied["consent"], "--reason", "called again")
    assert asked()["match"]["quantity"] == 1

    # the contract ends, and all that rests on it
    ended = state.agency.command("consent", "basis", "end", basis, "--reason", "contract over")
    assert len(ended["exchanges"]) == 1
    assert state.hand.get(f"/Patient/{member}/$everything").status_code == 404
    assert "consentconstraint" in asked()

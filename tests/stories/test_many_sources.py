"""A plan whose claims are in CSV, eligibility in 834, labs in HL7 v2 and clinical data on a FHIR server answers one
exchange; each of them is stopped, slowed, made to send garbage, and the answer names it each time."""

import json
import shutil
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from interpayer.simulation.installation import Installation
from interpayer.system.tls import issue_server
from tests.support import many_sources as given
from tests.support.fhir_source import FhirSource
from tests.support.histories import Human
from tests.support.https import HOST
from tests.support.town import Town, allow, ask, counterpart, enroll, events, holdings, member_id_of, settled, wait_for

pytestmark = [pytest.mark.xdist_group("many_sources")]
ADAEZE = Human(given.FAMILY, given.GIVEN, given.BORN)
Exchange = dict[str, Any]


@dataclass
class Story:
    """The plan with many sources, the plan that asks it, and the FHIR server."""

    town: Town
    many: Installation
    asker: Installation
    server: FhirSource
    folder: Path
    answers: dict[str, tuple[Exchange, Exchange]] = field(default_factory=dict)

    def load(self, declaration: Path) -> dict[str, Any]:
        return dict(self.many.command("source", "load", str(declaration), allowed=(0, 3)))

    def ask(self, name: str, **more: Any) -> tuple[Exchange, Exchange]:
        """One exchange, as the one who asks sees it in the end, and as the plan with many sources does."""
        cards = {"many": given.NUMBER, "curious": "curious-1"}
        asked = settled(self.asker, ask(self.asker, "many", ADAEZE.asked(cards), **more))
        (theirs, *_) = counterpart(self.many, asked)
        status, told = self.many.api("GET", f"/exchanges/{theirs['exchange']}")
        assert status == 200, told
        self.answers[name] = asked, told
        return asked, told

    def held(self) -> list[dict[str, Any]]:
        """What the one who asked holds of the other's, beside Patients and Provenances."""
        found = holdings(self.town, self.asker, member_id_of(self.town, self.asker, "curious-1"))
        return [r for r in found if r["type"] not in ("Patient", "Provenance")]


@pytest.fixture(scope="module")
def story(town: Town, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Story]:
    folder = tmp_path_factory.mktemp("many")
    many = town.open("many")
    asker = town.open("curious", HANDOFF=str(town.folder / "curious-inbox"))
    town.acquaint("many", "curious")
    pair = issue_server(folder / "tls", town.authority, [HOST], name="server")
    with FhirSource(pair, given.clinical()) as server:
        made = Story(town, many, asker, server, folder)
        made.load(given.write_eligibility(folder))
        made.load(
            given.write_claims(folder, [given.a_claim_row("C1", "2025-03-01"), given.a_claim_row("C2", "2025-04-01")])
        )
        made.load(given.write_labs(folder))
        clinical = str(given.write_clinical(folder, server.url))
        subprocess.run([sys.executable, "-m", "interpayer", "source", "add", clinical], env=many.environ, check=True)
        enroll(asker, folder, [ADAEZE.row("curious-1")])
        allow(asker, member_id_of(town, asker, "curious-1"), "many")
        made.ask("first")
        yield made
    town.shut("many", "curious")


def sources(told: Exchange) -> dict[str, dict[str, Any]]:
    return {one["source"]: one for one in told["sources"]}


def test_every_source_is_named_with_what_it_said(story: Story) -> None:
    asked, told = story.answers["first"]
    assert (asked["answer"], told["answer"]) == ("complete", "complete")
    found = sources(told)
    assert {name: one["state"] for name, one in found.items()} == dict.fromkeys(
        ("claims-warehouse", "eligibility", "lab-feed", "ehr"), "answered"
    )
    assert {name: one["types"] for name, one in found.items()} == {
        "claims-warehouse": {"Coverage": 1, "ExplanationOfBenefit": 2}, "eligibility": {"Coverage": 1},
        "lab-feed": {"DiagnosticReport": 1, "Observation": 1}, "ehr": {"Condition": 2, "Observation": 1},
    }  # fmt: skip
    assert {name: one.get("freshness") for name, one in found.items()} == {
        "claims-warehouse": "fresh", "eligibility": "unknown", "lab-feed": "unknown", "ehr": "fresh",
    }  # fmt: skip
    assert (told["gaps"], told["stale"]) == ([], 0)


def test_the_other_payer_gets_one_record_of_what_two_sources_tell(story: Story) -> None:
    kinds = Counter(r["type"] for r in story.held() if r["type"] not in ("Organization",))
    assert kinds == {
        "ExplanationOfBenefit": 2, "Coverage": 1, "DiagnosticReport": 1, "Observation": 1, "Condition": 2,
    }  # fmt: skip
    (result,) = [json.loads(r["released"]) for r in story.held() if r["type"] == "Observation"]
    assert result["issued"] == "2025-05-05T11:30:00-05:00", "only the laboratory says when it was issued"
    assert result["note"] == [{"text": "discussed with the patient"}], "only the practice says this"
    coverages = {r["id"] for r in story.held() if r["type"] == "Coverage"}
    claims = [json.loads(r["released"]) for r in story.held() if r["type"] == "ExplanationOfBenefit"]
    assert {c["insurance"][0]["coverage"]["reference"].partition("/")[2] for c in claims} == coverages


def test_the_transmission_tells_in_which_forms_the_sources_keep_it(story: Story) -> None:
    found = holdings(story.town, story.asker, member_id_of(story.town, story.asker, "curious-1"))
    told = [json.loads(r["original"]) for r in found if r["type"] == "Provenance"]
    forms = {e["extension"][0]["valueCodeableConcept"]["coding"][0]["code"] for p in told for e in p["entity"]}
    assert {"customtx", "x12other", "hl7v2other", "hl7fhirr4"} <= forms


def test_the_contradiction_is_told_with_both_values_and_the_rule(story: Story) -> None:
    _, told = story.answers["first"]
    (conflict,) = [c for c in told["conflicting"] if c["type"] == "Coverage"]
    assert (conflict["element"], conflict["chosen"], conflict["rule"]) == (
        "period.end", "2025-12-31", "enrollment outranks claims",
    )  # fmt: skip
    assert conflict["values"] == [
        {"value": "2025-12-31", "source": "eligibility"}, {"value": "2026-01-31", "source": "claims-warehouse"},
    ]  # fmt: skip
    (coverage,) = [json.loads(r["released"]) for r in story.held() if r["type"] == "Coverage"]
    assert coverage["period"] == {"start": "2025-01-01", "end": "2025-12-31"}


def test_the_ledger_tells_which_source_was_asked_and_why_it_was_chosen(story: Story) -> None:
    _, told = story.answers["first"]
    told_of = events(story.many, told["exchange"])
    (route,) = [e["facts"] for e in told_of if e["name"] == "route.chosen"]
    assert route["sources"] == ["records", "claims-warehouse", "ehr", "eligibility", "lab-feed"]
    (fetched,) = [e["facts"] for e in told_of if e["name"] == "source.fetched" and "state" in e["facts"]]
    assert (fetched["source"], fetched["state"]) == ("ehr", "answered")


def test_the_answer_in_words(story: Story) -> None:
    _, told = story.answers["first"]
    command = [sys.executable, "-m", "interpayer", "exchange", "show", told["exchange"]]
    shown = subprocess.run(command, env=story.many.environ, check=True, capture_output=True, text=True).stdout
    assert "Complete: every required source answered" in shown
    assert "ehr (required) answered: 2 Condition, 1 Observation; as of" in shown
    assert "eligibility says 2025-12-31, claims-warehouse says 2026-01-31; 2025-12-31 stands" in shown


def test_what_came_is_handed_to_the_plans_own_systems_and_acknowledged(story: Story) -> None:
    asked, _ = story.answers["first"]
    folder = story.town.folder / "curious-inbox" / asked["exchange"]
    wait_for(lambda: (folder / "manifest.json").exists(), within_s=20)
    given_on = json.loads((folder / "manifest.json").read_text())
    assert given_on["records"]["ExplanationOfBenefit"] == 2
    path = f"/exchanges/{asked['exchange']}/handoff"
    status, shown = story.asker.api("POST", path, {"records": given_on["records"], "digest": given_on["digest"]})
    assert (status, shown["state"]) == (200, "acknowledged")


@pytest.mark.parametrize(
    ("manner", "state", "reason", "kind"),
    [
        ("slow", "late", "source.late", "late"),
        ("garbage", "invalid", "source.invalid", "invalid"),
        ("broken", "unreachable", "source.unreachable", "unreachable"),
    ],
)
def test_a_source_that_fails_leaves_a_gap_and_no_failed_exchange(
    story: Story, manner: str, state: str, reason: str, kind: str
) -> None:
    story.server.manner = manner
    try:
        asked, told = story.ask(manner)
    finally:
        story.server.manner = "well"
    assert (asked["state"], asked["answer"]) == ("completed", "partial"), "the other payer learns that it is partial"
    assert (told["answer"], sources(told)["ehr"]["state"]) == ("partial", state)
    assert told["gaps"] == [{"kind": kind, "source": "ehr", "reason": reason}]
    assert sources(told)["claims-warehouse"]["state"] == "answered"


def test_a_source_of_files_that_sends_garbage_is_named_and_the_rest_goes(story: Story) -> None:
    labs = given.write_labs(story.folder)
    (story.folder / "labs" / "torn.hl7").write_bytes(b"\x00\xffMSH|not really")
    report = story.load(labs)
    assert sum(report["quarantined"].values()) > 0
    shutil.rmtree(story.folder / "labs")
    _, told = story.ask("garbled labs")
    assert sources(told)["lab-feed"]["types"] == {"DiagnosticReport": 1, "Observation": 1}


def test_an_adjusted_claim_takes_the_former_out_of_the_other_plan_in_the_next_increment(story: Story) -> None:
    before, _ = story.ask("before the adjustment")
    rows = [
        given.a_claim_row("C1", "2025-03-01"), given.a_claim_row("C2", "2025-04-01"),
        given.a_claim_row("C3", "2025-04-01", cpt="99214", replaces="C2"),
    ]  # fmt: skip
    story.load(given.write_claims(story.folder, rows))
    _, told = story.ask("increment", since=before["as_of"], follows=before["exchange"])
    assert told["answer"] == "complete"
    numbers = [json.loads(r["original"])["identifier"][0]["value"] for r in standing(story)]
    assert sorted(numbers) == ["C1", "C3"]


def standing(story: Story) -> list[dict[str, Any]]:
    """The other plan's claims that stand."""
    return [r for r in story.held() if r["type"] == "ExplanationOfBenefit" and r["removed_at"] is None]

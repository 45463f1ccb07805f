"""The query layer: sources are asked side by side while an answer is made, and each is named by what it said."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import orjson
import pytest

from interpayer.adapters import store as adapters_store
from interpayer.adapters.declaration import parse_declaration
from interpayer.audit import ledger
from interpayer.delivery import store as delivery_store
from interpayer.exchange import source_store
from interpayer.exchange.completeness import SourceAsked, answer_of
from interpayer.exchange.steps import fetching
from interpayer.exchange.steps.choosing import choose_sources
from interpayer.exchange.steps.fetching import ask_again, ask_sources
from interpayer.exchange.tools import Tools
from interpayer.identity.enrollment import upsert_enrollments
from interpayer.model.exchange import State
from interpayer.records.store import records_of
from interpayer.system.clock import now
from interpayer.system.tls import create_authority, issue_server
from tests.support.databases import ScratchDatabase, serves
from tests.support.fhir_source import FhirSource
from tests.support.https import HOST
from tests.support.people import a_coverage, a_person, a_row
from tests.support.released import a_bundle, an_answer
from tests.support.tools import opened

NUMBER = "W100001"
SYSTEM = "urn:plan:members"
PERSON, CARD = a_person("Susan", family="Horton", born="1953-02-17"), a_coverage(NUMBER, subscriber_id=NUMBER)
ASKED = a_bundle(PERSON, CARD)


def a_result(number: str, *, patient: str = "p1", value: float = 7.1) -> dict[str, Any]:
    return {
        "resourceType": "Observation", "id": number, "status": "final", "subject": {"reference": f"Patient/{patient}"},
        "code": {"coding": [{"system": "http://loinc.org", "code": "4548-4"}]},
        "effectiveDateTime": f"2026-01-{int(number):02}", "valueQuantity": {"value": value, "unit": "%"},
    }  # fmt: skip


def a_patient(number: str = NUMBER, *, patient: str = "p1") -> dict[str, Any]:
    identifier = [{"system": SYSTEM, "value": number}]
    name = [{"family": "Horton", "given": ["Susan"]}]
    return {
        "resourceType": "Patient", "id": patient, "identifier": identifier, "name": name, "gender": "female",
        "birthDate": "1953-02-17",
    }  # fmt: skip


@dataclass
class Plan:
    """A plan with one member whose history lies partly on a FHIR server, and a job that asks for it."""

    tools: Tools
    owner: Tools
    server: FhirSource
    member_id: str
    exchange_id: str
    job_id: str
    folder: Path

    def declare(self, name: str, *, url: str | None = None, more: str = "") -> None:
        text = (
            f"source: {name}\nkind: fhir_server\nwhere: {{url: '{url or self.server.url}'}}\n"
            f"members: {{system: '{SYSTEM}'}}\ntypes: [Observation]\n"
            f"limits: {{per_second: 50, at_once: 2, budget_s: 2}}\n{more}"
        )
        declaration = parse_declaration(text.encode(), folder=self.folder, file=name)
        with self.owner.database.transaction() as conn:
            adapters_store.save_declaration(conn, declaration)

    def choose(self, *types: str) -> None:
        with self.tools.database.transaction() as conn:
            asked = {"types": list(types)}
            choose_sources(self.tools, conn, {self.member_id: self.exchange_id}, asked, job_id=self.job_id)

    def choose_at_once(self) -> None:
        """As `$everything` does: there is no job."""
        with self.tools.database.transaction() as conn:
            member = {self.member_id: self.exchange_id}
            choose_sources(self.tools, conn, member, {"types": []}, job_id=None)

    def follow(self) -> None:
        """Another exchange of the same partner for the same member."""
        with self.owner.database.transaction() as conn:
            self.exchange_id, _ = an_answer(self.owner, conn, ASKED, state=State.PERMITTED)

    def asked(self) -> dict[str, SourceAsked]:
        with self.tools.database.transaction() as conn:
            return {one.source: one for one in source_store.of_exchanges(conn, [self.exchange_id])[self.exchange_id]}

    def held(self) -> list[dict[str, Any]]:
        with self.owner.database.transaction() as conn:
            return list(records_of(conn, self.owner.codec, self.member_id, types=["Observation"]))

    def events(self) -> list[tuple[str, str | None]]:
        with self.owner.database.transaction() as conn:
            told = ledger.events_of(conn, self.exchange_id)
        return [(e["name"], e["reason"]) for e in told if e["name"].startswith("source.") and "state" in e["facts"]]


@pytest.fixture
def plan(database: ScratchDatabase, tmp_path: Path) -> Iterator[Plan]:
    authority = create_authority(tmp_path / "authority", "Test")
    pair = issue_server(tmp_path / "source", authority, [HOST], name="server")
    home = tmp_path / "home"
    (home / "tls").mkdir(parents=True)
    (home / "tls" / "ca.crt").write_bytes(authority.certificate.read_bytes())
    resources = [a_patient(), *(a_result(str(n)) for n in range(1, 6)), a_result("9", patient="p2")]
    given = {"allowed_private_hosts": HOST}
    with (
        FhirSource(pair, resources) as server,
        opened(database, home, role="operator", **given) as owner,
        opened(database, home, role="worker", **given) as tools,
    ):
        member_id, exchange_id = _a_member(owner)
        request = {"types": [], "received_at": now().isoformat(), "group_id": "b-1"}
        job_id = _a_job(database, owner, orjson.dumps(request))
        yield Plan(tools, owner, server, member_id, exchange_id, job_id, tmp_path)


def _a_member(owner: Tools) -> tuple[str, str]:
    with owner.database.transaction() as conn:
        (outcome,) = upsert_enrollments(conn, owner.vault, [a_row(PERSON, CARD)])
        exchange_id, _ = an_answer(owner, conn, ASKED, state=State.PERMITTED)
    assert outcome.member_id
    return outcome.member_id, exchange_id


def _a_job(database: ScratchDatabase, owner: Tools, request: bytes) -> str:
    with serves("p-c"), database.door.transaction() as conn:
        return delivery_store.create_job(
            conn, owner.vault, delivery_store.NewJob("export", "p-c", request, "https://x")
        )


def test_a_live_source_is_asked_and_what_it_has_is_kept(plan: Plan) -> None:
    plan.declare("ehr", more="essential: true\nfresh_within: 1h\n")
    plan.choose()
    assert ask_sources.plain(plan.tools, plan.job_id) == 0
    ehr = plan.asked()["ehr"]
    assert (ehr.state, ehr.types, ehr.freshness, ehr.attempts) == ("answered", {"Observation": 5}, "fresh", 1)
    assert {r["source"] for r in plan.held()} == {"ehr"}
    assert len(plan.held()) == 5, "what belongs to somebody else is not ours to keep"
    assert plan.events() == [("source.fetched", None)]


def test_asked_again_after_a_crash_only_what_is_open_is_asked(plan: Plan) -> None:
    plan.declare("ehr")
    plan.choose()
    ask_sources.plain(plan.tools, plan.job_id)
    before = len(plan.server.asked)
    assert ask_sources.plain(plan.tools, plan.job_id) == 0
    assert len(plan.server.asked) == before


@pytest.mark.parametrize(
    ("manner", "state", "reason"),
    [
        ("slow", "late", "source.late"),
        ("garbage", "invalid", "source.invalid"),
        ("refuse", "refused", "source.refused"),
        ("broken", "unreachable", "source.unreachable"),
    ],
)
def test_a_source_that_fails_is_named_with_its_reason(plan: Plan, manner: str, state: str, reason: str) -> None:
    plan.declare("ehr", more="essential: true\n")
    plan.choose()
    plan.server.manner = manner
    began = now()
    ask_sources.plain(plan.tools, plan.job_id)
    assert now() - began < timedelta(seconds=10)
    ehr = plan.asked()["ehr"]
    assert (ehr.state, ehr.reason) == (state, reason)
    assert plan.events() == [("source.failed", reason)]
    assert answer_of(3, plan.asked().values()) == "partial"


def test_a_source_that_is_not_there_keeps_no_other_waiting(plan: Plan) -> None:
    plan.declare("gone", url=f"https://{HOST}:9/fhir")
    plan.declare("ehr", more="essential: true\n")
    plan.choose()
    ask_sources.plain(plan.tools, plan.job_id)
    assert {name: one.state for name, one in plan.asked().items() if one.is_live} == {
        "ehr": "answered", "gone": "unreachable",
    }  # fmt: skip
    assert answer_of(5, plan.asked().values()) == "complete", "it was not required"


def test_what_stayed_open_is_asked_again_later_and_told(plan: Plan) -> None:
    plan.declare("ehr", more="essential: true\n")
    plan.choose()
    plan.server.manner = "broken"
    assert ask_sources.plain(plan.tools, plan.job_id) == 1
    assert ask_again.plain(plan.tools, plan.job_id) == fetching.LATER_S[1]
    plan.server.manner = "well"
    assert ask_again.plain(plan.tools, plan.job_id) is None
    assert plan.asked()["ehr"].state == "answered"
    assert [name for name, _ in plan.events()] == ["source.failed", "source.failed", "source.fetched"]


def test_when_the_time_is_over_what_was_not_asked_is_deferred(plan: Plan) -> None:
    plan.declare("ehr")
    plan.choose()
    with plan.tools.database.transaction() as conn:
        over = datetime.now(UTC) - timedelta(seconds=1)
        delivery_store.set_detail(conn, plan.job_id, {"ask_until": over.isoformat()})
    assert ask_sources.plain(plan.tools, plan.job_id) == 1
    assert (plan.asked()["ehr"].state, plan.asked()["ehr"].reason) == ("deferred", "source.deferred")
    assert plan.server.asked == []


def test_sources_are_chosen_by_what_they_can_give(plan: Plan) -> None:
    plan.declare("ehr")
    plan.choose("Coverage")
    assert "ehr" not in plan.asked()
    with plan.owner.database.transaction() as conn:
        (route,) = [e for e in ledger.events_of(conn, plan.exchange_id) if e["name"] == "route.chosen"]
    assert route["facts"]["rejected"] == [{"source": "ehr", "reason": "route.no_capability"}]


def test_a_source_of_files_that_was_never_read_is_late(plan: Plan) -> None:
    (plan.folder / "labs").mkdir()
    text = "source: labs\nkind: hl7v2\nwhere: {path: labs}\nessential: true\n"
    with plan.owner.database.transaction() as conn:
        adapters_store.save_declaration(conn, parse_declaration(text.encode(), folder=plan.folder, file="labs.yaml"))
    plan.choose()
    assert (plan.asked()["labs"].state, plan.asked()["labs"].reason) == ("late", "source.late")


def test_a_call_that_cannot_wait_counts_what_was_said_lately_and_has_the_rest_asked(plan: Plan) -> None:
    plan.declare("ehr", more="essential: true\nfresh_within: 1h\n")
    plan.choose_at_once()
    assert (plan.asked()["ehr"].state, plan.server.asked) == ("deferred", [])
    assert answer_of(5, plan.asked().values()) == "partial"
    assert ask_again.plain(plan.tools, plan.exchange_id) is None
    assert plan.asked()["ehr"].state == "answered"
    count = len(plan.server.asked)
    plan.follow()
    plan.choose_at_once()
    ehr = plan.asked()["ehr"]
    assert (ehr.state, ehr.types, ehr.freshness) == ("answered", {"Observation": 5}, "fresh")
    assert len(plan.server.asked) == count, "what was said a moment ago is good enough"

"""What several sources of ours tell becomes one record, in the database: joined, united, replaced, told as removed."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import date, datetime
from itertools import permutations
from pathlib import Path
from typing import Any

import orjson
import pytest

from interpayer.adapters.fhir_files import parse
from interpayer.exchange.merging import Kept, keep
from interpayer.exchange.tools import Tools
from interpayer.model.record import Record
from interpayer.normalization.intake import Arrival, Known, canonicalize, outline
from interpayer.records import joining, store
from interpayer.records.codec import plain_of
from interpayer.records.export import Selection, export_lines
from interpayer.records.loading import begin_load
from interpayer.records.removals import removals
from interpayer.system.database import Connection
from tests.support.databases import ScratchDatabase
from tests.support.records import raw_of
from tests.support.tools import opened

ROLES = {"834": "enrollment", "csv": "claims", "x12": "claims", "v2": "clinical"}
TODAY = date(2026, 11, 21)
Resource = dict[str, Any]


@pytest.fixture
def tools(database: ScratchDatabase, tmp_path: Path) -> Iterator[Tools]:
    with opened(database, tmp_path / "home", role="worker") as made:
        yield made


def told(tools: Tools, source: str, *resources: Resource) -> Kept:
    """What a source of ours tells, kept in a transaction of its own."""
    with tools.database.transaction() as conn:
        arrival = Arrival(
            *(f"urn:interpayer:source:{source}", tools.fhir_base, True, tools.vault.record_id, begin_load(conn)),
            feed=source,
            role=ROLES[source],
        )
        records: list[Record] = []
        for resource in resources:
            parsed = parse(raw_of(resource))
            assert parsed is not None
            made = canonicalize(outline(parsed, raw_of(resource), arrival), arrival, Known({"p1": "m-1"}))
            assert isinstance(made, list)
            records += made
        return keep(tools, conn, records)


def goes(tools: Tools, conn: Connection, since: datetime | None = None) -> list[Resource]:
    selection = Selection(member_ids=("m-1",), as_of=TODAY, since=since)
    lines = [n for block in export_lines(conn, tools.codec, selection) for n in plain_of(block).splitlines()]
    return [resource for line in lines if (resource := orjson.loads(line))["resourceType"] != "Provenance"]


def origins(tools: Tools) -> dict[str, list[str]]:
    """Of which sources the records that go were made, as their Provenances say."""
    with tools.database.transaction() as conn:
        selection = Selection(member_ids=("m-1",), as_of=TODAY, types=("Provenance",))
        lines = [n for block in export_lines(conn, tools.codec, selection) for n in plain_of(block).splitlines()]
    told = [orjson.loads(line) for line in lines]
    return {p["target"][0]["reference"]: [e["what"]["display"] for e in p["entity"]] for p in told}


def removed(conn: Connection, since: datetime | None, **asked: Any) -> dict[str, list[tuple[str, str]]]:
    return removals(conn, Selection(member_ids=("m-1",), as_of=TODAY, since=since, **asked))


def out(tools: Tools) -> list[Resource]:
    """What goes to a partner now."""
    with tools.database.transaction() as conn:
        return goes(tools, conn)


def a_coverage(number: str = "c1", *, end: str = "2025-12-31", **more: Any) -> Resource:
    return {
        "resourceType": "Coverage", "id": number, "status": "active", "subscriberId": "W1",
        "beneficiary": {"reference": "Patient/p1"}, "period": {"start": "2025-01-01", "end": end}, **more,
    }  # fmt: skip


def a_claim(number: str, *, code: str = "99213", prior: str | None = None, **more: Any) -> Resource:
    relation = {"relationship": {"coding": [{"code": "prior"}]}, "reference": {"value": prior}}
    return {
        "resourceType": "ExplanationOfBenefit", "id": number, "status": "active", "use": "claim",
        "identifier": [{"type": {"coding": [{"code": "uc"}]}, "value": number}],
        "type": {"coding": [{"code": "professional"}]}, "patient": {"reference": "Patient/p1"},
        "billablePeriod": {"start": "2025-03-01", "end": "2025-03-01"}, "created": "2025-03-09",
        "item": [{"sequence": 1, "productOrService": {"coding": [{"code": code}]}}],
        **({"related": [relation]} if prior else {}), **more,
    }  # fmt: skip


def test_one_coverage_of_two_sources_is_one_record_with_both_provenances_and_its_conflict(tools: Tools) -> None:
    assert told(tools, "csv", a_coverage("9", end="2026-01-31", dependent="01")).joined == 0
    kept = told(tools, "834", a_coverage("W1-1"))
    assert (kept.joined, kept.conflicts) == (1, 1)
    (coverage,) = out(tools)
    assert coverage["period"]["end"] == "2025-12-31"
    assert coverage["dependent"] == "01"
    with tools.database.transaction() as conn:
        (conflict,) = joining.contradictions(conn, tools.codec, "m-1")
        ways = store.provenance(conn, [coverage["id"], *joining.joined_ids(conn, [coverage["id"]])[coverage["id"]]])
    assert (conflict["element"], conflict["rule"]) == ("period.end", "enrollment outranks claims")
    assert [v["source"] for v in conflict["told"]["values"]] == ["834", "csv"]
    assert sorted(way["source"] for found in ways.values() for way in found) == ["834", "csv"]
    assert origins(tools) == {f"Coverage/{coverage['id']}": ["The payer's claims", "The payer's enrollment"]}


def said_by_all() -> Mapping[str, Sequence[Resource]]:
    return {
        "csv": [a_coverage("9", end="2026-01-31"), a_claim("77", patient={"reference": "Patient/p1"})],
        "834": [a_coverage("W1-1", relationship={"coding": [{"code": "self"}]})],
        "x12": [a_claim("77", code="99214", insurance=[{"focal": True, "coverage": {"display": "card"}}])],
    }


def essence(resource: Resource) -> bytes:
    """What a record says, without the ids and times that belong to the order of arrival."""
    kept = {k: v for k, v in resource.items() if k not in ("id", "meta")}
    return orjson.dumps(kept, option=orjson.OPT_SORT_KEYS)


@pytest.mark.parametrize("order", list(permutations(["csv", "834", "x12"]))[1:], ids="-".join)
def test_the_order_of_the_sources_changes_nothing(make_database: Any, tmp_path: Path, order: Sequence[str]) -> None:
    outcomes = []
    for number, names in enumerate((sorted(order), order)):
        with opened(make_database(), tmp_path / f"home{number}", role="worker") as tools:
            for name in names:
                told(tools, name, *said_by_all()[name])
            with tools.database.transaction() as conn:
                rules = [(c["type"], c["element"], c["rule"]) for c in joining.contradictions(conn, tools.codec, "m-1")]
            outcomes.append((sorted(map(essence, out(tools))), rules))
    assert outcomes[0] == outcomes[1]
    assert [(kind, element) for kind, element, _ in outcomes[0][1]] == [
        ("Coverage", "period.end"), ("ExplanationOfBenefit", "item"),
    ]  # fmt: skip


def test_told_again_nothing_changes_and_nothing_is_sent_again(tools: Tools) -> None:
    told(tools, "csv", a_coverage("9", end="2026-01-31"))
    told(tools, "834", a_coverage("W1-1"))
    before = out(tools)
    with tools.database.transaction() as conn:
        at = begin_load(conn)
    again = [told(tools, "csv", a_coverage("9", end="2026-01-31")), told(tools, "834", a_coverage("W1-1"))]
    assert [kept.report.same for kept in again] == [1, 1]
    with tools.database.transaction() as conn:
        assert goes(tools, conn, since=at) == []
    assert out(tools) == before


def test_a_twin_that_was_out_is_told_as_removed_and_references_follow(tools: Tools) -> None:
    told(tools, "834", a_coverage("W1-1"))
    insurance = [{"focal": True, "coverage": {"reference": "Coverage/9"}}]
    told(tools, "csv", a_coverage("9", start="x", subscriberId="other"), a_claim("77", insurance=insurance))
    two = {r["id"] for r in out(tools) if r["resourceType"] == "Coverage"}
    assert len(two) == 2
    with tools.database.transaction() as conn:
        since = begin_load(conn)
    told(tools, "csv", a_coverage("9"))
    sent = out(tools)
    (coverage,) = [r for r in sent if r["resourceType"] == "Coverage"]
    (claim,) = [r for r in sent if r["resourceType"] == "ExplanationOfBenefit"]
    assert claim["insurance"][0]["coverage"]["reference"] == f"Coverage/{coverage['id']}"
    with tools.database.transaction() as conn:
        gone = removed(conn, since)
        assert removed(conn, None) == {}, "who asks for everything gets only what stands"
        assert [r["id"] for r in goes(tools, conn, since=since)] == [claim["id"]]
    assert gone == {"m-1": [("Coverage", (two - {coverage["id"]}).pop())]}


def test_who_is_no_twin_any_more_stands_for_itself_again(tools: Tools) -> None:
    told(tools, "834", a_coverage("W1-1"))
    told(tools, "csv", a_coverage("9", dependent="01"))
    assert len(out(tools)) == 1
    told(tools, "csv", a_coverage("9", dependent="01", subscriberId="W2"))
    first, second = sorted(out(tools), key=lambda r: r["subscriberId"])
    assert "dependent" not in first
    assert origins(tools) == {}
    assert second["dependent"] == "01"


@pytest.mark.parametrize("order", [("77", "78"), ("78", "77")])
def test_an_adjusted_claim_takes_the_place_of_the_former_whichever_comes_first(
    tools: Tools, order: Sequence[str]
) -> None:
    claims = {"77": a_claim("77"), "78": a_claim("78", code="99214", prior="77")}
    kept = [told(tools, "csv", claims[number]) for number in order]
    assert [one.replaced for one in kept] == [0, 1]
    (claim,) = out(tools)
    assert claim["identifier"][0]["value"] == "78"


def test_what_was_out_before_the_adjustment_is_told_as_removed(tools: Tools) -> None:
    told(tools, "x12", a_claim("77"))
    (former,) = out(tools)
    with tools.database.transaction() as conn:
        since = begin_load(conn)
    told(tools, "csv", a_claim("78", prior="77", status="cancelled"))
    with tools.database.transaction() as conn:
        gone = removed(conn, since)
        assert removed(conn, since, types=("Coverage",)) == {}
        assert removed(conn, since, service_from=date(2025, 4, 1)) == {}, "what never went is not told as removed"
    assert gone == {"m-1": [("ExplanationOfBenefit", former["id"])]}
    (reversal,) = out(tools)
    assert reversal["status"] == "cancelled"


def test_an_adjustment_may_name_the_former_claim_by_another_of_its_numbers(tools: Tools) -> None:
    def with_control_number(claim: Resource, number: str) -> Resource:
        return {**claim, "identifier": [*claim["identifier"], {"system": "urn:control", "value": number}]}

    told(tools, "csv", with_control_number(a_claim("77"), "CN-1"))
    assert told(tools, "csv", a_claim("78", prior="CN-1")).replaced == 1
    assert [claim["identifier"][0]["value"] for claim in out(tools)] == ["78"]
    # a number that several claims share names none of them
    told(
        tools, "csv", *(with_control_number(a_claim(n, code=c), "CN-2") for n, c in (("81", "99215"), ("82", "99216")))
    )
    assert told(tools, "csv", a_claim("83", code="99217", prior="CN-2")).replaced == 0
    assert len(out(tools)) == 4


def test_an_adjustment_replaces_the_claim_of_every_source(tools: Tools) -> None:
    told(tools, "csv", a_claim("77"))
    told(tools, "x12", a_claim("77"))
    told(tools, "csv", a_claim("78", prior="77"))
    assert [claim["identifier"][0]["value"] for claim in out(tools)] == ["78"]
    told(tools, "csv", a_claim("78"))
    assert len(out(tools)) == 2, "what it does not replace any more stands again"


def test_two_claims_that_name_each_other_do_not_both_vanish(tools: Tools) -> None:
    told(tools, "csv", a_claim("77", prior="78"))
    told(tools, "csv", a_claim("78", prior="77"))
    assert [claim["identifier"][0]["value"] for claim in out(tools)] == ["78"]


def test_who_has_nothing_left_to_be_recognized_by_stands_for_itself(tools: Tools) -> None:
    told(tools, "834", a_coverage("W1-1"))
    told(tools, "csv", a_coverage("9"))
    assert len(out(tools)) == 1
    told(tools, "csv", {name: value for name, value in a_coverage("9").items() if name != "period"})
    assert len(out(tools)) == 2


def test_a_person_told_by_two_sources_is_one_patient_with_what_both_know(tools: Tools) -> None:
    name = [{"family": "Horton", "given": ["Susan"]}]
    patient = {"resourceType": "Patient", "id": "p1", "name": name, "gender": "female", "birthDate": "1953-02-17"}
    told(tools, "834", patient | {"address": [{"city": "Albany"}]})
    told(tools, "v2", patient | {"maritalStatus": {"text": "married"}, "birthDate": "1953-02-18"})
    (found,) = out(tools)
    assert (found["id"], found["birthDate"], found["maritalStatus"]) == ("m-1", "1953-02-17", {"text": "married"})
    assert list(origins(tools)) == ["Patient/m-1"]
    with tools.database.transaction() as conn:
        (conflict,) = joining.contradictions(conn, tools.codec, "m-1")
    assert (conflict["element"], conflict["rule"]) == ("birthDate", "enrollment outranks clinical")

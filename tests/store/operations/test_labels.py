"""Looking at records anew when the value sets change: labels, what they say, what is made of several; why."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any

import orjson
import pytest

from interpayer.adapters.fhir_files import parse
from interpayer.audit.ledger import search
from interpayer.exchange.merging import keep
from interpayer.exchange.tools import Tools
from interpayer.exchange.transitions import Actor
from interpayer.model.record import Record
from interpayer.normalization.intake import Arrival, Known, canonicalize, outline
from interpayer.normalization.labeling.sets import load_sets
from interpayer.operations import labels
from interpayer.records.codec import plain_of
from interpayer.records.export import Selection, export_lines
from interpayer.records.loading import begin_load
from tests.support.databases import ScratchDatabase
from tests.support.records import raw_of
from tests.support.tools import opened

ANN = Actor("person", "ann")
ICD10 = "http://hl7.org/fhir/sid/icd-10-cm"
BORN = date(2012, 5, 1)


@pytest.fixture
def tools(database: ScratchDatabase, tmp_path: Path) -> Iterator[Tools]:
    with opened(database, tmp_path / "home", role="operator") as made:
        yield made


def told(tools: Tools, source: str, *resources: dict[str, Any], born: date | None = None) -> None:
    """What a source tells of one member, kept; `source` empty: loaded without one."""
    with tools.database.transaction() as conn:
        at = begin_load(conn)
        ours = f"urn:interpayer:source:{source}" if source else tools.fhir_base
        arrival = Arrival(ours, tools.fhir_base, True, tools.vault.record_id, at, feed=source, sets=tools.sets)
        known = Known({"p1": "m-1"}, born_on=lambda _: born)
        records: list[Record] = []
        for resource in resources:
            parsed = parse(raw_of(resource))
            assert parsed is not None
            made = canonicalize(outline(parsed, raw_of(resource), arrival), arrival, known)
            assert isinstance(made, list)
            records += made
        keep(tools, conn, records)


def goes(tools: Tools) -> dict[str, dict[str, Any]]:
    """By type, what goes."""
    with tools.database.transaction() as conn:
        blocks = export_lines(conn, tools.codec, Selection(["m-1"], date(2026, 11, 21)))
        lines = [orjson.loads(line) for block in blocks for line in plain_of(block).splitlines()]
    return {line["resourceType"]: line for line in lines}


def held(tools: Tools) -> dict[str, tuple[list[str], str | None]]:
    with tools.database.transaction() as conn:
        rows = conn.execute(
            "select type, labels, labels_version from records.record where joined_to is null"
        ).fetchall()
    return {row["type"]: (row["labels"], row["labels_version"]) for row in rows}


def said(resource: dict[str, Any]) -> list[str]:
    return [coding["code"] for coding in resource["meta"].get("security", ())]


def a(kind: str, code: str, **more: Any) -> dict[str, Any]:
    concept = {"coding": [{"system": ICD10, "code": code}]}
    return {"resourceType": kind, "id": kind, "subject": {"reference": "Patient/p1"}, "code": concept, **more}


def with_sets(tools: Tools, folder: Path, **files: str) -> Tools:
    folder.mkdir(exist_ok=True)
    for name, text in files.items():
        (folder / f"{name}.yaml").write_text(f'format: 1\nkind: set\nversion: "2"\n{text}\n')
    return replace(tools, sets=load_sets(folder))


def test_a_changed_set_changes_labels_and_what_they_say_and_nothing_else(tools: Tools, tmp_path: Path) -> None:
    theirs = {"meta": {"security": [{"code": "x"}, {"system": "urn:s", "code": "ETH"}]}}
    told(tools, "", a("Condition", "B20"), a("Observation", "E11.9", valueQuantity={"value": 7.50}))
    told(tools, "", a("Procedure", "E11.9", **theirs))
    before = goes(tools)
    assert (said(before["Condition"]), said(before["Observation"])) == (["R", "HIV"], [])
    own = with_sets(
        tools,
        tmp_path / "own",
        hiv="category: hiv\ncodes: {}",
        sugar="category: plan_sugar\ncodes: {icd-10-cm: [E119]}",
    )
    report = labels.relabel(own, actor=ANN)
    after = goes(tools)
    assert (report.looked_at, report.changed, report.withheld) == (3, 3, 0)
    version = own.sets.version
    assert held(tools) == {
        "Condition": ([], version),
        "Observation": (["plan_sugar"], version),
        "Procedure": (["plan_sugar", "substance_use"], version),
    }
    assert (said(after["Condition"]), said(after["Observation"])) == ([], ["R"])
    assert said(after["Procedure"]) == said(before["Procedure"]) == ["x", "ETH", "R", "SUD", "42CFRPart2"]
    for kind in ("Condition", "Observation"):
        assert after[kind]["meta"]["lastUpdated"] > before[kind]["meta"]["lastUpdated"], "asked for by increments"
    assert after["Procedure"]["meta"]["lastUpdated"] == before["Procedure"]["meta"]["lastUpdated"]
    assert _rest(after) == _rest(before)
    assert labels.relabel(own, actor=ANN).looked_at == 0
    with tools.database.transaction() as conn:
        told_of = [event for event in search(conn, limit=100) if event["name"] == "records.relabeled"]
    assert [event["facts"]["looked_at"] for event in told_of] == [3, 0]


def _rest(found: dict[str, dict[str, Any]]) -> dict[str, dict[str, Any]]:
    return {kind: {k: v for k, v in resource.items() if k != "meta"} for kind, resource in found.items()}


def test_what_is_made_of_several_carries_the_labels_of_all(tools: Tools, tmp_path: Path) -> None:
    number = {
        "identifier": [{"system": "urn:labs", "value": "77"}],
        "effectiveDateTime": "2026-01-02",
        "status": "final",
    }
    told(tools, "v2", a("Observation", "E11.9", **number))
    told(tools, "csv", a("Observation", "E11.9", note=[{"text": "HIV known"}], **number))
    assert held(tools)["Observation"][0] == ["hiv"] and said(goes(tools)["Observation"]) == ["R", "HIV"]
    none = with_sets(tools, tmp_path / "none", hiv="category: hiv\ncodes: {}")
    labels.relabel(none, actor=ANN)
    assert held(tools)["Observation"][0] == [] and said(goes(tools)["Observation"]) == []
    labels.relabel(tools, actor=ANN)
    assert held(tools)["Observation"][0] == ["hiv"] and said(goes(tools)["Observation"]) == ["R", "HIV"]


def test_a_minors_own_care_is_known_by_the_age_at_the_service(tools: Tools) -> None:
    early = a("Procedure", "B20", performedDateTime="2020-01-01")
    told(tools, "", a("Condition", "B20", recordedDate="2026-01-01"), early, born=BORN)
    found = held(tools)
    assert (found["Condition"][0], found["Procedure"][0]) == (["hiv", "minor_own"], ["hiv"])
    assert said(goes(tools)["Condition"]) == ["R", "HIV", "ADOL"]


def test_notes_of_a_session_leave_no_more_once_a_set_names_them(tools: Tools, tmp_path: Path) -> None:
    told(tools, "", a("Condition", "E11.9"))
    notes = with_sets(tools, tmp_path / "own", mine="category: psychotherapy_notes\ncodes: {icd-10-cm: [E119]}")
    assert labels.relabel(notes, actor=ANN).withheld == 1
    assert goes(tools) == {}


def test_why_names_the_set_and_codes_only_of_ones_own(tools: Tools) -> None:
    told(tools, "", a("Condition", "F10.20"))
    with tools.database.transaction() as conn:
        record_id = conn.execute("select id from records.record").fetchone()["id"]  # type: ignore[index]
        assert labels.explain(tools, conn, record_id) == [labels.Why("substance_use", "substance-use.yaml")]
        assert labels.explain(tools, conn, "r-nothing") is None
        told_of = labels.state(tools, conn)
    assert told_of["labels"] == {"substance_use": 1} and told_of["records"] == {tools.sets.version: 1}
    (why,) = labels.explain_resource(tools, a("Condition", "F10.20"))
    assert why.what == "code F10.20 (icd-10-cm)"

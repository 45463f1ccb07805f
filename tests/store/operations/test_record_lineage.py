"""A record of ours is explained down to the column, and the replay writes the stored bytes; when it cannot, why."""

from pathlib import Path
from typing import Any

import orjson
import pytest

from interpayer.adapters.declaration import Declaration, parse_declaration
from interpayer.exchange.tools import Tools
from interpayer.exchange.transitions import Actor
from interpayer.model.reason import Refusal
from interpayer.operations.sourcing import loading
from interpayer.operations.sourcing.lineage import (
    AS_IT_WAS,
    DIFFERS,
    NOT_THERE,
    OTHER_MAPPING,
    REPRODUCED,
    REPRODUCED_BY_FORMER,
    RecordLineage,
    explain_record,
)
from interpayer.records import store as records_store

MAP = """
entity: person
member: ID
tables: {sex: {codes: {M: male, F: female}, default: unknown}}
to:
  - resourceType: Patient
    meta: {lastUpdated: {from: "{$received_on}T00:00:00Z"}}
    id: {from: ID}
    identifier:
      - type: {coding: [{system: "http://terminology.hl7.org/CodeSystem/v2-0203", code: MB}]}
        system: "https://plan.example/ids"
        value: {from: ID}
    name: [{family: {from: LAST}, given: [{from: FIRST}]}]
    gender: {from: SEX, table: sex}
    birthDate: {from: BORN, transform: date}
  - resourceType: Observation
    id: {from: "weight-{ID}"}
    status: final
    code: {text: weight}
    subject: {from: $member, transform: {reference: Patient}}
    effectiveDateTime: {from: BORN, transform: date}
    valueQuantity: {value: {from: KG, transform: decimal}}
"""
ROWS = "ID,LAST,FIRST,SEX,BORN,KG\nM-1,Quarrel,Ines,F,19800203,72.50\nM-2,Quist,Omar,M,19810304,80\n"
DECLARED = """
source: people
kind: tables
where: {path: rows}
maps: maps
entities: {person: {mapping: my/person, file: "*.csv"}}
"""


@pytest.fixture
def declared(tmp_path: Path) -> Declaration:
    (tmp_path / "maps" / "my").mkdir(parents=True)
    (tmp_path / "maps" / "my" / "person.yaml").write_text(MAP)
    (tmp_path / "rows").mkdir()
    (tmp_path / "rows" / "people.csv").write_text(ROWS)
    return parse_declaration(DECLARED.encode(), folder=tmp_path, file="SOURCE.yaml")


def load(tools: Tools, declared: Declaration) -> dict[str, Any]:
    """The Observation of the first person, as it is stored."""
    loading.load(tools, declared, actor=Actor("person", "p-1"), as_members=True)
    with tools.database.transaction() as conn:
        rows = conn.execute(b"select id, member_id from records.record where type = 'Observation'").fetchall()
        found = [records_store.read_record(conn, tools.codec, row["id"]) for row in rows]
    [mine] = [one for one in found if one and orjson.loads(one["original"])["id"] == "weight-M-1"]
    return mine


def explained(tools: Tools, record: dict[str, Any], field: str = "") -> RecordLineage:
    [found] = explain_record(tools, record["id"], field=field)
    return found


def test_every_field_of_a_stored_record_tells_its_column_and_the_bytes_come_again(
    tools: Tools, declared: Declaration
) -> None:
    record = load(tools, declared)
    found = explained(tools, record)
    assert found.outcome == REPRODUCED
    assert (found.stamp.source, found.stamp.file, found.stamp.position) == ("people", "people.csv", 2)
    assert {one.field: one.sources for one in found.fields if one.line} == {
        "id": ("ID",),
        "subject.reference": ("$member",),
        "effectiveDateTime": ("BORN",),
        "valueQuantity.value": ("KG",),
    }
    assert b'"value":72.50' in record["original"]
    [field] = explained(tools, record, "valueQuantity.value").fields
    assert (field.transforms, field.version) == (("decimal",), found.stamp.mapping)


def test_what_changed_since_is_said_and_never_hidden(tools: Tools, declared: Declaration) -> None:
    record = load(tools, declared)
    rows, mapping = declared.folder / "rows" / "people.csv", declared.folder / "maps" / "my" / "person.yaml"
    rows.write_text(ROWS.replace("72.50", "73.50"))
    assert explained(tools, record).outcome == DIFFERS
    rows.write_text("ID,LAST,FIRST,SEX,BORN,KG\n")
    assert explained(tools, record).outcome == NOT_THERE
    rows.write_text(ROWS)
    mapping.write_text(MAP.replace("status: final", "status: amended"))
    then = explained(tools, record)
    assert then.outcome == REPRODUCED_BY_FORMER
    assert {one.version for one in then.fields} == {then.stamp.mapping}
    with tools.database.transaction() as conn:
        conn.execute("update sources.stamp set mapping = 'my/person@000000000000'")
    assert explained(tools, record).outcome == OTHER_MAPPING
    with tools.database.transaction() as conn:
        conn.execute("update sources.stamp set mapping = %s", [then.stamp.mapping])
    mapping.write_text(MAP)
    assert explained(tools, record).outcome == REPRODUCED


def test_a_resource_that_was_taken_as_it_was_says_so(tools: Tools, tmp_path: Path) -> None:
    (tmp_path / "fhir").mkdir()
    patient = {
        "resourceType": "Patient",
        "id": "p",
        "name": [{"family": "Q"}],
        "birthDate": "1980-01-01",
        "gender": "male",
    }
    (tmp_path / "fhir" / "p.json").write_bytes(orjson.dumps(patient))
    text = b"source: clinic\nkind: fhir_files\nwhere: {path: fhir}\n"
    told = parse_declaration(text, folder=tmp_path, file="S.yaml")
    loading.load(tools, told, actor=Actor("person", "p-1"), as_members=True)
    with tools.database.transaction() as conn:
        [row] = conn.execute(b"select id from records.record where type = 'Patient'").fetchall()
    assert explained(tools, row).outcome == AS_IT_WAS


def test_a_record_that_is_not_there_is_refused(tools: Tools) -> None:
    with pytest.raises(Refusal, match=r"request\.not_found"):
        explain_record(tools, "r-none")

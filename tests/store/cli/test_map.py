"""A record that was loaded is explained from the command line: source, file, line, column, rule, version, proof."""

from pathlib import Path

from interpayer.cli import output
from tests.store.cli.conftest import Run, told
from tests.support.databases import ScratchDatabase

MAP = """
entity: person
member: ID
tables: {sex: {codes: {M: male, F: female}, default: unknown}}
to:
  - resourceType: Patient
    id: {from: ID}
    identifier:
      - type: {coding: [{system: "http://terminology.hl7.org/CodeSystem/v2-0203", code: MB}]}
        system: "https://plan.example/ids"
        value: {from: ID}
    name: [{family: {from: LAST}, given: [{from: FIRST}]}]
    gender: {from: SEX, table: sex}
    birthDate: {from: BORN, transform: date}
"""
SOURCE = """
source: people
kind: tables
where: {path: rows}
maps: maps
role: enrollment
entities: {person: {mapping: my/person, file: "*.csv", key: ID}}
"""


def test_a_loaded_record_is_explained(admin: Run, database: ScratchDatabase, tmp_path: Path) -> None:
    (tmp_path / "maps" / "my").mkdir(parents=True)
    (tmp_path / "maps" / "my" / "person.yaml").write_text(MAP)
    (tmp_path / "rows").mkdir()
    (tmp_path / "rows" / "people.csv").write_text("ID,LAST,FIRST,SEX,BORN\nM-1,Quarrel,Ines,F,19800203\n")
    (tmp_path / "SOURCE.yaml").write_text(SOURCE)
    assert admin("source", "load", str(tmp_path / "SOURCE.yaml")).exit_code == output.DONE
    with database.owner.transaction() as conn:
        [row] = conn.execute(b"select id from records.record where type = 'Patient'").fetchall()
    done = admin("map", "explain", row["id"], "--field", "gender", "--json")
    [field] = told(done)["fields"]
    assert (field["source"], field["file"], field["position"], field["read"]) == ("people", "people.csv", 2, "SEX")
    assert (field["table"], field["outcome"]) == ("sex", "reproduced")
    assert "female" not in done.stdout + done.stderr, "a member's facts are not part of an explanation"
    assert admin("map", "explain", "r-none").exit_code == output.NOT_FOUND

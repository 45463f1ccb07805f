"""`interpayer source` as a person uses it: check, read, load, list, add, retire; a database of the plan as a source."""

import json
from pathlib import Path

import psycopg
import pytest

from interpayer.cli import output
from tests.store.cli.conftest import Run, told
from tests.support.databases import ScratchDatabase

PERSON = {
    "resourceType": "Patient", "id": "M-1", "name": [{"family": "Roe", "given": ["Rita"]}], "birthDate": "1980-02-03",
    "gender": "female",
}  # fmt: skip
CONDITION = {"resourceType": "Condition", "id": "c", "subject": {"reference": "Patient/M-1"}, "code": {"text": "it"}}
MAPPING = """
about: One visit, one Encounter.
entity: visit
member: member_no
to:
  - resourceType: Encounter
    id: {from: "visit-{id}"}
    status: finished
    class: {system: "http://terminology.hl7.org/CodeSystem/v3-ActCode", code: AMB}
    subject: {from: $member, transform: {reference: Patient}}
"""


@pytest.fixture
def source(tmp_path: Path) -> Path:
    (tmp_path / "in").mkdir()
    lines = [json.dumps(PERSON), json.dumps(CONDITION), "nonsense"]
    (tmp_path / "in" / "all.ndjson").write_text("\n".join(lines))
    path = tmp_path / "SOURCE.yaml"
    path.write_text("source: clinic\nkind: fhir_files\nrole: enrollment\nwhere: {path: in}\nfresh_within: 1d\n")
    return path


def test_a_source_from_the_first_look_to_its_end(admin: Run, source: Path, tmp_path: Path) -> None:
    checked = admin("source", "check", str(source), "--json")
    assert checked.exit_code == output.DONE, checked.stderr
    assert {look["what"]: look["state"] for look in told(checked)["looks"]}["sample"] == "doubtful"
    read = admin("source", "read", str(source), "--out", str(tmp_path / "out"), "--json")
    assert read.exit_code == output.PARTIAL, read.stderr
    assert {name: told(read)["account"][name] for name in ("read", "mapped", "quarantined")} == {
        "read": 3, "mapped": 2, "quarantined": 1,
    }  # fmt: skip
    loaded = admin("source", "load", str(source), "--json")
    assert loaded.exit_code == output.PARTIAL, loaded.stderr
    assert (told(loaded)["new"], told(loaded)["members_made"]) == (2, 1)
    assert told(admin("source", "load", str(source), "--json"))["new"] == 0
    (row,) = told(admin("source", "list", "--json"))["sources"]
    assert (row["source"], row["freshness"], row["read"], row["kept_apart"]) == ("clinic", "fresh", 3, 1)
    report = told(admin("source", "report", str(source), "--json"))
    assert report["completeness"]["Patient"]["telecom"] == 0.0
    assert admin("source", "report", str(source)).exit_code == output.DONE
    assert admin("source", "retire", "clinic").exit_code == output.DONE
    assert admin("source", "retire", "clinic").exit_code == output.NOT_FOUND
    assert told(admin("source", "list", "--json"))["sources"] == []


def test_what_cannot_be_used_is_said(run: Run, source: Path, tmp_path: Path) -> None:
    for text, words in [
        ("source: clinic\nkind: fhir_files\nwhere: {path: nowhere}\n", "no such file"),
        ("source: clinic\nkind: fhir_files\nwhere: {path: in}\nentities: {Patient: no/such}\n", "no mapping of this"),
        ("source: clinic\nkind: fhir_files\nwhere: {path: in}\nhush: 1\n", "`hush` is unknown"),
    ]:
        source.write_text(text)
        done = run("source", "check", str(source))
        assert done.exit_code == output.USAGE
        assert words in done.stderr
    source.write_text("source: clinic\nkind: fhir_files\nwhere: {path: in}\n")
    (tmp_path / "in" / "all.ndjson").unlink()
    assert run("source", "check", str(source)).exit_code == output.PARTIAL


def test_a_database_is_asked_and_not_copied(
    admin: Run, database: ScratchDatabase, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "maps" / "own").mkdir(parents=True)
    (tmp_path / "maps" / "own" / "visit.yaml").write_text(MAPPING)
    address = database.url_pattern.replace("{role}", "owner")
    with psycopg.connect(address, autocommit=True) as conn:
        conn.execute("create table public.visit as select 1 as id, 'M-1' as member_no")
    query = "select id, member_no from public.visit where member_no = :member"
    path = tmp_path / "SOURCE.yaml"
    path.write_text(
        "source: visits\nkind: tables\nwhere: {database: 'env:VISITS'}\nmaps: maps\n"
        f'entities: {{visit: {{mapping: own/visit, key: id, member_query: "{query}"}}}}\n'
    )
    assert admin("source", "check", str(path)).exit_code == output.USAGE
    monkeypatch.setenv("VISITS", address)
    checked = admin("source", "check", str(path), "--json")
    assert {look["what"]: look["state"] for look in told(checked)["looks"]}["answers"] == "good"
    assert "new" in admin("source", "add", str(path)).stdout
    assert "same" in admin("source", "add", str(path)).stdout
    (row,) = told(admin("source", "list", "--json"))["sources"]
    assert (row["live"], row["freshness"]) == (True, "unknown")
    monkeypatch.setenv("VISITS", "postgresql://nobody@127.0.0.1:1/none")
    assert admin("source", "check", str(path)).exit_code == output.PARTIAL

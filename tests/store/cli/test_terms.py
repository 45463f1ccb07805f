"""`interpayer terms` as a person types it."""

import json
from pathlib import Path

import pytest

from interpayer.cli import output
from tests.store.cli.conftest import Run, told

LAB = "https://plan.example/lab-codes"


@pytest.fixture
def lists(tmp_path: Path) -> Path:
    folder = tmp_path / "lists"
    folder.mkdir()
    (folder / "icd.csv").write_text("code,display,valid_to\nE119,Type 2 diabetes,\nI10,Hypertension,2020-12-31\n")
    (folder / "lab.csv").write_text("from_code,to_code,equivalence\nGLU,2345-7,equivalent\nXYZ,,\n")
    value_set = {"resourceType": "ValueSet", "url": "urn:v", "compose": {"include": [
        {"system": "http://hl7.org/fhir/sid/icd-10-cm", "concept": [{"code": "E11.9"}]}]}}  # fmt: skip
    (folder / "set.json").write_text(json.dumps(value_set))
    return folder


def _load(admin: Run, lists: Path) -> None:
    icd = admin("terms", "load", str(lists / "icd.csv"), "--system", "icd-10-cm", "--version", "2026")
    lab = admin("terms", "load", str(lists / "lab.csv"), "--map", "urn:lab", "--from", LAB, "--to", "loinc")
    sets = admin("terms", "load", str(lists / "set.json"))
    assert [icd.exit_code, lab.exit_code, sets.exit_code] == [0, 0, 0], icd.stderr + lab.stderr + sets.stderr


def test_a_list_is_loaded_once_and_named_on_the_ledger(admin: Run, lists: Path) -> None:
    _load(admin, lists)
    again = admin("terms", "load", str(lists / "set.json"), "--json")
    assert told(again)["counts"] == {"same": 1}
    listed = told(admin("terms", "list", "--json"))["releases"]
    assert [(one["kind"], one["entries"]) for one in listed] == [
        ("code_system", 2),
        ("concept_map", 2),
        ("value_set", 1),
    ]
    events = told(admin("audit", "search", "--json"))["events"]
    assert sum(one["name"] == "terminology.loaded" for one in events) == 3


def test_a_code_is_found_however_it_is_spelled(admin: Run, lists: Path) -> None:
    _load(admin, lists)
    found = told(admin("terms", "lookup", "icd-10-cm", "e11.9", "--in", "urn:v", "--json"))
    assert (found["state"], found["spelled"], found["display"], found["version"], found["is_in"]) == (
        "known", "E11.9", "Type 2 diabetes", "2026", True,
    )  # fmt: skip
    ended = told(admin("terms", "lookup", "icd-10-cm", "I10", "--on", "2024-05-01", "--json"))
    assert ended["holds_on"] is False


def test_unknown_and_not_loaded_are_told_apart(admin: Run, lists: Path) -> None:
    _load(admin, lists)
    unknown = admin("terms", "lookup", "icd-10-cm", "Z99.9", "--json")
    absent = admin("terms", "lookup", "loinc", "2345-7", "--json")
    assert [told(unknown)["state"], told(absent)["state"]] == ["unknown", "not loaded"]
    assert [unknown.exit_code, absent.exit_code] == [output.NOT_FOUND, output.NOT_FOUND]


def test_a_translation_names_its_map_and_an_unmapped_code_stays_itself(admin: Run, lists: Path) -> None:
    _load(admin, lists)
    mapped = admin("terms", "translate", "GLU", "--from", LAB, "--to", "loinc", "--json")
    assert mapped.exit_code == output.DONE
    assert told(mapped)["translations"] == [
        {"state": "mapped", "original": "GLU", "map": "urn:lab|", "target_system": "http://loinc.org",
         "target": "2345-7", "equivalence": "equivalent"},
    ]  # fmt: skip
    unmapped = admin("terms", "translate", "XYZ", "--from", LAB, "--json")
    assert unmapped.exit_code == output.NOT_FOUND
    assert [(one["state"], one["original"]) for one in told(unmapped)["translations"]] == [("unmapped", "XYZ")]
    assert admin("terms", "translate", "GLU", "--from", "urn:other").exit_code == output.NOT_FOUND


def test_what_cannot_be_read_is_refused_with_its_place(admin: Run, lists: Path) -> None:
    (lists / "bad.csv").write_text("name\nx\n")
    done = admin("terms", "load", str(lists / "bad.csv"), "--system", "urn:s")
    assert done.exit_code == output.PARTIAL
    assert "bad.csv: line 1: no column code" in done.stderr
    unnamed = admin("terms", "load", str(lists / "icd.csv"))
    assert "name it" in unnamed.stderr

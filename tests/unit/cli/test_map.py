"""Mappings from the command line: sound or not, examples, where a field comes from, what changed."""

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from interpayer.cli import main, output

MAP = """
about: People of the eligibility extract.
entity: person
member: ID
tables: {sex: {codes: {M: male, F: female}, default: unknown}}
to:
  - resourceType: Patient
    id: {from: ID}
    gender: {from: SEX, table: sex}
    birthDate: {from: BORN, transform: date}
"""
ROWS = "ID,SEX,BORN\n1,F,19900203\n2,X,19910101\n"
SOURCE = """
source: people
kind: tables
where: {path: rows}
maps: maps
entities: {person: {mapping: my/person, file: "*.csv", key: ID}}
"""


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("INTERPAYER_HOME", str(tmp_path / "home"))
    case = tmp_path / "maps" / "my" / "person.fixtures" / "a-woman"
    case.mkdir(parents=True)
    (tmp_path / "maps" / "my" / "person.yaml").write_text(MAP)
    (case / "in.json").write_text('{"ID": "1", "SEX": "F", "BORN": "19900203"}')
    (tmp_path / "rows").mkdir()
    (tmp_path / "rows" / "people.csv").write_text(ROWS)
    (tmp_path / "SOURCE.yaml").write_text(SOURCE)
    return tmp_path


def run(*arguments: str) -> Any:
    return CliRunner().invoke(main.built(["map", *arguments]), ["map", *arguments])


def told(done: Any, name: str) -> Any:
    return json.loads(done.stdout)[name]


def test_mappings_are_listed_with_their_versions(folder: Path) -> None:
    rows = told(run("list", "--maps", str(folder / "maps"), "--json"), "mappings")
    [mine] = [row for row in rows if row["name"] == "my/person"]
    assert mine["version"].startswith("my/person@")
    assert mine["about"] == "People of the eligibility extract."
    assert len(rows) > 5, "those that are shipped are listed too"


def test_a_sound_mapping_is_said_to_be_so_and_another_not(folder: Path) -> None:
    maps = folder / "maps"
    assert run("check", "my/person", "--maps", str(maps)).exit_code == output.DONE
    (maps / "my" / "person.yaml").write_text(MAP.replace("table: sex", "table: sexes"))
    done = run("check", "my/person", "--maps", str(maps), "--json")
    assert done.exit_code == output.FAILED
    [problem] = told(done, "problems")
    assert (problem["line"], problem["file"]) == (9, "my/person.yaml")
    assert "known: " in problem["text"]


def test_examples_are_written_once_and_held_from_then_on(folder: Path) -> None:
    maps = str(folder / "maps")
    assert run("test", "my/person", "--maps", maps).exit_code == output.FAILED
    assert run("test", "my/person", "--maps", maps, "--write").exit_code == output.DONE
    assert run("test", "my/person", "--maps", maps).exit_code == output.DONE
    (folder / "maps" / "my" / "person.yaml").write_text(MAP.replace("F: female", "F: other"))
    done = run("test", "my/person", "--maps", maps, "--json")
    assert done.exit_code == output.FAILED
    [row] = told(done, "tests")
    assert (row["path"], row["expected"], row["found"]) == ("resources[0].gender", "female", "other")


def test_a_field_of_a_resource_is_traced_to_its_row(folder: Path) -> None:
    wanted = ["--source", str(folder / "SOURCE.yaml"), "--resource", "Patient/2", "--field", "gender"]
    [row] = told(run("explain", *wanted, "--json"), "fields")
    assert (row["source"], row["file"], row["position"]) == ("people", "people.csv", 3)
    assert (row["read"], row["table"], row["rule"]) == ("SEX", "sex", "line 9")
    assert row["version"].startswith("my/person@")
    assert "value" not in row, "values are members' facts"
    [row] = told(run("explain", *wanted, "--values", "--json"), "fields")
    assert row["value"] == "unknown"


def test_a_record_in_hand_is_explained_without_a_source(folder: Path) -> None:
    record = folder / "maps" / "my" / "person.fixtures" / "a-woman" / "in.json"
    done = run("explain", "my/person", "--record", str(record), "--maps", str(folder / "maps"), "--json")
    assert {row["field"]: row["read"] for row in told(done, "fields")} == {
        "id": "ID",
        "gender": "SEX",
        "birthDate": "BORN",
    }


def test_what_is_not_there_is_said(folder: Path) -> None:
    source = str(folder / "SOURCE.yaml")
    assert run("explain", "--source", source, "--resource", "Patient/3").exit_code == output.NOT_FOUND
    assert run("explain", "--source", source).exit_code == output.USAGE
    assert run("check", "my/none").exit_code == output.FAILED
    assert run("list", "--maps", str(folder / "none")).exit_code == output.USAGE


def test_a_change_is_shown_with_what_comes_of_the_examples(folder: Path) -> None:
    shutil.copytree(folder / "maps", folder / "approved")
    arguments = ("diff", "--maps", str(folder / "maps"), "--against", str(folder / "approved"), "--json")
    assert run(*arguments).exit_code == output.DONE
    (folder / "maps" / "my" / "person.yaml").write_text(MAP.replace("F: female", "F: other"))
    done = run(*arguments)
    assert done.exit_code == output.FAILED
    assert [(row["what"], row["before"], row["after"]) for row in told(done, "changes")] == [
        ("table sex F", "female", "other"),
        ("example a-woman: resources[0].gender", "female", "other"),
    ]

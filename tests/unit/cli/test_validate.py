"""`interpayer validate` and `interpayer profiles`: one line a resource, exit codes, no server."""

import gzip
import json
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from interpayer.cli import main
from tests.support.guide import a_package, a_profile

EXAMPLES = "sample-data/fhir/ig-examples"
MEMBERS = {"file", "line", "type", "id", "profile", "valid", "issues", "not_evaluated", "checked_against"}


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    home = tmp_path / "home"
    home.mkdir()
    monkeypatch.setenv("INTERPAYER_HOME", str(home))
    return home


def run(*arguments: str) -> Any:
    return CliRunner().invoke(main.built(arguments), list(arguments), prog_name="interpayer")


def rows(result: Any) -> list[dict[str, Any]]:
    return [json.loads(line) for line in result.stdout.splitlines()]


def test_one_line_for_each_resource(test_data: Path, tmp_path: Path) -> None:
    packages = str(test_data / "fhir-packages")
    claim = test_data / EXAMPLES / "carin-bb-2.0.0" / "ExplanationOfBenefit-EOBPharmacy1.json"
    sound = json.loads(claim.read_text("utf-8"))
    broken = {**sound, "status": "paid"}
    lines = tmp_path / "claims.ndjson.gz"
    lines.write_bytes(gzip.compress("\n".join(["", json.dumps(sound), json.dumps(broken), "{no json"]).encode()))
    result = run("validate", str(claim), str(lines), "--packages", packages, "--format", "ndjson")
    assert result.exit_code == 3
    first, second, third, fourth = rows(result)
    assert set(first) == MEMBERS
    assert (first["file"], first["line"], first["type"]) == (str(claim), 1, "ExplanationOfBenefit")
    assert first["valid"] and first["issues"] == [issue for issue in first["issues"] if issue["severity"] == "warning"]
    assert first["profile"] == sound["meta"]["profile"][0]
    assert first["not_evaluated"]
    assert (second["line"], second["valid"], second["id"]) == (2, True, sound["id"])
    assert (third["line"], third["valid"]) == (3, False)
    errors = [issue for issue in third["issues"] if issue["severity"] == "error"]
    assert ("code-invalid", "ExplanationOfBenefit.status") in [(issue["code"], issue["path"]) for issue in errors]
    assert (fourth["line"], fourth["valid"], fourth["issues"][0]["rule"]) == (4, False, "json")


def test_the_profile_named_is_asked_whatever_is_claimed(test_data: Path) -> None:
    packages = str(test_data / "fhir-packages")
    patient = str(test_data / EXAMPLES / "us-core-6.1.0" / "Patient-example.json")
    url = "http://hl7.org/fhir/us/core/StructureDefinition/us-core-patient"
    sound = run("validate", patient, "--profile", f"{url}|6.1.0", "--packages", packages, "--format", "ndjson")
    assert sound.exit_code == 0, sound.output
    assert rows(sound)[0]["profile"] == f"{url}|6.1.0"
    unknown = run("validate", patient, "--profile", "https://x.example/p", "--packages", packages, "--format", "ndjson")
    assert unknown.exit_code == 3
    assert rows(unknown)[0]["issues"][0]["code"] == "not-found"


def test_without_packages_the_contract_of_our_own_holds(tmp_path: Path) -> None:
    file = tmp_path / "a.json"
    file.write_text('{"resourceType": "Coverage", "id": "c", "status": "active"}')
    result = run("validate", str(file), "--format", "ndjson")
    assert result.exit_code == 3
    assert {issue["path"] for issue in rows(result)[0]["issues"]} == {"Coverage.beneficiary", "Coverage.payor"}
    assert "no FHIR packages" in rows(result)[0]["not_evaluated"][0]


def test_what_cannot_be_used_is_said(tmp_path: Path) -> None:
    assert run("validate", str(tmp_path / "nowhere.json")).exit_code == 2
    file = tmp_path / "a.json"
    file.write_text("{}")
    assert run("validate", str(file), "--format", "xml").exit_code == 2
    assert run("validate", str(file), "--packages", str(tmp_path / "nowhere")).exit_code == 2
    # A folder of packages without R4 itself.
    a_package(tmp_path, a_profile("Patient"))
    assert run("validate", str(file), "--packages", str(tmp_path)).exit_code == 2


def test_packages_are_added_and_listed(tmp_path: Path, home: Path) -> None:
    made = a_package(tmp_path, a_profile("Patient"), needs={"missing.guide": "1.0.0"})
    renamed = made.rename(tmp_path / "download.tgz")
    assert run("profiles", "add", str(renamed)).stdout == "example.guide#1.0.0\n"
    assert [one.name for one in (home / "fhir-packages").iterdir()] == ["example.guide-1.0.0.tgz"]
    listed = run("profiles", "list", "--format", "ndjson")
    assert rows(listed)[0] == {
        "package": "example.guide",
        "version": "1.0.0",
        "profiles": 1,
        "value_sets": 0,
        "notes": "missing.guide#1.0.0 is missing",
    }
    urls = run("profiles", "list", "--urls", "--format", "ndjson")
    assert [row["profile"] for row in rows(urls)] == ["https://guide.example/StructureDefinition/patient"]
    broken = tmp_path / "broken.tgz"
    broken.write_bytes(b"nothing")
    assert run("profiles", "add", str(broken)).exit_code == 2

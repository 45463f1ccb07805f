"""Files that nobody here wrote, each as a declared source: no crash, every file looked at, every record counted."""

import json
from pathlib import Path
from typing import Any

import pytest

from interpayer.adapters.declaration import read_declaration
from interpayer.exchange.sources.checking import contract_of
from interpayer.exchange.sources.workshop import Workshop
from interpayer.operations.sourcing.reading import read_into, reading_of
from tests.support.sources import a_means

DECLARED = Path(__file__).parents[2] / "docs" / "how-to" / "sources"
# The sample has beneficiaries under names of its own.
_PERSON = 'mapping: rif/beneficiary, role: enrollment, delimiter: "|", extra: keep, key: [BENE_ID, RFRNC_YR]'
MORE = {
    "cms-rif.yaml": f"""
  same_bene: {{file: "*same-bene*", {_PERSON}}}
  some_months: {{file: "*-months*", {_PERSON}}}
"""
}
# folder, kind, or a declaration of the how-to pages; of its records at least so many are mapped
FOLDERS = [
    ("x12", "x12", 20),
    ("hl7v2", "hl7v2", 30),
    ("ccda", "documents", 5),
    ("claims-rif", "cms-rif.yaml", 4000),
    ("claims-idr", "cms-idr.yaml", 200),
    ("fhir/cms-bfd-v3", "fhir_files", 16),
    ("fhir/synthea-bulk-10", "fhir_files", 7000),
    ("fhir/ig-examples", "fhir_files", 270),
    ("fhir/cms-ab2d", "fhir_files", 0),
]


def read(folder: Path, kind: str, out: Path, packages: Path | None) -> dict[str, Any]:
    if kind.endswith(".yaml"):
        text = (DECLARED / kind).read_text("utf-8")
        where = next(line for line in text.splitlines() if line.startswith("where:"))
        text = text.replace(where, f"where: {{path: {folder}}}") + MORE.get(kind, "")
    else:
        text = f"source: foreign\nkind: {kind}\nwhere: {{path: {folder}}}\n"
    out.mkdir()
    (out / "SOURCE.yaml").write_text(text)
    workshop = Workshop(a_means(), lambda: contract_of(packages))
    read_into(out / "read", reading_of(workshop, read_declaration(out / "SOURCE.yaml")))
    content: dict[str, Any] = json.loads((out / "read" / "account.json").read_text())
    return content


def lines(path: Path) -> int:
    return len(path.read_bytes().splitlines()) if path.exists() else 0


@pytest.mark.parametrize(("name", "kind", "least"), FOLDERS, ids=[one[0] for one in FOLDERS])
def test_every_record_of_a_folder_is_accounted_for(
    test_data: Path, tmp_path: Path, name: str, kind: str, least: int
) -> None:
    folder = test_data / "sample-data" / name
    told = read(folder, kind, tmp_path / "it", None)
    everything = {str(one.relative_to(folder)) for one in folder.rglob("*") if one.is_file()}
    assert set(told["files_read"]) | set(told["files_passed_over"]) == everything
    assert told["files_passed_over"] == []
    assert told["read"] == told["mapped"] + told["quarantined"] + told["out_of_scope"] > 0
    assert told["mapped"] >= least
    for rows in (told["entities"], told["files"]):
        assert sum(row["read"] for row in rows) == told["read"]
    assert sum(row["records"] for row in told["reasons"]["quarantined"]) == told["quarantined"]
    assert sum(row["records"] for row in told["reasons"]["out_of_scope"]) == told["out_of_scope"]
    assert all(row["detail"] for rows in told["reasons"].values() for row in rows)
    out = tmp_path / "it" / "read"
    assert {kind: lines(out / f"{kind}.ndjson") for kind in told["resources"]} == told["resources"]
    assert lines(out / "out_of_scope.ndjson") == told["out_of_scope"]
    assert lines(out / "quarantine.ndjson") >= told["quarantined"]


def test_claims_of_an_older_release_are_refused_as_such(test_data: Path, tmp_path: Path) -> None:
    told = read(test_data / "sample-data" / "fhir" / "cms-ab2d", "fhir_files", tmp_path / "it", None)
    reasons = {row["reason"]: row["records"] for row in told["reasons"]["quarantined"]}
    assert reasons["record.unsupported_version"] == 500


def test_claims_keep_to_their_profiles(test_data: Path, tmp_path: Path) -> None:
    packages = test_data / "fhir-packages"
    if not packages.is_dir():
        pytest.skip("no FHIR packages")
    told = read(test_data / "sample-data" / "claims-rif", "cms-rif.yaml", tmp_path / "it", packages)
    assert told["quarantined"] == 0
    assert told["mapped"] >= 4000

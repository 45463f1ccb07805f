"""Every file of CMS's research files and of its data repository: each record is accounted for, by the profiles.

What is kept apart here is really wrong in the samples, and is named below one by one.
"""

import csv
import json
import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import orjson
import pytest

from interpayer.adapters.catalog import Means
from interpayer.exchange.sources.account import Account
from interpayer.exchange.sources.checking import contract_of
from interpayer.exchange.sources.workshop import Workshop
from interpayer.normalization.labeling.finding import labels_of
from interpayer.normalization.labeling.sets import default_sets
from tests.support.comparing import money_in
from tests.support.sources import a_declaration

DECLARED = Path(__file__).parent.parent.parent / "docs" / "how-to" / "sources"
# Beneficiaries in files of other names.
MORE_NAMES = """
  beneficiary_months: {mapping: rif/beneficiary, file: "*months*", delimiter: "|", key: [BENE_ID, RFRNC_YR]}
  beneficiary_years: {mapping: rif/beneficiary, file: "*multiple-entries*", delimiter: "|", key: [BENE_ID, RFRNC_YR]}
"""
PROFILES = {
    "inpatient": "C4BB-ExplanationOfBenefit-Inpatient-Institutional-Basis|2.2.0",
    "outpatient": "C4BB-ExplanationOfBenefit-Outpatient-Institutional-Basis|2.2.0",
}


@dataclass
class Read:
    """What came of a feed."""

    account: dict[str, Any]
    files: set[str]
    resources: dict[str, bytes] = field(default_factory=dict)

    def of(self, kind: str) -> Iterator[dict[str, Any]]:
        """Every resource of a type."""
        return (json.loads(raw) for name, raw in self.resources.items() if name.startswith(f"{kind}/"))


def _read(test_data: Path, tmp: Path, *, name: str, data: str, more: str = "") -> Read:
    contract = contract_of(test_data / "fhir-packages", cache=tmp)
    workshop = Workshop(Means(_nobody, _nobody), lambda: contract)
    text = (DECLARED / name).read_text("utf-8").replace("path: claims", f"path: {test_data / 'sample-data' / data}")
    declaration = a_declaration(tmp, text + more)
    source, refinery = workshop.source(declaration), workshop.refinery(declaration)
    account, resources = Account(declaration.name, declaration.kind, declaration.version), {}
    for found in source.read():
        refined = refinery.refine(found)
        account.add(refined)
        resources |= {f"{k.resource['resourceType']}/{k.resource['id']}": k.raw for k in refined.kept}
    assert source.passed_over() == []
    return Read(account.as_json(), {name for _, name in source.files()}, resources)


def _nobody(*_: object) -> Any:
    raise AssertionError("a feed of files calls nobody")


@pytest.fixture(scope="module")
def rif(test_data: Path, tmp_path_factory: pytest.TempPathFactory) -> Read:
    """The research files, the rows with sensitive codes among them."""
    tmp = tmp_path_factory.mktemp("rif")
    return _read(test_data, tmp, name="cms-rif.yaml", data="claims-rif/static", more=MORE_NAMES)


@pytest.fixture(scope="module")
def idr(test_data: Path, tmp_path_factory: pytest.TempPathFactory) -> Read:
    """The tables of the data repository."""
    return _read(test_data, tmp_path_factory.mktemp("idr"), name="cms-idr.yaml", data="claims-idr")


def _type_of_bill(claim: dict[str, Any]) -> str:
    info = {i["category"]["coding"][0]["code"]: i for i in claim.get("supportingInfo", ())}
    return str(info["typeofbill"]["code"]["coding"][0]["code"]) if "typeofbill" in info else ""


def _numbers(read: Read) -> tuple[int, ...]:
    return tuple(read.account[key] for key in ("read", "mapped", "quarantined", "out_of_scope"))


def test_every_row_of_the_research_files_becomes_valid_or_is_out_of_scope(rif: Read) -> None:
    assert _numbers(rif) == (4507, 4496, 0, 11)
    assert {one["entity"] for one in rif.account["reasons"]["out_of_scope"]} == {"beneficiary_history"}
    assert len(rif.files) == 30 and {row["file"] for row in rif.account["files"]} == rif.files


def test_what_is_kept_apart_of_the_repository_is_really_wrong(idr: Read) -> None:
    read, mapped, quarantined, out_of_scope = _numbers(idr)
    assert read == mapped + quarantined + out_of_scope and out_of_scope == 317
    apart = Counter(r["entity"] for r in idr.account["reasons"]["quarantined"] for _ in range(r["records"]))
    assert apart == {
        # rows of claims that no row of CLM has
        "claim.lines.institutional": 37, "claim.lines": 14, "claim.codes": 7, "claim.processing": 1,
        "claim.institutional": 1,
        # card numbers that lead to several people whom CMS did not merge
        "prior_authorization": 16,
        # claims without a diagnosis, line, place of service, revenue code or provider; one ends before it begins
        "claim": 11,
    }  # fmt: skip


def test_claims_are_of_the_profile_of_their_kind(rif: Read, idr: Read) -> None:
    kinds: Counter[str] = Counter()
    for read in (rif, idr):
        for claim in read.of("ExplanationOfBenefit"):
            (profile,) = claim["meta"]["profile"]
            kinds[profile.rpartition("/")[2].partition("|")[0]] += 1
            subtypes = [coding["code"] for coding in claim.get("subType", {}).get("coding", ())]
            assert not subtypes or profile.endswith(PROFILES[subtypes[0]])
    assert set(kinds) == {
        "C4BB-ExplanationOfBenefit-Inpatient-Institutional-Basis",
        "C4BB-ExplanationOfBenefit-Outpatient-Institutional-Basis",
        "C4BB-ExplanationOfBenefit-Professional-NonClinician-Basis",
        "C4BB-ExplanationOfBenefit-Pharmacy-Basis",
        "pdex-priorauthorization",
    }


def test_no_amount_and_no_social_security_number_is_mapped(rif: Read, idr: Read) -> None:
    for read in (rif, idr):
        assert not [name for name, raw in read.resources.items() if money_in(orjson.loads(raw))]
    assert not [name for name, raw in rif.resources.items() if re.search(rb"54321\d{4}[A-Z]", raw)]


def test_rows_with_sensitive_codes_are_read_with_those_codes(rif: Read) -> None:
    claims = [c for c in rif.of("ExplanationOfBenefit") if c["id"].startswith("claim-99918")]
    codes = {
        coding["code"]
        for claim in claims
        for diagnosis in claim["diagnosis"]
        for coding in diagnosis["diagnosisCodeableConcept"]["coding"]
    }
    assert len(claims) > 1000 and {"291", "303.00", "F10.10"} <= codes


def test_people_under_two_keys_are_one_only_where_it_is_certain(idr: Read) -> None:
    replaced = {p["id"]: p for p in idr.of("Patient") if any(x["type"] == "replaced-by" for x in p.get("link", ()))}
    assert set(replaced) == {"454323619", "741126342", "174441863", "537332662"}
    assert not [c["id"] for c in idr.of("ExplanationOfBenefit") if c["patient"]["reference"][8:] in replaced]


def test_what_was_deleted_or_voided_is_cancelled(idr: Read) -> None:
    claims = {c["id"]: c for c in idr.of("ExplanationOfBenefit") if c["use"] == "claim"}
    deleted = {i for i, c in claims.items() if c["type"]["coding"][1]["code"] == "3"}
    assert len(deleted) == 2 and {claims[i]["status"] for i in deleted} == {"cancelled"}
    voided = {i for i, c in claims.items() if _type_of_bill(c).endswith("8")}
    assert voided and {claims[i]["status"] for i in voided} == {"cancelled"}


def test_a_denied_service_of_an_authorization_allows_no_unit(idr: Read) -> None:
    decided: Counter[tuple[str, bool]] = Counter()
    for authorization in idr.of("ExplanationOfBenefit"):
        if authorization["use"] != "preauthorization":
            continue
        for item in authorization["item"]:
            (adjudication,) = item["adjudication"]
            (code,) = re.findall(r'"code": "(A\d)"', json.dumps(adjudication))
            decided[code, adjudication["value"] == 0] += 1
    assert set(decided) == {("A1", False), ("A2", False), ("A3", True)}


def test_every_claim_with_a_code_of_substance_use_is_labeled(rif: Read, test_data: Path) -> None:
    """The rows that the sample set names as sensitive: one code each, somewhere among harmless ones."""
    folder = test_data / "sample-data" / "claims-rif" / "static" / "samhsa"
    rows = [
        row for file in sorted(folder.iterdir())
        for row in csv.DictReader(file.read_text("utf-8").splitlines(), delimiter="|")
    ]  # fmt: skip
    assert len(rows) == 4461
    claims = {one["id"].rpartition("-")[2]: one for one in rif.of("ExplanationOfBenefit")}
    labels = {number: labels_of(one, orjson.dumps(one), default_sets()) for number, one in claims.items()}
    sensitive = {row["CLM_ID"].lstrip("-") for row in rows}
    assert sensitive <= set(labels)
    assert [number for number in sensitive if "substance_use" not in labels[number]] == []
    assert any(not found for number, found in labels.items() if number not in sensitive)

"""Every X12 sample and every example of our own: each record is accounted for, what is mapped keeps its profile.

The samples cover 837P, 837I, 834 and 835; dental claims and services reviews are examples of our own.
"""

import json
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import orjson
import pytest

from interpayer.adapters.catalog import Means
from interpayer.adapters.x12.reading import read_x12
from interpayer.exchange.sources.account import Account
from interpayer.exchange.sources.checking import Contract, contract_of
from interpayer.exchange.sources.workshop import Workshop
from interpayer.normalization.mapping.library import Library
from tests.support.comparing import money_in
from tests.support.sources import a_declaration

LIBRARY = Library()
MAPS = [name for name in LIBRARY.files if name.startswith("x12/")]
CASES = [(name, case) for name in MAPS for case in LIBRARY.fixtures(name)]
CARIN = "C4BB-ExplanationOfBenefit-"


@dataclass
class Read:
    """What came of the samples."""

    account: dict[str, Any]
    kept: list[bytes] = field(default_factory=list)
    details: dict[str, str] = field(default_factory=dict)


@pytest.fixture(scope="module")
def contract(test_data: Path, tmp_path_factory: pytest.TempPathFactory) -> Contract:
    """The profiles of the packages."""
    return contract_of(test_data / "fhir-packages", cache=tmp_path_factory.mktemp("packages"))


@pytest.fixture(scope="module")
def samples(test_data: Path, contract: Contract, tmp_path_factory: pytest.TempPathFactory) -> Read:
    """Every X12 sample file, as a plan would declare them."""
    where = test_data / "sample-data" / "x12"
    text = f"source: x12-archive\nkind: x12\nwhere: {{path: {where}}}\n"
    declaration = a_declaration(tmp_path_factory.mktemp("x12"), text)
    workshop = Workshop(Means(_nobody, _nobody), lambda: contract)
    source, refinery = workshop.source(declaration), workshop.refinery(declaration)
    account, read = Account(declaration.name, declaration.kind, declaration.version), Read({})
    for found in source.read():
        refined = refinery.refine(found)
        account.add(refined)
        read.kept += [one.raw for one in refined.kept]
        if refined.rejected:
            read.details[found.file.rpartition("/")[2]] = found.detail
    read.account = account.as_json()
    return read


def _nobody(*_: object) -> Any:
    raise AssertionError("a feed of files calls nobody")


def _claims(resources: list[bytes]) -> Iterator[dict[str, Any]]:
    for resource in map(json.loads, resources):
        if resource["resourceType"] == "ExplanationOfBenefit":
            yield resource


def test_every_record_of_the_samples_is_accounted_for(samples: Read) -> None:
    numbers = [samples.account[key] for key in ("read", "mapped", "quarantined", "out_of_scope")]
    assert numbers == [55, 40, 2, 13]
    assert len(samples.account["files"]) == 50
    by_entity = {row["entity"]: row["mapped"] for row in samples.account["entities"] if row["mapped"]}
    assert by_entity == {"x12.834": 10, "x12.835": 7, "x12.837P": 18, "x12.837I": 5}


def test_what_is_kept_apart_is_really_wrong(samples: Read) -> None:
    assert samples.details == {
        # ST02 is 4321, SE02 is not
        "subscriber-health-benefit-check-error.271": (
            "segment 10 (SE) has not the control number of the ST at segment 3"
        ),
        # a procedure code is missing, and all that follows stands one element too far left
        "tertiary-payment.835": "segment 20 (SVC) has too few components in element 01",
    }


def _leaves(node: Any) -> Iterator[str]:
    if isinstance(node, dict | list):
        for inner in node.values() if isinstance(node, dict) else node:
            yield from _leaves(inner)
    else:
        yield str(node)


def test_every_value_of_the_samples_stands_in_a_record(test_data: Path) -> None:
    files = sorted((test_data / "sample-data" / "x12").glob("*/83[457]_*/*"))
    looked_at = 0
    for file in files:
        with file.open("rb") as opened:
            found = list(read_x12(opened, file.name))
        if any(one.problem or one.detail for one in found):
            continue
        held = {value for one in found for value in _leaves(one.content)}
        for segment in file.read_text("latin-1").replace("\n", "").split("~"):
            tag, *elements = segment.split("*")
            # PLB is about a provider and in no record; envelopes are told as `envelope`.
            if tag in {"ISA", "GS", "ST", "SE", "GE", "IEA", "PLB", ""}:
                continue
            # A composite is held as its parts, an address that has a colon as it is.
            for element in filter(None, elements):
                assert element in held or set(filter(None, element.split(":"))) <= held, (file.name, segment)
                looked_at += 1
    assert looked_at > 2_900


def test_claims_are_of_the_profile_of_their_kind(samples: Read) -> None:
    kinds = Counter(one["meta"].get("profile", ["none"])[0].rpartition("/")[2] for one in _claims(samples.kept))
    assert kinds == {
        f"{CARIN}Professional-NonClinician-Basis|2.2.0": 18,
        f"{CARIN}Outpatient-Institutional-Basis|2.2.0": 5,
        # remittances whose claims are not among the samples
        "none": 7,
    }  # fmt: skip


def test_nothing_that_is_mapped_holds_money_or_a_social_security_number(samples: Read) -> None:
    assert not [one for one in samples.kept if money_in(orjson.loads(one))]
    assert not [one for one in samples.kept if b"103229876" in one]


@pytest.mark.parametrize(("name", "case"), CASES, ids=lambda one: getattr(one, "name", one))
def test_an_example_keeps_its_profiles(name: str, case: Path, contract: Contract) -> None:
    for resource in json.loads((case / "out.json").read_bytes())["resources"]:
        checked = contract(resource, orjson.dumps(resource))
        assert [f"{flaw.path}: {flaw.text}" for flaw in checked.errors] == []
        assert resource["resourceType"] in {"Practitioner", "ExplanationOfBenefit"} or resource["meta"]["profile"]


def test_the_examples_show_every_kind_of_claim() -> None:
    outs = [one for _, case in CASES for one in json.loads((case / "out.json").read_bytes())["resources"]]
    profiles = {url.rpartition("/")[2].partition("|")[0] for one in outs for url in one["meta"].get("profile", ())}
    assert profiles >= {
        f"{CARIN}Professional-NonClinician-Basis",
        f"{CARIN}Inpatient-Institutional-Basis",
        f"{CARIN}Outpatient-Institutional-Basis",
        f"{CARIN}Oral-Basis",
        "pdex-priorauthorization",
        "us-core-patient",
        "C4BB-Coverage",
    }
    assert {name for name, _ in CASES} == set(MAPS)


def _claim_of(name: str, case: str) -> dict[str, Any]:
    folder = next(one for one in LIBRARY.fixtures(name) if one.name == case)
    return next(_claims([orjson.dumps(r) for r in json.loads((folder / "out.json").read_bytes())["resources"]]))


def test_adjusted_voided_and_reversed_claims_say_what_they_take_the_place_of() -> None:
    replaced, void = _claim_of("x12/837p", "replaces-another"), _claim_of("x12/837p", "void")
    for claim in (replaced, void):
        assert claim["related"][0]["relationship"]["coding"][0]["code"] == "prior"
        assert claim["related"][0]["reference"]["value"] == "P-1"
    assert (replaced["status"], void["status"]) == ("active", "cancelled")
    assert _claim_of("x12/837p", "reversed-by-the-payer")["status"] == "cancelled"
    # The one that was decided is known by the payer's number: the replacement finds it.
    assert _claim_of("x12/837p", "decided")["identifier"][0]["value"] == "P-1"


def test_a_claim_and_its_remittance_share_a_number_wherever_they_are_read() -> None:
    submitted, alone = _claim_of("x12/837p", "submitted"), _claim_of("x12/835", "without-its-claim")
    assert submitted["identifier"][0]["value"] == alone["identifier"][0]["value"]
    assert (submitted["outcome"], _claim_of("x12/837p", "decided")["outcome"]) == ("queued", "complete")


def test_one_person_has_one_number_in_every_transaction() -> None:
    child = "OWN0007-TIM-20150607"
    assert _claim_of("x12/837p", "a-child-in-an-ambulance")["patient"]["reference"] == f"Patient/{child}"
    assert _claim_of("x12/278", "question-for-a-child")["patient"]["reference"] == f"Patient/{child}"
    folder = next(one for one in LIBRARY.fixtures("x12/834") if one.name == "child")
    assert json.loads((folder / "out.json").read_bytes())["resources"][0]["id"] == child

"""Every HL7 v2 message and C-CDA document that nobody here wrote: each accounted for, each result by its profile."""

import base64
import hashlib
import json
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from interpayer.adapters.catalog import InFiles
from interpayer.exchange.sources.account import Account
from interpayer.exchange.sources.checking import contract_of
from interpayer.exchange.sources.workshop import Workshop
from tests.support.sources import a_declaration, a_means

# Messages that announce a document and bring none: the samples have the field, and nothing in it.
WITHOUT_CONTENT = {"MDM-T02-01.hl7", "MDM-T06-01.hl7", "MDM-T10-01.hl7"}
# Documents whose patient has only a social security number, or none: nobody's number is guessed from those.
OF_NOBODY = {
    "CCD-Parent-Document-Replace-C-CDAR2.1.ccda",
    "Consult-Document-Closing-Referral-C-CDAR2.1.ccda",
    "PROBLEMS_in_Empty_C-CDA_2.1-C-CDAR2.1.ccda",
    "Unstructured_Document_reference.ccda",
}


class Read:
    """What came of a feed, checked against the profiles."""

    def __init__(self, test_data: Path, tmp: Path, *, kind: str, folder: str) -> None:
        contract = contract_of(test_data / "fhir-packages", cache=tmp)
        path = test_data / "sample-data" / folder
        text = f"source: feed\nkind: {kind}\nwhere: {{path: {path}}}\ntime_zone: America/Chicago\n"
        declaration = a_declaration(tmp, text)
        workshop = Workshop(a_means(), lambda: contract)
        source, refinery = workshop.source(declaration), workshop.refinery(declaration)
        assert isinstance(source, InFiles)
        self.files = {name for _, name in source.files()}
        self.account = Account(declaration.name, declaration.kind, declaration.version)
        self.apart: set[str] = set()
        self.resources: list[dict[str, Any]] = []
        for found in source.read():
            refined = refinery.refine(found)
            self.account.add(refined)
            self.apart |= {found.file} if refined.rejected else set()
            self.resources += [json.loads(kept.raw) for kept in refined.kept]

    def of(self, kind: str) -> Iterator[dict[str, Any]]:
        """Every resource of a type."""
        return (one for one in self.resources if one["resourceType"] == kind)


@pytest.fixture(scope="module")
def messages(test_data: Path, tmp_path_factory: pytest.TempPathFactory) -> Read:
    return Read(test_data, tmp_path_factory.mktemp("v2"), kind="hl7v2", folder="hl7v2")


@pytest.fixture(scope="module")
def documents(test_data: Path, tmp_path_factory: pytest.TempPathFactory) -> Read:
    return Read(test_data, tmp_path_factory.mktemp("ccda"), kind="documents", folder="ccda")


def test_every_message_is_mapped_or_left_out_with_its_reason(messages: Read) -> None:
    told = messages.account.as_json()
    assert (told["read"], told["mapped"], told["quarantined"], told["out_of_scope"]) == (62, 34, 3, 25)
    assert {row["file"] for row in told["files"]} == messages.files
    assert messages.apart == WITHOUT_CONTENT
    assert all(reason["detail"] for reason in told["reasons"]["out_of_scope"])


def test_what_messages_become_is_what_the_profiles_ask_for(messages: Read) -> None:
    assert Counter(one["resourceType"] for one in messages.resources) == {
        "Patient": 29, "Encounter": 22, "Observation": 21, "AllergyIntolerance": 12, "Condition": 11,
        "DiagnosticReport": 5, "Immunization": 4,
    }  # fmt: skip
    without = {one["resourceType"] for one in messages.resources if not one["meta"].get("profile")}
    assert without == set()


def test_no_social_security_number_is_passed_on(messages: Read) -> None:
    numbers = [i for patient in messages.of("Patient") for i in patient["identifier"]]
    assert numbers
    assert not [i for i in numbers if "SS" in json.dumps(i.get("type", {})) or "USSSA" in i["system"]]


def test_a_result_that_was_preliminary_keeps_its_id_when_it_is_final(messages: Read) -> None:
    statuses: dict[str, list[str]] = {}
    for one in messages.of("Observation"):
        statuses.setdefault(one["id"], []).append(one["status"])
    assert sum(found == ["preliminary", "final"] for found in statuses.values()) >= 5


def test_every_document_is_accounted_for(documents: Read) -> None:
    told = documents.account.as_json()
    assert (told["read"], told["mapped"], told["quarantined"], told["out_of_scope"]) == (9, 5, 4, 0)
    assert documents.apart == OF_NOBODY


def test_a_document_is_the_bytes_it_was(documents: Read, test_data: Path) -> None:
    files = [file.read_bytes() for file in sorted((test_data / "sample-data" / "ccda").iterdir())]
    contents = {one["id"]: base64.b64decode(one["data"]) for one in documents.of("Binary")}
    assert set(contents.values()) < set(files)
    for document in documents.of("DocumentReference"):
        attachment = document["content"][0]["attachment"]
        raw = contents[attachment["url"].removeprefix("Binary/")]
        assert attachment["size"] == len(raw)
        assert base64.b64decode(attachment["hash"]) == hashlib.sha1(raw, usedforsecurity=False).digest()
        assert "data" not in attachment

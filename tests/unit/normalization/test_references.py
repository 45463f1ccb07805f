"""References are read and rewritten wherever they stand; nobody else's id travels along."""

from typing import Any

import pytest

from interpayer.normalization.references import MASKED, parse_reference, patients_of, references_of, rewrite

BASE = "https://payer.example/fhir"
P, Q = {"reference": "Patient/p"}, {"reference": "Patient/q"}


@pytest.mark.parametrize(
    ("text", "parsed"),
    [
        ("Encounter/1", ("Encounter", "1")),
        ("Encounter/1/_history/3", ("Encounter", "1")),
        (f"{BASE}/Encounter/1", ("Encounter", "1")),
        ("https://other.example/fhir/Encounter/1", None),
        ("https://other.example/fhir/Patient/1", ("Patient", "1")),
        ("#contained", None),
        ("urn:uuid:7a0f", None),
        ("Practitioner?identifier=http://hl7.org/fhir/sid/us-npi|1", None),
        ("", None),
    ],
)
def test_which_references_are_the_sender_s(text: str, parsed: tuple[str, str] | None) -> None:
    assert parse_reference(text, BASE) == parsed


def test_references_are_rewritten_at_every_depth_and_kept_in_order() -> None:
    resource = {
        "resourceType": "Encounter",
        "contained": [{"resourceType": "Practitioner", "id": "in"}],
        "subject": {"reference": "Patient/p", "display": "somebody"},
        "participant": [{"individual": {"reference": "#in"}}, {"individual": {"reference": "Practitioner/d"}}],
        "extension": [{"url": "x", "valueReference": {"reference": "Location/l"}}],
        "note": "Encounter/1 is no reference",
    }
    rewritten, seen = rewrite(resource, lambda kind, local_id: f"{kind.lower()}-{local_id}", BASE)
    assert rewritten["subject"] == {"reference": "Patient/patient-p", "display": "somebody"}
    assert rewritten["participant"][0]["individual"]["reference"] == "#in"
    assert rewritten["participant"][1]["individual"]["reference"] == "Practitioner/practitioner-d"
    assert rewritten["note"] == resource["note"]
    assert seen == ("patient-p", "practitioner-d", "location-l")
    assert resource["subject"] == {"reference": "Patient/p", "display": "somebody"}


def test_a_reference_to_somebody_else_is_masked_with_its_display() -> None:
    coverage = {"resourceType": "Coverage", "subscriber": {"reference": "Patient/parent", "display": "Her Name"}}
    rewritten, seen = rewrite(coverage, lambda *_: None)
    assert rewritten["subscriber"] == {"extension": [MASKED]}
    assert seen == ()


@pytest.mark.parametrize(
    ("resource", "patients"),
    [
        ({"resourceType": "Patient", "id": "p"}, ("p",)),
        ({"resourceType": "Observation", "subject": {"reference": f"{BASE}/Patient/p"}}, ("p",)),
        ({"resourceType": "Coverage", "beneficiary": P, "subscriber": Q}, ("p",)),
        ({"resourceType": "Provenance", "target": [P, Q]}, ("p", "q")),
        ({"resourceType": "Practitioner", "id": "d"}, ()),
        ({"resourceType": "Device", "patient": "broken"}, ()),
    ],
)  # fmt: skip
def test_whose_a_resource_is(resource: dict[str, Any], patients: tuple[str, ...]) -> None:
    assert patients_of(resource, BASE) == patients


def test_every_reference_is_listed_once() -> None:
    resource = {
        "a": [{"reference": "X1/1"}, {"reference": "Org/1"}, {"reference": "Org/1"}],
        "b": {"reference": "Loc/2"},
    }
    assert references_of(resource, BASE) == (("Org", "1"), ("Loc", "2"))


@pytest.mark.parametrize("url", ["Binary/1", f"{BASE}/Binary/1"])
def test_the_content_of_a_document_is_referred_to_by_its_address(url: str) -> None:
    document = {"resourceType": "DocumentReference", "content": [{"attachment": {"url": url, "size": 3}}]}
    assert references_of(document, BASE) == (("Binary", "1"),)
    rewritten, seen = rewrite(document, lambda kind, local_id: f"r-{local_id}", BASE)
    assert rewritten["content"] == [{"attachment": {"url": "Binary/r-1", "size": 3}}]
    assert seen == ("r-1",)
    masked, seen = rewrite(document, lambda kind, local_id: None, BASE)
    assert masked["content"] == [{"attachment": {"size": 3}}]
    assert seen == ()


@pytest.mark.parametrize("url", ["https://other.example/Binary/1", "http://hl7.org/fhir/StructureDefinition/Binary"])
def test_other_addresses_stay_as_they_are(url: str) -> None:
    resource = {"resourceType": "DocumentReference", "content": [{"attachment": {"url": url}}]}
    assert references_of(resource, BASE) == ()
    assert rewrite(resource, lambda kind, local_id: "r-1", BASE)[0] == resource

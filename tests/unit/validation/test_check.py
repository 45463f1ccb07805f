"""The built-in contract refuses what decisions could not work with, and nothing that R4 allows."""

from typing import Any

import pytest

from interpayer.adapters.fhir_files import read_path
from interpayer.validation.check import check, verdict_of

ENCOUNTER = {"resourceType": "Encounter", "id": "e", "status": "finished", "class": {"code": "AMB"}}


@pytest.mark.parametrize(
    ("change", "broken"),
    [
        ({}, ()),
        ({"id": "has space"}, (("id", "id"),)),
        ({"id": 7}, (("id", "id"),)),
        ({"resourceType": "encounter"}, (("resourceType", "type"),)),
        ({"status": ""}, (("status", "required"),)),
        ({"status": None, "_status": {"extension": [{"url": "x"}]}}, ()),
        ({"class": None}, (("class", "required"),)),
        ({"identifier": ["x"]}, (("identifier[0]", "identifier"),)),
        ({"identifier": [{"value": 7}]}, (("identifier[0].value", "identifier"),)),
        ({"period": {"start": "2026-02-30T25:00:00Z"}}, (("period.start", "time"),)),
        ({"period": {"start": "2026"}}, ()),
        ({"meta": {"lastUpdated": "2026-01-01"}}, (("meta.lastUpdated", "time"),)),
        ({"meta": {"lastUpdated": "2026-01-01T00:00:00.123+01:00"}}, ()),
        ({"subject": "Patient/1"}, (("subject", "reference"),)),
    ],
)
def test_each_rule(change: dict[str, Any], broken: tuple[tuple[str, str], ...]) -> None:
    assert tuple((issue.path, issue.rule) for issue in check({**ENCOUNTER, **change})) == broken


@pytest.mark.parametrize(
    ("resource", "broken"),
    [
        ({"resourceType": "Patient", "identifier": ["x"]}, [("identifier[0]", "identifier")]),
        ({"resourceType": "Encounter", "status": "done", "class": {"code": "AMB"}}, [("status", "code")]),
        ({**ENCOUNTER, "period": {"start": "2026-02-02", "end": "2026-02-01"}}, [("period", "period")]),
        ({**ENCOUNTER, "period": {"start": "2026-02-02", "end": "2026-02"}}, []),
        # Later by the digits only: the zones differ.
        ({**ENCOUNTER, "period": {"start": "2026-02-02T01:00:00+10:00", "end": "2026-02-01T23:00:00Z"}}, []),
        ({"resourceType": "Consent", "status": "active"}, [("scope", "required"), ("category", "required")]),
        (
            {"resourceType": "Coverage", "status": "paid", "beneficiary": {}, "payor": [{"display": "x"}],
             "period": {"start": "01/02/2026"}},
            [("beneficiary", "required"), ("status", "code"), ("period.start", "time")],
        ),
        (
            {"resourceType": "Claim", "status": "active", "type": {"text": "x"}, "use": "preauthorization",
             "patient": {"reference": "Patient/1"}, "created": "2026", "insurance": [{"focal": True}], "item": [{}]},
            [("insurance[0].coverage", "required"), ("item[0].sequence", "required")],
        ),
    ],
)  # fmt: skip
def test_what_each_entity_of_ours_needs(resource: dict[str, Any], broken: list[tuple[str, str]]) -> None:
    assert [(issue.path, issue.rule) for issue in check(resource)] == broken


def test_the_verdict_names_the_place_and_says_what_was_not_asked() -> None:
    verdict = verdict_of({**ENCOUNTER, "status": "done"})
    assert [(issue.path, issue.code) for issue in verdict.issues] == [("Encounter.status", "code-invalid")]
    assert not verdict.is_valid
    assert "no FHIR packages" in verdict.not_evaluated[0]
    assert verdict_of(ENCOUNTER).is_valid


def test_one_of_a_choice_is_enough() -> None:
    request = {
        "resourceType": "MedicationRequest",
        "status": "active",
        "intent": "order",
        "subject": {"reference": "Patient/1"},
    }
    assert [issue.path for issue in check(request)] == ["medicationCodeableConcept|medicationReference"]
    assert check({**request, "medicationReference": {"reference": "Medication/1"}}) == ()


def test_no_value_of_the_resource_is_in_the_words() -> None:
    issues = check(
        {"resourceType": "Patient", "id": "Jane Doe", "birthDate": "Jane", "identifier": [{"value": ["Jane"]}]}
    )
    assert len(issues) == 3
    assert not any("Jane" in f"{issue.path}{issue.text}" for issue in issues)


def test_nothing_that_others_published_as_r4_is_refused(test_data: Any) -> None:
    folders = ["cms-bfd-v3", "ig-examples", "synthea-bulk-10"]
    found = [one for name in folders for one in read_path(test_data / "sample-data" / "fhir" / name)]
    resources = [one for one in found if one.content is not None]
    assert len(resources) > 7000
    assert [(one.file, check(one.content)) for one in resources if one.content and check(one.content)] == []


def test_claims_of_an_older_fhir_version_are_refused(test_data: Any) -> None:
    (old, *_) = read_path(test_data / "sample-data" / "fhir" / "cms-ab2d" / "EOB-500.ndjson.gz")
    assert old.content is not None
    assert {issue.path for issue in check(old.content)} >= {"use", "created", "insurer", "outcome"}

"""By what one thing is recognized in two sources, and what is never joined."""

from typing import Any

import orjson

from interpayer.model.record import NO_MARKS
from interpayer.normalization.grouping import Seen, group
from interpayer.normalization.recognition import marks_of


def a_claim(number: str | None = "77", **more: Any) -> dict[str, Any]:
    identifier = [{"type": {"coding": [{"code": "uc"}]}, "system": "urn:a", "value": number}] if number else []
    return {
        "resourceType": "ExplanationOfBenefit",
        "use": "claim",
        "identifier": identifier,
        "type": {"coding": [{"code": "professional"}]},
        "billablePeriod": {"start": "2025-03-01", "end": "2025-03-01"},
        "item": [{"sequence": 1, "productOrService": {"coding": [{"code": "99213"}]}, "servicedDate": "2025-03-01"}],
        "diagnosis": [{"sequence": 1, "diagnosisCodeableConcept": {"coding": [{"code": "E11.9"}]}}],
        **more,
    }


def seen(record_id: str, source: str, resource: dict[str, Any]) -> Seen:
    marks = marks_of(resource)
    return Seen(record_id, source, *map(frozenset, (marks.unique, marks.identifiers, marks.likeness, marks.systems)))


def test_a_claim_number_is_one_claim_whatever_system_a_source_writes() -> None:
    other = a_claim(" 77 ", identifier=[{"type": {"coding": [{"code": "uc"}]}, "system": "urn:b", "value": " 77 "}])
    assert group([seen("r1", "csv", a_claim()), seen("r2", "x12", other)]) == [("r1", "r2")]


def test_a_request_for_authorization_is_no_claim_of_the_same_number() -> None:
    assert len(group([seen("r1", "csv", a_claim()), seen("r2", "x12", a_claim(use="preauthorization"))])) == 2


def test_without_a_number_days_services_and_diagnoses_make_the_claim() -> None:
    undotted = [{"sequence": 1, "diagnosisCodeableConcept": {"coding": [{"code": "E119"}]}}]
    nameless = a_claim(None, diagnosis=undotted)
    assert group([seen("r1", "csv", a_claim()), seen("r2", "x12", nameless)]) == [("r1", "r2")]
    another_day = a_claim(None, billablePeriod={"start": "2025-03-02", "end": "2025-03-02"}, item=a_claim()["item"])
    assert len(group([seen("r1", "csv", a_claim()), seen("r2", "x12", another_day)])) == 2


def test_two_numbers_of_one_payer_are_two_claims_however_alike() -> None:
    assert len(group([seen("r1", "csv", a_claim("77")), seen("r2", "x12", a_claim("78"))])) == 2


def test_what_one_source_says_of_two_things_joins_nothing() -> None:
    twice = [seen("r1", "csv", a_claim(None)), seen("r2", "csv", a_claim(None)), seen("r3", "x12", a_claim(None))]
    assert group(twice) == [("r1",), ("r2",), ("r3",)]


def a_coverage(plan: str | None = None, end: str | None = None, start: str = "2025-01-01") -> dict[str, Any]:
    classes = [{"type": {"coding": [{"code": "plan"}]}, "value": plan}] if plan else []
    period = {"start": start} | ({"end": end} if end else {})
    return {"resourceType": "Coverage", "subscriberId": "W1", "period": period, "class": classes}


def test_a_coverage_is_the_card_from_a_day_on_whenever_it_ends() -> None:
    told = [seen("r1", "834", a_coverage(end="2025-12-31")), seen("r2", "csv", a_coverage(end="2026-01-31"))]
    assert group(told) == [("r1", "r2")]


def test_two_coverages_of_one_card_are_told_apart_by_their_plan() -> None:
    told = [
        seen("r1", "834", a_coverage("GOLD")), seen("r2", "834", a_coverage("DENTAL")),
        seen("r3", "csv", a_coverage("dental")), seen("r4", "other", a_coverage()),
    ]  # fmt: skip
    assert group(told) == [("r1",), ("r2", "r3"), ("r4",)]


def a_result(value: float, *, number: str | None = None, day: str = "2025-05-05") -> dict[str, Any]:
    return {
        "resourceType": "Observation",
        "identifier": [{"system": "urn:lab", "value": number}] if number else [],
        "code": {"coding": [{"code": "4548-4"}]},
        "effectiveDateTime": f"{day}T10:00:00-05:00",
        "valueQuantity": {"value": value, "unit": "%"},
    }


def test_a_result_is_one_by_code_day_and_value() -> None:
    assert group([seen("r1", "v2", a_result(7.10)), seen("r2", "fhir", a_result(7.1))]) == [("r1", "r2")]
    assert len(group([seen("r1", "v2", a_result(7.1)), seen("r2", "fhir", a_result(7.2))])) == 2


def test_a_number_that_a_source_uses_for_two_things_joins_none() -> None:
    """Serial results of one order; claims of one claim group."""
    serial = [a_result(7.1, number="A1"), a_result(7.2, number="A1")]
    assert len(group([seen(f"r{n}", "v2", one) for n, one in enumerate(serial)])) == 2
    both = [{"system": "urn:claim-group", "value": "99"}]
    claims = [a_claim(None, identifier=both, created=f"2025-0{n}-01", item=[]) for n in (1, 2)]
    assert len(group([seen(f"r{n}", "fhir", one) for n, one in enumerate(claims)])) == 2
    elsewhere = seen("r9", "csv", a_claim(None, identifier=both, item=[]))
    assert group([seen("r1", "fhir", claims[0]), elsewhere]) == [("r1", "r9")]


def test_an_accession_number_alone_joins_no_results() -> None:
    other = a_result(3.1, number="A1") | {"code": {"coding": [{"code": "2345-7"}]}}
    assert len(group([seen("r1", "v2", a_result(7.1, number="A1")), seen("r2", "fhir", other)])) == 2


def test_a_claim_says_which_one_it_takes_the_place_of() -> None:
    prior = {"relationship": {"coding": [{"code": "prior"}]}, "reference": {"value": "77"}}
    adjusted = marks_of(a_claim("78", related=[prior]))
    assert set(adjusted.replaces) == set(marks_of(a_claim("77")).unique)


def test_what_is_shared_or_ours_is_never_joined() -> None:
    assert marks_of({"resourceType": "Practitioner", "identifier": [{"system": "npi", "value": "1"}]}) == NO_MARKS
    assert marks_of({"resourceType": "Provenance"}) == NO_MARKS


def test_damaged_elements_give_no_marks_and_no_fault() -> None:
    broken = {"item": ["?"], "diagnosis": 3, "related": [{"relationship": 1}], "billablePeriod": "x", "identifier": {}}
    assert marks_of({"resourceType": "ExplanationOfBenefit", **broken}).identifiers == ()
    assert marks_of({"resourceType": "Coverage", "period": [], "class": "x"}) == NO_MARKS


def test_a_number_that_kept_its_digits_is_a_number() -> None:
    kept = a_result(0) | {"valueQuantity": {"value": orjson.Fragment("7.10"), "unit": "%"}}
    assert group([seen("r1", "v2", a_result(7.1)), seen("r2", "fhir", kept)]) == [("r1", "r2")]

"""What travels in a match: read strictly, repaired where the guide's own examples break the guide."""

from datetime import date
from typing import Any

import pytest

from interpayer.exchange.member_bundle import (
    named_exchange,
    read_bulk,
    read_single,
    shortcomings,
    write_bulk,
    write_single,
)
from interpayer.model.reason import Refusal

TODAY = date(2026, 11, 21)


def a_patient(**changes: Any) -> dict[str, Any]:
    return {
        "resourceType": "Patient",
        "id": "p1",
        "name": [{"family": "Marker", "given": ["Ada"]}],
        "birthDate": "1989-03-14",
        "gender": "female",
        **changes,
    }


def a_coverage(**changes: Any) -> dict[str, Any]:
    return {
        "resourceType": "Coverage",
        "id": "c1",
        "status": "active",
        "beneficiary": {"reference": "Patient/p1"},
        "subscriberId": "S1",
        "payor": [{"identifier": {"value": "payer-a"}}],
        **changes,
    }


def a_consent(**changes: Any) -> dict[str, Any]:
    return {"resourceType": "Consent", "id": "k1", "patient": {"reference": "Patient/p1"}, **changes}


def parameters(*, leave_out: str | None = None, **resources: Any) -> dict[str, Any]:
    parts = {
        "MemberPatient": a_patient(),
        "CoverageToMatch": a_coverage(),
        "CoverageToLink": a_coverage(id="c2"),
        "Consent": a_consent(),
        **resources,
    }
    parts.pop(leave_out or "", None)
    return {"resourceType": "Parameters", "parameter": [{"name": n, "resource": r} for n, r in parts.items()]}


def test_what_is_written_is_read_back_unchanged():
    bundle = read_single(parameters())
    assert read_single(write_single(bundle)) == bundle
    assert read_bulk(write_bulk([bundle, bundle])) == [bundle, bundle]
    assert bundle.repairs == ()


@pytest.mark.parametrize(
    ("left_out", "reason"),
    [
        ("MemberPatient", "request.missing_member"),
        ("CoverageToMatch", "request.malformed"),
        ("Consent", "request.missing_consent"),
    ],
)
def test_a_missing_part_is_named(left_out: str, reason: str):
    with pytest.raises(Refusal) as refusal:
        read_single(parameters(leave_out=left_out))
    assert refusal.value.reason == reason
    assert left_out in refusal.value.detail


def test_the_coverage_to_link_may_be_left_out():
    assert read_single(parameters(leave_out="CoverageToLink")).coverage_to_link is None


@pytest.mark.parametrize(
    "broken",
    [
        None,
        [],
        {"resourceType": "Bundle"},
        {"resourceType": "Parameters"},
        {"resourceType": "Parameters", "parameter": {"name": "MemberPatient"}},
        {"resourceType": "Parameters", "parameter": ["MemberPatient"]},
        parameters(MemberPatient=a_coverage()),
        {"resourceType": "Parameters", "parameter": parameters()["parameter"] * 2},
    ],
)
def test_a_broken_shape_is_refused(broken: object):
    with pytest.raises(Refusal) as refusal:
        read_single(broken)
    assert refusal.value.reason == "request.malformed"


def test_an_unknown_parameter_is_refused_where_the_guide_closes_the_list_and_passed_over_where_it_does_not():
    with pytest.raises(Refusal) as refusal:
        read_single(parameters(Marker=a_patient()))
    assert refusal.value.reason == "request.unsupported_parameter"
    assert "Marker" not in refusal.value.detail
    bulk = {
        "resourceType": "Parameters",
        "parameter": [{"name": "MemberBundle", "part": parameters(Extra={})["parameter"]}],
    }
    assert len(read_bulk(bulk)) == 1


def test_references_elsewhere_are_mended_and_told():
    bundle = read_single(
        parameters(
            CoverageToMatch=a_coverage(beneficiary={"reference": "http://example.org/fhir/Patient/99"}),
            Consent=a_consent(patient={"reference": "Patient/other"}),
        )
    )
    assert bundle.repairs == ("CoverageToMatch.beneficiary", "Consent.patient")
    assert bundle.coverage_to_match["beneficiary"] == {"reference": "Patient/p1"}
    assert bundle.consent is not None
    assert bundle.consent["patient"] == {"reference": "Patient/p1"}


@pytest.mark.parametrize(
    ("change", "element"),
    [
        ({"MemberPatient": a_patient(name=[{"given": ["Ada"]}])}, "MemberPatient.name.family"),
        ({"MemberPatient": a_patient(birthDate=None)}, "MemberPatient.birthDate"),
        ({"MemberPatient": a_patient(gender=None)}, "MemberPatient.gender"),
        ({"CoverageToMatch": a_coverage(subscriberId=None)}, "CoverageToMatch.identifier or subscriberId"),
        ({"CoverageToMatch": a_coverage(payor=[])}, "CoverageToMatch.payor"),
    ],
)
def test_required_elements_that_are_missing_are_named(change: dict[str, Any], element: str):
    assert shortcomings(read_single(parameters(**change)), today=TODAY) == (element,)


LONG = "Q" * 10_000


@pytest.mark.parametrize(
    ("change", "element"),
    [
        ({"birthDate": "2062-05-17"}, "MemberPatient.birthDate"),
        ({"birthDate": "1789-07-14"}, "MemberPatient.birthDate"),
        ({"birthDate": "1989-02-31"}, "MemberPatient.birthDate"),
        ({"birthDate": "1989-13-01"}, "MemberPatient.birthDate"),
        ({"birthDate": "1989"}, "MemberPatient.birthDate"),
        ({"birthDate": ""}, "MemberPatient.birthDate"),
        ({"name": [{"family": "", "given": ["Ada"]}]}, "MemberPatient.name.family"),
        ({"name": [{"family": "  ", "given": ["Ada"]}]}, "MemberPatient.name.family"),
        ({"name": [{"family": "Marker", "given": [""]}]}, "MemberPatient.name.given"),
        ({"name": [{"family": LONG, "given": ["Ada"]}]}, "MemberPatient.name.family"),
        ({"name": [{"family": "Marker", "given": [LONG]}]}, "MemberPatient.name.given"),
        ({"name": [{"family": "M\u0430rker", "given": ["Ada"]}]}, "MemberPatient.name.family"),
        ({"name": [{"family": "Marker", "given": ["Ada"]}] * 51}, "MemberPatient.name.family"),
        ({"address": [{"line": [LONG]}]}, "MemberPatient.address"),
        ({"telecom": [{"system": "phone", "value": "5" * 10_000}]}, "MemberPatient.telecom"),
        ({"telecom": [{"system": "email", "value": f"{LONG}@x.org"}]}, "MemberPatient.telecom"),
        ({"identifier": [{"value": LONG}]}, "MemberPatient.identifier"),
    ],
)
def test_what_nobodys_record_can_hold_is_named(change: dict[str, Any], element: str):
    bundle = read_single(parameters(MemberPatient=a_patient(**change)))
    assert shortcomings(bundle, today=TODAY) == (element,)


def test_the_card_is_looked_at_as_well():
    bundle = read_single(parameters(CoverageToMatch=a_coverage(subscriberId=LONG)))
    assert shortcomings(bundle, today=TODAY) == ("CoverageToMatch.subscriberId",)


def test_a_whole_bundle_lacks_nothing_and_a_birth_sex_stands_for_a_gender():
    assert shortcomings(read_single(parameters()), today=TODAY) == ()
    sex = {"url": "http://hl7.org/fhir/us/core/StructureDefinition/us-core-birthsex", "valueCode": "F"}
    bundle = read_single(parameters(MemberPatient=a_patient(gender=None, extension=[sex])))
    assert shortcomings(bundle, today=TODAY) == ()


def test_a_bulk_request_needs_at_least_one_bundle():
    with pytest.raises(Refusal) as refusal:
        read_bulk({"resourceType": "Parameters", "parameter": []})
    assert refusal.value.reason == "request.missing_member"


def test_a_bundle_names_the_exchange_it_stands_for_and_never_a_number_of_a_person() -> None:
    ours = "x-" + "a2" * 13
    assert named_exchange(read_single(parameters(MemberPatient=a_patient(id=ours)))) == ours
    for number in ("p1", "1234567890", "x-1234567890", "MRN-0000-1111-2222"):
        assert named_exchange(read_single(parameters(MemberPatient=a_patient(id=number)))) is None

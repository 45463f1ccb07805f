"""Denied prior authorizations and those for drugs are out; partly approved and pended ones are in."""

from datetime import date
from typing import Any

import pytest

from interpayer.normalization.payload import PayloadRules, prepare
from interpayer.normalization.prior_authorizations import DENIED, DRUG, read_authorization

PDEX = "http://hl7.org/fhir/us/davinci-pdex/StructureDefinition"
HCPCS = "https://www.cms.gov/Medicare/Coding/HCPCSReleaseCodeSets"


def action(code: str) -> dict[str, Any]:
    concept = {"coding": [{"system": "https://codesystem.x12.org/005010/306", "code": code}]}
    inner = {"url": f"{PDEX}/extension-reviewActionCode", "valueCodeableConcept": concept}
    return {"url": f"{PDEX}/extension-reviewAction", "extension": [inner]}


def decided(code: str) -> list[dict[str, Any]]:
    return [{"category": {"coding": [{"code": "submitted"}]}, "extension": [action(code)]}]


def because(kind: str, **more: Any) -> dict[str, Any]:
    return {"category": {"coding": [{"code": kind}]}, **more}


def an_authorization(**more: Any) -> dict[str, Any]:
    base = {
        "resourceType": "ExplanationOfBenefit",
        "use": "preauthorization",
        "status": "active",
        "created": "2026-03-01",
    }
    return {**base, "type": {"coding": [{"code": "professional"}]}, **more}


def coded(system: str, code: str) -> dict[str, Any]:
    return {"productOrService": {"coding": [{"system": system, "code": code}]}}


@pytest.mark.parametrize(
    ("named", "authorization", "excluded"),
    [
        ("approved", an_authorization(adjudication=decided("A1")), None),
        ("partly approved", an_authorization(adjudication=decided("A2")), None),
        ("not certified", an_authorization(adjudication=decided("A3")), DENIED),
        ("pended", an_authorization(adjudication=decided("A4")), None),
        ("modified", an_authorization(adjudication=decided("A6")), None),
        ("no decision at all", an_authorization(), None),
        ("every line denied", an_authorization(item=[{"adjudication": decided("A3")}] * 2), DENIED),
        ("one line denied", an_authorization(item=[{"adjudication": decided(c)} for c in ("A1", "A3")]), None),
        ("one line denied, one open", an_authorization(item=[{"adjudication": decided("A3")}, {}]), None),
        ("header first", an_authorization(adjudication=decided("A2"), item=[{"adjudication": decided("A3")}]), None),
        ("denial reason only", an_authorization(adjudication=[because("denialreason", reason={"text": "x"})]), DENIED),
        (
            "denial reason with units allowed",
            an_authorization(item=[{"adjudication": [because("denialreason"), because("allowedunits", value=2)]}]),
            None,
        ),
        ("denied in words", an_authorization(disposition="Denied: not necessary"), DENIED),
        (
            "CMS says N",
            an_authorization(item=[{"extension": [{
                "url": "https://bluebutton.cms.gov/fhir/StructureDefinition/PA-DECISION", "valueCoding": {"code": "N"},
            }]}]),
            DENIED,
        ),
        ("a pharmacy claim type", an_authorization(type={"coding": [{"code": "pharmacy"}]}), DRUG),
        ("only drugs by NDC", an_authorization(item=[coded("http://hl7.org/fhir/sid/ndc", "1")]), DRUG),
        ("only drugs by HCPCS", an_authorization(item=[coded(HCPCS, "J1100")]), DRUG),
        ("a drug and a service", an_authorization(item=[coded(HCPCS, "J1100"), coded(HCPCS, "G0151")]), None),
        ("a denied claim is no authorization", {**an_authorization(adjudication=decided("A3")), "use": "claim"}, None),
    ],
)  # fmt: skip
def test_which_prior_authorizations_are_exchanged(
    named: str, authorization: dict[str, Any], excluded: str | None
) -> None:
    prepared = prepare(authorization, rules=PayloadRules())
    assert prepared.excluded == excluded, named
    assert (prepared.released is None) == (excluded is not None)


def test_a_rule_can_be_switched_off_when_the_law_changes() -> None:
    drug = an_authorization(type={"coding": [{"code": "pharmacy"}]})
    assert prepare(drug, rules=PayloadRules(without_drugs=False)).excluded is None


def test_days_of_the_last_change_and_the_end() -> None:
    period = {"url": f"{PDEX}/extension-preAuthPeriod", "valuePeriod": {"start": "2026-01-01", "end": "2026-12-31"}}
    adjudicated = {"url": f"{PDEX}/base-ext-when-adjudicated", "valueDateTime": "2026-04-02T10:00:00Z"}
    read = read_authorization(
        an_authorization(
            preAuthRefPeriod=[{"start": "2026-01-01", "end": "2026-06-30"}],
            item=[{"extension": [period], "adjudication": [because("submitted", extension=[adjudicated])]}],
        )
    )
    assert read is not None
    assert (read.changed_on, read.ends_on) == (date(2026, 4, 2), date(2026, 12, 31))


def test_a_cancelled_one_holds_no_longer() -> None:
    read = read_authorization(an_authorization(status="cancelled", preAuthRefPeriod=[{"end": "2030-01-01"}]))
    assert read is not None
    assert (read.changed_on, read.ends_on) == (date(2026, 3, 1), None)


def test_other_resources_are_no_prior_authorizations() -> None:
    assert read_authorization({"resourceType": "Encounter", "use": "preauthorization"}) is None

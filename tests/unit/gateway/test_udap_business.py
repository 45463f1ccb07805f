"""What an hl7-b2b must say, and what of it is kept (UDAP Security 1.0, 5.2.1.1)."""

from hashlib import sha256
from typing import Any

import pytest

from interpayer.gateway.udap.business import means, read_business
from interpayer.model.reason import Refusal
from interpayer.partners.udap.communities import PURPOSES
from tests.support.udap import PURPOSE, business

CONSENT = "https://plan-b.example/fhir/Consent/c1"
POLICY = "https://plan-b.example/policies/1"


def read(**changes: Any) -> dict[str, Any]:
    return dict(read_business({"extensions": {"hl7-b2b": business(**changes)}}, purposes=PURPOSES))


def test_organization_and_purpose_are_kept() -> None:
    assert read() == {
        "organization_id": "http://hl7.org/fhir/sid/us-npi#1234567893",
        "organization_name": "Plan B",
        "purpose_of_use": [PURPOSE],
    }


def test_a_consent_is_kept_by_its_digest_and_a_person_not_at_all() -> None:
    said = read(
        consent_policy=[POLICY],
        consent_reference=[CONSENT],
        subject_name="Ana Ruiz",
        subject_id="1234567893",
        subject_role="http://nucc.org/provider-taxonomy#207R00000X",
    )
    assert said["consent_policy"] == [POLICY]
    assert said["consent_reference_sha256"] == [sha256(CONSENT.encode()).hexdigest()]
    assert "Ana Ruiz" not in str(said) and CONSENT not in str(said)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"version": None}, "version"),
        ({"version": 1}, "version"),
        ({"version": "2"}, "version"),
        ({"organization_id": None}, "organization_id"),
        ({"organization_id": "1234567893"}, "organization_id"),
        ({"organization_id": ["https://plan-b.example"]}, "organization_id"),
        ({"organization_id": "https://plan-b.example/ x"}, "organization_id"),
        ({"organization_name": 7}, "organization_name"),
        ({"purpose_of_use": None}, "purpose_of_use"),
        ({"purpose_of_use": []}, "purpose_of_use"),
        ({"purpose_of_use": PURPOSE}, "purpose_of_use"),
        ({"purpose_of_use": [7]}, "purpose_of_use"),
        ({"purpose_of_use": ["urn:oid:2.16.840.1.113883.5.8#HMARKT"]}, "purposes"),
        ({"purpose_of_use": [PURPOSE] * 30}, "purpose_of_use"),
        ({"subject_id": "1234567893"}, "subject_name"),
        ({"subject_role": "nurse"}, "subject_name"),
        ({"subject_name": "Ana", "subject_id": "not an NPI"}, "NPI"),
        ({"consent_policy": ["no URI"]}, "consent_policy"),
        ({"consent_reference": [CONSENT]}, "consent_policy"),
        ({"consent_policy": [POLICY], "consent_reference": ["Consent/c1"]}, "https"),
        ({"consent_policy": [POLICY], "consent_reference": ["http://plan-b.example/Consent/c1"]}, "https"),
        ({"consent_policy": [POLICY], "consent_reference": ["https://user:secret@plan-b.example/Consent/c1"]}, "https"),
        ({"consent_policy": POLICY}, "consent_policy"),
    ],
    ids=str,
)
def test_what_is_missing_or_wrong_is_named(changes: dict[str, Any], words: str) -> None:
    with pytest.raises(Refusal) as refused:
        read(**changes)
    assert refused.value.reason == "caller.purpose_missing" and words in refused.value.detail


@pytest.mark.parametrize("claims", [{}, {"extensions": None}, {"extensions": []}, {"extensions": {"hl7-b2b": "x"}}])
def test_it_is_needed(claims: dict[str, Any]) -> None:
    with pytest.raises(Refusal) as refused:
        read_business(claims, purposes=PURPOSES)
    assert refused.value.reason == "caller.purpose_missing"


@pytest.mark.parametrize(
    ("organization_id", "meant"),
    [
        ("http://hl7.org/fhir/sid/us-npi#1234567893", "http://hl7.org/fhir/sid/us-npi|1234567893"),
        ("http://hl7.org/fhir/sid/us-npi/1234567893", "http://hl7.org/fhir/sid/us-npi|1234567893"),
        ("https://plan-b.example", "https://plan-b.example"),
        ("https://plan-b.example/organization/7", "plan-b"),
        ("http://hl7.org/fhir/sid/us-npi#1234567894", None),
        ("1234567893", None),
        ("https://gone.example", None),
    ],
)
def test_an_organization_is_one_that_the_partner_acts_for(organization_id: str, meant: str | None) -> None:
    acts_for = ("http://hl7.org/fhir/sid/us-npi|1234567893", "https://plan-b.example", "plan-b")
    named = {"https://plan-b.example/organization/7": "plan-b", "https://gone.example": "plan-x"}
    assert means(organization_id, acts_for, named) == meant

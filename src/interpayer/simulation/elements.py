"""Small FHIR shapes that every simulated resource is put together from."""

import base64
from collections.abc import Mapping
from datetime import date
from random import Random
from typing import Any, TypeAlias

from interpayer.simulation.codes import C4BB, HL7

Resource: TypeAlias = dict[str, Any]

_VERSIONS = {
    HL7 + "claim-type": "1.0.1",  # C4BB 2.2 fixes these versions in its patterns
    HL7 + "v2-0203": "5.0.0",
}


def concept(system: str, code: str) -> Resource:
    """A CodeableConcept of one code."""
    coding = {"system": system, "code": code}
    if version := _VERSIONS.get(system):
        coding["version"] = version
    return {"coding": [coding]}


def reference(kind: str, resource_id: str) -> Resource:
    """A literal local reference."""
    return {"reference": f"{kind}/{resource_id}"}


def meta(at: date, *profiles: str) -> Resource:
    """`meta` with the time the plan had the resource and the profiles it follows."""
    return {"lastUpdated": f"{at.isoformat()}T00:00:00Z", "profile": list(profiles)}


def quantity(value: float, unit: str) -> Resource:
    """A Quantity in UCUM."""
    return {"value": value, "unit": unit, "system": "http://unitsofmeasure.org", "code": unit}


def money(rolls: Random, least: int, most: int) -> Resource:
    """An amount in dollars, between two whole ones."""
    return {"value": rolls.randrange(least * 100, most * 100) / 100, "currency": "USD"}


def period(start: date, end: date | None) -> Resource:
    """A Period, open when `end` is None."""
    found = {"start": start.isoformat()}
    if end is not None:
        found["end"] = end.isoformat()
    return found


def supporting(sequence: int, code: str, value: Mapping[str, Any]) -> Resource:
    """One C4BB supportingInfo entry."""
    return {"sequence": sequence, "category": concept(C4BB + "C4BBSupportingInfoType", code), **value}


def status_of(category: str, reason: str) -> Resource:
    """A C4BB adjudication that says a state, not an amount."""
    return {
        "category": concept(C4BB + "C4BBAdjudicationDiscriminator", category),
        "reason": concept(C4BB + "C4BBPayerAdjudicationStatus", reason),
    }


def amount_of(system: str, category: str, amount: Resource) -> Resource:
    """An adjudication (or total) that says an amount: what payload rules take away."""
    return {"category": concept(system, category), "amount": amount}


def text_attachment(text: str) -> Resource:
    """A small text as FHIR carries it inline."""
    return {"contentType": "text/plain", "data": base64.b64encode(text.encode()).decode()}

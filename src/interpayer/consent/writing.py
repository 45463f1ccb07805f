"""Our own words into the FHIR Consent that goes along with a request (HRex 1.2 hrex-consent)."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from interpayer.consent.reading import POLICY
from interpayer.model.consent import NOTHING_WITHHELD, Consent, Limits, Scope
from interpayer.model.sensitivity import Category

PROFILE = "http://hl7.org/fhir/us/davinci-hrex/StructureDefinition/hrex-consent"
SCOPE_SYSTEM = "http://terminology.hl7.org/CodeSystem/consentscope"
ACT_SYSTEM = "http://terminology.hl7.org/CodeSystem/v3-ActCode"
SOURCE_SYSTEM = "http://terminology.hl7.org/CodeSystem/provenance-participant-type"
RECIPIENT_SYSTEM = "http://terminology.hl7.org/CodeSystem/v3-ParticipationType"
ROLE_SYSTEM = "http://terminology.hl7.org/CodeSystem/v3-RoleCode"
ACTION_SYSTEM = "http://terminology.hl7.org/CodeSystem/consentaction"


def write_consent(
    consent: Consent,
    *,
    consent_id: str,
    patient_ref: str,
    names: Mapping[str, str] | None = None,
    limits: Limits = NOTHING_WITHHELD,
) -> dict[str, Any]:
    """The Consent that goes along with an outgoing request; `names` are displays by organization identifier.

    The profile knows two words: where anything sensitive stays out, the narrower one is said.
    """
    shown = names or {}
    withheld = limits.labels_withheld | consent.limits.labels_withheld
    # what a minor controls alone the other payer keeps by itself: the performer tells it that a parent spoke
    is_regular = consent.scope is Scope.REGULAR or bool(withheld - {Category.MINOR_OWN})
    word = Scope.REGULAR if is_regular else Scope.SENSITIVE
    actors = [_write_actor(SOURCE_SYSTEM, "performer", s, shown) for s in consent.sources]
    actors += [_write_actor(RECIPIENT_SYSTEM, "IRCP", r, shown) for r in consent.recipients]
    is_reference = "/" in consent.proof and " " not in consent.proof
    evidence: dict[str, Any] = (
        {"reference": consent.proof} if is_reference else {"identifier": {"value": consent.proof}}
    )
    return {
        "resourceType": "Consent",
        "id": consent_id,
        "meta": {"profile": [PROFILE]},
        "status": "active",
        "scope": _concept(SCOPE_SYSTEM, "patient-privacy"),
        "category": [_concept(ACT_SYSTEM, "IDSCL")],
        "patient": {"reference": patient_ref},
        **_write_performer(consent, patient_ref),
        "sourceReference": {"type": "DocumentReference", **evidence},
        "policy": [{"uri": f"{POLICY}{word.value}"}],
        "provision": {
            "type": "permit",
            "period": {"start": _instant(consent.starts_at), "end": _instant(consent.ends_at - timedelta(seconds=1))},
            "actor": actors,
            "action": [_concept(ACTION_SYSTEM, "disclose")],
        },
    }


def _write_performer(consent: Consent, patient_ref: str) -> dict[str, Any]:
    kind, _, role = consent.performer.partition(":")
    if kind == "organization":
        namespace, bar, value = consent.recipients[0].rpartition("|")
        identifier = {"system": namespace, "value": value} if bar else {"value": consent.recipients[0]}
        return {"performer": [{"type": "Organization", "identifier": identifier}]}
    if kind != "representative":
        return {"performer": [{"reference": patient_ref}]}
    person: dict[str, Any] = {
        "resourceType": "RelatedPerson",
        "id": "representative",
        "patient": {"reference": patient_ref},
        "relationship": [_concept(ROLE_SYSTEM, role)],
    }
    if consent.authority and consent.authority.ends_at:
        person["period"] = {"end": _instant(consent.authority.ends_at - timedelta(seconds=1))}
    return {"contained": [person], "performer": [{"reference": "#representative"}]}


def _write_actor(system: str, code: str, organization: str, names: Mapping[str, str]) -> dict[str, Any]:
    namespace, bar, value = organization.rpartition("|")
    identifier = {"system": namespace, "value": value} if bar else {"value": organization}
    reference: dict[str, Any] = {"type": "Organization", "identifier": identifier}
    if organization in names:
        reference["display"] = names[organization]
    return {"role": _concept(system, code), "reference": reference}


def _concept(system: str, code: str) -> dict[str, Any]:
    return {"coding": [{"system": system, "code": code}]}


def _instant(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat().replace("+00:00", "Z")

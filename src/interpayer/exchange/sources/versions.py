"""Which FHIR release a resource is written in, by elements that R4 (4.0.1) does not have; we read R4 and nothing else.

A resource of another release may look sound where the names agree, and then says something else: it is refused as such.
"""

from collections.abc import Mapping
from typing import Any

# Top-level elements that the resource type had before R4 (DSTU2, STU3) and not in it.
_BEFORE = {
    "AllergyIntolerance": {"assertedDate", "substance"},
    "CarePlan": {"context", "definition"},
    "Claim": {"information", "hospitalization", "organization", "employmentImpacted"},
    "ClaimResponse": {"requestProvider", "requestOrganization", "totalCost", "totalBenefit", "unallocDeductable"},
    "Condition": {"context", "assertedDate", "dateRecorded"},
    "Coverage": {"grouping", "sequence", "bin", "group", "plan", "subPlan"},
    "DiagnosticReport": {"codedDiagnosis", "image", "context"},
    "DocumentReference": {"class", "created", "indexed"},
    "Encounter": {"reason", "indication"},
    "ExplanationOfBenefit": {
        "information", "hospitalization", "organization", "totalCost", "totalBenefit", "employmentImpacted",
        "unallocDeductable", "claimTotal",
    },
    "Immunization": {"notGiven", "wasNotGiven", "reported", "explanation", "vaccinationProtocol", "practitioner"},
    "MedicationDispense": {"notDone", "notDoneReasonCodeableConcept"},
    "MedicationRequest": {"context", "definition"},
    "Observation": {"context", "comment", "comments", "related"},
    "Patient": {"animal", "careProvider"},
    "Practitioner": {"role", "practitionerRole"},
    "Procedure": {"context", "notDone", "notDoneReason", "notPerformed"},
}  # fmt: skip
# The same for what came with R5.
_AFTER = {
    "AllergyIntolerance": {"participant"},
    "Claim": {"traceNumber", "diagnosisRelatedGroup", "event", "patientPaid"},
    "ClaimResponse": {"traceNumber", "diagnosisRelatedGroup", "event"},
    "Condition": {"participant"},
    "Coverage": {"kind", "paymentBy", "insurer", "insurancePlan"},
    "DiagnosticReport": {"study", "supportingInfo", "composition"},
    "Encounter": {"admission", "actualPeriod", "plannedStartDate", "virtualService", "careTeam"},
    "ExplanationOfBenefit": {"traceNumber", "diagnosisRelatedGroup", "event", "patientPaid"},
    "Immunization": {"administeredProduct", "informationSource", "basedOn"},
    "MedicationRequest": {"medication", "reason", "renderedDosageInstruction"},
    "Observation": {"triggeredBy", "bodyStructure", "instantiatesCanonical"},
    "Procedure": {"occurrenceDateTime", "occurrencePeriod", "reason", "recorded", "used"},
    "ServiceRequest": {"location", "bodyStructure"},
}  # fmt: skip


_NONE: frozenset[str] = frozenset()
_FOREIGN = {name: frozenset(_BEFORE.get(name, _NONE)) | _AFTER.get(name, _NONE) for name in {*_BEFORE, *_AFTER}}


def other_release(resource: Mapping[str, Any]) -> str:
    """In words which other release the resource is written in; empty when nothing says so."""
    resource_type = str(resource.get("resourceType"))
    if _FOREIGN.get(resource_type, _NONE).isdisjoint(resource):
        return ""
    is_before = not _BEFORE.get(resource_type, set()).isdisjoint(resource)
    return f"is written in a release {'before' if is_before else 'after'} FHIR R4"

"""Who handed on and who holds (PDex 2.2, Provenance; standards.md 2.7): Provenance resources of our own."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

PROFILE = "http://hl7.org/fhir/us/davinci-pdex/StructureDefinition/pdex-provenance"
TRANSMITTER = {
    "system": "http://hl7.org/fhir/us/core/CodeSystem/us-core-provenance-participant-type",
    "code": "transmitter",
    "display": "Transmitter",
}
CUSTODIAN = {
    "system": "http://terminology.hl7.org/CodeSystem/provenance-participant-type",
    "code": "custodian",
    "display": "Custodian",
}
SOURCE_FROM = "http://hl7.org/fhir/us/davinci-pdex/StructureDefinition/ProvenanceSourceFrom"
SOURCE_SYSTEM = "http://hl7.org/fhir/us/davinci-pdex/CodeSystem/ProvenancePayerDataSource"


@dataclass(frozen=True, slots=True)
class Payer:
    """A payer as a Provenance names it: its organization identifier (``system|value`` or bare) and name."""

    identifier: str
    name: str


def transmitter_provenance(
    provenance_id: str, payer: Payer, targets: Sequence[str], *, recorded: datetime, source_format: str = "hl7fhirr4"
) -> dict[str, Any]:
    """We hand these on (``Type/id``, the Patient among them): one per exchange."""
    return _provenance(provenance_id, payer, targets, recorded=recorded, role=TRANSMITTER, source_format=source_format)


def custodian_provenance(
    provenance_id: str, payer: Payer, targets: Sequence[str], *, recorded: datetime, source_format: str = "hl7fhirr4"
) -> dict[str, Any]:
    """We received these and hold them now; the sender's own Provenance stays beside it."""
    return _provenance(provenance_id, payer, targets, recorded=recorded, role=CUSTODIAN, source_format=source_format)


def _provenance(
    provenance_id: str,
    payer: Payer,
    targets: Sequence[str],
    *,
    recorded: datetime,
    role: Mapping[str, str],
    source_format: str,
) -> dict[str, Any]:
    if not targets:
        raise ValueError("a Provenance has at least one target")
    instant = recorded.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    system, bar, value = payer.identifier.rpartition("|")
    identifier = {"system": system, "value": value} if bar else {"value": payer.identifier}
    coding = {"coding": [{"system": SOURCE_SYSTEM, "code": source_format}]}
    return {
        "resourceType": "Provenance",
        "id": provenance_id,
        "meta": {"lastUpdated": instant, "profile": [PROFILE]},
        "target": [{"reference": target} for target in targets],
        "recorded": instant,
        "agent": [
            {
                "type": {"coding": [dict(role)]},
                "who": {"type": "Organization", "identifier": identifier, "display": payer.name},
            }
        ],
        "entity": [
            {
                "extension": [{"url": SOURCE_FROM, "valueCodeableConcept": coding}],
                "role": "source",
                "what": {"display": "The payer's own records"},
            }
        ],
    }

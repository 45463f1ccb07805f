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
ASSEMBLER = {
    "system": "http://terminology.hl7.org/CodeSystem/provenance-participant-type",
    "code": "assembler",
    "display": "Assembler",
}
SOURCE_FROM = "http://hl7.org/fhir/us/davinci-pdex/StructureDefinition/ProvenanceSourceFrom"
SOURCE_SYSTEM = "http://hl7.org/fhir/us/davinci-pdex/CodeSystem/ProvenancePayerDataSource"


# What a source of the payer is in PDex's list of source formats, by its kind; claims have a form of their own in X12.
_FORMATS = {
    "fhir_server": "hl7fhirr4", "fhir_files": "hl7fhirr4", "hl7v2": "hl7v2other", "x12": "x12other",
    "tables": "customtx", "documents": "unstructured",
}  # fmt: skip
_WORDS = {
    "enrollment": "The payer's enrollment",
    "claims": "The payer's claims",
    "clinical": "Clinical records that the payer holds",
    "documents": "Documents that the payer holds",
}
OWN_RECORDS = "The payer's own records"


@dataclass(frozen=True, slots=True, order=True)
class SourceForm:
    """A source as a partner may know it: what kind of knowledge, in which form; never its name."""

    words: str
    code: str


def source_form(kind: str, role: str) -> SourceForm:
    """The form of a source of this kind (``x12``, ``tables`` ...) and role."""
    code = "x12837" if (kind, role) == ("x12", "claims") else _FORMATS.get(kind, "other")
    return SourceForm(_WORDS.get(role, OWN_RECORDS), code)


OWN_FORM = SourceForm(OWN_RECORDS, "hl7fhirr4")


@dataclass(frozen=True, slots=True)
class Payer:
    """A payer as a Provenance names it: its organization identifier (``system|value`` or bare) and name."""

    identifier: str
    name: str


def transmitter_provenance(
    provenance_id: str, payer: Payer, targets: Sequence[str], *, recorded: datetime, forms: Sequence[SourceForm] = ()
) -> dict[str, Any]:
    """We hand these on (``Type/id``, the Patient among them): one per exchange, with the sources it was made of."""
    return _provenance(provenance_id, payer, targets, recorded=recorded, role=TRANSMITTER, forms=forms or (OWN_FORM,))


def custodian_provenance(
    provenance_id: str, payer: Payer, targets: Sequence[str], *, recorded: datetime
) -> dict[str, Any]:
    """We received these and hold them now; the sender's own Provenance stays beside it."""
    return _provenance(provenance_id, payer, targets, recorded=recorded, role=CUSTODIAN, forms=(OWN_FORM,))


def assembler_provenance(
    provenance_id: str, payer: Payer, target: str, *, recorded: datetime, forms: Sequence[SourceForm]
) -> dict[str, Any]:
    """We made this one record (``Type/id``) of what several sources of ours tell."""
    return _provenance(provenance_id, payer, [target], recorded=recorded, role=ASSEMBLER, forms=forms)


def _provenance(
    provenance_id: str,
    payer: Payer,
    targets: Sequence[str],
    *,
    recorded: datetime,
    role: Mapping[str, str],
    forms: Sequence[SourceForm],
) -> dict[str, Any]:
    if not targets:
        raise ValueError("a Provenance has at least one target")
    instant = recorded.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    system, bar, value = payer.identifier.rpartition("|")
    identifier = {"system": system, "value": value} if bar else {"value": payer.identifier}
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
        "entity": [_entity(form) for form in forms],
    }


def _entity(form: SourceForm) -> dict[str, Any]:
    coding = {"coding": [{"system": SOURCE_SYSTEM, "code": form.code}]}
    extension = [{"url": SOURCE_FROM, "valueCodeableConcept": coding}]
    return {"extension": extension, "role": "source", "what": {"display": form.words}}

"""FHIR Patient and Coverage to and from our own words (HRex 1.2: hrex-patient-demographics, hrex-coverage)."""

from collections.abc import Iterable, Mapping
from datetime import date
from typing import Any

from interpayer.model.member import Address, Coverage, Demographics, Identifier, IdKind, Name

TYPE_SYSTEM = "http://terminology.hl7.org/CodeSystem/v2-0203"
UMB_SYSTEM = "http://hl7.org/fhir/us/davinci-hrex/CodeSystem/hrex-temp"
CLASS_SYSTEM = "http://terminology.hl7.org/CodeSystem/coverage-class"
BIRTHSEX_URL = "http://hl7.org/fhir/us/core/StructureDefinition/us-core-birthsex"
_BIRTHSEX = {"F": "female", "M": "male"}


def read_patient(patient: Mapping[str, Any]) -> Demographics:
    """What a FHIR Patient says of a person; what is absent or unreadable is missing."""
    telecom = _objects(patient.get("telecom"))
    return Demographics(
        names=tuple(name for raw in _objects(patient.get("name")) if (name := _read_name(raw))),
        birth_date=read_date(patient.get("birthDate")),
        sex=_text(patient.get("gender")) or _birth_sex(patient),
        addresses=tuple(_read_address(raw) for raw in _objects(patient.get("address"))),
        phones=tuple(v for t in telecom if t.get("system") in ("phone", "sms") and (v := _text(t.get("value")))),
        emails=tuple(v for t in telecom if t.get("system") == "email" and (v := _text(t.get("value")))),
        identifiers=tuple(i for raw in _objects(patient.get("identifier")) if (i := _read_identifier(raw))),
    )


def read_coverage(coverage: Mapping[str, Any]) -> Coverage:
    """What a FHIR Coverage says: payer, member and subscriber id, period, plan and group."""
    period = coverage.get("period") if isinstance(coverage.get("period"), dict) else {}
    ids = [i for raw in _objects(coverage.get("identifier")) if (i := _read_identifier(raw))]
    return Coverage(
        payer=read_organization(next(iter(_objects(coverage.get("payor"))), {})) or "",
        member_id=next((i.value for i in ids if i.kind is IdKind.MEMBER), None),
        subscriber_id=_text(coverage.get("subscriberId")),
        relationship=_code(coverage.get("relationship")),
        starts_on=read_date(period.get("start")) if isinstance(period, dict) else None,
        ends_on=read_date(period.get("end")) if isinstance(period, dict) else None,
        plan=_class_value(coverage, "plan"),
        group=_class_value(coverage, "group"),
        status=_text(coverage.get("status")) or "unknown",
    )


def read_organization(reference: Mapping[str, Any]) -> str | None:
    """The organization identifier in a Reference: `system|value`, a bare value, or the literal reference."""
    identifier = reference.get("identifier")
    if isinstance(identifier, dict) and (value := _text(identifier.get("value"))):
        system = _text(identifier.get("system"))
        return f"{system}|{value}" if system else value
    return _text(reference.get("reference"))


def read_date(value: object) -> date | None:
    """A full date out of a FHIR date or dateTime; partial dates are missing, not guessed."""
    if not isinstance(value, str) or len(value) < 10:
        return None
    try:
        return date.fromisoformat(value[:10])
    except ValueError:
        return None


def write_patient(demographics: Demographics, patient_id: str) -> dict[str, Any]:
    """MemberPatient as HRex wants it: names, birth date, sex, address, phone; no identifiers of ours."""
    name = [_write_name(n) for n in demographics.names]
    patient: dict[str, Any] = {"resourceType": "Patient", "id": patient_id, "name": name}
    patient["gender"] = demographics.sex or "unknown"
    if demographics.birth_date:
        patient["birthDate"] = demographics.birth_date.isoformat()
    if demographics.addresses:
        patient["address"] = [_write_address(a) for a in demographics.addresses[:1]]
    telecom = [{"system": "phone", "value": v} for v in demographics.phones[:1]]
    telecom += [{"system": "email", "value": v} for v in demographics.emails[:1]]
    if telecom:
        patient["telecom"] = telecom
    return patient


def write_coverage(coverage: Coverage, *, coverage_id: str, patient_id: str, payer_name: str) -> dict[str, Any]:
    """A Coverage as HRex wants it, with local references to the one patient of the bundle."""
    resource: dict[str, Any] = {
        "resourceType": "Coverage",
        "id": coverage_id,
        "status": "active" if coverage.status == "unknown" else coverage.status,
        "beneficiary": {"reference": f"Patient/{patient_id}"},
        "relationship": {
            "coding": [
                {
                    "system": "http://terminology.hl7.org/CodeSystem/subscriber-relationship",
                    "code": coverage.relationship or "self",
                }
            ]
        },
        "payor": [{"identifier": organization_identifier(coverage.payer), "display": payer_name}],
    }
    if coverage.member_id:
        kind = {"coding": [{"system": TYPE_SYSTEM, "code": "MB"}]}
        resource["identifier"] = [{"type": kind, "value": coverage.member_id}]
    if coverage.subscriber_id:
        resource["subscriberId"] = coverage.subscriber_id
    period = {"start": coverage.starts_on, "end": coverage.ends_on}
    if any(period.values()):
        resource["period"] = {key: day.isoformat() for key, day in period.items() if day}
    return resource


def organization_identifier(organization: str) -> dict[str, str]:
    """The FHIR Identifier of an organization identifier (`system|value` or bare value)."""
    system, bar, value = organization.rpartition("|")
    return {"system": system, "value": value} if bar else {"value": organization}


def _write_name(name: Name) -> dict[str, Any]:
    written: dict[str, Any] = {"family": name.family, "given": list(name.given)}
    if name.suffix:
        written["suffix"] = [name.suffix]
    if name.used_until:
        written["use"] = "old"
    return written


def _write_address(address: Address) -> dict[str, Any]:
    parts = {"city": address.city, "state": address.state, "postalCode": address.postal_code}
    written: dict[str, Any] = {key: value for key, value in parts.items() if value}
    return {"line": [address.line], **written} if address.line else written


def _read_name(raw: Mapping[str, Any]) -> Name | None:
    family = _text(raw.get("family"))
    given = tuple(g for g in _texts(raw.get("given")))
    if not family and not given:
        return None
    period = raw.get("period") if isinstance(raw.get("period"), dict) else {}
    return Name(
        family=family or "",
        given=given,
        suffix=next(iter(_texts(raw.get("suffix"))), None),
        used_from=read_date(period.get("start")) if isinstance(period, dict) else None,
        used_until=read_date(period.get("end")) if isinstance(period, dict) else None,
    )


def _read_address(raw: Mapping[str, Any]) -> Address:
    return Address(
        line=", ".join(_texts(raw.get("line"))) or None,
        city=_text(raw.get("city")),
        state=_text(raw.get("state")),
        postal_code=_text(raw.get("postalCode")),
    )


def _read_identifier(raw: Mapping[str, Any]) -> Identifier | None:
    value = _text(raw.get("value"))
    if value is None:
        return None
    codes = (
        {_text(c.get("code")) for c in _objects((raw.get("type") or {}).get("coding"))} if raw.get("type") else set()
    )
    kinds = {"MB": IdKind.MEMBER, "UMB": IdKind.UNIQUE_MEMBER}
    kind = next((kinds[code] for code in codes if code in kinds), IdKind.OTHER)
    return Identifier(kind, value, _text(raw.get("system")))


def _birth_sex(patient: Mapping[str, Any]) -> str | None:
    for extension in _objects(patient.get("extension")):
        if extension.get("url") == BIRTHSEX_URL:
            return _BIRTHSEX.get(str(extension.get("valueCode")))
    return None


def _class_value(coverage: Mapping[str, Any], code: str) -> str | None:
    for entry in _objects(coverage.get("class")):
        if _code(entry.get("type")) == code:
            return _text(entry.get("value"))
    return None


def _code(concept: object) -> str | None:
    if not isinstance(concept, dict):
        return None
    return next((c for coding in _objects(concept.get("coding")) if (c := _text(coding.get("code")))), None)


def _objects(value: object) -> list[dict[str, Any]]:
    return [entry for entry in value if isinstance(entry, dict)] if isinstance(value, list) else []


def _texts(value: object) -> Iterable[str]:
    return [text for entry in value if (text := _text(entry))] if isinstance(value, list) else []


def _text(value: object) -> str | None:
    return value.strip() or None if isinstance(value, str) else None

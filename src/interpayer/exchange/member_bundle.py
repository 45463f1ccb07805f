"""What travels when a payer asks for a member: the parts of `$member-match` and of a MemberBundle.

HRex 1.2 `member-match` (closed parameters, local references) and PDex 2.2 `$bulk-member-match` (MemberBundle parts).
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any

from interpayer.identity.reading import BIRTHSEX_URL, read_coverage, read_patient
from interpayer.identity.sufficiency import is_possible, unusable
from interpayer.model.reason import Refusal

_PARTS = {"MemberPatient": "Patient", "CoverageToMatch": "Coverage", "CoverageToLink": "Coverage", "Consent": "Consent"}

_EXCHANGE_ID = re.compile(r"x-[a-z2-7]{26}")

# Our words for what a person sends, as the guides name them.
_ELEMENTS = {
    "family_name": "MemberPatient.name.family",
    "given_name": "MemberPatient.name.given",
    "suffix": "MemberPatient.name.suffix",
    "address": "MemberPatient.address",
    "phone": "MemberPatient.telecom",
    "email": "MemberPatient.telecom",
    "identifier": "MemberPatient.identifier",
    "ssn4": "MemberPatient.identifier",
    "member_id": "CoverageToMatch.identifier",
    "subscriber_id": "CoverageToMatch.subscriberId",
}

_NEEDED = {
    "MemberPatient": "request.missing_member",
    "CoverageToMatch": "request.malformed",
    "Consent": "request.missing_consent",
}


@dataclass(frozen=True, slots=True)
class MemberBundle:
    """One member as the other payer describes them; `repairs` names references that were mended (standards, trap 6)."""

    patient: dict[str, Any]
    coverage_to_match: dict[str, Any]
    coverage_to_link: dict[str, Any] | None
    consent: dict[str, Any] | None
    repairs: tuple[str, ...] = ()

    def as_json(self) -> dict[str, Any]:
        """The bundle as plain JSON, for the sealed envelope."""
        return {
            "MemberPatient": self.patient,
            "CoverageToMatch": self.coverage_to_match,
            "CoverageToLink": self.coverage_to_link,
            "Consent": self.consent,
        }


def from_json(kept: Mapping[str, Any]) -> MemberBundle:
    """A bundle out of its sealed envelope."""
    return MemberBundle(kept["MemberPatient"], kept["CoverageToMatch"], kept["CoverageToLink"], kept["Consent"])


def read_single(parameters: object) -> MemberBundle:
    """The bundle of a `$member-match` request; Refusal names the element to correct."""
    return _bundle(_entries(parameters, "parameter"), "Parameters", closed=True)


def read_bulk(parameters: object) -> list[MemberBundle]:
    """The bundles of a `$bulk-member-match` request; one broken bundle refuses the whole call (structure only)."""
    bundles = [e for e in _entries(parameters, "parameter") if e.get("name") == "MemberBundle"]
    if not bundles:
        raise Refusal("request.missing_member", "Parameters.parameter:MemberBundle: at least one is needed")
    return [
        _bundle(_entries(bundle, "part", kind=None), f"Parameters.parameter[{place}]", closed=False)
        for place, bundle in enumerate(bundles)
    ]


def shortcomings(bundle: MemberBundle, *, today: date) -> tuple[str, ...]:
    """Elements to supply or correct: what hrex-patient-demographics and hrex-coverage require (section 1.2, 1.3), and
    what nobody's record can hold: 10,000 characters, two scripts in one word, a birth that is still to come.
    """
    known, coverage = read_patient(bundle.patient), bundle.coverage_to_match
    found = {
        "MemberPatient.name.family": any(name.family for name in known.names),
        "MemberPatient.name.given": any(name.given for name in known.names),
        "MemberPatient.birthDate": known.birth_date is not None,
        "MemberPatient.gender": known.sex is not None or _has_birth_sex(bundle.patient),
        "CoverageToMatch.identifier or subscriberId": _has_id(coverage),
        "CoverageToMatch.payor": bool(_objects(coverage.get("payor"))),
    }
    wrong = [element for element, present in found.items() if not present]
    if known.birth_date is not None and not is_possible(known.birth_date, today=today):
        wrong.append("MemberPatient.birthDate")
    wrong += [_ELEMENTS[field] for field in unusable(known, read_coverage(coverage))]
    return tuple(dict.fromkeys(wrong))


def named_exchange(bundle: MemberBundle) -> str | None:
    """The partner's exchange that this member stands for, when its Patient id is one of ours in form.

    Any other id may be a number of the person and stays inside the envelope.
    """
    patient_id = str(bundle.patient.get("id"))
    return patient_id if _EXCHANGE_ID.fullmatch(patient_id) else None


def write_single(bundle: MemberBundle) -> dict[str, Any]:
    """The body of a `$member-match` request."""
    return {"resourceType": "Parameters", "parameter": _parts(bundle)}


def write_bulk(bundles: list[MemberBundle]) -> dict[str, Any]:
    """The body of a `$bulk-member-match` request."""
    return {"resourceType": "Parameters", "parameter": [{"name": "MemberBundle", "part": _parts(b)} for b in bundles]}


def _parts(bundle: MemberBundle) -> list[dict[str, Any]]:
    return [{"name": name, "resource": part} for name, part in bundle.as_json().items() if part is not None]


def _entries(holder: object, key: str, *, kind: str | None = "Parameters") -> list[dict[str, Any]]:
    if not isinstance(holder, dict) or (kind and holder.get("resourceType") != kind):
        raise Refusal("request.malformed", "the body must be a Parameters resource")
    entries = holder.get(key)
    if not isinstance(entries, list) or not all(isinstance(entry, dict) for entry in entries):
        raise Refusal("request.malformed", f"{key}: a list of objects is needed")
    return entries


def _bundle(entries: list[dict[str, Any]], place: str, *, closed: bool) -> MemberBundle:
    parts: dict[str, dict[str, Any]] = {}
    for entry in entries:
        name = str(entry.get("name"))
        if name in _PARTS:
            parts[name] = _part(entry.get("resource"), f"{place}.{name}", kind=_PARTS[name], is_second=name in parts)
        elif closed:
            raise Refusal("request.unsupported_parameter", f"{place}: a parameter that the operation does not know")
    for name, reason in _NEEDED.items():
        if name not in parts:
            raise Refusal(reason, f"{place}.{name} is missing")
    return _repaired(parts)


def _part(resource: object, place: str, *, kind: str, is_second: bool) -> dict[str, Any]:
    if is_second:
        raise Refusal("request.malformed", f"{place}: given more than once")
    if not isinstance(resource, dict) or resource.get("resourceType") != kind:
        raise Refusal("request.malformed", f"{place}: a {kind} resource is needed")
    return resource


def _repaired(parts: dict[str, dict[str, Any]]) -> MemberBundle:
    """Local, matching references are a SHALL that the official examples break; one bundle is one person, so mend."""
    wanted = f"Patient/{parts['MemberPatient'].get('id', 'member')}"
    repairs: list[str] = []
    mended = dict(parts)
    for name, element in (
        ("CoverageToMatch", "beneficiary"),
        ("CoverageToLink", "beneficiary"),
        ("Consent", "patient"),
    ):
        resource = mended.get(name)
        reference = resource.get(element) if resource else None
        if resource and (not isinstance(reference, dict) or reference.get("reference") != wanted):
            repairs.append(f"{name}.{element}")
            mended[name] = {**resource, element: {"reference": wanted}}
    return MemberBundle(
        patient=mended["MemberPatient"],
        coverage_to_match=mended["CoverageToMatch"],
        coverage_to_link=mended.get("CoverageToLink"),
        consent=mended.get("Consent"),
        repairs=tuple(repairs),
    )


def _has_id(coverage: Mapping[str, Any]) -> bool:
    """Whether the card names somebody: a subscriber id, or an identifier with a value."""
    named = [i.get("value") for i in _objects(coverage.get("identifier"))]
    return any(isinstance(value, str) and value.strip() for value in [*named, coverage.get("subscriberId")])


def _objects(value: object) -> list[dict[str, Any]]:
    return [entry for entry in value if isinstance(entry, dict)] if isinstance(value, list) else []


def _has_birth_sex(patient: Mapping[str, Any]) -> bool:
    extensions = patient.get("extension")
    return isinstance(extensions, list) and any(
        isinstance(e, dict) and e.get("url") == BIRTHSEX_URL for e in extensions
    )

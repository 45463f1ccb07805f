"""The answer of a bulk match, written and read: Groups (PDex 2.2) and Parameters (PDex 2.1).

PDex 2.2 profiles pdex-member-match-group and pdex-member-no-match-group; contained is the submitted Patient.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from interpayer.identity.reading import organization_identifier

RESULT_SYSTEM = "http://hl7.org/fhir/us/davinci-pdex/CodeSystem/PdexMultiMemberMatchResultCS"
_DEFINITIONS = "http://hl7.org/fhir/us/davinci-pdex/StructureDefinition/"
PARAMETERS_URL = _DEFINITIONS + "base-ext-match-parameters"
COVERAGE_URL = _DEFINITIONS + "base-ext-match-coverage"
_PROFILES = {
    "match": _DEFINITIONS + "pdex-member-match-group",
    "nomatch": _DEFINITIONS + "pdex-member-no-match-group",
    "consentconstraint": _DEFINITIONS + "pdex-member-no-match-group",
}
_PARAMETERS = {
    "match": "MatchedMembers",
    "nomatch": "NonMatchedMembers",
    "consentconstraint": "ConsentConstrainedMembers",
}


@dataclass(frozen=True, slots=True)
class Submitted:
    """One member of the request with its outcome; `member_id` is ours, set for a match only."""

    patient: Mapping[str, Any]
    coverage: Mapping[str, Any]
    member_id: str | None = None


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a partner answered for one submitted Patient id: kind, their Patient id, and the Group it stands in."""

    submitted_id: str
    kind: str
    partner_member: str | None
    group_id: str | None


def write_group(
    group_id: str, kind: str, submitted: Sequence[Submitted], *, payer: Mapping[str, str], caller: str, at: str
) -> dict[str, Any]:
    """One Group of the answer; `payer` has our `identifier` and `name`, `caller` is the requesting organization."""
    contained: list[dict[str, Any]] = []
    members: list[dict[str, Any]] = []
    used: set[str] = set()
    for entry in submitted:
        copy = _contained_copy(entry.patient, used)
        coverage = _contained_copy(entry.coverage, used)
        contained += [copy, coverage]
        entity: dict[str, Any] = {
            "extension": [
                {"url": PARAMETERS_URL, "valueReference": {"reference": f"#{copy['id']}"}},
                {"url": COVERAGE_URL, "valueReference": {"reference": f"#{coverage['id']}"}},
            ],
            "reference": f"Patient/{entry.member_id}" if entry.member_id else f"#{copy['id']}",
        }
        members.append({"entity": entity})
    group: dict[str, Any] = {
        "resourceType": "Group",
        "id": group_id,
        "meta": {"profile": [_PROFILES[kind]]},
        "identifier": [organization_identifier(caller)],
        "active": True,
        "type": "person",
        "actual": True,
        "code": {"coding": [{"system": RESULT_SYSTEM, "code": kind}]},
        "managingEntity": {"identifier": organization_identifier(payer["identifier"]), "display": payer["name"]},
        "quantity": len(members),
    }
    if kind == "match":
        group["characteristic"] = [_characteristic(caller, at)]
    return {**group, **({"contained": contained} if contained else {}), **({"member": members} if members else {})}


def write_parameters(groups: Iterable[Mapping[str, Any]]) -> dict[str, Any]:
    """The PDex 2.1 rendering: one Parameters with the Groups inside."""
    parts = [{"name": _PARAMETERS[_kind(group) or "nomatch"], "resource": dict(group)} for group in groups]
    return {"resourceType": "Parameters", "parameter": parts}


def read_groups(resources: Iterable[Mapping[str, Any]]) -> list[Outcome]:
    """The outcomes in Group resources, or in Parameters that hold them; what cannot be read is left out."""
    outcomes: list[Outcome] = []
    for resource in resources:
        if resource.get("resourceType") == "Parameters":
            inner = [p["resource"] for p in resource.get("parameter", []) if isinstance(p.get("resource"), dict)]
            outcomes += read_groups(inner)
        elif resource.get("resourceType") == "Group" and (kind := _kind(resource)):
            outcomes += _outcomes(resource, kind)
    return outcomes


def _outcomes(group: Mapping[str, Any], kind: str) -> list[Outcome]:
    contained = {c.get("id"): c for c in group.get("contained", []) if isinstance(c, dict)}
    found: list[Outcome] = []
    for member in group.get("member", []):
        entity = member.get("entity") or {}
        reference = str(entity.get("reference") or "")
        copy = _submitted_copy(entity, contained)
        submitted = str(copy["id"]) if copy and copy.get("id") else None
        if submitted is None:
            continue
        matched = reference.rpartition("/")[2] if kind == "match" and not reference.startswith("#") else None
        found.append(Outcome(submitted, kind, matched, group.get("id")))
    return found


def _submitted_copy(entity: Mapping[str, Any], contained: Mapping[Any, Any]) -> Mapping[str, Any] | None:
    for extension in entity.get("extension", []):
        if extension.get("url") == PARAMETERS_URL:
            target = str((extension.get("valueReference") or {}).get("reference") or "").lstrip("#")
            copy = contained.get(target)
            return copy if isinstance(copy, Mapping) else None
    return None


def _contained_copy(resource: Mapping[str, Any], used: set[str]) -> dict[str, Any]:
    """The submitted resource as it came, less what a contained one must not have; ids that repeat get a number."""
    copy = {key: value for key, value in resource.items() if key not in ("contained", "text", "meta")}
    meta = {k: v for k, v in (resource.get("meta") or {}).items() if k not in ("versionId", "lastUpdated", "security")}
    if meta:
        copy["meta"] = meta
    wanted = str(resource.get("id") or resource.get("resourceType", "resource").lower())
    unique = wanted
    while unique in used:
        unique = f"{len(used)}-{wanted}"[:64]
    used.add(unique)
    return {**copy, "id": unique}


def _characteristic(caller: str, at: str) -> dict[str, Any]:
    return {
        "code": {"coding": [{"system": RESULT_SYSTEM, "code": "match"}]},
        "valueReference": {"identifier": organization_identifier(caller)},
        "exclude": False,
        "period": {"start": at[:10]},
    }


def _kind(group: Mapping[str, Any]) -> str | None:
    codings = (group.get("code") or {}).get("coding") or []
    return next((str(c["code"]) for c in codings if c.get("code") in _PROFILES), None)

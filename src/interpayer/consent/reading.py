"""FHIR Consent into our own words (HRex 1.2 hrex-consent; standards: exactly one policy, both period ends)."""

import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Any

from interpayer.model.consent import Authority, Consent, Scope

POLICY = "http://hl7.org/fhir/us/davinci-hrex/StructureDefinition-hrex-consent.html#"
# The profile forbids these, because nobody could check them automatically: they would narrow what a reader may do.
NARROWING = ("securityLabel", "purpose", "class", "code", "dataPeriod", "data", "provision")


@dataclass(frozen=True, slots=True)
class Unreadable:
    """Why a Consent could not be read: a reason code, and the element (never its value)."""

    reason: str
    detail: str


class _Broken(Exception):
    """An element breaks the profile; the first argument names it."""


def read_consent(resource: Mapping[str, Any], *, received_from: str | None) -> Consent | Unreadable:
    """What the member allowed, or why it cannot be read. Who the patient is, the caller has checked (trap 6)."""
    if not resource:
        return Unreadable("consent.missing", "Consent")
    try:
        starts_at, ends_at = _read_period(_object(_object(resource, "provision"), "period"))
        if starts_at >= ends_at:
            return Unreadable("consent.contradictory", "provision.period")
        performer = _read_performer(resource)
        return Consent(
            id="",
            member_id=None,
            scope=_read_scope(resource),
            sources=_read_actors(resource, "performer"),
            recipients=_read_actors(resource, "IRCP"),
            starts_at=starts_at,
            ends_at=ends_at,
            performer=performer,
            authority=_read_authority(resource, performer),
            given_at=_read_given(resource),
            proof=_read_proof(resource),
            proof_sha256=hashlib.sha256(_canonical(resource)).hexdigest(),
            received_from=received_from,
        )
    except _Broken as broken:
        return Unreadable("consent.malformed", str(broken))


def same_organization(one: str, two: str) -> bool:
    """True when two organization identifiers name one payer; a bare value matches that value of any system."""
    if not one or not two:
        return False
    if "|" in one and "|" in two:
        return one == two
    return one.rpartition("|")[2] == two.rpartition("|")[2]


def _read_scope(resource: Mapping[str, Any]) -> Scope:
    _expect(resource.get("resourceType") == "Consent", "resourceType")
    _expect(resource.get("status") == "active", "status")
    _expect("patient-privacy" in _codes(resource.get("scope")), "scope")
    _expect(any("IDSCL" in _codes(c) for c in _list(resource, "category")), "category")
    provision = _object(resource, "provision")
    _expect(provision.get("type") == "permit", "provision.type")
    _expect([_codes(a) for a in _list(provision, "action")] == [{"disclose"}], "provision.action")
    for element in NARROWING:
        _expect(element not in provision, f"provision.{element}")
    uris = [str(p.get("uri")) for p in _list(resource, "policy") if isinstance(p, Mapping)]
    scopes = [scope for scope in Scope for uri in uris if uri == f"{POLICY}{scope.value}"]
    # Both words at once say two things about sensitive data; nobody may pick.
    _expect(len(scopes) == 1, "policy")
    return scopes[0]


def _read_actors(resource: Mapping[str, Any], role: str) -> tuple[str, ...]:
    actors = _list(_object(resource, "provision"), "actor")
    found = [
        name
        for actor in actors
        if isinstance(actor, Mapping) and role in _codes(actor.get("role"))
        for name in _organizations(actor.get("reference"), resource)
    ]
    _expect(bool(found), f"provision.actor({role})")
    return tuple(dict.fromkeys(found))


def _organizations(reference: object, resource: Mapping[str, Any]) -> list[str]:
    if not isinstance(reference, Mapping):
        return []
    literal = reference.get("reference")
    contained = _contained(resource, literal)
    identifiers = _list(contained, "identifier") if contained else [reference.get("identifier")]
    named = [_identifier(i) for i in identifiers if isinstance(i, Mapping)]
    local = isinstance(literal, str) and not literal.startswith("#")
    return [name for name in named if name] or ([str(literal)] if local else [])


def _read_performer(resource: Mapping[str, Any]) -> str:
    performers = [p for p in _list(resource, "performer") if isinstance(p, Mapping)]
    _expect(len(performers) == 1, "performer")
    literal = str(performers[0].get("reference") or "")
    contained = _contained(resource, literal)
    kind = contained.get("resourceType") if contained else performers[0].get("type") or _type_of(literal)
    if kind == "Patient":
        return "member"
    if kind == "Organization":
        return "organization"
    roles = [_codes(r) for r in _list(contained, "relationship")] if contained else []
    codes = sorted(code for role in roles for code in role)
    return f"representative:{codes[0]}" if codes else "representative"


def _read_authority(resource: Mapping[str, Any], performer: str) -> Authority | None:
    """What a contained RelatedPerson tells of somebody who speaks for the member: the role, and until when."""
    kind, _, role = performer.partition(":")
    if kind != "representative" or not role:
        return None
    literal = _list(resource, "performer")[0].get("reference")
    period = _object(_contained(resource, literal), "period")
    starts, ends = period.get("start"), period.get("end")
    element = "performer.period"
    return Authority(
        role=role,
        starts_at=_moment(str(starts), element) if starts is not None else None,
        ends_at=_moment(str(ends), element, end=True) if ends is not None else None,
    )


def _read_given(resource: Mapping[str, Any]) -> datetime | None:
    """When the member said it; a day without a time was said at its begin, so that a later word counts as later."""
    given = str(resource.get("dateTime") or "")
    # a year or a month alone orders nothing
    return _moment(given, "dateTime") if re.match(r"^\d{4}-\d\d-\d\d(T|$)", given) else None


def _read_proof(resource: Mapping[str, Any]) -> str:
    evidence = _object(resource, "sourceReference")
    proof = evidence.get("reference") or _object(evidence, "identifier").get("value")
    _expect(isinstance(proof, str) and bool(proof), "sourceReference")
    return str(proof)


def _read_period(period: Mapping[str, Any]) -> tuple[datetime, datetime]:
    start, end = period.get("start"), period.get("end")
    _expect(isinstance(start, str), "provision.period.start")
    _expect(isinstance(end, str), "provision.period.end")
    return _moment(str(start), "provision.period.start"), _moment(str(end), "provision.period.end", end=True)


def _moment(text: str, element: str, *, end: bool = False) -> datetime:
    # A day as end means all of that day (FHIR Period is inclusive); partial dates are refused, not guessed.
    # Python would also read week dates and bare digits, which FHIR does not know.
    _expect(re.match(r"^\d{4}-\d\d-\d\d(T|$)", text) is not None, element)
    try:
        if len(text) == 10:
            return datetime.combine(date.fromisoformat(text), time(), UTC) + timedelta(days=int(end))
        moment = datetime.fromisoformat(text)
    except (ValueError, OverflowError) as error:
        raise _Broken(element) from error
    _expect(moment.tzinfo is not None, element)
    return moment.astimezone(UTC) + timedelta(seconds=int(end))


def _contained(resource: Mapping[str, Any], literal: object) -> Mapping[str, Any]:
    if not isinstance(literal, str) or not literal.startswith("#"):
        return {}
    inside = (c for c in _list(resource, "contained") if isinstance(c, Mapping))
    return next((c for c in inside if c.get("id") == literal[1:]), {})


def _type_of(literal: str) -> str:
    parts = literal.rstrip("/").split("/")
    return parts[-2] if len(parts) > 1 else ""


def _identifier(identifier: Mapping[str, Any]) -> str | None:
    system, value = identifier.get("system"), identifier.get("value")
    if not isinstance(value, str) or not value:
        return None
    return f"{system}|{value}" if system else value


def _codes(concept: object) -> set[str]:
    codings = _list(concept, "coding") if isinstance(concept, Mapping) else []
    return {str(c.get("code")) for c in codings if isinstance(c, Mapping)}


def _object(resource: Mapping[str, Any], element: str) -> Mapping[str, Any]:
    value = resource.get(element)
    return value if isinstance(value, Mapping) else {}


def _list(resource: Mapping[str, Any], element: str) -> list[Any]:
    value = resource.get(element)
    return value if isinstance(value, list) else []


def _canonical(resource: Mapping[str, Any]) -> bytes:
    return json.dumps(resource, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()


def _expect(holds: bool, element: str) -> None:
    if not holds:
        raise _Broken(element)

"""The `hl7-b2b` extension: for whom and for what a token is asked (UDAP Security 1.0, 5.2.1.1).

Read after the assertion was found good. Nothing here does I/O.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from hashlib import sha256
from typing import Any
from urllib.parse import urlsplit

from interpayer.model.event import JSON
from interpayer.model.reason import Refusal

EXTENSION = "hl7-b2b"
MOST_VALUES = 20
LONGEST = 500
URI = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:[\x21-\x7e]+")
NPI = re.compile(
    r"[0-9]{10}|urn:oid:2\.16\.840\.1\.113883\.4\.6#[0-9]{10}|http://hl7\.org/fhir/sid/us-npi[|#/][0-9]{10}"
)
TEXTS = ("subject_name", "subject_id", "subject_role", "organization_name", "organization_id")
LISTS = ("purpose_of_use", "consent_policy", "consent_reference")
# Kept with the token and on the ledger. Who the person behind the call is, is between them and the partner.
KEPT = ("organization_id", "organization_name", "purpose_of_use", "consent_policy")


def read_business(claims: Mapping[str, Any], *, purposes: Sequence[str]) -> dict[str, JSON]:
    """What is asserted of organization, purpose and consent; `Refusal` caller.purpose_missing says what to correct."""
    extensions = claims.get("extensions")
    said = extensions.get(EXTENSION) if isinstance(extensions, Mapping) else None
    if not isinstance(said, Mapping):
        raise _missing("extensions.hl7-b2b is needed")
    if said.get("version") != "1":
        raise _missing('version of hl7-b2b must be "1"')
    _check_kinds(said)
    for check in (_check_organization, _check_subject, _check_consent):
        check(said)
    if "purpose_of_use" not in said or not said["purpose_of_use"]:
        raise _missing("purpose_of_use is needed")
    if not set(said["purpose_of_use"]) & set(purposes):
        raise _missing("none of the purposes is one that this payer answers in this community")
    kept: dict[str, JSON] = {name: said[name] for name in KEPT if name in said}
    # An address of a member's consent can tell who the member is; its digest proves later which one was meant.
    digests: list[JSON] = [sha256(one.encode()).hexdigest() for one in said.get("consent_reference", [])]
    return {**kept, "consent_reference_sha256": digests} if digests else kept


def means(organization_id: str, organizations: Sequence[str], named: Mapping[str, str]) -> str | None:
    """Which payer that the partner acts for an organization_id names: as a person said, or as it is spelled itself."""
    if organization_id in named:
        return named[organization_id] if named[organization_id] in organizations else None
    return next((one for one in organizations if organization_id in _spellings(one)), None)


def _spellings(identifier: str) -> tuple[str, ...]:
    system, bar, value = identifier.rpartition("|")
    return (identifier, f"{system}#{value}", f"{system.rstrip('/')}/{value}") if bar else (identifier,)


def _check_kinds(said: Mapping[str, Any]) -> None:
    for name in TEXTS:
        if name in said and not _is_text(said[name]):
            raise _missing(f"{name} must be a text")
    for name in LISTS:
        values = said.get(name, [])
        if not isinstance(values, list) or len(values) > MOST_VALUES or not all(_is_text(one) for one in values):
            raise _missing(f"{name} must be a list of texts")


def _check_organization(said: Mapping[str, Any]) -> None:
    if not URI.fullmatch(said.get("organization_id", "")):
        raise _missing("organization_id must be a URI")


def _check_subject(said: Mapping[str, Any]) -> None:
    """A person's NPI only beside a name; a call that no person makes has neither."""
    if "subject_name" not in said and ("subject_id" in said or "subject_role" in said):
        raise _missing("subject_id and subject_role need subject_name")
    if "subject_id" in said and not NPI.fullmatch(said["subject_id"]):
        raise _missing("subject_id must be an NPI")


def _check_consent(said: Mapping[str, Any]) -> None:
    if said.get("consent_reference") and not said.get("consent_policy"):
        raise _missing("consent_reference needs consent_policy")
    rules: tuple[tuple[str, Callable[[str], bool], str], ...] = (
        ("consent_policy", lambda one: bool(URI.fullmatch(one)), "consent_policy must list URIs"),
        ("consent_reference", _is_https, "consent_reference must list https addresses"),
    )
    for name, fits, words in rules:
        if not all(fits(one) for one in said.get(name, [])):
            raise _missing(words)


def _is_https(text: str) -> bool:
    try:
        parts = urlsplit(text)
    except ValueError:
        return False
    return parts.scheme == "https" and bool(parts.hostname) and not parts.username


def _is_text(value: object) -> bool:
    return isinstance(value, str) and 0 < len(value.strip()) <= LONGEST and value.isprintable()


def _missing(words: str) -> Refusal:
    return Refusal("caller.purpose_missing", words)

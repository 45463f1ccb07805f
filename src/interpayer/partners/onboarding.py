"""How a payer joins: what is read from its registration document, and what is refused before anything is stored."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from interpayer.model.agreement import (
    ANY_PACE,
    NO_CONTRACT,
    USUAL_LIMITS,
    USUAL_PROFILE,
    ActsFor,
    CallLimits,
    Certificate,
    Contact,
    Contract,
    Pace,
    Profile,
)
from interpayer.model.partner import Endpoint, Partner, PartnerStatus
from interpayer.model.reason import Refusal
from interpayer.partners import agreements, directory, store
from interpayer.partners.credentials import read_certificates
from interpayer.partners.endpoints import CAPABILITIES, ENVIRONMENTS, check_address, made, read_endpoints
from interpayer.partners.jwks import check_jwks
from interpayer.system.clock import now
from interpayer.system.database import Connection
from interpayer.system.ids import new_id

__all__ = [
    "CAPABILITIES",
    "NO_KEYS",
    "PartnerDocument",
    "agreed_of",
    "check_address",
    "described",
    "endpoints_of",
    "partner_of",
    "read_document",
    "read_endpoint",
    "register",
    "with_origin",
]

STYLES = ("client", "patient")
ALGORITHMS = ("ES384", "RS384")
CLIENT_ID = re.compile(r"[\x21\x23-\x5b\x5d-\x7e]{1,255}")
SCOPE = re.compile(r"[\x21\x23-\x5b\x5d-\x7e]{1,500}")
NAME = re.compile(r"[\x21\x23-\x5b\x5d-\x7e]{1,255}")
TEXTS = ("name", "client_id", "environment", "jwks_url", "contact", "our_client_id", "assertion_style", "algorithm")
LISTS = ("scopes", "certificate_names")
AGREED = ("limits", "pace", "contract", "profile", "contacts")
KNOWN = frozenset(
    {*TEXTS, *LISTS, *AGREED, "organizations", "certificates", "jwks", "endpoints", "attested_by_contract", "status"}
)
# An invited partner is known by name only; keys and payers come with its own document.
NO_KEYS: Mapping[str, object] = {"keys": []}


@dataclass(frozen=True, slots=True)
class PartnerDocument:
    """A registration that holds: keys checked, addresses https. Endpoints are stored by routing, not here."""

    name: str
    client_id: str
    scopes: tuple[str, ...]
    jwks: dict[str, object]
    environment: str
    acts_for: tuple[ActsFor, ...] = ()
    status: PartnerStatus = PartnerStatus.ACTIVE
    jwks_url: str | None = None
    certificates: tuple[Certificate, ...] = ()
    certificate_names: tuple[str, ...] = ()
    attested_by_contract: bool = False
    contact: str | None = None
    our_client_id: str | None = None
    assertion_style: str = "client"
    algorithm: str = "ES384"
    limits: CallLimits = USUAL_LIMITS
    pace: Pace = ANY_PACE
    contract: Contract = NO_CONTRACT
    profile: Profile = USUAL_PROFILE
    contacts: tuple[Contact, ...] = ()
    endpoints: tuple[Mapping[str, Any], ...] = ()
    origin: str = "person"
    udap_uri: str | None = None
    udap_community: str | None = None

    @property
    def organizations(self) -> tuple[str, ...]:
        """The payers that the partner acts for today."""
        return tuple(one.identifier for one in self.acts_for if one.in_force(now().date()))


def read_document(document: object, *, environment: str = "production") -> PartnerDocument:
    """The registration document as a value; `Refusal` names the first element that cannot be accepted.

    `environment`: what holds when the document does not say.
    """
    if not isinstance(document, Mapping):
        raise _broken("the document must be an object")
    unknown = sorted(str(key) for key in set(document) - KNOWN)
    if unknown:
        raise _broken(f"the document has {len(unknown)} unknown elements; known are: {', '.join(sorted(KNOWN))}")
    texts: dict[str, Any] = {name: _text(document, name) for name in TEXTS if document.get(name) is not None}
    lists: dict[str, Any] = {name: _texts(document, name) for name in LISTS}
    attested = document.get("attested_by_contract", False)
    if not isinstance(attested, bool):
        raise _broken("attested_by_contract must be true or false")
    _require(texts, "name", "client_id")
    status = _status(document.get("status", "active"))
    return _checked(
        PartnerDocument(
            **{"environment": environment, **texts},
            **lists,
            jwks=_jwks(document, is_needed=status is not PartnerStatus.INVITED),
            acts_for=_acts_for(document.get("organizations") or []),
            certificates=read_certificates(_texts(document, "certificates")),
            status=status,
            attested_by_contract=attested,
            limits=agreements.read_limits(document.get("limits")),
            pace=agreements.read_pace(document.get("pace")),
            contract=agreements.read_contract(document.get("contract")),
            profile=agreements.read_profile(document.get("profile")),
            contacts=agreements.read_contacts(document.get("contacts") or []),
            endpoints=read_endpoints(document.get("endpoints", [])),
        )
    )


def register(conn: Connection, document: PartnerDocument, *, by: str) -> Partner:
    """Store the partner and the first line of its history; `Refusal` when client id or organization are taken."""
    partner = partner_of(document, partner_id=new_id("p"))
    directory.add_partner(conn, partner, agreed_of(document), by=by, acts_for=document.acts_for)
    store.add_certificates(conn, partner.id, document.certificates, by=by)
    store.set_contacts(conn, partner.id, document.contacts)
    return partner


def with_origin(document: PartnerDocument, agreed: directory.Agreed, *, origin: str) -> PartnerDocument:
    """The document of a partner that is known already: how it came, and its name in a trust community, stay."""
    return replace(document, origin=origin, udap_uri=agreed.udap_uri, udap_community=agreed.udap_community)


def partner_of(document: PartnerDocument, *, partner_id: str, status: PartnerStatus | None = None) -> Partner:
    """The partner that a document describes; `status` of one that is known already."""
    return Partner(
        id=partner_id,
        name=document.name,
        status=status or document.status,
        client_id=document.client_id,
        organizations=document.organizations,
        scopes=document.scopes,
        jwks=document.jwks,
        environment=document.environment,
        attested_by_contract=document.attested_by_contract,
        contact=document.contact,
        our_client_id=document.our_client_id,
    )


def agreed_of(document: PartnerDocument) -> directory.Agreed:
    """What the doors need of it; certificates are stored one by one, see `register`."""
    return directory.Agreed(
        jwks_url=document.jwks_url,
        certificates=tuple(one.thumbprint for one in document.certificates),
        assertion_style=document.assertion_style,
        algorithm=document.algorithm,
        certificate_names=document.certificate_names,
        is_pinned=bool(document.certificates),
        limits=document.limits,
        pace=document.pace,
        contract=document.contract,
        profile=document.profile,
        origin=document.origin,
        udap_uri=document.udap_uri,
        udap_community=document.udap_community,
    )


def described(
    partner: Partner, agreed: directory.Agreed, *, acts_for: Sequence[ActsFor], contacts: Sequence[Contact]
) -> dict[str, Any]:
    """A partner as a document that `read_document` takes; without keys, certificates, endpoints and status."""
    words: dict[str, Any] = {
        **{name: getattr(partner, name) for name in ("name", "client_id", "environment", "contact", "our_client_id")},
        **{name: getattr(agreed, name) for name in ("jwks_url", "assertion_style", "algorithm")},
        **{name: agreements.as_document(getattr(agreed, name)) for name in directory.DOCUMENTS},
        "scopes": list(partner.scopes),
        "certificate_names": list(agreed.certificate_names),
        "organizations": [agreements.acts_for_as_document(one) for one in acts_for],
        "contacts": [agreements.contact_as_document(one) for one in contacts],
    }
    kept = {name: value for name, value in words.items() if value not in (None, [], {})}
    return {**kept, "attested_by_contract": partner.attested_by_contract}


def endpoints_of(document: PartnerDocument, partner: Partner) -> tuple[Endpoint, ...]:
    """The endpoints that the document names, with fresh ids, ready for the registry of routes."""
    return made(document.endpoints, partner)


def read_endpoint(value: Mapping[str, Any], partner: Partner) -> Endpoint:
    """One endpoint as a document would name it, checked as there, with a fresh id."""
    return made(read_endpoints([value]), partner)[0]


def _checked(document: PartnerDocument) -> PartnerDocument:
    if not CLIENT_ID.fullmatch(document.client_id):
        raise _broken("client_id has characters that are not allowed")
    if document.environment not in ENVIRONMENTS:
        raise _broken("environment must be production or test")
    if document.assertion_style not in STYLES or document.algorithm not in ALGORITHMS:
        raise _broken(f"assertion_style must be one of {STYLES}, algorithm one of {ALGORITHMS}")
    if document.jwks_url is not None:
        check_address(document.jwks_url, what="jwks_url")
    if not document.acts_for and document.status is not PartnerStatus.INVITED:
        raise _broken("organizations must name at least one payer that the partner acts for")
    if not all(SCOPE.fullmatch(scope) for scope in document.scopes):
        raise _broken("scopes has a scope with characters that are not allowed")
    if not all(NAME.fullmatch(name) for name in document.certificate_names):
        raise _broken("certificate_names has a name with characters that are not allowed")
    return document


def _jwks(document: Mapping[str, Any], *, is_needed: bool) -> dict[str, object]:
    """The keys of the document; none are needed where an address names them, or where they come later."""
    if document.get("jwks") is None and (document.get("jwks_url") is not None or not is_needed):
        return dict(NO_KEYS)
    return check_jwks(document.get("jwks"))


def _acts_for(value: object) -> tuple[ActsFor, ...]:
    if not isinstance(value, list):
        raise _broken("organizations must be a list")
    found = {one.identifier: one for one in map(agreements.read_acts_for, value)}
    if len(found) != len(value):
        raise _broken("organizations names a payer twice")
    return tuple(found.values())


def _status(value: object) -> PartnerStatus:
    if not isinstance(value, str) or value not in list(PartnerStatus):
        raise _broken(f"status must be one of {', '.join(PartnerStatus)}")
    return PartnerStatus(value)


def _text(document: Mapping[str, Any], name: str) -> str:
    value = document[name]
    if not isinstance(value, str) or not 1 <= len(value.strip()) <= 2000:
        raise _broken(f"{name} must be a text")
    return value.strip()


def _texts(document: Mapping[str, Any], name: str) -> tuple[str, ...]:
    value = document.get(name) or []
    if not isinstance(value, list) or not all(isinstance(text, str) and text.strip() for text in value):
        raise _broken(f"{name} must be a list of texts")
    return tuple(dict.fromkeys(text.strip() for text in value))


def _require(texts: Mapping[str, str], *names: str) -> None:
    missing = [name for name in names if name not in texts]
    if missing:
        raise _broken(f"{missing[0]} is missing")


def _broken(detail: str) -> Refusal:
    return Refusal("request.malformed", detail)

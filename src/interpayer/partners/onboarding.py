"""How a payer joins: what is read from its registration document, and what is refused before anything is stored."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from interpayer.model.partner import Endpoint, Partner, PartnerStatus
from interpayer.model.reason import Refusal
from interpayer.partners import directory
from interpayer.partners.jwks import check_jwks
from interpayer.system.database import Connection
from interpayer.system.ids import new_id

ENVIRONMENTS = ("production", "test")
STYLES = ("client", "patient")
ALGORITHMS = ("ES384", "RS384")
# The operations of the guides that an endpoint may have, by their names; a document that names none means all.
CAPABILITIES = ("bulk-member-match", "davinci-data-export", "member-match", "everything")
CLIENT_ID = re.compile(r"[\x21\x23-\x5b\x5d-\x7e]{1,255}")
SCOPE = re.compile(r"[\x21\x23-\x5b\x5d-\x7e]{1,500}")
THUMBPRINT = re.compile(r"[A-Za-z0-9_-]{43}")
TEXTS = ("name", "client_id", "environment", "jwks_url", "contact", "our_client_id", "assertion_style", "algorithm")
LISTS = ("organizations", "scopes", "certificates")
KNOWN = frozenset({*TEXTS, *LISTS, "jwks", "endpoints", "attested_by_contract", "status"})
ENDPOINT_KNOWN = frozenset(
    {"fhir_base", "capabilities", "version", "environment", "requires_mtls", "maximum_members", "status"}
)


@dataclass(frozen=True, slots=True)
class PartnerDocument:
    """A registration that holds: keys checked, addresses https. Endpoints are stored by routing, not here."""

    name: str
    client_id: str
    organizations: tuple[str, ...]
    scopes: tuple[str, ...]
    jwks: dict[str, object]
    environment: str
    status: PartnerStatus = PartnerStatus.ACTIVE
    jwks_url: str | None = None
    certificates: tuple[str, ...] = ()
    attested_by_contract: bool = False
    contact: str | None = None
    our_client_id: str | None = None
    assertion_style: str = "client"
    algorithm: str = "ES384"
    endpoints: tuple[Mapping[str, Any], ...] = ()


def read_document(document: object) -> PartnerDocument:
    """The registration document as a value; `Refusal` names the first element that cannot be accepted."""
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
    return _checked(
        PartnerDocument(
            **{"environment": "production", **texts},
            **lists,
            jwks=check_jwks(document.get("jwks")),
            status=_status(document.get("status", "active")),
            attested_by_contract=attested,
            endpoints=_endpoints(document.get("endpoints", [])),
        )
    )


def register(conn: Connection, document: PartnerDocument, *, by: str) -> Partner:
    """Store the partner and the first line of its history; `Refusal` when client id or organization are taken."""
    partner = Partner(
        id=new_id("p"),
        name=document.name,
        status=document.status,
        client_id=document.client_id,
        organizations=document.organizations,
        scopes=document.scopes,
        jwks=document.jwks,
        environment=document.environment,
        attested_by_contract=document.attested_by_contract,
        contact=document.contact,
        our_client_id=document.our_client_id,
    )
    agreed = directory.Agreed(
        jwks_url=document.jwks_url,
        certificates=document.certificates,
        assertion_style=document.assertion_style,
        algorithm=document.algorithm,
    )
    directory.add_partner(conn, partner, agreed, by=by)
    return partner


def endpoints_of(document: PartnerDocument, partner: Partner) -> tuple[Endpoint, ...]:
    """The endpoints that the document names, with fresh ids, ready for the registry of routes."""
    return _made(document.endpoints, partner)


def read_endpoint(value: Mapping[str, Any], partner: Partner) -> Endpoint:
    """One endpoint as a document would name it, checked as there, with a fresh id."""
    return _made(_endpoints([value]), partner)[0]


def _made(named: Sequence[Mapping[str, Any]], partner: Partner) -> tuple[Endpoint, ...]:
    return tuple(
        Endpoint(
            id=new_id("n"),
            partner_id=partner.id,
            fhir_base=str(endpoint["fhir_base"]).rstrip("/"),
            capabilities=tuple(endpoint.get("capabilities") or CAPABILITIES),
            version=str(endpoint.get("version", "2.2")),
            environment=partner.environment,
            status=str(endpoint.get("status", "active")),
            requires_mtls=bool(endpoint.get("requires_mtls", True)),
            maximum_members=int(endpoint.get("maximum_members", 1000)),
        )
        for endpoint in named
    )


def check_address(url: object, *, what: str) -> str:
    """An https address without credentials, query or fragment; whether its host may be called is asked at the call."""
    if not isinstance(url, str) or not url.isascii() or len(url) > 2000 or any(c.isspace() for c in url):
        raise _broken(f"{what} must be an https address")
    try:
        parts = urlsplit(url)
        plain = parts.scheme == "https" and parts.hostname and not (parts.query or parts.fragment or parts.username)
        _ = parts.port
    except ValueError:
        plain = None
    if not plain:
        raise _broken(f"{what} must be an https address without user, query and fragment")
    return url


def _checked(document: PartnerDocument) -> PartnerDocument:
    if not CLIENT_ID.fullmatch(document.client_id):
        raise _broken("client_id has characters that are not allowed")
    if document.environment not in ENVIRONMENTS:
        raise _broken("environment must be production or test")
    if document.assertion_style not in STYLES or document.algorithm not in ALGORITHMS:
        raise _broken(f"assertion_style must be one of {STYLES}, algorithm one of {ALGORITHMS}")
    if document.jwks_url is not None:
        check_address(document.jwks_url, what="jwks_url")
    if not document.organizations:
        raise _broken("organizations must name at least one payer that the partner acts for")
    if not all(SCOPE.fullmatch(scope) for scope in document.scopes):
        raise _broken("scopes has a scope with characters that are not allowed")
    if not all(THUMBPRINT.fullmatch(thumbprint) for thumbprint in document.certificates):
        raise _broken("certificates must be SHA-256 thumbprints in base64url (x5t#S256)")
    return document


def _endpoints(value: object) -> tuple[Mapping[str, Any], ...]:
    if not isinstance(value, list) or not all(isinstance(row, Mapping) for row in value):
        raise _broken("endpoints must be a list of objects")
    for row in value:
        if set(row) - ENDPOINT_KNOWN:
            raise _broken(f"an endpoint has unknown elements; known are: {', '.join(sorted(ENDPOINT_KNOWN))}")
        check_address(row.get("fhir_base"), what="fhir_base")
        if set(_texts(row, "capabilities")) - set(CAPABILITIES):
            raise _broken(f"capabilities must be some of {', '.join(CAPABILITIES)}")
        members = row.get("maximum_members", 1)
        if not isinstance(members, int) or members < 1 or not isinstance(row.get("requires_mtls", True), bool):
            raise _broken("maximum_members must be a positive number, requires_mtls true or false")
    return tuple(value)


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

"""Another payer's server over UDAP: what it says of itself, checked, and our registration there.

Its signed metadata count before the plain ones (UDAP Security 1.0, 2.3); an empty list means that it cannot.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from urllib.parse import quote, urlsplit

import httpx2
import orjson

from interpayer.model.reason import Fault, FaultKind, Refusal
from interpayer.partners.answers import Asked, bad_answer, failure
from interpayer.partners.transport import Ask, Reply, send
from interpayer.partners.udap.communities import Community, Identity
from interpayer.partners.udap.signing import sign
from interpayer.partners.udap.vouching import Revocations, check_life, read_signed, vouch

YEAR_S = 366 * 24 * 3600
LARGEST_ANSWER = 256 * 1024
NEEDED: Mapping[str, tuple[str, ...]] = {
    "udap_versions_supported": ("1",),
    "udap_profiles_supported": ("udap_dcr", "udap_authn", "udap_authz"),
    "grant_types_supported": ("client_credentials",),
    "token_endpoint_auth_methods_supported": ("private_key_jwt",),
}
SIGNING = ("token_endpoint_auth_signing_alg_values_supported", "registration_endpoint_jwt_signing_alg_values_supported")
KNOWN_EXTENSIONS = frozenset({"hl7-b2b"})
# RFC 7591 section 3.2.2, and what UDAP adds; anything else a server says stays with it.
ERRORS = frozenset(
    {"invalid_software_statement", "unapproved_software_statement", "invalid_client_metadata", "invalid_redirect_uri"}
)


@dataclass(frozen=True, slots=True)
class Server:
    """Where a server registers and gives tokens, as signed by it, and the community in which we know it."""

    fhir_base: str
    community: Community
    registration_endpoint: str
    token_endpoint: str
    scopes: tuple[str, ...]
    certifications_required: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Plea:
    """What we ask to be registered with."""

    uri: str
    name: str
    contacts: tuple[str, ...]
    scopes: tuple[str, ...]
    certifications: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Admission:
    """What a server made of our statement; `is_ended` confirms that the registration is cancelled."""

    client_id: str
    scopes: tuple[str, ...]
    is_ended: bool


def discover(
    http: httpx2.Client,
    fhir_base: str,
    communities: Iterable[Community],
    *,
    revocations: Revocations | None,
    at: datetime,
) -> Server:
    """The server behind a FHIR base, in the first of our communities in which it proves who it is.

    `Refusal` route.no_capability when it does no UDAP in any of them, or lacks what we need; `Fault` when what it
    says does not hold, or nothing came.
    """
    trouble: Refusal | Fault | None = None
    for community in communities:
        try:
            return _in_community(http, fhir_base.rstrip("/"), community, revocations, at=at)
        except (Refusal, Fault) as error:
            if isinstance(error, Fault) and error.kind is not FaultKind.TERMINAL:
                raise
            trouble = trouble if isinstance(trouble, Fault) else error
    raise trouble or Refusal("route.no_capability", "we are in no UDAP community")


def register(http: httpx2.Client, server: Server, plea: Plea, *, identity: Identity, at: datetime) -> Admission:
    """Our registration at a server, new or changed; without scopes it ends. `Fault` partner.refused on a no."""
    missing = [one for one in server.certifications_required if not plea.certifications]
    if missing:
        raise Refusal("route.no_capability", f"the server requires a certification: {missing[0]}")
    claims = {
        "iss": plea.uri,
        "sub": plea.uri,
        "aud": server.registration_endpoint,
        "client_name": plea.name,
        "contacts": list(plea.contacts),
        "grant_types": ["client_credentials"] if plea.scopes else [],
        "token_endpoint_auth_method": "private_key_jwt",
        "scope": " ".join(plea.scopes),
    }
    body = {
        "software_statement": sign(identity, claims, at=at),
        "certifications": list(plea.certifications),
        "udap": "1",
    }
    headers = {"Content-Type": "application/json", "Accept": "application/json"}
    # A new statement has a new jti, and the same signer keeps its registration: asking again is harmless.
    asked = Asked(is_repeatable=True, about="registration")
    reply = send(http, Ask("POST", server.registration_endpoint, headers, asked, orjson.dumps(body)))
    return _admission(reply, plea, asked=asked, at=at)


def _in_community(
    http: httpx2.Client, fhir_base: str, community: Community, revocations: Revocations | None, *, at: datetime
) -> Server:
    url = f"{fhir_base}/.well-known/udap?community={quote(community.uri, safe='')}"
    asked = Asked(is_repeatable=True, about="discovery")
    reply = send(http, Ask("GET", url, {"Accept": "application/json"}, asked))
    if reply.status == 404:
        raise Refusal("route.no_capability", "the server does no UDAP in our communities")
    if reply.status != 200:
        raise failure(reply.status, reply.headers, reply.body, asked=asked, at=at)
    if not isinstance(reply.body, dict) or len(reply.content) > LARGEST_ANSWER:
        raise bad_answer("the UDAP metadata are no JSON object, or too large")
    _check_abilities(reply.body, community.identity)
    claims = _signed_claims(reply.body, fhir_base, community, revocations, at=at)
    return Server(
        fhir_base=fhir_base,
        community=community,
        registration_endpoint=_address(claims, "registration_endpoint"),
        token_endpoint=_address(claims, "token_endpoint"),
        scopes=_texts(reply.body, "scopes_supported"),
        certifications_required=_texts(reply.body, "udap_certifications_required"),
    )


def _signed_claims(
    body: Mapping[str, Any], fhir_base: str, community: Community, revocations: Revocations | None, *, at: datetime
) -> Mapping[str, Any]:
    """The claims of the signed metadata: by a certificate of the community that names this very base."""
    try:
        vouched = vouch(read_signed(body.get("signed_metadata")), [community], revocations, at=at)
        claims = vouched.claims
        check_life(claims, at=at, longest_s=YEAR_S)
    except Refusal as refusal:
        raise bad_answer(f"the signed UDAP metadata do not hold: {refusal.detail}") from None
    if fhir_base not in vouched.uris or claims.get("iss") != fhir_base or claims.get("sub") != fhir_base:
        raise bad_answer("the signed UDAP metadata are not this server's")
    return claims


def _check_abilities(body: Mapping[str, Any], identity: Identity | None) -> None:
    for name, needed in NEEDED.items():
        if not set(needed) <= set(_texts(body, name)):
            raise Refusal("route.no_capability", f"the server's {name} lack what we need")
    unknown = set(_texts(body, "udap_authorization_extensions_required")) - KNOWN_EXTENSIONS
    if unknown:
        raise Refusal("route.no_capability", "the server requires an extension that we do not know")
    algorithm = identity.algorithm if identity else "RS256"
    # Where a server leaves a list away, RS256 is what all must know.
    if any(algorithm not in (_texts(body, name) if name in body else ("RS256",)) for name in SIGNING):
        raise Refusal("route.no_capability", "the server does not take the algorithm of our certificate")


def _admission(reply: Reply, plea: Plea, *, asked: Asked, at: datetime) -> Admission:
    body = reply.body if isinstance(reply.body, dict) else {}
    if reply.status not in {200, 201}:
        if 400 <= reply.status < 500 and reply.status != 429:
            code = body.get("error")
            known = code if isinstance(code, str) and code in ERRORS else "no standard code"
            raise Fault(FaultKind.TERMINAL, "partner.refused", detail=f"registration refused: {known}")
        raise failure(reply.status, reply.headers, reply.body, asked=asked, at=at)
    client_id, scope = body.get("client_id"), body.get("scope", " ".join(plea.scopes))
    if not isinstance(client_id, str) or not 0 < len(client_id) <= 255 or not client_id.isprintable():
        raise bad_answer("the registration answer has no client_id")
    if not isinstance(scope, str):
        raise bad_answer("the registration answer's scope is no text")
    return Admission(client_id, tuple(scope.split()), is_ended=body.get("grant_types") == [])


def _texts(body: Mapping[str, Any], name: str) -> tuple[str, ...]:
    values = body.get(name, [])
    is_list = isinstance(values, Sequence) and not isinstance(values, str)
    return tuple(one for one in values if isinstance(one, str)) if is_list else ()


def _address(claims: Mapping[str, Any], name: str) -> str:
    url = claims.get(name)
    try:
        is_good = isinstance(url, str) and urlsplit(url).scheme == "https" and bool(urlsplit(url).hostname)
    except ValueError:
        is_good = False
    if not is_good:
        raise bad_answer(f"the signed UDAP metadata name no https {name}")
    return str(url)

"""Our own registrations over UDAP: joining a partner's server, changing what we asked for, leaving.

The network is asked outside of transactions; what came of it is kept, with its event, in one.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import httpx2

from interpayer.exchange.tools import Tools
from interpayer.exchange.transitions import Actor
from interpayer.model.reason import Refusal
from interpayer.operations import communities, partners
from interpayer.partners.scopes import REQUESTER
from interpayer.partners.udap import store
from interpayer.partners.udap.communities import Community, Identity
from interpayer.partners.udap.server import Plea, Server, discover, register
from interpayer.partners.udap.store import Membership
from interpayer.partners.udap.tokens import UdapWay
from interpayer.routing import registry
from interpayer.system.clock import now
from interpayer.system.database import Connection

# From then on it is told that a certificate of ours ends.
LEAST_DAYS = 30


@dataclass(frozen=True, slots=True)
class Way:
    """How we call out: our connections, and our communities."""

    http: httpx2.Client
    udap: UdapWay


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which server, in which community (None: any of ours that it knows), and what to ask for."""

    partner: str
    fhir_base: str | None = None
    community: str | None = None
    scopes: tuple[str, ...] = REQUESTER


def look(way: Way, fhir_base: str, *, community: str | None = None) -> Server:
    """What a server says of itself in our communities; nothing is kept."""
    return discover(way.http, fhir_base, _candidates(way, community), revocations=way.udap.revocations, at=now())


def join(tools: Tools, way: Way, wanted: Wanted, *, actor: Actor) -> Membership:
    """Register at a partner's server, or change our registration there; calls go out under it from now on."""
    with tools.database.transaction() as conn:
        partner_id, fhir_base = _place(conn, wanted)
    server = look(way, fhir_base, community=wanted.community)
    identity, plea = _ours(tools, server.community, scopes=wanted.scopes, base=tools.fhir_base)
    admission = register(way.http, server, plea, identity=identity, at=now())
    if admission.is_ended:
        raise Refusal("partner.refused", "the server cancelled the registration")
    ours = Membership(
        partner_id=partner_id,
        fhir_base=fhir_base,
        community=server.community.uri,
        uri=plea.uri,
        client_id=admission.client_id,
        scopes=admission.scopes,
        registered_at=now(),
    )
    with tools.database.transaction() as conn:
        communities.joined(tools, conn, ours, actor=actor)
    return ours


def leave(tools: Tools, way: Way, wanted: Wanted, *, actor: Actor) -> Membership:
    """Cancel our registration at a partner's server; Refusal when there is none, or the server does not confirm."""
    with tools.database.transaction() as conn:
        partner_id, fhir_base = _place(conn, wanted)
        ours = store.membership(conn, partner_id, fhir_base=fhir_base)
    if ours is None:
        raise Refusal("request.not_found", "we are not registered there over UDAP")
    server = look(way, fhir_base, community=ours.community)
    identity, plea = _ours(tools, server.community, scopes=(), base=ours.uri)
    if not register(way.http, server, plea, identity=identity, at=now()).is_ended:
        raise Refusal("partner.bad_answer", "the server did not confirm the end")
    with tools.database.transaction() as conn:
        communities.left(tools, conn, ours, actor=actor)
    return ours


def standing(way: UdapWay, *, fhir_base: str) -> list[dict[str, Any]]:
    """Each community as it is now: open or closed and why, and whether our certificate speaks for this server."""
    found = [_told(one, fhir_base=fhir_base) for one in way.communities.current()]
    return [*found, *({"name": name, "state": "closed", "why": why} for name, why in way.communities.broken().items())]


def _told(community: Community, *, fhir_base: str) -> dict[str, Any]:
    ours = community.identity
    return {
        "name": community.name,
        "state": "open",
        "why": _lacking(ours, fhir_base=fhir_base),
        "uri": community.uri,
        "anchors": len(community.anchors.certificates),
        "our_uris": list(ours.uris) if ours else [],
        "our_certificate_expires_at": ours.chain[0].not_valid_after_utc.isoformat() if ours else None,
    }


def _lacking(ours: Identity | None, *, fhir_base: str) -> str:
    if ours is None:
        return "we have no certificate: partners may register here, but we tell no metadata and cannot join"
    days = (ours.chain[0].not_valid_after_utc - now()).days
    if days < LEAST_DAYS:
        return "our certificate has expired" if days < 0 else f"our certificate ends in {days} days"
    return "" if fhir_base in ours.uris else "our certificate does not name our FHIR base: we tell no metadata"


def _place(conn: Connection, wanted: Wanted) -> tuple[str, str]:
    """The partner and which of its addresses: the one that is named, or the only one."""
    partner = partners.find(conn, wanted.partner)
    known = [endpoint.fhir_base for endpoint in registry.endpoints_of_partner(conn, partner.id)]
    if wanted.fhir_base is None and len(known) != 1:
        raise Refusal("request.malformed", "name the FHIR base: the partner has none, or several")
    base = known[0] if wanted.fhir_base is None else wanted.fhir_base.rstrip("/")
    if base not in known:
        raise Refusal("request.malformed", "the partner has no endpoint at this FHIR base")
    return partner.id, base


def _candidates(way: Way, uri: str | None) -> Iterable[Community]:
    known = [one for one in way.udap.communities.current() if one.identity is not None]
    if uri is not None and all(one.uri != uri for one in known):
        raise Refusal("request.malformed", "we have no certificate in a community of this URI")
    return [one for one in known if uri in {None, one.uri}]


def _ours(tools: Tools, community: Community, *, scopes: tuple[str, ...], base: str) -> tuple[Identity, Plea]:
    """Who we are there. Our FHIR base where the certificate names it, else its first URI: it must stay the same."""
    identity = community.identity
    if identity is None:
        raise Refusal("route.no_capability", "we have no certificate in this community")
    if not community.contacts:
        raise Refusal("request.malformed", "community.yaml names no contacts of ours (mailto:)")
    uri = base if base in identity.uris else identity.uris[0]
    return identity, Plea(uri, tools.entity.name, community.contacts, scopes, community.certifications)

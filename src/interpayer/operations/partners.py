"""Partners join, change and rest: registration with endpoints, status, maintenance; each change on the ledger."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from interpayer.exchange.tools import Tools
from interpayer.exchange.transitions import Actor
from interpayer.model.event import JSON, Event
from interpayer.model.partner import Endpoint, Partner, PartnerStatus
from interpayer.model.reason import Refusal
from interpayer.partners import directory, onboarding
from interpayer.routing import registry
from interpayer.routing.choose import Breaker
from interpayer.system.clock import now
from interpayer.system.database import Connection


@dataclass(frozen=True, slots=True)
class PartnerView:
    """A partner with where it answers, how its endpoints fare, and how it came here."""

    partner: Partner
    agreed: directory.Agreed
    endpoints: tuple[Endpoint, ...]
    breakers: Mapping[str, Breaker]
    history: tuple[directory.Change, ...]


def add(tools: Tools, conn: Connection, document: object, *, actor: Actor) -> tuple[Partner, tuple[Endpoint, ...]]:
    """Register a partner and its endpoints from one document; Refusal names the element that cannot be accepted."""
    read = onboarding.read_document(document)
    partner = onboarding.register(conn, read, by=actor.id)
    endpoints = onboarding.endpoints_of(read, partner)
    for endpoint in endpoints:
        registry.add_endpoint(conn, endpoint, partner.organizations)
    facts: dict[str, JSON] = {
        "change": "added",
        "name": partner.name,
        "client_id": partner.client_id,
        "organizations": list(partner.organizations),
        "scopes": list(partner.scopes),
        "attested_by_contract": partner.attested_by_contract,
        "endpoints": [endpoint.fhir_base for endpoint in endpoints],
    }
    _record(tools, conn, partner.id, actor=actor, facts=facts)
    return partner, endpoints


def find(conn: Connection, name: str) -> Partner:
    """A partner by id, client id or a payer it acts for; Refusal when there is none."""
    found = directory.partner(conn, name) or directory.by_client_id(conn, name) or directory.by_organization(conn, name)
    if found is None:
        raise Refusal("request.not_found", "no partner has this id, client id or organization")
    return found


def listed(conn: Connection) -> list[Partner]:
    """All partners, by name."""
    return directory.list_partners(conn)


def shown(conn: Connection, name: str) -> PartnerView:
    """One partner with everything about it."""
    partner = find(conn, name)
    endpoints = tuple(registry.endpoints_of_partner(conn, partner.id))
    credentials = directory.credentials(conn, partner.client_id)
    return PartnerView(
        partner=partner,
        agreed=credentials.agreed if credentials else directory.Agreed(),
        endpoints=endpoints,
        breakers=registry.breaker_states(conn, [endpoint.id for endpoint in endpoints]),
        history=tuple(directory.history(conn, partner.id)),
    )


def told(partner: Partner) -> dict[str, Any]:
    """A partner as people and systems of the plan see it; of its keys only the ids."""
    keys = partner.jwks.get("keys")
    return {
        "id": partner.id,
        "name": partner.name,
        "status": partner.status.value,
        "environment": partner.environment,
        "client_id": partner.client_id,
        "our_client_id": partner.our_client_id,
        "organizations": list(partner.organizations),
        "scopes": list(partner.scopes),
        "attested_by_contract": partner.attested_by_contract,
        "contact": partner.contact,
        "key_ids": [key.get("kid") for key in keys if isinstance(key, Mapping)] if isinstance(keys, list) else [],
    }


def endpoints_told(view: PartnerView) -> list[dict[str, Any]]:
    """Where a partner answers, and whether calls rest there now."""
    at = now()
    return [
        {
            "id": endpoint.id,
            "fhir_base": endpoint.fhir_base,
            "capabilities": list(endpoint.capabilities),
            "version": endpoint.version,
            "status": endpoint.status,
            "requires_mtls": endpoint.requires_mtls,
            "maximum_members": endpoint.maximum_members,
            "breaker": view.breakers[endpoint.id].state if endpoint.id in view.breakers else "closed",
            "maintenance": [list(window) for window in endpoint.maintenance],
            "is_in_maintenance": any(start <= at < end for start, end in endpoint.maintenance),
        }
        for endpoint in view.endpoints
    ]


def set_status(
    tools: Tools, conn: Connection, name: str, *, status: PartnerStatus, reason: str, actor: Actor
) -> Partner:
    """Activate, suspend or quarantine a partner; it counts from its next call on."""
    if not reason.strip():
        raise Refusal("request.malformed", "say why")
    partner = find(conn, name)
    before = directory.set_status(conn, partner.id, status, by=actor.id, reason=reason)
    facts: dict[str, JSON] = {"change": "status", "from": before.value, "to": status.value, "why": reason}
    _record(tools, conn, partner.id, actor=actor, facts=facts)
    return find(conn, partner.id)


def add_endpoint(tools: Tools, conn: Connection, name: str, *, endpoint: Mapping[str, Any], actor: Actor) -> Endpoint:
    """Add a place where the partner answers; checked as in a registration document."""
    partner = find(conn, name)
    made = onboarding.read_endpoint(endpoint, partner)
    registry.add_endpoint(conn, made, partner.organizations)
    facts: dict[str, JSON] = {"change": "endpoint added", "endpoints": [made.fhir_base]}
    _record(tools, conn, partner.id, actor=actor, facts=facts)
    return made


def set_endpoint_status(tools: Tools, conn: Connection, endpoint_id: str, *, status: str, actor: Actor) -> Endpoint:
    """Take an endpoint out of use, or back."""
    endpoint = _endpoint(conn, endpoint_id)
    registry.set_status(conn, endpoint_id, status)
    facts: dict[str, JSON] = {"change": "endpoint status", "endpoint": endpoint_id, "to": status}
    _record(tools, conn, endpoint.partner_id, actor=actor, facts=facts)
    return _endpoint(conn, endpoint_id)


def add_maintenance(
    tools: Tools, conn: Connection, endpoint_id: str, *, window: tuple[datetime, datetime], actor: Actor
) -> Endpoint:
    """Say when an endpoint will not answer; exchanges wait until it is over."""
    endpoint = _endpoint(conn, endpoint_id)
    starts_at, ends_at = window
    if not starts_at < ends_at or ends_at < now():
        raise Refusal("request.malformed", "maintenance must begin before it ends, and not be over")
    registry.add_maintenance(conn, endpoint_id, starts_at=starts_at, ends_at=ends_at)
    facts: dict[str, JSON] = {
        "change": "maintenance",
        "endpoint": endpoint_id,
        "starts_at": starts_at.isoformat(),
        "ends_at": ends_at.isoformat(),
    }
    _record(tools, conn, endpoint.partner_id, actor=actor, facts=facts)
    return _endpoint(conn, endpoint_id)


def _endpoint(conn: Connection, endpoint_id: str) -> Endpoint:
    found = registry.endpoint(conn, endpoint_id)
    if found is None:
        raise Refusal("request.not_found", "no endpoint has this id")
    return found


def _record(tools: Tools, conn: Connection, partner_id: str, *, actor: Actor, facts: dict[str, JSON]) -> None:
    event = Event("partner.changed", f"partner:{partner_id}", actor.type, actor.id, partner_id=partner_id, facts=facts)
    tools.ledger.append(conn, event)

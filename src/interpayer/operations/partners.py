"""Partners join and are found; where they answer, and when they rest. Each change is on the ledger."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from interpayer.exchange.tools import Tools
from interpayer.exchange.transitions import Actor
from interpayer.model.event import JSON, Event
from interpayer.model.partner import Endpoint, Partner
from interpayer.model.reason import Refusal
from interpayer.operations.partner_views import PartnerView, agreed_told, endpoints_told, gate_told, told, view
from interpayer.partners import directory, onboarding, store
from interpayer.partners.gate import Open
from interpayer.routing import registry
from interpayer.system.clock import now
from interpayer.system.database import Connection

__all__ = [
    "Added",
    "PartnerView",
    "add",
    "add_endpoint",
    "add_maintenance",
    "agreed_told",
    "endpoints_told",
    "find",
    "gate_told",
    "listed",
    "record",
    "set_endpoint_status",
    "shown",
    "told",
]


@dataclass(frozen=True, slots=True)
class Added:
    """A partner that was registered, its endpoints, and what the gate would still ask for."""

    partner: Partner
    endpoints: tuple[Endpoint, ...]
    open_items: tuple[Open, ...]


def add(tools: Tools, conn: Connection, document: object, *, actor: Actor) -> Added:
    """Register a partner and its endpoints from one document; Refusal names the element that cannot be accepted.

    A person who registers a partner as active vouches for what the gate would ask: it is told, and on the ledger.
    """
    read = onboarding.read_document(document, environment=tools.environment)
    partner = onboarding.register(conn, read, by=actor.id)
    endpoints = onboarding.endpoints_of(read, partner)
    for endpoint in endpoints:
        registry.add_endpoint(conn, endpoint, read.acts_for)
    open_items = view(tools, conn, partner).open_items
    facts: dict[str, JSON] = {
        "change": "added",
        "name": partner.name,
        "status": partner.status.value,
        "environment": partner.environment,
        "client_id": partner.client_id,
        "organizations": list(partner.organizations),
        "scopes": list(partner.scopes),
        "attested_by_contract": partner.attested_by_contract,
        "endpoints": [endpoint.fhir_base for endpoint in endpoints],
        "open": [one.item for one in open_items],
    }
    record(tools, conn, partner.id, actor=actor, facts=facts)
    return Added(partner, endpoints, open_items)


def find(conn: Connection, name: str) -> Partner:
    """A partner by id, client id or a payer it acts for; Refusal when there is none."""
    found = directory.partner(conn, name) or directory.by_client_id(conn, name) or directory.by_organization(conn, name)
    if found is None:
        raise Refusal("request.not_found", "no partner has this id, client id or organization")
    return found


def listed(conn: Connection) -> list[Partner]:
    """All partners, by name."""
    return directory.list_partners(conn)


def shown(tools: Tools, conn: Connection, name: str) -> PartnerView:
    """One partner with everything about it."""
    return view(tools, conn, find(conn, name))


def add_endpoint(tools: Tools, conn: Connection, name: str, *, endpoint: Mapping[str, Any], actor: Actor) -> Endpoint:
    """Add a place where the partner answers; checked as in a registration document."""
    partner = find(conn, name)
    made = onboarding.read_endpoint(endpoint, partner)
    registry.add_endpoint(conn, made, store.acts_for(conn, partner.id))
    facts: dict[str, JSON] = {"change": "endpoint added", "endpoints": [made.fhir_base]}
    record(tools, conn, partner.id, actor=actor, facts=facts)
    return made


def set_endpoint_status(tools: Tools, conn: Connection, endpoint_id: str, *, status: str, actor: Actor) -> Endpoint:
    """Take an endpoint out of use, or back."""
    endpoint = _endpoint(conn, endpoint_id)
    registry.set_status(conn, endpoint_id, status)
    facts: dict[str, JSON] = {"change": "endpoint status", "endpoint": endpoint_id, "to": status}
    record(tools, conn, endpoint.partner_id, actor=actor, facts=facts)
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
    record(tools, conn, endpoint.partner_id, actor=actor, facts=facts)
    return _endpoint(conn, endpoint_id)


def _endpoint(conn: Connection, endpoint_id: str) -> Endpoint:
    found = registry.endpoint(conn, endpoint_id)
    if found is None:
        raise Refusal("request.not_found", "no endpoint has this id")
    return found


def record(tools: Tools, conn: Connection, partner_id: str, *, actor: Actor, facts: dict[str, JSON]) -> None:
    """Write on the ledger, in the partner's own chain, what was changed by whom."""
    event = Event("partner.changed", f"partner:{partner_id}", actor.type, actor.id, partner_id=partner_id, facts=facts)
    tools.ledger.append(conn, event)

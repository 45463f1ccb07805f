"""Partners, as far as people and systems of the plan may know them; keys are shown by their ids only."""

from typing import Any

from fastapi import APIRouter

from interpayer.api.door import Gate, Visit, acting
from interpayer.api.paths import OneId
from interpayer.model.partner import Endpoint, Partner
from interpayer.model.reason import Refusal
from interpayer.partners import directory
from interpayer.routing import registry
from interpayer.system.clock import now

router = APIRouter(prefix="/api/v1/partners", tags=["Partners"], route_class=Gate)


@router.get("", summary="List partners by name")
@acting("partner.read")
def listed(visit: Visit) -> dict[str, Any]:
    """All partners, retired ones too."""
    return {"partners": [_partner(partner) for partner in directory.list_partners(visit.conn)]}


@router.get("/{partner_id}", summary="One partner with its endpoints and breakers")
@acting("partner.read")
def shown(visit: Visit, partner_id: OneId) -> dict[str, Any]:
    """Who it is, what it may, where it answers and whether calls rest."""
    partner = directory.partner(visit.conn, partner_id)
    if partner is None:
        raise Refusal("request.not_found")
    endpoints = registry.endpoints_of_partner(visit.conn, partner_id)
    breakers = registry.breaker_states(visit.conn, [endpoint.id for endpoint in endpoints])
    told = [{**_endpoint(e), "breaker": breakers[e.id].state if e.id in breakers else "closed"} for e in endpoints]
    return {"partner": _partner(partner), "endpoints": told}


def _partner(partner: Partner) -> dict[str, Any]:
    keys = partner.jwks.get("keys")
    return {
        "id": partner.id,
        "name": partner.name,
        "status": partner.status.value,
        "environment": partner.environment,
        "client_id": partner.client_id,
        "organizations": list(partner.organizations),
        "scopes": list(partner.scopes),
        "attested_by_contract": partner.attested_by_contract,
        "contact": partner.contact,
        "key_ids": [key.get("kid") for key in keys if isinstance(key, dict)] if isinstance(keys, list) else [],
    }


def _endpoint(endpoint: Endpoint) -> dict[str, Any]:
    at = now()
    return {
        "id": endpoint.id,
        "fhir_base": endpoint.fhir_base,
        "capabilities": list(endpoint.capabilities),
        "version": endpoint.version,
        "status": endpoint.status,
        "requires_mtls": endpoint.requires_mtls,
        "is_in_maintenance": any(start <= at < end for start, end in endpoint.maintenance),
    }

"""Partners, as far as people and systems of the plan may know them; keys are shown by their ids only."""

from typing import Any

from fastapi import APIRouter

from interpayer.api.door import Gate, Visit, acting
from interpayer.api.paths import OneId
from interpayer.operations import partners

router = APIRouter(prefix="/api/v1/partners", tags=["Partners"], route_class=Gate)


@router.get("", summary="List partners by name")
@acting("partner.read")
def listed(visit: Visit) -> dict[str, Any]:
    """All partners, retired ones too."""
    return {"partners": [partners.told(partner) for partner in partners.listed(visit.conn)]}


@router.get("/{partner_id}", summary="One partner with its endpoints and breakers")
@acting("partner.read")
def shown(visit: Visit, partner_id: OneId) -> dict[str, Any]:
    """Who it is, what was agreed, what the gate still asks for, where it answers and whether calls rest."""
    view = partners.shown(visit.tools, visit.conn, partner_id)
    return {
        "partner": partners.told(view.partner),
        "agreed": partners.agreed_told(view),
        "gate": partners.gate_told(view),
        "endpoints": partners.endpoints_told(view),
    }

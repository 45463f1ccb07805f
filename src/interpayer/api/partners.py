"""Partners, as far as people and systems of the plan may know them; keys are shown by their ids only."""

from typing import Any

from fastapi import APIRouter, Request

from interpayer.api.bodies import Registration
from interpayer.api.door import Gate, Visit, acting, open_to_all
from interpayer.api.paths import OneId
from interpayer.exchange.tools import Tools
from interpayer.operations import partner_life, partners

router = APIRouter(prefix="/api/v1/partners", tags=["Partners"], route_class=Gate)


@router.get("", summary="List partners by name")
@acting("partner.read")
def listed(visit: Visit) -> dict[str, Any]:
    """All partners, retired ones too."""
    return {"partners": [partners.told(partner) for partner in partners.listed(visit.conn)]}


@router.post("/registration", summary="An invited partner hands in its registration", status_code=201)
@open_to_all
def register(request: Request, given: Registration) -> dict[str, Any]:
    """Known by its invitation alone, which is used up. What it acts for and may was fixed by who invited it.

    At most 64 KiB, and ten tries at once from one address, then one in six seconds.
    """
    tools: Tools = request.app.state.tools
    partner_life.knock(tools, request.client.host if request.client else "nowhere")
    with tools.database.transaction() as conn:
        made = partner_life.accept(tools, conn, given.invitation, document=given.document)
    return {"partner": made.id, "client_id": made.client_id, "status": made.status.value}


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

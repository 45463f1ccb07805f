"""Standing requests: the duty to ask one payer for one person."""

from typing import Annotated, Any, Literal

from fastapi import APIRouter, Query, Response
from fastapi.encoders import jsonable_encoder
from fastapi.responses import JSONResponse

from interpayer.api.door import Gate, Visit, acting
from interpayer.api.paths import OneId
from interpayer.operations import standing

router = APIRouter(prefix="/api/v1/standing", tags=["Standing requests"], route_class=Gate)


@router.get("", summary="List standing requests, the next due first")
@acting("standing.read")
def listed(
    visit: Visit, state: Literal["active", "stopped"] | None = None, limit: Annotated[int, Query(ge=1, le=500)] = 100
) -> dict[str, Any]:
    """Without the ids on the other payer's card."""
    return {"standing": jsonable_encoder(standing.listed(visit.conn, state=state, limit=limit))}


@router.post("/{standing_id}/ask", status_code=202, summary="Ask now, at the member's wish")
@acting("standing.ask")
def ask(visit: Visit, standing_id: OneId) -> Response:
    """An exchange outside the rhythm; its link at once."""
    exchange_id = standing.ask_now(visit.tools, visit.conn, standing_id, actor=visit.actor)
    link = f"/api/v1/exchanges/{exchange_id}"
    return JSONResponse({"exchange": exchange_id, "link": link}, status_code=202, headers={"Location": link})

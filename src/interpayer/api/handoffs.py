"""Hand-offs: our own systems fetch what partners sent, say what they have, and have it given again."""

from typing import Annotated, Any

import orjson
from fastapi import APIRouter, Query, Response
from fastapi.responses import JSONResponse
from pydantic import Field

from interpayer.api.bodies import Closed, Id
from interpayer.api.door import Gate, Visit, acting
from interpayer.api.paths import OneId
from interpayer.operations import handoffs

router = APIRouter(prefix="/api/v1/exchanges", tags=["Hand-offs"], route_class=Gate)
_TIMES = ("made_at", "state_at")


class Part(Closed):
    """Which part of the records."""

    after: Id | None = None
    limit: Annotated[int, Query(ge=1, le=500)] = 200


class Acknowledged(Closed):
    """What the other side has: records by type and, where it can say so, the digest of the hand-off."""

    records: dict[Annotated[str, Field(pattern=r"^[A-Za-z]{1,64}$")], Annotated[int, Field(ge=0)]]
    digest: Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")] | None = None


@router.get("/{exchange_id}/handoff", summary="Whether what came was given on, and acknowledged")
@acting("handoff.read")
def shown(visit: Visit, exchange_id: OneId) -> Response:
    """State, counts and digest; `differs` when the other side has something else."""
    return _told(handoffs.shown(visit.conn, exchange_id))


@router.get("/{exchange_id}/handoff/records", summary="The records of a hand-off, for the system that was told")
@acting("handoff.take")
def records(visit: Visit, exchange_id: OneId, part: Annotated[Part, Query()]) -> Response:
    """Canonical resources by record id, under our ids; `next` is the record to go on after."""
    page = handoffs.Page(part.after, part.limit)
    found = handoffs.records(visit.tools, visit.conn, exchange_id, page=page, actor=visit.actor)
    told = {
        "exchange": exchange_id,
        "records": [
            {"record": r["id"], "type": r["type"], "resource": orjson.Fragment(r["released"] or r["original"])}
            for r in found
        ],
        "next": found[-1]["id"] if len(found) == part.limit else None,
    }
    # numbers keep their digits: the stored bytes go out as they are
    return Response(orjson.dumps(told), media_type="application/json")


@router.post("/{exchange_id}/handoff", summary="Say what arrived")
@acting("handoff.acknowledge")
def acknowledge(visit: Visit, exchange_id: OneId, told: Acknowledged) -> Response:
    """Compared with what was given: `acknowledged`, or `differs` with the reason."""
    found = handoffs.acknowledge(
        visit.tools, visit.conn, exchange_id, records=told.records, digest=told.digest, actor=visit.actor
    )
    return _told(found)


@router.post("/{exchange_id}/handoff/again", status_code=202, summary="Have it given on once more")
@acting("handoff.acknowledge")
def again(visit: Visit, exchange_id: OneId) -> Response:
    """The other side lost it, or has something else."""
    return _told(handoffs.again(visit.tools, visit.conn, exchange_id, actor=visit.actor), status=202)


def _told(found: dict[str, Any], *, status: int = 200) -> Response:
    times = {name: found[name].isoformat().replace("+00:00", "Z") for name in _TIMES}
    kept = {name: value for name, value in found.items() if name not in {"member_id", "target"} and value is not None}
    return JSONResponse({"status": status, **kept, **times}, status_code=status)

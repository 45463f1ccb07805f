"""Received records with their bodies: for a compliance analyst, with a reason, on the ledger."""

from typing import Annotated, Any

import orjson
from fastapi import APIRouter, Query, Response

from interpayer.api.bodies import Closed, Id, Why
from interpayer.api.door import Gate, Visit, acting
from interpayer.api.paths import OneId
from interpayer.operations import looking

router = APIRouter(prefix="/api/v1/exchanges", tags=["Records"], route_class=Gate)


class Part(Closed):
    """Which part of the records, and why somebody looks."""

    reason: Why
    after: Id | None = None
    limit: Annotated[int, Query(ge=1, le=200)] = 50


@router.get("/{exchange_id}/records", summary="What an exchange brought, bodies included (break-glass)")
@acting("record.look")
def received(visit: Visit, exchange_id: OneId, part: Annotated[Part, Query()]) -> Response:
    """Resources as received, by record id; the look is an event. `next` is the record to go on after."""
    page = looking.Page(part.reason, part.after, part.limit)
    found = looking.received(visit.tools, visit.conn, exchange_id, page=page, actor=visit.actor)
    told = {
        "exchange": exchange_id,
        "records": [_record(record) for record in found],
        "next": found[-1]["id"] if len(found) == part.limit else None,
    }
    # numbers keep their digits: the stored bytes go out as they are
    return Response(orjson.dumps(told), media_type="application/json")


def _record(record: dict[str, Any]) -> dict[str, Any]:
    return {
        "record": record["id"],
        "type": record["type"],
        "author": record["author"],
        "original_id": record["original_id"],
        "sender": record["sender"],
        "available_at": record["available_at"],
        "is_quarantined": record["quarantined_at"] is not None,
        "resource": orjson.Fragment(record["original"]),
    }

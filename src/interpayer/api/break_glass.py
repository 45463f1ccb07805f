"""Break-glass: bodies of records for a compliance analyst, opened by a second person, for minutes, on the ledger."""

from typing import Annotated, Any

import orjson
from fastapi import APIRouter, Query, Response
from fastapi.encoders import jsonable_encoder
from pydantic import Field

from interpayer.api.bodies import Closed, Id, Reasoned, Why
from interpayer.api.door import Gate, Visit, acting
from interpayer.api.paths import OneId
from interpayer.operations import break_glass
from interpayer.operations.break_glass import Page, Wish

router = APIRouter(prefix="/api/v1/break-glass", tags=["Break-glass"], route_class=Gate)


class GlassWish(Closed):
    """What has to be seen: what one exchange brought, or what is held of one member."""

    reason: Why
    minutes: Annotated[int, Field(ge=1, le=1440, description="how long; policy sets the most")] = 15
    exchange: Id | None = None
    member: Id | None = None


class Part(Closed):
    """Which part of the records."""

    after: Id | None = None
    limit: Annotated[int, Query(ge=1, le=200)] = 50


@router.post("", status_code=201, summary="Ask to look at bodies")
@acting("break_glass.ask")
def ask(visit: Visit, wish: GlassWish) -> dict[str, Any]:
    """Kept for a second person to open; refused at once where policy would say no anyway."""
    given = Wish(wish.reason, wish.minutes, exchange_id=wish.exchange, member_id=wish.member)
    return _told(break_glass.ask(visit.tools, visit.conn, given, person=visit.person))


@router.get("", summary="Who looks or looked at what, and why")
@acting("break_glass.read")
def listed(visit: Visit) -> dict[str, Any]:
    """The latest; what still owes a confirmation first. No bodies."""
    return {"looks": [jsonable_encoder(row) for row in break_glass.listed(visit.conn)]}


@router.post("/{glass_id}/open", summary="Agree to a look: the second pair of eyes")
@acting("break_glass.open")
def open_(visit: Visit, glass_id: OneId) -> dict[str, Any]:
    """Whoever asked may look from now on, for the minutes asked for."""
    return _told(break_glass.open_(visit.tools, visit.conn, glass_id, person=visit.person))


@router.get("/{glass_id}/records", summary="The records with their bodies")
@acting("break_glass.look")
def look(visit: Visit, glass_id: OneId, part: Annotated[Part, Query()]) -> Response:
    """Resources as received, by record id; each look is an event. `next` is the record to go on after."""
    page = Page(part.after, part.limit)
    found = break_glass.look(visit.tools, visit.conn, glass_id, page=page, person=visit.person)
    told = {
        "break_glass": glass_id,
        "records": [_record(record) for record in found],
        "next": found[-1]["id"] if len(found) == part.limit else None,
    }
    # numbers keep their digits: the stored bytes go out as they are
    return Response(orjson.dumps(told), media_type="application/json")


@router.post("/{glass_id}/end", summary="Done before the time is over")
@acting("break_glass.ask")
def end(visit: Visit, glass_id: OneId) -> dict[str, Any]:
    """The look as it stands then."""
    return _told(break_glass.end(visit.tools, visit.conn, glass_id, person=visit.person))


@router.post("/{glass_id}/confirmation", summary="Say what was found when going through a look that is over")
@acting("break_glass.confirm")
def confirm(visit: Visit, glass_id: OneId, found: Reasoned) -> dict[str, Any]:
    """By somebody else than who looked, within a day."""
    return _told(break_glass.confirm(visit.tools, visit.conn, glass_id, why=found.reason, person=visit.person))


def _told(row: dict[str, Any]) -> dict[str, Any]:
    return {"look": jsonable_encoder(row)}


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

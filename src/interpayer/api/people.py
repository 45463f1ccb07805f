"""People: which members are one person, and every id that names them, now and before."""

from dataclasses import asdict
from datetime import date
from typing import Any, Literal

from fastapi import APIRouter
from fastapi.encoders import jsonable_encoder

from interpayer.api.bodies import LinkEnding, Merging, NewLink, Purpose, SoughtId, Splitting
from interpayer.api.door import Gate, Visit, acting
from interpayer.api.paths import OneId
from interpayer.identity import graph
from interpayer.identity.graph import Grounds
from interpayer.model.member import Identifier, IdKind
from interpayer.operations import people

router = APIRouter(prefix="/api/v1/people", tags=["People"], route_class=Gate)


@router.get("/{member_id}", summary="A person: members, ids on a day, judgements")
@acting("person.read")
def shown(visit: Visit, member_id: OneId, *, on: date | None = None, purpose: Purpose | None = None) -> dict[str, Any]:
    """Every id that names the person, with source, confidence, period and who judged; taken-back ones too."""
    if purpose:
        visit.require("person.look")
    found = people.shown(visit.tools, visit.conn, member_id, on=on, purpose=purpose, actor=visit.actor)
    return {"person": _plain(found)}


@router.post("/find", summary="Which members an id means or meant")
@acting("person.look")
def find(visit: Visit, sought: SoughtId) -> dict[str, Any]:
    """Member ids with the state of the link (current, historical, wrong). The question is an event."""
    wanted = Identifier(IdKind(sought.kind), sought.value, sought.issuer)
    named = people.found(visit.tools, visit.conn, wanted, purpose=sought.purpose, actor=visit.actor)
    return {"members": [{"member_id": member_id, "state": state} for member_id, state in named]}


@router.post("/{member_id}/merge", summary="Two members are one person")
@acting("person.change")
def merge(visit: Visit, member_id: OneId, wish: Merging) -> dict[str, Any]:
    """The person of `into` survives; a no of one member holds for all of them."""
    grounds = Grounds(visit.actor.id, wish.reason, confidence=wish.confidence, since=wish.since)
    made = people.merge(visit.tools, visit.conn, member_id, into=wish.into, grounds=grounds, actor=visit.actor)
    return _plain(made)


@router.post("/{member_id}/split", summary="Undo a merge")
@acting("person.change")
def split(visit: Visit, member_id: OneId, wish: Splitting) -> dict[str, Any]:
    """What was decided with both in sight is recalled or stopped; what else was released since is listed."""
    grounds = Grounds(visit.actor.id, wish.reason)
    parted = people.split(visit.tools, visit.conn, member_id, other=wish.other, grounds=grounds, actor=visit.actor)
    return _plain(parted)


@router.post("/{member_id}/links", status_code=201, summary="An outside id means this member")
@acting("person.change")
def link(visit: Visit, member_id: OneId, wish: NewLink) -> dict[str, Literal["accepted"]]:
    """409 when it is accepted for somebody else: end that link first."""
    grounds = Grounds(visit.actor.id, wish.reason, confidence=wish.confidence, since=wish.effective_from)
    identifier = Identifier(IdKind(wish.kind), wish.value, wish.issuer)
    people.link(
        visit.tools,
        visit.conn,
        graph.NewLink(member_id, identifier, grounds, effective_to=wish.effective_to),
        actor=visit.actor,
    )
    return {"link": "accepted"}


@router.post("/links/end", summary="An outside id no longer means a member, or never did")
@acting("person.change")
def unlink(visit: Visit, wish: LinkEnding) -> dict[str, Any]:
    """Without `ended_on` it was never true: what was released of the member since the link was made is recalled."""
    ended = people.unlink(
        visit.tools,
        visit.conn,
        Identifier(IdKind(wish.kind), wish.value, wish.issuer),
        grounds=Grounds(visit.actor.id, wish.reason),
        ended_on=wish.ended_on,
        actor=visit.actor,
    )
    return _plain(ended)


def _plain(found: Any) -> dict[str, Any]:
    told: dict[str, Any] = jsonable_encoder(asdict(found))
    return told

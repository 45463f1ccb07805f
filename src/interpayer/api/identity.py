"""Who is meant and why: what this plan publishes about it, and the evidence of one decision."""

from dataclasses import asdict
from typing import Any

from fastapi import APIRouter

from interpayer.api.bodies import Reasoned
from interpayer.api.door import Gate, Visit, acting
from interpayer.api.paths import OneId
from interpayer.operations import explaining, identity_policy
from interpayer.operations.explaining import Sight

router = APIRouter(prefix="/api/v1/identity", tags=["Identity"], route_class=Gate)


@router.get("/policy", summary="Thresholds, escalation paths, how long evidence is kept")
@acting("identity.policy")
def policy(visit: Visit) -> dict[str, Any]:
    """As in force now, with the limits of single partners and how each limit was proven."""
    return identity_policy.policy(visit.tools, visit.conn)


@router.get("/evidence/{subject}", summary="Why a request was decided as it was")
@acting("identity.explain")
def explain(visit: Visit, subject: OneId) -> dict[str, Any]:
    """In words and steps, by evidence, exchange or case id. Stewards see the sides, masked; others see no sides."""
    sight = Sight(sides=visit.may("identity.look"))
    return asdict(explaining.explain(visit.tools, visit.conn, subject, actor=visit.actor, sight=sight))


@router.post("/evidence/{subject}/look", summary="The same with the values of the people")
@acting("identity.look")
def look(visit: Visit, subject: OneId, why: Reasoned) -> dict[str, Any]:
    """For who may see them; the look and its reason are an event on the ledger."""
    sight = Sight(sides=True, unmasked=True, why=why.reason)
    return asdict(explaining.explain(visit.tools, visit.conn, subject, actor=visit.actor, sight=sight))

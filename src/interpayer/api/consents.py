"""Consents: what members allow and take back."""

from dataclasses import asdict
from typing import Any

from fastapi import APIRouter
from fastapi.encoders import jsonable_encoder

from interpayer.api.bodies import NewConsent, Reasoned
from interpayer.api.door import Gate, Visit, acting
from interpayer.api.paths import OneId
from interpayer.identity.graph import person_members
from interpayer.model.consent import Consent
from interpayer.model.reason import Refusal
from interpayer.operations import consents
from interpayer.system.ids import new_id

router = APIRouter(prefix="/api/v1/consents", tags=["Consents"], route_class=Gate)


@router.post("", status_code=201, summary="Record what a member allowed")
@acting("consent.change")
def record(visit: Visit, given: NewConsent) -> dict[str, Any]:
    """The consent as kept: the same one again is the one kept, and what was revoked stays revoked."""
    if given.member not in person_members(visit.conn, [given.member]):
        raise Refusal("request.malformed", "member names no member of this plan")
    if given.ends_at <= given.starts_at:
        raise Refusal("request.malformed", "ends_at must be after starts_at")
    consent = Consent(
        id=new_id("k"),
        member_id=given.member,
        scope=given.scope,
        sources=tuple(given.sources),
        recipients=tuple(given.recipients),
        starts_at=given.starts_at,
        ends_at=given.ends_at,
        performer=given.performer,
        proof=given.proof,
        basis=given.basis,
    )
    kept = consents.record(visit.tools, visit.conn, consent, actor=visit.actor)
    told: dict[str, Any] = jsonable_encoder(asdict(kept))
    return {"consent": told}


@router.post("/{consent_id}/revoke", summary="Take a consent back")
@acting("consent.change")
def revoke(visit: Visit, consent_id: OneId, why: Reasoned) -> dict[str, Any]:
    """What rests on it stops at once: exchanges, match grants, files. Twice is once."""
    stopped = consents.revoke(visit.tools, visit.conn, consent_id, reason=why.reason, actor=visit.actor)
    told: dict[str, Any] = jsonable_encoder(asdict(stopped))
    return {"consent": consent_id, "stopped": told}

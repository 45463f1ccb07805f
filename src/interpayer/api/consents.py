"""Consents: what members allow, leave out, forbid and take back; contracts and laws; who may speak for a member."""

import base64
from dataclasses import asdict
from typing import Annotated, Any

from fastapi import APIRouter, Query
from fastapi.encoders import jsonable_encoder

from interpayer.api.bodies import Reasoned
from interpayer.api.consent_bodies import LifeEventWrong, NewBasis, NewConsent, NewLifeEvent
from interpayer.api.door import Gate, Visit, acting
from interpayer.api.paths import OneId
from interpayer.consent.bases import bases
from interpayer.consent.life_events import LifeEvent
from interpayer.identity.graph import person_members
from interpayer.model.consent import Consent, Effect, LegalBasis, limits_as_json
from interpayer.model.reason import Refusal
from interpayer.operations import consents, legal_bases, restricting
from interpayer.operations.explaining_consent import explain as explained
from interpayer.operations.proofs import with_proof

router = APIRouter(prefix="/api/v1/consents", tags=["Consents"], route_class=Gate)


@router.post("", status_code=201, summary="Record what a member allowed, left out or forbade")
@acting("consent.change")
def record(visit: Visit, given: NewConsent) -> dict[str, Any]:
    """The consent as kept: the same one again is the one kept, and what was revoked stays revoked.

    With effect `narrow` or `deny`, what rested on more than is left stops at once; `stopped` says what.
    """
    if given.member not in person_members(visit.conn, [given.member]):
        raise Refusal("request.malformed", "member names no member of this plan")
    if given.ends_at <= given.starts_at:
        raise Refusal("request.malformed", "ends_at must be after starts_at")
    consent = _proven(given)
    if consent.effect is Effect.PERMIT:
        return {"consent": _told(consents.record(visit.tools, visit.conn, consent, actor=visit.actor))}
    kept, stopped = restricting.restrict(visit.tools, visit.conn, consent, actor=visit.actor)
    return {"consent": _told(kept), "stopped": _plain(asdict(stopped))}


@router.get("/explain", summary="What may go about one member and one payer, why, and what happens next")
@acting("consent.read")
def explain(
    visit: Visit,
    member: Annotated[str, Query(pattern=r"^[A-Za-z0-9.-]{1,64}$")],
    payer: Annotated[str, Query(min_length=1, max_length=200)],
) -> dict[str, Any]:
    """Both ways, decided as a step would decide it now, with every statement on record."""
    return _plain(explained(visit.tools, visit.conn, member_id=member, payer=payer))


@router.get("/bases", summary="Contracts and laws that let data go without an opt-in")
@acting("consent.read")
def list_bases(visit: Visit) -> dict[str, Any]:
    """The newest first, ended ones included."""
    return {"bases": [_basis(basis) for basis in bases(visit.conn)]}


@router.post("/bases", status_code=201, summary="Record a contract or a law")
@acting("consent.change")
def add_basis(visit: Visit, given: NewBasis) -> dict[str, Any]:
    """From now on its parties exchange under it, as far as it reaches."""
    basis = given.as_basis(usual=legal_bases.USUAL_LIMITS)
    return {"basis": _basis(legal_bases.add(visit.tools, visit.conn, basis, actor=visit.actor))}


@router.post("/bases/{basis_id}/end", summary="End a contract or a law before its time")
@acting("consent.change")
def end_basis(visit: Visit, basis_id: OneId, why: Reasoned) -> dict[str, Any]:
    """Grants, exchanges and files that rest on it stop at once. Twice is once."""
    stopped = legal_bases.end(visit.tools, visit.conn, basis_id, reason=why.reason, actor=visit.actor)
    return {"basis": basis_id, "stopped": _plain(asdict(stopped))}


@router.post("/life-events", status_code=201, summary="Record a death, or full rights before majority")
@acting("consent.change")
def note_life_event(visit: Visit, given: NewLifeEvent) -> dict[str, Any]:
    """Whose word ended with it no longer counts; what rested on it stops at once."""
    event = LifeEvent(given.what, given.on, given.proof)
    stopped = restricting.note_life_event(visit.tools, visit.conn, given.member, event, actor=visit.actor)
    return {"member": given.member, "stopped": _plain(asdict(stopped))}


@router.post("/life-events/take-back", summary="Take back a life event that is not so")
@acting("consent.change")
def take_back_life_event(visit: Visit, given: LifeEventWrong) -> dict[str, Any]:
    """Consents count again; what had ended stays ended."""
    is_back = restricting.take_back_life_event(
        visit.tools, visit.conn, given.member, what=given.what, actor=visit.actor
    )
    return {"member": given.member, "taken_back": is_back}


@router.post("/{consent_id}/revoke", summary="Take a consent, a restriction or a denial back")
@acting("consent.change")
def revoke(visit: Visit, consent_id: OneId, why: Reasoned) -> dict[str, Any]:
    """What rests on it stops at once: exchanges, match grants, files. Twice is once."""
    stopped = consents.revoke(visit.tools, visit.conn, consent_id, reason=why.reason, actor=visit.actor)
    return {"consent": consent_id, "stopped": _plain(asdict(stopped))}


def _proven(given: NewConsent) -> Consent:
    consent = given.as_consent()
    if given.document is None:
        if given.signature or given.signer:
            raise Refusal("request.malformed", "a signature needs its document")
        return consent
    return with_proof(
        *(consent, base64.b64decode(given.document)),
        digest=given.document_sha256,
        signature=base64.b64decode(given.signature) if given.signature else None,
        signer=given.signer.encode() if given.signer else None,
    )


def _told(consent: Consent) -> dict[str, Any]:
    told = {**asdict(consent), "limits": limits_as_json(consent.limits)}
    if consent.authority:
        told["authority"]["limits"] = limits_as_json(consent.authority.limits)
    return _plain(told)


def _basis(basis: LegalBasis) -> dict[str, Any]:
    return _plain({**asdict(basis), "limits": limits_as_json(basis.limits)})


def _plain(value: dict[str, Any]) -> dict[str, Any]:
    told: dict[str, Any] = jsonable_encoder(value)
    return told

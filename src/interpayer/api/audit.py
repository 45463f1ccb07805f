"""The ledger, read: one exchange's chain with its proofs, and one member's disclosures."""

from typing import Any

from fastapi import APIRouter

from interpayer.api.door import Gate, Visit, acting
from interpayer.api.paths import OneId
from interpayer.audit import ledger, words
from interpayer.operations import looking

router = APIRouter(prefix="/api/v1/audit", tags=["Audit"], route_class=Gate)


@router.get("/exchanges/{exchange_id}", summary="Every event of an exchange with its place in the ledger")
@acting("audit.read")
def of_exchange(visit: Visit, exchange_id: OneId) -> dict[str, Any]:
    """Headers, hashes, positions and the newest checkpoint; an unknown exchange has no events."""
    found = ledger.events_of(visit.conn, exchange_id)
    told = [{**event, "sentence": words.sentence(event)} for event in found]
    return {"exchange": exchange_id, "events": told, "checkpoint": ledger.latest_checkpoint(visit.conn)}


@router.get("/disclosures/{member_id}", summary="The accounting of disclosures of one member")
@acting("audit.disclosures")
def disclosures(visit: Visit, member_id: OneId) -> dict[str, Any]:
    """Every release of data about the member, wrong ones too (45 CFR 164.528); the look is itself an event."""
    found = looking.disclosures(visit.tools, visit.conn, member_id, actor=visit.actor)
    return {"member": member_id, "disclosures": [{**e, "sentence": words.sentence(e)} for e in found]}

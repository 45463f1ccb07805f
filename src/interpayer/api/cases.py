"""Cases: decisions that a named person owes."""

from dataclasses import asdict
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Query
from fastapi.encoders import jsonable_encoder

from interpayer.api.bodies import Assignment, CaseRuling
from interpayer.api.door import Gate, Visit, acting
from interpayer.api.paths import OneId
from interpayer.identity.review import CaseRow, Ruling
from interpayer.operations import cases
from interpayer.system.clock import now

router = APIRouter(prefix="/api/v1/cases", tags=["Cases"], route_class=Gate)
Standing = Literal["open", "assigned", "decided", "closed"]


@router.get("", summary="List cases, the most urgent first")
@acting("case.read")
def listed(
    visit: Visit, state: Standing | None = None, limit: Annotated[int, Query(ge=1, le=500)] = 100
) -> dict[str, Any]:
    """Cases without any value of a person."""
    return {"cases": [_case(row) for row in cases.listed(visit.conn, state=state, limit=limit)]}


@router.get("/{case_id}", summary="One case with its two sides")
@acting("case.read")
def shown(visit: Visit, case_id: OneId, unmasked: bool = False) -> dict[str, Any]:
    """Stewards see both sides, masked; `unmasked=true` shows values and is an event. Operators see no sides."""
    if unmasked:
        visit.require("case.look")
    found = cases.shown(visit.tools, visit.conn, case_id, actor=visit.actor, unmasked=unmasked)
    told = {"case": _case(found["case"])}
    return told | ({"sides": found["sides"]} if visit.may("case.look") else {})


@router.post("/{case_id}/assign", summary="Give a case an owner")
@acting("case.assign")
def assign(visit: Visit, case_id: OneId, wanted: Assignment) -> dict[str, Any]:
    """The case as it stands then."""
    return {"case": _case(cases.assign(visit.tools, visit.conn, case_id, to=wanted.to, actor=visit.actor))}


@router.post("/{case_id}/decision", summary="Decide a case: same, different or undecidable")
@acting("case.decide")
def decide(visit: Visit, case_id: OneId, ruling: CaseRuling) -> dict[str, Any]:
    """Our own waiting exchanges go on by themselves; a partner's next request gets the new answer."""
    given = Ruling(
        person=visit.actor.id,
        decision=ruling.decision,
        reason=ruling.reason,
        member_id=ruling.member_id,
        note=ruling.note,
    )
    return asdict(cases.decide(visit.tools, visit.conn, case_id, ruling=given, actor=visit.actor))


def _case(row: CaseRow) -> dict[str, Any]:
    told: dict[str, Any] = jsonable_encoder(asdict(row))
    is_open = row.state in ("open", "assigned")
    return told | {"is_overdue": is_open and row.due_at < now()}

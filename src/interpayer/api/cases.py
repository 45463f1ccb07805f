"""Cases: decisions that a named person owes."""

from dataclasses import asdict
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Query
from fastapi.encoders import jsonable_encoder

from interpayer.api.bodies import Assignment, CaseRuling, CaseUndoing, Purpose
from interpayer.api.door import Gate, Visit, acting
from interpayer.api.paths import OneId
from interpayer.identity.review import CaseRow, Ruling
from interpayer.operations import cases
from interpayer.system.clock import now

router = APIRouter(prefix="/api/v1/cases", tags=["Cases"], route_class=Gate)
Standing = Literal["open", "assigned", "decided", "closed"]
Kind = Literal["identity", "conflict", "policy", "recall"]


@router.get("", summary="List cases, most risk and least time first")
@acting("case.read")
def listed(
    visit: Visit,
    *,
    state: Standing | None = None,
    kind: Kind | None = None,
    mine: bool = False,
    limit: Annotated[int, Query(ge=1, le=500)] = 100,
) -> dict[str, Any]:
    """Cases without any value of a person; `mine=true` lists those that the caller has."""
    owner = visit.actor.id if mine else None
    rows = cases.listed(visit.conn, state=state, kind=kind, assigned_to=owner, limit=limit)
    return {"cases": [_case(row) for row in rows]}


@router.post("/next", summary="Take the most pressing case that nobody has")
@acting("case.assign")
def take_next(visit: Visit, kind: Kind | None = None) -> dict[str, Any]:
    """The case, now the caller's; null when nobody's case is left. Two who ask at once get two cases."""
    taken = cases.take_next(visit.tools, visit.conn, kind=kind, actor=visit.actor)
    return {"case": _case(taken) if taken else None}


@router.get("/{case_id}", summary="One case with its two sides")
@acting("case.read")
def shown(visit: Visit, case_id: OneId, purpose: Purpose | None = None) -> dict[str, Any]:
    """Stewards see both sides, masked; with a purpose the values, and it is an event. Operators see no sides."""
    if purpose:
        visit.require("case.look")
    found = cases.shown(visit.tools, visit.conn, case_id, actor=visit.actor, purpose=purpose)
    told = {"case": _case(found["case"])}
    return told | ({"sides": found["sides"]} if visit.may("case.look") else {})


@router.post("/{case_id}/assign", summary="Give a case an owner")
@acting("case.assign")
def assign(visit: Visit, case_id: OneId, wanted: Assignment) -> dict[str, Any]:
    """The case as it stands then."""
    return {"case": _case(cases.assign(visit.tools, visit.conn, case_id, to=wanted.to, actor=visit.actor))}


@router.post("/{case_id}/hand-back", summary="Put a case back into the queue")
@acting("case.assign")
def hand_back(visit: Visit, case_id: OneId) -> dict[str, Any]:
    """The case as it stands then: nobody's."""
    return {"case": _case(cases.hand_back(visit.tools, visit.conn, case_id, actor=visit.actor))}


@router.post("/{case_id}/decision", summary="Decide a case: same, different or undecidable")
@acting("case.decide")
def decide(visit: Visit, case_id: OneId, ruling: CaseRuling) -> dict[str, Any]:
    """Our own waiting exchanges go on by themselves; a partner's next request gets the new answer. `is_settled` false:
    the limits ask for two names and this was the first; nothing follows until somebody else says the same."""
    given = Ruling(
        person=visit.actor.id,
        decision=ruling.decision,
        reason=ruling.reason,
        member_id=ruling.member_id,
        note=ruling.note,
    )
    return asdict(cases.decide(visit.tools, visit.conn, case_id, ruling=given, actor=visit.actor))


@router.post("/{case_id}/undo", summary="Take the decision of a case back")
@acting("case.decide")
def undo(visit: Visit, case_id: OneId, why: CaseUndoing) -> dict[str, Any]:
    """The case is open again. What was released because of the decision is recalled, what is under way stops, what was
    turned away waits again; all of it is listed."""
    taken_back = cases.undo(visit.tools, visit.conn, case_id, reason=why.reason, actor=visit.actor)
    told: dict[str, Any] = jsonable_encoder(asdict(taken_back))
    return told


def _case(row: CaseRow) -> dict[str, Any]:
    told: dict[str, Any] = jsonable_encoder(asdict(row))
    is_open = row.state in ("open", "assigned")
    return told | {"is_overdue": is_open and row.due_at < now(), "waits_for_second": row.waits_for_second}

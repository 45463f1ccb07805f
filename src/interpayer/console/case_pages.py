"""The pages about cases: the queue by rank, and one case with its two sides and the decision."""

from typing import Any

from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from interpayer.console import wording
from interpayer.console.door import Desk, Visit, route
from interpayer.identity.review import DECISIONS, CaseRow, Ruling
from interpayer.model.reason import Refusal
from interpayer.operations import cases
from interpayer.operations.ruling_reasons import RULING_REASONS
from interpayer.system.clock import now

STATES = ("open", "assigned", "decided", "closed")
# Who opens the sides of a case here does it to decide the case.
LOOKS_FOR = "case_review"
_FACTS = ("names", "birth_date", "sex", "addresses", "phones", "emails", "identifiers", "coverages")


def routes(desk: Desk) -> list[Route]:
    """Every page of this file with its role."""
    return [
        route(desk, "/cases", "case.read", listed),
        route(desk, "/cases/{id}", "case.read", shown),
        route(desk, "/cases/{id}/unmasked", "case.look", unmasked, method="POST"),
        route(desk, "/cases/{id}/assign", "case.assign", assign, method="POST"),
        route(desk, "/cases/{id}/decision", "case.decide", decide, method="POST"),
    ]


def listed(visit: Visit) -> Response:
    """The queue, most risk and least time first."""
    state = visit.query.get("state")
    rows = cases.listed(visit.conn, state=state if state in STATES else None, limit=200)
    return visit.show("cases.html", cases=[_line(row) for row in rows], states=STATES)


def shown(visit: Visit) -> Response:
    """One case, masked."""
    return _case(visit, is_unmasked=False)


def unmasked(visit: Visit) -> Response:
    """The same with values; this look is an event."""
    return _case(visit, is_unmasked=True)


def assign(visit: Visit) -> Response:
    """Take a case."""
    case_id = visit.path["id"]
    cases.assign(visit.tools, visit.conn, case_id, to=visit.actor.id, actor=visit.actor)
    return RedirectResponse(f"/cases/{case_id}?done=assigned", status_code=303)


def decide(visit: Visit) -> Response:
    """Keep the ruling; what waits for it goes on."""
    case_id, form = visit.path["id"], visit.form
    decision, _, member_id = form.get("decision", "").partition(":")
    if decision not in DECISIONS or form.get("reason") not in RULING_REASONS:
        raise Refusal("request.malformed", "choose a decision and a reason")
    ruling = Ruling(
        person=visit.actor.id,
        decision=decision,
        reason=form["reason"],
        member_id=member_id or None,
        note=form.get("note", "").strip()[:500] or None,
    )
    made = cases.decide(visit.tools, visit.conn, case_id, ruling=ruling, actor=visit.actor)
    done = "decided" if made.is_settled else "proposed"
    return RedirectResponse(f"/cases/{case_id}?done={done}", status_code=303)


def _case(visit: Visit, *, is_unmasked: bool) -> Response:
    found = cases.shown(
        visit.tools, visit.conn, visit.path["id"], actor=visit.actor, purpose=LOOKS_FOR if is_unmasked else None
    )
    # an operator sees states and times, never who it is about (exchange.md, section 9)
    sides = found["sides"] if visit.may("case.look") else None
    return visit.show(
        "case.html",
        case=_line(found["case"]),
        sides=sides,
        facts=_FACTS,
        comparisons={c["member_id"]: _compared(c) for c in found["case"].evidence},
        is_unmasked=is_unmasked,
        reasons=RULING_REASONS,
    )


def _line(row: CaseRow) -> dict[str, Any]:
    at = now()
    is_open = row.state in ("open", "assigned")
    return {
        **{name: getattr(row, name) for name in CaseRow.__dataclass_fields__},
        "is_open": is_open,
        "waits_for_second": row.waits_for_second,
        "is_overdue": is_open and row.due_at < at,
        "time_left": wording.time_left(row.due_at, at) if is_open else "–",
    }


def _compared(candidate: dict[str, Any]) -> dict[str, Any]:
    levels = [(c["field"], c["level"]) for c in candidate["comparisons"]]
    said = [(field, level) for field, level in levels if level != "missing"]
    return {"said": said, "missing": [field for field, level in levels if level == "missing"]}

"""Cases: a decision that a named person owes, and what follows from it."""

from dataclasses import dataclass
from typing import Any

from interpayer.exchange import store
from interpayer.exchange.durability import store as durable
from interpayer.exchange.tools import Tools
from interpayer.exchange.transitions import Actor, Move, move
from interpayer.identity import review
from interpayer.model.event import Event
from interpayer.model.exchange import Role, State
from interpayer.model.reason import Refusal
from interpayer.records import store as records_store
from interpayer.system.database import Connection


@dataclass(frozen=True, slots=True)
class Decision:
    """What followed from a decision: exchanges that go on by themselves, and those that wait for the partner to ask."""

    case_id: str
    decision: str
    resumed: tuple[str, ...]
    answered_on_next_request: tuple[str, ...]


def listed(conn: Connection, *, state: str | None = None, limit: int = 100) -> list[review.CaseRow]:
    """Cases, the most urgent first."""
    return review.list_cases(conn, state=state, limit=limit)


def shown(tools: Tools, conn: Connection, case_id: str, *, actor: Actor, unmasked: bool = False) -> dict[str, Any]:
    """The two sides of a case; a look at unmasked values is itself an event."""
    found = review.case(conn, case_id)
    if found is None:
        raise Refusal("request.not_found")
    sides = review.sides(conn, tools.vault, case_id, masked=not unmasked)
    if unmasked:
        tools.ledger.append(
            conn,
            Event(
                *("access.looked", _chain(found), actor.type, actor.id),
                exchange_id=next(iter(found.exchange_ids), None),
                partner_id=found.partner_id,
                facts={"case": case_id, "what": "unmasked sides of a case"},
            ),
        )
    return {"case": found, "sides": sides}


def assign(tools: Tools, conn: Connection, case_id: str, *, to: str, actor: Actor) -> review.CaseRow:
    """Give a case an owner."""
    found = review.assign_case(conn, case_id, to=to)
    tools.ledger.append(
        conn,
        Event(
            *("case.assigned", _chain(found), actor.type, actor.id),
            exchange_id=next(iter(found.exchange_ids), None),
            partner_id=found.partner_id,
            facts={"case": case_id, "to": to},
        ),
    )
    return found


def decide(tools: Tools, conn: Connection, case_id: str, *, ruling: review.Ruling, actor: Actor) -> Decision:
    """Decide a case: our own waiting exchanges go on; a partner's next request gets the new answer."""
    decided = review.decide_case(conn, case_id, ruling)
    tools.ledger.append(
        conn,
        Event(
            *("case.decided", f"case:{case_id}", actor.type, actor.id),
            outcome=decided.decision,
            partner_id=decided.partner_id,
            member_id=decided.member_id,
            facts={"case": case_id, "decision": decided.decision, "why": ruling.reason, "kind": decided.kind},
        ),
    )
    resumed, later = [], []
    for exchange_id in decided.exchange_ids:
        exchange = store.load(conn, exchange_id)
        if exchange is None or exchange.state is not State.IN_REVIEW:
            continue
        _follow(tools, conn, exchange_id, decided, actor=actor)
        if exchange.role is Role.REQUESTER and decided.decision == "same":
            resumed.append(exchange_id)
        elif exchange.role is Role.RESPONDER:
            later.append(exchange_id)
    return Decision(case_id, decided.decision, tuple(resumed), tuple(later))


def _follow(tools: Tools, conn: Connection, exchange_id: str, decided: review.CaseDecision, *, actor: Actor) -> None:
    """What one waiting exchange does with the decision (exchange.md, section 4)."""
    exchange = store.load(conn, exchange_id)
    facts = {"case": decided.case_id, "decision": decided.decision}
    is_received_patient = decided.kind == "conflict"
    if decided.decision != "same":
        reason = "identity.reviewer_refused"
        move(
            conn,
            tools.ledger,
            [Move(exchange_id, State.UNRESOLVED, reason, outcome="unmatched", facts=facts)],
            actor=actor,
        )
        return
    if is_received_patient:
        records_store.release_quarantine(conn, exchange_id)
        move(conn, tools.ledger, [Move(exchange_id, State.RECONCILING, facts=facts)], actor=actor)
        durable.accept(conn, "deliver_reviewed", f"{exchange_id}:after-review", exchange_id)
        return
    wanted = Move(exchange_id, State.IDENTIFIED, "identity.certain", facts=facts, member_id=decided.member_id)
    move(conn, tools.ledger, [wanted], actor=actor)
    if exchange is not None and exchange.role is Role.REQUESTER:
        durable.accept(conn, "request_history", f"{exchange_id}:after-review:{exchange.version}", exchange_id)


def _chain(found: review.CaseRow) -> str:
    return next(iter(found.exchange_ids), f"case:{found.id}")

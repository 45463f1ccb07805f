"""Cases: a decision that a named person owes, and what follows from it."""

from dataclasses import dataclass
from typing import Any

from interpayer.exchange import store
from interpayer.exchange.durability import store as durable
from interpayer.exchange.tools import Tools
from interpayer.exchange.transitions import Actor, Move, move
from interpayer.identity import review
from interpayer.model.event import JSON, Event
from interpayer.model.exchange import Role, State
from interpayer.model.reason import Refusal
from interpayer.operations.purposes import stated
from interpayer.operations.undoing import Fallout, contain, of_members, rests_on_ruling
from interpayer.records import store as records_store
from interpayer.system.clock import now
from interpayer.system.database import Connection

_TURNED_AWAY = "identity.reviewer_refused"


@dataclass(frozen=True, slots=True)
class Decision:
    """What followed from a decision: exchanges that go on by themselves, and those that wait for the partner to ask.
    While `is_settled` is false nothing follows: another name is needed."""

    case_id: str
    decision: str
    resumed: tuple[str, ...]
    answered_on_next_request: tuple[str, ...]
    is_settled: bool = True


@dataclass(frozen=True, slots=True)
class TakenBack:
    """What followed from taking a decision back. `waiting` exchanges wait for the case again."""

    case_id: str
    is_open: bool
    waiting: tuple[str, ...]
    fallout: Fallout


def listed(
    conn: Connection,
    *,
    state: str | None = None,
    kind: str | None = None,
    assigned_to: str | None = None,
    limit: int = 100,
) -> list[review.CaseRow]:
    """Cases by rank: most risk and least time first."""
    wanted = review.CaseFilter(state=state, kind=kind, assigned_to=assigned_to, limit=limit)
    return review.narrowed(conn, wanted)


def shown(tools: Tools, conn: Connection, case_id: str, *, actor: Actor, purpose: str | None = None) -> dict[str, Any]:
    """The two sides of a case, masked; with a purpose the values, and the look is an event."""
    found = review.case(conn, case_id)
    if found is None:
        raise Refusal("request.not_found")
    sides = review.sides(conn, tools.vault, case_id, masked=purpose is None)
    if purpose is not None:
        tools.ledger.append(
            conn,
            Event(
                *("access.looked", _chain(found), actor.type, actor.id),
                exchange_id=next(iter(found.exchange_ids), None),
                partner_id=found.partner_id,
                facts={"case": case_id, "what": "unmasked sides of a case", "purpose": stated(purpose)},
            ),
        )
    return {"case": found, "sides": sides}


def assign(tools: Tools, conn: Connection, case_id: str, *, to: str, actor: Actor) -> review.CaseRow:
    """Give a case an owner."""
    found = review.assign_case(conn, case_id, to=to)
    _note_owner(tools, conn, found, to=to, actor=actor)
    return found


def take_next(tools: Tools, conn: Connection, *, kind: str | None = None, actor: Actor) -> review.CaseRow | None:
    """Give the person the case of highest rank that nobody has, of one kind or any; None when there is none."""
    case_id = review.next_unowned(conn, kind=kind)
    return assign(tools, conn, case_id, to=actor.id, actor=actor) if case_id else None


def hand_back(tools: Tools, conn: Connection, case_id: str, *, actor: Actor) -> review.CaseRow:
    """Put a case back into the queue, for anybody."""
    found = review.release_case(conn, case_id)
    _note_owner(tools, conn, found, to=None, actor=actor)
    return found


def decide(tools: Tools, conn: Connection, case_id: str, *, ruling: review.Ruling, actor: Actor) -> Decision:
    """Decide a case: our own waiting exchanges go on; a partner's next request gets the new answer. Where two names are
    needed, the first one is kept and nothing follows."""
    decided = review.decide_case(conn, case_id, ruling)
    _note(tools, conn, decided, ruling, actor=actor)
    if not decided.is_settled:
        return Decision(case_id, decided.decision, (), (), is_settled=False)
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


def undo(tools: Tools, conn: Connection, case_id: str, *, reason: str, actor: Actor) -> TakenBack:
    """Take a decision back. What was released because of it is recalled, what is under way stops, what was turned away
    because of it waits again."""
    undone = review.undo_decision(conn, case_id, person=actor.id, reason=reason)
    before = undone.decided
    fallout, waiting = Fallout(None, (), (), ()), list[str]()
    if before.decision == "same" and before.member_id:
        rows = of_members(conn, [before.member_id], since=before.decided_at)
        resting = [row["id"] for row in rows if rests_on_ruling(tools, conn, row, undone)]
        fallout = contain(tools, conn, rows, resting=resting, reason="recall.wrong_member", actor=actor)
    elif undone.is_open:
        moves = [
            Move(exchange_id, State.IN_REVIEW, before.reason, outcome="review", case_id=case_id)
            for exchange_id in before.exchange_ids
            if _turned_away(conn, exchange_id)
        ]
        waiting = move(conn, tools.ledger, moves, actor=actor)
    facts: dict[str, JSON] = {"case": case_id, "was": before.decision, "why": reason, "recall": fallout.recall_id}
    facts |= {"stopped": [*fallout.stopped], "recalled": [*fallout.recalled], "waiting": [*waiting]}
    event = Event(
        *("case.undone", f"case:{case_id}", actor.type, actor.id),
        partner_id=before.partner_id,
        member_id=before.member_id,
        facts=facts,
    )
    tools.ledger.append(conn, event)
    return TakenBack(case_id, undone.is_open, tuple(waiting), fallout)


def note_overdue(tools: Tools, conn: Connection, *, limit: int) -> int:
    """Put on the ledger which cases passed their promised time, each once; how many. It stops nothing."""
    late = review.flag_overdue(conn, now(), limit)
    events = [
        Event(
            *("case.overdue", f"case:{found.id}", "process", "interpayer"),
            outcome="late",
            partner_id=found.partner_id,
            facts={"case": found.id, "kind": found.kind, "risk": found.risk, "owner": found.assigned_to},
        )
        for found in late
    ]
    tools.ledger.append_many(conn, events)
    return len(late)


def _turned_away(conn: Connection, exchange_id: str) -> bool:
    exchange = store.load(conn, exchange_id)
    is_turned_away = exchange is not None and exchange.reason == _TURNED_AWAY
    return is_turned_away and exchange is not None and exchange.state is State.UNRESOLVED


def _note(tools: Tools, conn: Connection, decided: review.CaseDecision, ruling: review.Ruling, *, actor: Actor) -> None:
    facts: dict[str, JSON] = {
        "case": decided.case_id,
        "decision": decided.decision,
        "why": ruling.reason,
        "kind": decided.kind,
        "names": [*decided.people],
    }
    event = Event(
        *("case.decided" if decided.is_settled else "case.proposed", f"case:{decided.case_id}", actor.type, actor.id),
        outcome=decided.decision,
        partner_id=decided.partner_id,
        member_id=decided.member_id,
        facts=facts,
    )
    tools.ledger.append(conn, event)


def _note_owner(tools: Tools, conn: Connection, found: review.CaseRow, *, to: str | None, actor: Actor) -> None:
    event = Event(
        *("case.assigned", _chain(found), actor.type, actor.id),
        exchange_id=next(iter(found.exchange_ids), None),
        partner_id=found.partner_id,
        facts={"case": found.id, "to": to},
    )
    tools.ledger.append(conn, event)


def _follow(tools: Tools, conn: Connection, exchange_id: str, decided: review.CaseDecision, *, actor: Actor) -> None:
    """What one waiting exchange does with the decision (exchange.md, section 4)."""
    exchange = store.load(conn, exchange_id)
    facts = {"case": decided.case_id, "decision": decided.decision}
    is_received_patient = decided.kind == "conflict"
    if decided.decision != "same":
        refused = Move(exchange_id, State.UNRESOLVED, _TURNED_AWAY, outcome="unmatched", facts=facts)
        move(conn, tools.ledger, [refused], actor=actor)
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

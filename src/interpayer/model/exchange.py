"""The exchange: its states, and the transitions between them as data (exchange.md, section 3)."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum


class Role(StrEnum):
    """Our part in one exchange."""

    REQUESTER = "requester"
    RESPONDER = "responder"


class State(StrEnum):
    """Where an exchange stands."""

    RECEIVED = "received"
    INCOMPLETE = "incomplete"
    VALIDATED = "validated"
    IDENTIFIED = "identified"
    IN_REVIEW = "in_review"
    UNRESOLVED = "unresolved"
    PERMITTED = "permitted"
    BLOCKED = "blocked"
    ROUTED = "routed"
    QUEUED = "queued"
    SENT = "sent"
    ACKNOWLEDGED = "acknowledged"
    RECEIVING = "receiving"
    GATHERING = "gathering"
    RECONCILING = "reconciling"
    ASSEMBLING = "assembling"
    RELEASED = "released"
    COMPLETED = "completed"
    ESCALATED = "escalated"
    FAILED = "failed"
    CANCELLED = "cancelled"
    EXPIRED = "expired"
    REVOKED = "revoked"
    RECALLED = "recalled"
    ARCHIVED = "archived"


class Answer(StrEnum):
    """What the data amount to; known only at the end."""

    COMPLETE = "complete"
    PARTIAL = "partial"
    EMPTY = "empty"


FINAL: frozenset[State] = frozenset(
    {State.COMPLETED, State.FAILED, State.CANCELLED, State.EXPIRED, State.REVOKED, State.RECALLED, State.ARCHIVED}
)
WITHDRAWABLE: frozenset[State] = frozenset(set(State) - FINAL)


@dataclass(frozen=True, slots=True)
class Transition:
    """One allowed move: by which event, and which kinds of actor may make it."""

    source: State
    target: State
    event: str
    actors: frozenset[str]


def _moves() -> dict[tuple[State, State], Transition]:
    anyone = frozenset({"process", "person", "system", "partner"})
    named = frozenset({"person", "system"})
    # Who gave us something may say that it was wrong; nobody but a person says so of what we gave.
    told = named | {"partner"}
    s = State
    rows: list[tuple[State, State, str, frozenset[str]]] = [
        (s.RECEIVED, s.VALIDATED, "exchange.validated", anyone),
        (s.RECEIVED, s.INCOMPLETE, "exchange.incomplete", anyone),
        (s.INCOMPLETE, s.RECEIVED, "exchange.supplemented", anyone),
        (s.UNRESOLVED, s.RECEIVED, "exchange.supplemented", named),
        (s.UNRESOLVED, s.IN_REVIEW, "member.in_review", named),
        (s.VALIDATED, s.IDENTIFIED, "member.matched", anyone),
        (s.VALIDATED, s.IN_REVIEW, "member.in_review", anyone),
        (s.VALIDATED, s.UNRESOLVED, "member.unmatched", anyone),
        (s.IN_REVIEW, s.IDENTIFIED, "member.matched", anyone),
        (s.IN_REVIEW, s.UNRESOLVED, "member.unmatched", anyone),
        (s.IDENTIFIED, s.PERMITTED, "permission.granted", anyone),
        (s.IDENTIFIED, s.BLOCKED, "permission.refused", anyone),
        (s.BLOCKED, s.IDENTIFIED, "exchange.supplemented", anyone),
        (s.PERMITTED, s.BLOCKED, "permission.refused", anyone),
        (s.PERMITTED, s.ROUTED, "route.chosen", anyone),
        (s.PERMITTED, s.ESCALATED, "exchange.escalated", anyone),
        (s.ROUTED, s.QUEUED, "exchange.queued", anyone),
        (s.ROUTED, s.GATHERING, "source.fetched", anyone),
        (s.ROUTED, s.BLOCKED, "permission.refused", anyone),
        (s.QUEUED, s.SENT, "request.sent", anyone),
        (s.QUEUED, s.ROUTED, "route.chosen", anyone),
        (s.QUEUED, s.BLOCKED, "permission.refused", anyone),
        (s.SENT, s.ACKNOWLEDGED, "partner.acknowledged", anyone),
        (s.SENT, s.QUEUED, "exchange.queued", anyone),
        (s.ACKNOWLEDGED, s.QUEUED, "exchange.queued", anyone),
        (s.RECEIVING, s.QUEUED, "exchange.queued", anyone),
        (s.SENT, s.UNRESOLVED, "member.unmatched", anyone),
        (s.ACKNOWLEDGED, s.UNRESOLVED, "member.unmatched", anyone),
        (s.SENT, s.BLOCKED, "permission.refused", anyone),
        (s.ACKNOWLEDGED, s.BLOCKED, "permission.refused", anyone),
        (s.RECEIVING, s.BLOCKED, "permission.refused", anyone),
        (s.SENT, s.RECEIVING, "partner.answered", anyone),
        (s.ACKNOWLEDGED, s.RECEIVING, "partner.answered", anyone),
        (s.RECEIVING, s.RECONCILING, "answer.received", anyone),
        (s.RECONCILING, s.COMPLETED, "answer.delivered", anyone),
        (s.RECONCILING, s.IN_REVIEW, "member.in_review", anyone),
        (s.IN_REVIEW, s.RECONCILING, "member.matched", anyone),
        (s.RECONCILING, s.BLOCKED, "permission.refused", anyone),
        (s.GATHERING, s.ASSEMBLING, "answer.assembled", anyone),
        (s.ASSEMBLING, s.RELEASED, "answer.released", anyone),
        (s.GATHERING, s.BLOCKED, "permission.refused", anyone),
        (s.ASSEMBLING, s.BLOCKED, "permission.refused", anyone),
        (s.RELEASED, s.COMPLETED, "answer.fetched", anyone),
        (s.RELEASED, s.BLOCKED, "permission.refused", anyone),
        (s.RELEASED, s.EXPIRED, "answer.expired", anyone),
        (s.ESCALATED, s.RECEIVED, "exchange.supplemented", named),
        (s.FAILED, s.RECEIVED, "exchange.replayed", named),
        (s.COMPLETED, s.RECALLED, "recall.contained", told),
        (s.RELEASED, s.RECALLED, "recall.contained", told),
        (s.COMPLETED, s.ARCHIVED, "answer.expired", anyone),
        (s.ARCHIVED, s.RECALLED, "recall.contained", told),
    ]
    moves = {(a, b): Transition(a, b, event, actors) for a, b, event, actors in rows}
    for state in WITHDRAWABLE:
        moves[state, s.CANCELLED] = Transition(state, s.CANCELLED, "exchange.cancelled", anyone)
        moves[state, s.REVOKED] = Transition(state, s.REVOKED, "consent.revoked", anyone)
        moves[state, s.FAILED] = Transition(state, s.FAILED, "exchange.failed", anyone)
        if state is not s.RELEASED:
            moves[state, s.EXPIRED] = Transition(state, s.EXPIRED, "exchange.expired", anyone)
        if state is not s.ESCALATED:
            moves[state, s.ESCALATED] = Transition(state, s.ESCALATED, "exchange.escalated", anyone)
    return moves


TRANSITIONS: dict[tuple[State, State], Transition] = _moves()


@dataclass(frozen=True, slots=True)
class Exchange:
    """One request for one member's history, as we see it (the four facts never mixed: state, answer, clocks)."""

    id: str
    role: Role
    state: State
    correlation_id: str
    partner_id: str | None
    member_id: str | None
    consent_id: str | None
    batch_id: str | None
    standing_id: str | None
    purpose: str
    basis: str
    priority: str
    reason: str | None
    answer: Answer | None
    received_at: datetime
    due_at: datetime
    give_up_at: datetime
    attempt: int
    version: int

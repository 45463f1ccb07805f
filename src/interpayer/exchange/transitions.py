"""The one way in which an exchange changes state: allowed moves are data, state and event go in one transaction."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from interpayer.audit.ledger import Ledger
from interpayer.exchange import store
from interpayer.model.event import JSON, Event
from interpayer.model.exchange import TRANSITIONS, Exchange, State
from interpayer.model.reason import Refusal
from interpayer.system.clock import now
from interpayer.system.database import Connection


@dataclass(frozen=True, slots=True)
class Actor:
    """Who makes a move: process, person, system or partner, and its id."""

    type: str
    id: str


ENGINE = Actor("process", "interpayer")


@dataclass(frozen=True, slots=True)
class Move:
    """One wanted state change with what goes with it; `facts` are public, `body` is sealed, the rest is stored."""

    exchange_id: str
    target: State
    reason: str | None = None
    event: str | None = None
    outcome: str = "ok"
    policy_version: str | None = None
    facts: Mapping[str, JSON] = field(default_factory=dict)
    body: Mapping[str, JSON] = field(default_factory=dict)
    member_id: str | None = None
    consent_id: str | None = None
    partner_id: str | None = None
    batch_id: str | None = None
    case_id: str | None = None
    partner_member: str | None = None
    answer: str | None = None
    details: Mapping[str, JSON] | None = None


def move(
    conn: Connection, ledger: Ledger, moves: Sequence[Move], *, actor: Actor = ENGINE, trace_id: str | None = None
) -> list[str]:
    """Make the moves that the rules allow; the ids moved. A move that is not allowed is refused and recorded."""
    standing = store.lock_many(conn, [m.exchange_id for m in moves])
    done: list[Move] = []
    events: list[Event] = []
    for wanted in moves:
        exchange = standing.get(wanted.exchange_id)
        if exchange is None:
            continue
        rule = TRANSITIONS.get((exchange.state, wanted.target))
        if rule is None or actor.type not in rule.actors:
            events.append(_refused(exchange, wanted, actor, trace_id))
            continue
        done.append(wanted)
        events.append(_event(exchange, wanted, wanted.event or rule.event, actor, trace_id))
    if done:
        store.apply(conn, [_change(m) for m in done], now())
    ledger.append_many(conn, events)
    return [m.exchange_id for m in done]


def move_one(conn: Connection, ledger: Ledger, wanted: Move, *, actor: Actor = ENGINE) -> None:
    """Make one move or raise Refusal `request.wrong_state`."""
    if not move(conn, ledger, [wanted], actor=actor):
        raise Refusal("request.wrong_state", f"no way from here to {wanted.target.value}")


def _change(wanted: Move) -> store.Change:
    return store.Change(
        exchange_id=wanted.exchange_id,
        state=wanted.target,
        reason=wanted.reason,
        member_id=wanted.member_id,
        consent_id=wanted.consent_id,
        partner_id=wanted.partner_id,
        batch_id=wanted.batch_id,
        case_id=wanted.case_id,
        partner_member=wanted.partner_member,
        answer=wanted.answer,
        details=wanted.details,
    )


def _event(exchange: Exchange, wanted: Move, name: str, actor: Actor, trace_id: str | None) -> Event:
    return Event(
        name=name,
        chain=exchange.id,
        actor_type=actor.type,
        actor_id=actor.id,
        outcome=wanted.outcome,
        reason=wanted.reason,
        exchange_id=exchange.id,
        partner_id=wanted.partner_id or exchange.partner_id,
        member_id=wanted.member_id or exchange.member_id,
        policy_version=wanted.policy_version,
        attempt=exchange.attempt,
        trace_id=trace_id,
        facts={
            "from": exchange.state.value,
            "to": wanted.target.value,
            "role": exchange.role.value,
            "correlation_id": exchange.correlation_id,
            **wanted.facts,
        },
        body=wanted.body,
    )


def _refused(exchange: Exchange, wanted: Move, actor: Actor, trace_id: str | None) -> Event:
    return Event(
        name="exchange.transition_refused",
        chain=exchange.id,
        actor_type=actor.type,
        actor_id=actor.id,
        outcome="refused",
        reason="request.wrong_state",
        exchange_id=exchange.id,
        partner_id=exchange.partner_id,
        member_id=exchange.member_id,
        trace_id=trace_id,
        facts={"from": exchange.state.value, "to": wanted.target.value},
    )

"""What a named person or own system does to exchanges: ask, supplement, cancel, replay."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from hashlib import sha256
from typing import Any

import orjson

from interpayer.exchange import batch_store, store
from interpayer.exchange.durability import store as durable
from interpayer.exchange.tools import Tools
from interpayer.exchange.transitions import Actor, Move, move_one
from interpayer.model.event import JSON, Event
from interpayer.model.exchange import FINAL, Role, State
from interpayer.model.reason import Refusal
from interpayer.system.clock import now
from interpayer.system.database import Connection
from interpayer.system.ids import new_id

_AGAIN = frozenset({State.INCOMPLETE, State.UNRESOLVED, State.BLOCKED, State.ESCALATED})


@dataclass(frozen=True, slots=True)
class Wish:
    """A request for one member's history as it came, and who makes it; `key` is the Idempotency-Key."""

    body: Mapping[str, Any]
    actor: Actor
    key: str | None = None
    standing_id: str | None = None


def ask(tools: Tools, conn: Connection, wish: Wish) -> tuple[str, bool]:
    """Keep the request and start its story: (exchange id, True when it is new). Same key, other body: Refusal."""
    exchange_id = new_id("x")
    if wish.key:
        fingerprint = sha256(orjson.dumps(wish.body, option=orjson.OPT_SORT_KEYS)).hexdigest()
        kept, result_id = store.keep_key(
            conn, f"api:{wish.actor.id}", wish.key, fingerprint=fingerprint, result_id=exchange_id
        )
        if kept != fingerprint:
            raise Refusal("request.duplicate_differs", "use a new Idempotency-Key for a new request")
        if result_id != exchange_id:
            return result_id, False
    _receive(tools, conn, wish, exchange_id)
    durable.accept(conn, "request_history", exchange_id, exchange_id, priority=_rank(wish.body))
    return exchange_id, True


def supplement(tools: Tools, conn: Connection, exchange_id: str, *, body: Mapping[str, Any], actor: Actor) -> None:
    """Add what was missing or wrong; the exchange begins again with it, every decision anew."""
    exchange = store.load(conn, exchange_id)
    if exchange is None:
        raise Refusal("request.not_found")
    if exchange.role is not Role.REQUESTER or exchange.state not in _AGAIN:
        raise Refusal("request.wrong_state", f"an exchange in state {exchange.state.value} takes no supplement")
    sealed = tools.seal_request(dict(body), exchange_id=exchange_id)
    number = store.add_supplement(conn, exchange_id, at=now(), actor_id=actor.id, sealed=sealed)
    target = State.IDENTIFIED if exchange.state is State.BLOCKED else State.RECEIVED
    facts: dict[str, JSON] = {"elements": [*sorted(body)], "number": number}
    move_one(conn, tools.ledger, Move(exchange_id, target, facts=facts), actor=actor)
    durable.accept(conn, "request_history", f"{exchange_id}:supplement-{number}", exchange_id)


def cancel(tools: Tools, conn: Connection, exchange_id: str, *, reason: str, actor: Actor) -> None:
    """End an exchange; its own work stops, a batch goes on without it."""
    exchange = store.load(conn, exchange_id)
    if exchange is None:
        raise Refusal("request.not_found")
    if exchange.state in FINAL:
        raise Refusal("request.wrong_state", f"the exchange is {exchange.state.value} already")
    move_one(conn, tools.ledger, Move(exchange_id, State.CANCELLED, body={"why": reason}), actor=actor)
    durable.cancel(conn, exchange_id)


def replay(tools: Tools, conn: Connection, exchange_id: str, *, reason: str, actor: Actor) -> str:
    """Do a failed exchange again: identity, consent, policy and route are decided anew. Twice is once."""
    exchange = store.load(conn, exchange_id)
    if exchange is None:
        raise Refusal("request.not_found")
    if exchange.role is not Role.REQUESTER or exchange.state is not State.FAILED:
        raise Refusal("request.wrong_state", "only a failed exchange of the requester is replayed")
    move_one(conn, tools.ledger, Move(exchange_id, State.RECEIVED, body={"why": reason}), actor=actor)
    workflow_id = f"{exchange_id}:replay-{exchange.version}"
    durable.accept(conn, "request_history", workflow_id, exchange_id)
    return workflow_id


def batches(conn: Connection, *, limit: int = 50) -> list[dict[str, Any]]:
    """The latest batches, for the operator."""
    return batch_store.batches(conn, limit=limit)


def _receive(tools: Tools, conn: Connection, wish: Wish, exchange_id: str) -> None:
    clock = tools.policy().clock
    at = now()
    sealed = tools.seal_request(dict(wish.body), exchange_id=exchange_id)
    digest = sha256(sealed).hexdigest()
    correlation_id = str(wish.body.get("correlation_id") or exchange_id)
    new = store.NewExchange(
        id=exchange_id,
        role=Role.REQUESTER,
        correlation_id=correlation_id,
        partner_id=None,
        organization=_text(wish.body.get("partner")),
        purpose=_text(wish.body.get("exchange_purpose")) or "payer_to_payer",
        basis=_text(wish.body.get("basis")) or "unknown",
        received_at=at,
        due_at=at + timedelta(days=clock.request_days),
        give_up_at=_give_up_at(wish.body, at, clock.give_up_days),
        envelope=sealed,
        envelope_sha256=digest,
        priority=_text(wish.body.get("priority")) or "normal",
        action=_text(wish.body.get("requested_action")) or "history",
        standing_id=wish.standing_id,
        follows=_text(wish.body.get("follows")),
    )
    store.create_many(conn, [new])
    tools.ledger.append(
        conn,
        Event(
            *("exchange.received", exchange_id, wish.actor.type, wish.actor.id),
            exchange_id=exchange_id,
            facts={
                "role": "requester",
                "correlation_id": correlation_id,
                "request_id": _text(wish.body.get("request_id")),
                "envelope_sha256": digest,
                "standing": wish.standing_id,
            },
        ),
    )


def _give_up_at(body: Mapping[str, Any], at: datetime, days: int) -> datetime:
    wanted = _text(body.get("give_up_at"))
    return datetime.fromisoformat(wanted) if wanted else at + timedelta(days=days)


def _rank(body: Mapping[str, Any]) -> int:
    return 0 if body.get("priority") == "urgent" else 10


def _text(value: object) -> str | None:
    return value if isinstance(value, str) and value else None

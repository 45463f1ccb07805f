"""The plan's own systems fetch what partners sent and say what they have; it is compared with what was given."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from interpayer.delivery import handoff_store
from interpayer.exchange.steps import handing
from interpayer.exchange.tools import Tools
from interpayer.exchange.transitions import Actor
from interpayer.model.event import JSON, Event
from interpayer.model.reason import Refusal
from interpayer.records.received import received_records
from interpayer.system.database import Connection

DIFFERS = "delivery.count_mismatch"


@dataclass(frozen=True, slots=True)
class Page:
    """Which part of the records."""

    after: str | None = None
    limit: int = 200


def acknowledge(
    tools: Tools, conn: Connection, exchange_id: str, *, records: Mapping[str, int], digest: str | None, actor: Actor
) -> dict[str, Any]:
    """Note what the other side has, by type; equal to what was given it is acknowledged, else it differs."""
    found = shown(conn, exchange_id)
    if not found["digest"]:
        raise Refusal("request.wrong_state", "it was not given on yet")
    is_equal = dict(records) == found["counts"] and digest in (None, found["digest"])
    told: dict[str, Any] = {"records": dict(records)} | ({"digest": digest} if digest else {})
    reason = None if is_equal else DIFFERS
    handoff_store.acknowledged(conn, exchange_id, by=actor.id, told=told, reason=reason)
    given: dict[str, JSON] = {**found["counts"]}
    theirs: dict[str, JSON] = {**records}
    tools.ledger.append(
        conn,
        Event(
            *("handoff.acknowledged", exchange_id, actor.type, actor.id),
            outcome="ok" if is_equal else "failed",
            reason=reason,
            exchange_id=exchange_id,
            member_id=found["member_id"],
            facts={"handoff": found["id"], "given": given, "theirs": theirs},
        ),
    )
    return shown(conn, exchange_id)


def again(tools: Tools, conn: Connection, exchange_id: str, *, actor: Actor) -> dict[str, Any]:
    """Give it on once more: the other side lost it, or has something else."""
    found = shown(conn, exchange_id)
    new = handoff_store.NewHandoff(found["id"], exchange_id, found["member_id"], tools.own_systems.target, {}, "")
    handoff_store.add(conn, new)
    run = handing.give_again(conn, found["id"], exchange_id)
    facts: dict[str, JSON] = {"handoff": found["id"], "run": run}
    tools.ledger.append(
        conn,
        Event(
            *("handoff.repeated", exchange_id, actor.type, actor.id),
            exchange_id=exchange_id,
            member_id=found["member_id"],
            facts=facts,
        ),
    )
    return shown(conn, exchange_id)


def records(tools: Tools, conn: Connection, exchange_id: str, *, page: Page, actor: Actor) -> list[dict[str, Any]]:
    """The records of a hand-off, bodies included, in id order: for the system that was told of them."""
    found = shown(conn, exchange_id)
    rows = list(received_records(conn, tools.codec, exchange_id, after=page.after, limit=page.limit))
    tools.ledger.append(
        conn,
        Event(
            *("access.looked", exchange_id, actor.type, actor.id),
            exchange_id=exchange_id,
            member_id=found["member_id"],
            facts={"what": "hand-off", "handoff": found["id"], "records": len(rows)},
        ),
    )
    return rows


def listed(conn: Connection, *, state: str | None = None) -> list[dict[str, Any]]:
    """Hand-offs; what nobody acknowledged comes first, the oldest first."""
    return handoff_store.listed(conn, state=state)


def shown(conn: Connection, exchange_id: str) -> dict[str, Any]:
    """The hand-off of an exchange, locked. Raises Refusal where there is none."""
    found = handoff_store.of_exchange(conn, exchange_id, lock=True)
    if found is None:
        raise Refusal("request.not_found", f"no hand-off of {exchange_id}")
    return found

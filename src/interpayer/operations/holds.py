"""Holds: after a restore nothing is released until a named person says that consents are as they were."""

from collections.abc import Sequence
from typing import Any

from interpayer.exchange.tools import Tools
from interpayer.exchange.transitions import Actor
from interpayer.model.event import Event
from interpayer.model.reason import Refusal
from interpayer.operations import store
from interpayer.operations.forgetting import brought_back
from interpayer.system.clock import now
from interpayer.system.database import Connection


def listed(conn: Connection) -> list[dict[str, Any]]:
    """The holds that are open."""
    return store.open_holds(conn)


def tell(tools: Tools, conn: Connection) -> int:
    """Put on the ledger that a backup was restored; the restore itself cannot, for it brings the ledger. How many."""
    rows = store.untold_holds(conn)
    for row in rows:
        event = Event(
            *("database.restored", "system", "process", "interpayer"),
            facts={"hold": row["kind"], "held_since": row["since"].isoformat(), "why": row["reason"]},
        )
        tools.ledger.append(conn, event)
    return len(rows)


def resync(tools: Tools, conn: Connection, *, reason: str, actor: Actor, forgotten: Sequence[str] = ()) -> list[str]:
    """Clear every hold; the kinds cleared. Only a person may, and only after the enrollment feed was loaded again.

    `forgotten`: who was forgotten, by the ledger's names; refused while the backup has brought one of them back.
    """
    if actor.type != "person":
        raise Refusal("caller.not_permitted", "a process is not a person; a hold is cleared by name")
    if not reason.strip():
        raise Refusal("request.malformed", "say how consents, revocations and recalls were brought up to date")
    holds = store.open_holds(conn)
    for hold in holds:
        if not store.loaded_since(conn, "enrollments", hold["since"]):
            raise Refusal("system.restored", "load the enrollment feed again first: it holds opt-ins and withdrawals")
    if holds and forgotten and any(brought_back(tools, conn, forgotten)):
        raise Refusal("system.restored", "the backup brought forgotten members back: `interpayer vault forget-again`")
    for hold in holds:
        store.clear_hold(conn, hold["kind"], by=actor.id, at=now())
        tools.ledger.append(
            conn,
            Event(
                *("database.resynced", "system", actor.type, actor.id),
                facts={"hold": hold["kind"], "held_since": hold["since"].isoformat(), "why": reason},
            ),
        )
    return [hold["kind"] for hold in holds]

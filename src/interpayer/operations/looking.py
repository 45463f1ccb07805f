"""A named person looks at what is protected: the look itself goes on the ledger, in the same transaction."""

from collections.abc import Mapping
from typing import Any

from interpayer.exchange.tools import Tools
from interpayer.exchange.transitions import Actor
from interpayer.model.event import JSON, Event
from interpayer.operations.access import CHAIN
from interpayer.system.database import Connection


def disclosures(tools: Tools, conn: Connection, member_id: str, *, actor: Actor) -> list[dict[str, Any]]:
    """The accounting of disclosures of one member."""
    found = tools.ledger.disclosures(conn, member_id)
    facts: dict[str, JSON] = {"what": "accounting of disclosures", "events": len(found)}
    _looked(tools, conn, actor, facts, {"id": None, "member_id": member_id, "partner_id": None})
    return found


def _looked(tools: Tools, conn: Connection, actor: Actor, facts: dict[str, JSON], about: Mapping[str, Any]) -> None:
    event = Event(
        *("access.looked", about["id"] or CHAIN, actor.type, actor.id),
        exchange_id=about["id"],
        partner_id=about["partner_id"],
        member_id=about["member_id"],
        facts=facts,
    )
    tools.ledger.append(conn, event)

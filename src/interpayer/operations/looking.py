"""A named person looks at what is protected: the look itself goes on the ledger, in the same transaction."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from interpayer.exchange import store
from interpayer.exchange.tools import Tools
from interpayer.exchange.transitions import Actor
from interpayer.model.event import JSON, Event
from interpayer.model.reason import Refusal
from interpayer.operations.access import CHAIN
from interpayer.records.received import received_records
from interpayer.system.database import Connection


@dataclass(frozen=True, slots=True)
class Page:
    """Which part of a long list, and why somebody looks."""

    why: str
    after: str | None = None
    limit: int = 50


def received(tools: Tools, conn: Connection, exchange_id: str, *, page: Page, actor: Actor) -> list[dict[str, Any]]:
    """The records that an exchange brought, bodies included (break-glass; exchange.md, section 9)."""
    row = store.row_of(conn, exchange_id)
    if row is None:
        raise Refusal("request.not_found")
    found = list(received_records(conn, tools.codec, exchange_id, after=page.after, limit=page.limit))
    facts: dict[str, JSON] = {"what": "received records", "records": len(found), "why": page.why}
    _looked(tools, conn, actor, facts, row)
    return found


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

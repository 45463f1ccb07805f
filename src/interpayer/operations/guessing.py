"""Partners whose requests look like guessing, or whose calls like scraping: who they are now, and a named person's word
that one of them does neither.
"""

from datetime import timedelta
from typing import Any

from interpayer.exchange.steps.guarding import limits_of
from interpayer.exchange.tools import Tools
from interpayer.exchange.transitions import Actor
from interpayer.identity import guess_store
from interpayer.identity.guessing import Level
from interpayer.model.event import Event
from interpayer.model.partner import Partner
from interpayer.model.reason import Refusal
from interpayer.operations import partners
from interpayer.partners import conduct_store
from interpayer.system.clock import now
from interpayer.system.database import Connection


def alarms(tools: Tools, conn: Connection) -> list[dict[str, Any]]:
    """What was noticed inside the policy's window and is not pardoned, newest first; nobody can be read out of it."""
    at = now()
    guesses = guess_store.alarms(conn, since=at - limits_of(tools.policy().guessing).window)
    scraped = conduct_store.alarms(conn, since=at - _rest(tools))
    found = [{**row, "level": Level(row["level"]).name.lower()} for row in (*guesses, *scraped)]
    return sorted(found, key=lambda row: row["raised_at"], reverse=True)


def suspected(tools: Tools, conn: Connection) -> int:
    """How many partners were slowed or refused lately: what an alert rule watches."""
    at = now()
    guessing = guess_store.suspects(conn, since=at - limits_of(tools.policy().guessing).span, level=Level.SLOWED)
    return guessing + len(conduct_store.standings(conn, rest=_rest(tools), at=at))


def pardon(tools: Tools, conn: Connection, name: str, *, reason: str, actor: Actor) -> Partner:
    """What this partner tried so far counts no more. Only a person may say so, with a reason."""
    if actor.type != "person":
        raise Refusal("caller.not_permitted", "a process is not a person; a partner is pardoned by name")
    if not reason.strip():
        raise Refusal("request.malformed", "say why it was no guessing")
    partner = partners.find(conn, name)
    guess_store.pardon(conn, partner.id, person=actor.id, reason=reason, at=now())
    conduct_store.pardon(conn, partner.id, at=now())
    tools.ledger.append(
        conn,
        Event(
            *("guessing.pardoned", f"partner:{partner.id}", actor.type, actor.id),
            partner_id=partner.id,
            facts={"why": reason},
        ),
    )
    return partner


def forget(tools: Tools, conn: Connection) -> int:
    """Drop what nobody repeated for longer than the policy remembers; how many rows."""
    return guess_store.forget(conn, before=now() - limits_of(tools.policy().guessing).remembered)


def _rest(tools: Tools) -> timedelta:
    return timedelta(hours=tools.policy().scraping.rest_hours)

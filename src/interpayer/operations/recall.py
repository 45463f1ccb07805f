"""Recall: a wrong release is contained, scoped, told and closed, by two people (exchange.md, section 7)."""

from collections import Counter
from collections.abc import Sequence
from typing import Any

from interpayer.audit.ledger import events_of
from interpayer.exchange import store
from interpayer.exchange.recalls import store as recalls
from interpayer.exchange.recalls.containing import RECALLABLE, Wanted, contain
from interpayer.exchange.recalls.events import recall_event
from interpayer.exchange.recalls.telling import answer_later
from interpayer.exchange.tools import Tools
from interpayer.exchange.transitions import Actor
from interpayer.identity import review
from interpayer.model.event import JSON
from interpayer.model.exchange import Exchange
from interpayer.model.reason import REASONS, Refusal
from interpayer.operations.access import are_two
from interpayer.operations.letter_text import letter
from interpayer.partners import directory
from interpayer.partners.store import contacts
from interpayer.system.clock import now
from interpayer.system.database import Connection
from interpayer.system.ids import new_id

__all__ = ["RECALLABLE", "REPLIES", "answer", "close", "letter_to", "listed", "open_recall", "shown", "silence", "tell"]
REPLIES = ("deleted", "quarantined", "refused", "silent", "not_needed")


def open_recall(
    tools: Tools, conn: Connection, exchange_ids: Sequence[str], *, reason: str, actor: Actor
) -> dict[str, Any]:
    """Contain at once (grants, files, serving), take the scope from the ledger, tell who got it, give a person a case.

    What we had received and passed on to others is recalled from them too.
    """
    if not reason.startswith("recall.") or reason not in REASONS:
        known = ", ".join(code for code in REASONS if code.startswith("recall."))
        raise Refusal("request.malformed", f"reasons of a recall are: {known}")
    exchanges = [_recallable(conn, exchange_id) for exchange_id in dict.fromkeys(exchange_ids)]
    if not exchanges:
        raise Refusal("request.malformed", "name at least one exchange")
    recall_id = contain(tools, conn, Wanted(exchanges, reason, actor))
    assert recall_id is not None, "only a partner's own recall can have come before"
    return shown(conn, recall_id)


def shown(conn: Connection, recall_id: str) -> dict[str, Any]:
    """One recall with its scope (what went out by the ledger), its clock, and what each of those told has answered."""
    found = recalls.recall(conn, recall_id)
    if found is None:
        raise Refusal("request.not_found", "no such recall")
    told = recalls.recipients(conn, recall_id)
    is_overdue = found["closed_at"] is None and found["due_at"] < now()
    stopped = {x: {**done, **_released(conn, x)} for x, done in found["scope"].get("exchanges", {}).items()}
    return {**found, "scope": {**found["scope"], "exchanges": stopped}, "is_overdue": is_overdue, "told": told}


def listed(conn: Connection, *, limit: int = 100) -> list[dict[str, Any]]:
    """The latest recalls."""
    return recalls.listed(conn, limit=limit)


def tell(
    tools: Tools, conn: Connection, recall_id: str, *, partner_id: str, reply: str, actor: Actor
) -> dict[str, Any]:
    """Note what a recipient answered to our letter: deleted, quarantined, refused, silent or not_needed."""
    _open(conn, recall_id)
    if reply not in REPLIES:
        raise Refusal("request.malformed", f"replies are: {', '.join(REPLIES)}")
    if recalls.recipient(conn, recall_id, partner_id) is None:
        raise Refusal("request.not_found", "this partner is no recipient of what is recalled")
    recalls.answered(conn, recall_id, partner_id, reply=reply, by=actor.id, at=now())
    recalls.update(conn, recall_id, state="told", scope={})
    tools.ledger.append(
        conn, recall_event("recall.answered", recall_id, actor=actor, partner_id=partner_id, facts={"reply": reply})
    )
    return shown(conn, recall_id)


def answer(tools: Tools, conn: Connection, recall_id: str, *, reply: str, actor: Actor) -> dict[str, Any]:
    """Tell the partner whose recall it is what we did: deleted, quarantined, refused. The first goes by itself."""
    found = _open(conn, recall_id)
    if found["told_by"] is None:
        raise Refusal("request.wrong_state", "this recall is our own: nobody waits for our answer")
    if reply not in ("deleted", "quarantined", "refused"):
        raise Refusal("request.malformed", "answers are: deleted, quarantined, refused")
    answer_later(conn, recall_id, reply, attempt=new_id("h"))
    facts: dict[str, JSON] = {"reply": reply, "by": "person"}
    tools.ledger.append(
        conn, recall_event("recall.replied", recall_id, actor=actor, partner_id=found["told_by"], facts=facts)
    )
    return shown(conn, recall_id)


def letter_to(tools: Tools, conn: Connection, recall_id: str, partner_id: str) -> str:
    """The letter to a recipient whose systems take no notice: what is recalled, why, what to do, by when. No PHI."""
    found = shown(conn, recall_id)
    partner = directory.partner(conn, partner_id)
    if partner is None or partner_id not in {row["partner_id"] for row in found["told"]}:
        raise Refusal("request.not_found", "this partner is no recipient of what is recalled")
    loaded = [store.load(conn, exchange_id) for exchange_id in found["exchange_ids"]]
    named = [e.correlation_id for e in loaded if e is not None and e.partner_id == partner_id]
    incident = [c for c in contacts(conn, partner_id) if c.role == "incident"]
    return letter(found, partner=partner, correlations=named, sender=tools.entity.name, contacts=incident)


def close(tools: Tools, conn: Connection, recall_id: str, *, why: str, actor: Actor) -> dict[str, Any]:
    """End a recall and its cases; another person than the one who opened it."""
    found = _open(conn, recall_id)
    if not why.strip():
        raise Refusal("request.malformed", "say what was done")
    if not are_two(found["opened_by"], actor.id):
        raise Refusal("caller.not_permitted", "who opened a recall does not close it; four eyes are two names")
    for case_id in found["scope"].get("cases", []):
        review.close_case(conn, case_id, person=actor.id, reason=found["reason"])
    recalls.update(conn, recall_id, state="closed", scope={"closed_by": actor.id}, closed_at=now())
    unanswered: list[JSON] = [row["partner_id"] for row in found["told"] if row["state"] != "answered"]
    facts: dict[str, JSON] = {"why": why, "opened_by": found["opened_by"], "unanswered": unanswered}
    tools.ledger.append(
        conn, recall_event("recall.closed", recall_id, actor=actor, facts=facts, reason=found["reason"])
    )
    return shown(conn, recall_id)


def silence(tools: Tools, conn: Connection) -> int:
    """Who has not answered when the clock ran out is put down as silent, on the ledger; how many. The case goes on."""
    rows = recalls.fallen_silent(conn, now())
    for row in rows:
        actor = Actor("process", "interpayer")
        tools.ledger.append(
            conn, recall_event("recall.silent", row["recall_id"], actor=actor, partner_id=row["partner_id"], facts={})
        )
    return len(rows)


def _released(conn: Connection, exchange_id: str) -> dict[str, JSON]:
    """What the ledger says went out or came in: records by the last answer, and how often files were fetched."""
    events = events_of(conn, exchange_id)
    names = Counter(event["name"] for event in events)
    told: dict[str, JSON] = {}
    for event in events:
        told |= {name: event["facts"][name] for name in ("records", "bytes", "digest") if name in event["facts"]}
    return {**told, "released": names["answer.released"], "fetched": names["answer.fetched"]}


def _recallable(conn: Connection, exchange_id: str) -> Exchange:
    exchange = store.load(conn, exchange_id)
    if exchange is None:
        raise Refusal("request.not_found", f"no exchange {exchange_id}")
    if exchange.state not in RECALLABLE:
        raise Refusal("request.wrong_state", f"{exchange_id} is {exchange.state.value}: nothing of it was released")
    return exchange


def _open(conn: Connection, recall_id: str) -> dict[str, Any]:
    found = shown(conn, recall_id)
    if found["state"] == "closed":
        raise Refusal("request.wrong_state", "the recall is closed")
    return found

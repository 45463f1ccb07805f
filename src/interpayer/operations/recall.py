"""Recall: a wrong release is contained, scoped, told and closed, by two people (exchange.md, section 7)."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import timedelta
from typing import Any

from interpayer.audit.ledger import events_of
from interpayer.consent import store as consent_store
from interpayer.delivery import store as delivery_store
from interpayer.delivery.withdrawal import drop_member
from interpayer.exchange import recall_store, store
from interpayer.exchange.tools import Tools
from interpayer.exchange.transitions import Actor, Move, move_one
from interpayer.identity import review
from interpayer.model.event import JSON, Event
from interpayer.model.exchange import Exchange, Role, State
from interpayer.model.reason import REASONS, Refusal
from interpayer.operations.access import are_two
from interpayer.records import store as records_store
from interpayer.system.clock import now
from interpayer.system.database import Connection
from interpayer.system.ids import new_id

RECALLABLE = (State.RELEASED, State.COMPLETED, State.ARCHIVED)
REPLIES = ("deleted", "quarantined", "refused", "silent", "not_needed")
# A wrong release of protected data is somebody's work today, not this month's.
_DUE = timedelta(days=1)
_LIVE_JOBS = ("ready", "fetched")


def open_recall(
    tools: Tools, conn: Connection, exchange_ids: Sequence[str], *, reason: str, actor: Actor
) -> dict[str, Any]:
    """Contain at once (grants, files, serving), take the scope from the ledger, and give a person a case."""
    if not reason.startswith("recall.") or reason not in REASONS:
        known = ", ".join(code for code in REASONS if code.startswith("recall."))
        raise Refusal("request.malformed", f"reasons of a recall are: {known}")
    exchanges = [_recallable(conn, exchange_id) for exchange_id in dict.fromkeys(exchange_ids)]
    if not exchanges:
        raise Refusal("request.malformed", "name at least one exchange")
    recall_id, at = new_id("q"), now()
    recall_store.add(conn, recall_id, exchange_ids=[e.id for e in exchanges], reason=reason, by=actor.id, at=at)
    scopes = [_contain(tools, conn, exchange, reason=reason, actor=actor) for exchange in exchanges]
    recipients: list[JSON] = [*sorted({exchange.partner_id or "us" for exchange in exchanges})]
    scope: dict[str, JSON] = {
        "members": len({exchange.member_id for exchange in exchanges}),
        "recipients": recipients,
        "exchanges": {exchange.id: found for exchange, found in zip(exchanges, scopes, strict=True)},
        "cases": [_case(tools, conn, exchange, reason) for exchange in exchanges],
    }
    recall_store.update(conn, recall_id, state="contained", scope=scope)
    facts: dict[str, JSON] = {"exchanges": [e.id for e in exchanges], "scope": scope}
    tools.ledger.append(conn, _event("recall.opened", recall_id, actor=actor, reason=reason, facts=facts))
    return shown(conn, recall_id)


def shown(conn: Connection, recall_id: str) -> dict[str, Any]:
    """One recall with its scope."""
    found = recall_store.recall(conn, recall_id)
    if found is None:
        raise Refusal("request.not_found", "no such recall")
    return found


def listed(conn: Connection, *, limit: int = 100) -> list[dict[str, Any]]:
    """The latest recalls."""
    return recall_store.listed(conn, limit=limit)


def tell(
    tools: Tools, conn: Connection, recall_id: str, *, partner_id: str, reply: str, actor: Actor
) -> dict[str, Any]:
    """Note what a recipient answered to our notice: deleted, quarantined, refused or silent."""
    found = _open(conn, recall_id)
    if reply not in REPLIES:
        raise Refusal("request.malformed", f"replies are: {', '.join(REPLIES)}")
    if partner_id not in found["scope"]["recipients"]:
        raise Refusal("request.not_found", "this partner is no recipient of what is recalled")
    replies = {**found["scope"].get("replies", {}), partner_id: reply}
    recall_store.update(conn, recall_id, state="told", scope={"replies": replies})
    event = _event("recall.contained", recall_id, actor=actor, facts={"reply": reply})
    tools.ledger.append(conn, replace(event, partner_id=partner_id))
    return shown(conn, recall_id)


def close(tools: Tools, conn: Connection, recall_id: str, *, why: str, actor: Actor) -> dict[str, Any]:
    """End a recall and its cases; another person than the one who opened it."""
    found = _open(conn, recall_id)
    if not why.strip():
        raise Refusal("request.malformed", "say what was done")
    if not are_two(found["opened_by"], actor.id):
        raise Refusal("caller.not_permitted", "who opened a recall does not close it; four eyes are two names")
    for case_id in found["scope"].get("cases", []):
        review.close_case(conn, case_id, person=actor.id, reason=found["reason"])
    recall_store.update(conn, recall_id, state="closed", scope={"closed_by": actor.id}, closed_at=now())
    facts: dict[str, JSON] = {"why": why, "opened_by": found["opened_by"]}
    tools.ledger.append(conn, _event("recall.closed", recall_id, actor=actor, reason=found["reason"], facts=facts))
    return shown(conn, recall_id)


def _recallable(conn: Connection, exchange_id: str) -> Exchange:
    exchange = store.load(conn, exchange_id)
    if exchange is None:
        raise Refusal("request.not_found", f"no exchange {exchange_id}")
    if exchange.state not in RECALLABLE:
        raise Refusal("request.wrong_state", f"{exchange_id} is {exchange.state.value}: nothing of it was released")
    return exchange


def _contain(tools: Tools, conn: Connection, exchange: Exchange, *, reason: str, actor: Actor) -> dict[str, JSON]:
    """Stop what can be stopped, on our side of the exchange; what had gone out stays in the disclosures."""
    stopped: dict[str, JSON] = {"role": exchange.role.value, **_released(conn, exchange.id)}
    if exchange.role is Role.REQUESTER:
        stopped["records_quarantined"] = records_store.quarantine_by_exchange(conn, exchange.id)
    else:
        ended = consent_store.withdraw_grants(conn, at=now(), exchange_ids=[exchange.id])
        stopped["grants_ended"] = len(ended)
        stopped["files_changed"] = _drop(conn, exchange)
    wanted = Move(exchange.id, State.RECALLED, reason, facts=stopped)
    move_one(conn, tools.ledger, wanted, actor=actor)
    return stopped


def _drop(conn: Connection, exchange: Exchange) -> int:
    jobs = delivery_store.list_jobs(conn, partner_id=exchange.partner_id, states=_LIVE_JOBS, limit=100_000)
    return sum(len(drop_member(conn, exchange.member_id or "", job_id=job.id)) for job in jobs)


def _released(conn: Connection, exchange_id: str) -> dict[str, JSON]:
    """What the ledger says went out or came in: records by the last answer, and how often files were fetched."""
    events = events_of(conn, exchange_id)
    names = Counter(event["name"] for event in events)
    told: dict[str, JSON] = {}
    for event in events:
        told |= {name: event["facts"][name] for name in ("records", "bytes", "digest") if name in event["facts"]}
    return {**told, "released": names["answer.released"], "fetched": names["answer.fetched"]}


def _case(tools: Tools, conn: Connection, exchange: Exchange, reason: str) -> str:
    case = review.NewCase(
        kind="recall",
        exchange_id=exchange.id,
        partner_id=exchange.partner_id,
        match=None,
        query=None,
        fingerprint=None,
        due_at=now() + _DUE,
        priority="urgent",
        reason=reason,
    )
    return review.open_case(conn, tools.vault, case).id


def _open(conn: Connection, recall_id: str) -> dict[str, Any]:
    found = shown(conn, recall_id)
    if found["state"] == "closed":
        raise Refusal("request.wrong_state", "the recall is closed")
    return found


def _event(name: str, recall_id: str, *, actor: Actor, facts: Mapping[str, JSON], reason: str | None = None) -> Event:
    whole: dict[str, JSON] = {"recall": recall_id, **facts}
    return Event(name, f"recall:{recall_id}", actor.type, actor.id, reason=reason, facts=whole)

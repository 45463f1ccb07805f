"""Contain a wrong release at once, and find how far it went: grants, files, records, whom we gave them to ourselves."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import timedelta

from interpayer.consent import store as consent_store
from interpayer.delivery import handoff_store
from interpayer.delivery import store as delivery_store
from interpayer.delivery.withdrawal import drop_member
from interpayer.exchange import store
from interpayer.exchange.durability.store import accept
from interpayer.exchange.recalls import store as recalls
from interpayer.exchange.tools import Tools
from interpayer.exchange.transitions import Actor, Move, move_one
from interpayer.identity import review
from interpayer.model.event import JSON, Event
from interpayer.model.exchange import Exchange, Role, State
from interpayer.records import store as records_store
from interpayer.records.received import arrived_at
from interpayer.system.clock import now
from interpayer.system.database import Connection
from interpayer.system.ids import new_id

RECALLABLE = (State.RELEASED, State.COMPLETED, State.ARCHIVED)
# A wrong release of protected data is somebody's work today, not this month's.
DUE = timedelta(days=1)
_LIVE_JOBS = ("ready", "fetched")


@dataclass(frozen=True, slots=True)
class Wanted:
    """What is to be recalled, why, and at whose word: a person's here, or a partner's who told us of its own recall."""

    exchanges: Sequence[Exchange]
    reason: str
    actor: Actor
    told_by: str | None = None
    their_recall: str | None = None


@dataclass(slots=True)
class _Reach:
    """How far the wrong release went."""

    stopped: dict[str, JSON] = field(default_factory=dict)
    members: set[str] = field(default_factory=set)
    recipients: set[str] = field(default_factory=set)
    onward: list[str] = field(default_factory=list)
    consumers: list[JSON] = field(default_factory=list)


def contain(tools: Tools, conn: Connection, wanted: Wanted) -> str | None:
    """Stop what can be stopped, keep the scope, queue the notices, give a person a case; the id of the recall.

    What we had passed on to other payers in the meantime is part of it: their releases are recalled with it. None when
    this partner told us of the same recall before.
    """
    recall_id, at = new_id("q"), now()
    reach = _Reach()
    every = [*wanted.exchanges, *_onward(conn, wanted.exchanges, reach)]
    new = recalls.NewRecall(
        *(recall_id, [e.id for e in every], wanted.reason, wanted.actor.id, at, at + DUE),
        told_by=wanted.told_by,
        their_recall=wanted.their_recall,
    )
    if not recalls.add(conn, new):
        return None
    for exchange in every:
        _stop(tools, conn, exchange, wanted=wanted, reach=reach)
    cases: list[JSON] = [_case(tools, conn, exchange, wanted.reason) for exchange in wanted.exchanges]
    scope = _scope(reach) | {"cases": cases}
    recalls.update(conn, recall_id, state="contained", scope=scope)
    recalls.add_recipients(conn, recall_id, sorted(reach.recipients))
    _tell_everybody(conn, recall_id, reach)
    exchanges: list[JSON] = [e.id for e in every]
    facts: dict[str, JSON] = {"recall": recall_id, "exchanges": exchanges, "scope": scope}
    tools.ledger.append(
        conn,
        Event(
            *("recall.opened", f"recall:{recall_id}", wanted.actor.type, wanted.actor.id),
            reason=wanted.reason,
            partner_id=wanted.told_by,
            facts=facts,
        ),
    )
    return recall_id


def _onward(conn: Connection, exchanges: Iterable[Exchange], reach: _Reach) -> list[Exchange]:
    """What we released about the same members after the wrong records had come: they may have gone on with it."""
    found: dict[str, Exchange] = {}
    named = {exchange.id for exchange in exchanges}
    for exchange in exchanges:
        came_at = arrived_at(conn, exchange.id) if exchange.role is Role.REQUESTER else None
        if exchange.member_id is None or came_at is None:
            continue
        for row in recalls.released_since(conn, exchange.member_id, came_at):
            onward = store.load(conn, row["id"])
            if onward is not None and onward.id not in named:
                found[onward.id] = onward
    reach.onward = sorted(found)
    return [found[exchange_id] for exchange_id in reach.onward]


def _stop(tools: Tools, conn: Connection, exchange: Exchange, *, wanted: Wanted, reach: _Reach) -> None:
    """Stop one exchange on our side of it; what had gone out stays in the disclosures."""
    stopped: dict[str, JSON] = {"role": exchange.role.value}
    if exchange.member_id:
        reach.members.add(exchange.member_id)
    if exchange.role is Role.REQUESTER:
        stopped["records_quarantined"] = records_store.quarantine_by_exchange(conn, exchange.id)
        reach.consumers += _consumers(conn, exchange.id)
    else:
        ended = consent_store.withdraw_grants(conn, at=now(), exchange_ids=[exchange.id])
        stopped["grants_ended"] = len(ended)
        stopped["files_changed"] = _drop(conn, exchange)
        reach.recipients |= {exchange.partner_id} if exchange.partner_id else set()
    move_one(conn, tools.ledger, Move(exchange.id, State.RECALLED, wanted.reason, facts=stopped), actor=wanted.actor)
    reach.stopped[exchange.id] = stopped


def _scope(reach: _Reach) -> dict[str, JSON]:
    recipients: list[JSON] = [*sorted(reach.recipients)]
    onward: list[JSON] = [*reach.onward]
    return {
        "members": len(reach.members),
        "recipients": recipients,
        "exchanges": dict(reach.stopped),
        "onward": onward,
        "consumers": list(reach.consumers),
    }


def _tell_everybody(conn: Connection, recall_id: str, reach: _Reach) -> None:
    for partner_id in sorted(reach.recipients):
        accept(conn, "tell_recall", f"{recall_id}:{partner_id}", f"{recall_id}/{partner_id}")
    for consumer in reach.consumers:
        assert isinstance(consumer, dict)
        accept(conn, "take_back", f"{recall_id}:{consumer['handoff']}", str(consumer["exchange"]))


def _consumers(conn: Connection, exchange_id: str) -> list[JSON]:
    """The plan's own systems that were given what came: they are told to set it apart."""
    given = handoff_store.of_exchange(conn, exchange_id, lock=True)
    if given is None or not given["digest"]:
        return []
    handoff_store.recalled(conn, exchange_id)
    return [{"handoff": given["id"], "exchange": exchange_id, "state": given["state"]}]


def _drop(conn: Connection, exchange: Exchange) -> int:
    jobs = delivery_store.list_jobs(conn, partner_id=exchange.partner_id, states=_LIVE_JOBS, limit=100_000)
    return sum(len(drop_member(conn, exchange.member_id or "", job_id=job.id)) for job in jobs)


def _case(tools: Tools, conn: Connection, exchange: Exchange, reason: str) -> str:
    case = review.NewCase(
        kind="recall",
        exchange_id=exchange.id,
        partner_id=exchange.partner_id,
        match=None,
        query=None,
        fingerprint=None,
        due_at=now() + DUE,
        priority="urgent",
        reason=reason,
    )
    return review.open_case(conn, tools.vault, case).id

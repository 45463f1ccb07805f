"""Durable steps of a recall: tell a partner, take back what our own systems were given, hear what partners tell us."""

from interpayer.delivery import handoff_store
from interpayer.exchange import store
from interpayer.exchange.durability.flow import step, step_key, tx_step
from interpayer.exchange.durability.store import accept
from interpayer.exchange.recalls import store as recalls
from interpayer.exchange.recalls.containing import RECALLABLE, Wanted, contain
from interpayer.exchange.recalls.events import recall_event
from interpayer.exchange.recalls.notice import ANSWER, RECALL, Named, Notice, read_notice, write_notice
from interpayer.exchange.retry import PARTNER
from interpayer.exchange.steps.calling import called
from interpayer.exchange.tools import Tools
from interpayer.exchange.transitions import Actor
from interpayer.identity.reading import organization_identifier
from interpayer.model.event import JSON, Event
from interpayer.model.exchange import Exchange, Role
from interpayer.model.partner import Endpoint, Partner
from interpayer.model.reason import Fault, FaultKind
from interpayer.partners import directory
from interpayer.partners.client import Trail
from interpayer.routing import registry
from interpayer.system.clock import now
from interpayer.system.database import Connection

NO_ENDPOINT = "route.no_api"
HANDED_BACK = "handoff-recall/1"


@step("send_recall", policy=PARTNER)
def send_recall(tools: Tools, recall_id: str, partner_id: str) -> str:
    """Tell one recipient; `letter` where no machine of theirs takes it: a person sends it then."""
    with tools.database.transaction() as conn:
        found = recalls.recall(conn, recall_id)
        row = recalls.recipient(conn, recall_id, partner_id)
        if found is None or row is None or row["state"] != "ready":
            return str(row["state"]) if row else "nobody to tell"
        notice = Notice(recall_id, RECALL, found["reason"], _named(conn, found["exchange_ids"], partner_id))
    state, reason = _deliver(tools, partner_id, notice)
    with tools.database.transaction() as conn:
        recalls.told(conn, recall_id, partner_id, state=state, at=now(), reason=reason)
        tools.ledger.append(
            conn, recall_event("recall.told", recall_id, facts={"by": state}, partner_id=partner_id, reason=reason)
        )
    return state


@step("send_reply", policy=PARTNER)
def send_reply(tools: Tools, recall_id: str, reply: str) -> str:
    """Tell the partner that told us of its recall what we did."""
    with tools.database.transaction() as conn:
        found = recalls.recall(conn, recall_id)
    if found is None or found["told_by"] is None:
        return "nobody to tell"
    return _reply(tools, found["told_by"], their_recall=found["their_recall"], recall_id=recall_id, reply=reply)


@step("take_back", policy=PARTNER)
def take_back(tools: Tools, exchange_id: str) -> str:
    """Tell the plan's own systems that what they were given by this exchange must not be used."""
    with tools.database.transaction() as conn:
        given = handoff_store.of_exchange(conn, exchange_id)
        row = store.row_of(conn, exchange_id)
    if given is None or row is None:
        return "nothing was given"
    notice = {"schema": HANDED_BACK, "handoff": given["id"], "exchange": exchange_id, "reason": row["reason"]}
    tools.own_systems.take_back({**notice, "correlation_id": row["correlation_id"], "at": now().isoformat()})
    with tools.database.transaction() as conn:
        event = Event(
            *("handoff.recalled", exchange_id, "process", "interpayer"),
            reason=row["reason"],
            exchange_id=exchange_id,
            partner_id=row["partner_id"],
            member_id=row["member_id"],
            facts={"handoff": given["id"]},
        )
        tools.ledger.append(conn, event)
    return "told"


@tx_step("hear_recall")
def hear(tools: Tools, conn: Connection, notice_id: str) -> str:
    """Act on a partner's notice: contain what it means and answer, or note what it did about ours."""
    row = recalls.received(conn, notice_id)
    if row is None or row["handled_at"] is not None:
        return "done before"
    notice = read_notice(tools.open_request(bytes(row["sealed"]), exchange_id=notice_id))
    act = _contained if notice.kind == RECALL else _answered
    outcome = act(tools, conn, row["partner_id"], notice)
    recalls.handled(conn, notice_id, at=now(), outcome=outcome)
    return outcome


def answer_later(conn: Connection, recall_id: str, reply: str, *, attempt: str) -> None:
    """Have the partner told what we did."""
    accept(conn, "answer_recall", f"{recall_id}:{attempt}", f"{recall_id}/{reply}")


def _contained(tools: Tools, conn: Connection, partner_id: str, notice: Notice) -> str:
    rows = recalls.exchanges_named(conn, partner_id, [(n.correlation_id, n.patient_id) for n in notice.named])
    loaded = [store.load(conn, row["id"]) for row in rows]
    exchanges = [one for one in loaded if one is not None and one.state in RECALLABLE and one.role is Role.REQUESTER]
    wanted = Wanted(exchanges, notice.reason or "recall.scope", Actor("partner", partner_id), partner_id, notice.id)
    recall_id = contain(tools, conn, wanted)
    if recall_id is None:
        return "told before"
    reply = "quarantined" if exchanges else "not_needed"
    answer_later(conn, recall_id, reply, attempt="first")
    return reply


def _answered(tools: Tools, conn: Connection, partner_id: str, notice: Notice) -> str:
    recall_id, reply = notice.answers or "", notice.reply or ""
    if recalls.recipient(conn, recall_id, partner_id) is None:
        unknown = recall_event(
            "recall.answered", recall_id, facts={}, partner_id=partner_id, reason="request.not_found"
        )
        tools.ledger.append(conn, unknown)
        return "no recall of ours"
    recalls.answered(conn, recall_id, partner_id, reply=reply, by=f"partner:{partner_id}", at=now())
    tools.ledger.append(conn, recall_event("recall.answered", recall_id, facts={"reply": reply}, partner_id=partner_id))
    return reply


def _reply(tools: Tools, partner_id: str, *, their_recall: str, recall_id: str, reply: str) -> str:
    notice = Notice(f"{recall_id}-{reply}", ANSWER, answers=their_recall, reply=reply)
    state, reason = _deliver(tools, partner_id, notice)
    with tools.database.transaction() as conn:
        facts: dict[str, JSON] = {"reply": reply, "by": state}
        tools.ledger.append(
            conn, recall_event("recall.replied", recall_id, facts=facts, partner_id=partner_id, reason=reason)
        )
    return state


def _deliver(tools: Tools, partner_id: str, notice: Notice) -> tuple[str, str | None]:
    """(`sent` or `letter`, why a letter). A fault that may pass is raised, and tried again for a week."""
    with tools.database.transaction() as conn:
        partner, endpoint = _place(conn, partner_id)
    if partner is None or endpoint is None:
        return "letter", NO_ENDPOINT
    sender = organization_identifier(tools.entity.identifier)
    body = write_notice(notice, sender=sender, base=tools.fhir_base, at=now())
    sent = Trail(correlation_id=notice.id, idempotency_key=step_key(notice.id))
    try:
        called(tools, endpoint, lambda client: client.notify(body, trail=sent), partner=partner)
    except Fault as fault:
        if fault.kind is FaultKind.RETRYABLE:
            raise
        return "letter", fault.reason
    return "sent", None


def _place(conn: Connection, partner_id: str) -> tuple[Partner | None, Endpoint | None]:
    partner = directory.partner(conn, partner_id)
    endpoints = registry.endpoints_of_partner(conn, partner_id) if partner else []
    return partner, next((one for one in endpoints if one.status == "active"), None)


def _named(conn: Connection, exchange_ids: list[str], partner_id: str) -> tuple[Named, ...]:
    """The exchanges of a recall that went to this partner, as it knows them."""
    loaded: list[Exchange | None] = [store.load(conn, exchange_id) for exchange_id in exchange_ids]
    theirs = [e for e in loaded if e is not None and e.partner_id == partner_id and e.role is Role.RESPONDER]
    return tuple(Named(e.correlation_id, e.member_id) for e in theirs)

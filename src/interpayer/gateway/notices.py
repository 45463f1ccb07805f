"""`POST Communication`: partners tell us of a recall of theirs, or what they did about one of ours."""

from interpayer.exchange.durability.store import accept
from interpayer.exchange.recalls import store as recalls
from interpayer.exchange.recalls.notice import read_notice
from interpayer.exchange.tools import Tools
from interpayer.gateway.door import Answer, Body, Call, Operation
from interpayer.gateway.scopes import BULK_MATCH, MEMBER_MATCH
from interpayer.model.event import Event
from interpayer.system.database import Connection
from interpayer.system.ids import new_id

SCOPE = "system/Communication.c"


def operations(tools: Tools) -> list[Operation]:
    """The notices that the FHIR door takes; a worker acts on them, so that the answer never waits for it."""

    def take(call: Call, conn: Connection) -> Answer:
        notice = read_notice(call.body)
        partner_id, notice_id = call.caller.partner_id, new_id("u")
        sealed = tools.seal_request(call.body, exchange_id=notice_id)
        new = recalls.Received(notice_id, partner_id, notice.id, notice.kind, call.context.received_at, sealed)
        if recalls.receive(conn, new) is None:
            return _kept(tools, recalls.received_as(conn, partner_id, notice.id) or notice_id)
        accept(conn, "hear_recall", notice_id, notice_id)
        tools.ledger.append(
            conn,
            Event(
                *("recall.heard", f"partner:{partner_id}", "partner", partner_id),
                reason=notice.reason,
                partner_id=partner_id,
                trace_id=call.context.trace_id,
                facts={"notice": notice_id, "kind": notice.kind, "exchanges": len(notice.named)},
            ),
        )
        return _kept(tools, notice_id)

    # whoever may ask for histories may also say that one was wrong
    scopes = (SCOPE, MEMBER_MATCH, BULK_MATCH)
    return [
        Operation(
            *("POST", "/Communication", take, scopes),
            body=Body.JSON,
            resource="Communication",
            interaction="create",
        )
    ]


def _kept(tools: Tools, notice_id: str) -> Answer:
    """Kept and acted on: 201 with its place, whether it came for the first time or again."""
    location = f"{tools.fhir_base}/Communication/{notice_id}"
    body = {"resourceType": "Communication", "id": notice_id, "status": "in-progress"}
    return Answer(status=201, headers={"Location": location}, body=body)

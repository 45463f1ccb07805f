"""Requester, after delivery: what came is given on to the plan's own systems, who say what they have."""

from collections.abc import Sequence
from typing import Any

from interpayer.delivery import handoff_store
from interpayer.delivery.handoff import SCHEMA, Parcel
from interpayer.delivery.handoff_store import NewHandoff
from interpayer.exchange import store
from interpayer.exchange.durability.flow import step, tx_step
from interpayer.exchange.durability.store import accept
from interpayer.exchange.retry import PARTNER
from interpayer.exchange.tools import Tools
from interpayer.model.event import JSON, Event
from interpayer.model.exchange import State
from interpayer.records.received import received_ids, received_records
from interpayer.system.clock import now
from interpayer.system.database import Connection
from interpayer.system.ids import new_id

PAGE = 200


@tx_step("announce_handoffs")
def announce(tools: Tools, conn: Connection, batch_id: str) -> int:
    """Each exchange of the batch that was delivered is to be given on; how many. None where nobody wants them."""
    rows = store.of_batch(conn, batch_id, (State.COMPLETED,))
    return _announce(tools, conn, [row["id"] for row in rows])


@tx_step("announce_handoff")
def announce_one(tools: Tools, conn: Connection, exchange_id: str) -> int:
    """The same for one exchange that a person decided."""
    row = store.row_of(conn, exchange_id)
    return _announce(tools, conn, [exchange_id] if row and row["state"] == State.COMPLETED.value else [])


@step("hand_over", policy=PARTNER)
def hand_over(tools: Tools, exchange_id: str) -> str:
    """Give on what one exchange brought; at least once, whole or not at all."""
    with tools.database.transaction() as conn:
        found = handoff_store.of_exchange(conn, exchange_id)
        row = store.row_of(conn, exchange_id)
        if found is None or row is None or found["state"] != "ready":
            return "nothing to give on"
        parcel = parcel_of(tools, conn, exchange_id)
        # known before anybody is told, for the other side may confirm at once
        given = found["id"], exchange_id, row["member_id"], found["target"], parcel.counts, parcel.digest
        handoff_store.add(conn, NewHandoff(*given))
    notice = _notice(found["id"], row, parcel)
    tools.own_systems.give(notice, parcel)
    with tools.database.transaction() as conn:
        handoff_store.sent(conn, exchange_id)
        counts: dict[str, JSON] = {**parcel.counts}
        facts: dict[str, JSON] = {"handoff": found["id"], "records": counts, "digest": parcel.digest}
        tools.ledger.append(
            conn,
            Event(
                *("handoff.sent", exchange_id, "process", "interpayer"),
                exchange_id=exchange_id,
                partner_id=row["partner_id"],
                member_id=row["member_id"],
                facts=facts,
            ),
        )
    return "sent"


def give_again(conn: Connection, handoff_id: str, exchange_id: str) -> str:
    """Have it given on once more; the id of the run."""
    run_id = f"{handoff_id}:{new_id('h')}"
    accept(conn, "hand_over", run_id, exchange_id)
    return run_id


def parcel_of(tools: Tools, conn: Connection, exchange_id: str) -> Parcel:
    """The records that came by an exchange, under our ids; what other payers must not see is no secret here."""
    parcel, after = Parcel(), None
    while ids := received_ids(conn, exchange_id, after=after, limit=PAGE):
        for record in received_records(conn, tools.codec, exchange_id, after=after, limit=PAGE):
            parcel.add(record["type"], record["released"] or record["original"])
        after = ids[-1]
    return parcel


def _announce(tools: Tools, conn: Connection, exchange_ids: Sequence[str]) -> int:
    if not tools.own_systems.target:
        return 0
    for exchange_id in exchange_ids:
        row = store.row_of(conn, exchange_id) or {}
        new = NewHandoff(new_id("h"), exchange_id, row["member_id"], tools.own_systems.target, {}, "")
        handoff_id = handoff_store.add(conn, new)
        accept(conn, "hand_over", handoff_id, exchange_id)
    return len(exchange_ids)


def _notice(handoff_id: str, row: dict[str, Any], parcel: Parcel) -> dict[str, Any]:
    return {
        "schema": SCHEMA,
        "handoff": handoff_id,
        "exchange": row["id"],
        "correlation_id": row["correlation_id"],
        "member": row["member_id"],
        "partner": row["partner_id"],
        "answer": row["answer"],
        "as_of": row["details"].get("as_of"),
        "made_at": now().isoformat(),
        "records": parcel.counts,
        "digest": parcel.digest,
        "fetch": f"/api/v1/exchanges/{row['id']}/handoff/records",
        "acknowledge": f"/api/v1/exchanges/{row['id']}/handoff",
    }

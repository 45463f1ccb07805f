"""Requester, one answer: what the partner says no longer stands (the manifest's deleted[]) is served no more."""

from collections.abc import Sequence

from interpayer.delivery.deletions import read_deletions
from interpayer.exchange import batch_store
from interpayer.exchange.durability.flow import tx_step
from interpayer.exchange.steps.batching import partner_of
from interpayer.exchange.steps.receiving import file_name, inbox_of
from interpayer.exchange.tools import Tools
from interpayer.model.event import Event
from interpayer.records import store as records_store
from interpayer.records.loading import begin_load
from interpayer.records.removals import take_back
from interpayer.system.database import Connection


@tx_step("take_out")
def take_out(tools: Tools, conn: Connection, batch_id: str, places: Sequence[int]) -> int:
    """Records of this partner that it takes back are kept and served no more; how many. Others' are not touched."""
    at = begin_load(conn)
    partner, endpoint = partner_of(conn, batch_store.batch(conn, batch_id))
    named = [one for place in places for one in read_deletions(inbox_of(tools, batch_id).lines(file_name(place)))]
    known = records_store.aliases(conn, endpoint.fhir_base, set(named))
    count = take_back(conn, endpoint.fhir_base, sorted(set(known.values())), at=at)
    event = Event(
        *("records.taken_back", f"batch:{batch_id}", "partner", partner.id),
        partner_id=partner.id,
        facts={"named": len(set(named)), "known": len(known), "served_no_more": count},
    )
    tools.ledger.append(conn, event)
    return count

"""Responder, one export: who may still have what, gather it, release it; `$everything` for one member likewise."""

from collections.abc import Mapping
from datetime import datetime, timedelta

import orjson

from interpayer.delivery import ndjson
from interpayer.delivery import store as delivery_store
from interpayer.delivery.deletions import deletion_lines
from interpayer.delivery.files import files, member_share
from interpayer.delivery.parts import open_parts
from interpayer.delivery.withdrawal import WITHDRAWN, WITHDRAWN_TEXT
from interpayer.exchange import batch_store, source_store
from interpayer.exchange.completeness import answer_of, silent_reasons
from interpayer.exchange.durability.flow import step, tx_step
from interpayer.exchange.steps.choosing import choose_sources
from interpayer.exchange.steps.deciding import caller_of
from interpayer.exchange.steps.obliging import owed
from interpayer.exchange.steps.permission import wait_while_held
from interpayer.exchange.steps.releasing import (
    by_kind,
    decide,
    exchanges_for,
    lines_of,
    refuse,
    selection_of,
    told_of_sources,
    withdraw_outgrown,
)
from interpayer.exchange.tools import Tools
from interpayer.exchange.transitions import Move, move
from interpayer.model.consent import Permission
from interpayer.model.event import JSON, Event
from interpayer.model.exchange import State
from interpayer.model.reason import Fault
from interpayer.records.counting import withheld as withheld_counts
from interpayer.records.loading import export_horizon
from interpayer.records.removals import removals
from interpayer.system.clock import now
from interpayer.system.database import Connection

# In a job's detail: the reason for which it makes no progress now.
WAITS_FOR = "waits_for"
# The same words whichever source, type or member it is: what is missing must not say more than that.
SILENT = "Not every source of this payer could be used whole; ask later for what changed since."
NOT_IN_GROUP = "A patient that was asked for is not in the Group."


@tx_step("authorize_export")
def authorize(tools: Tools, conn: Connection, job_id: str) -> int:
    """Decide for each member again; the number that may go on. Who may not is left out, told without detail."""
    wait_while_held(tools, conn)
    job = delivery_store.known_job(conn, job_id)
    if job.state == "running":
        # an earlier run of this job came so far; release decides again
        return len(batch_store.job_members(conn, job_id))
    asked = orjson.loads(delivery_store.job_request(conn, tools.vault, job_id))
    only = asked["members"] or None
    exchange_of = batch_store.group_members(conn, asked["group_id"], only)
    for _ in set(asked["members"]) - set(exchange_of):
        delivery_store.add_issue(conn, job_id, code="request.not_found", text=NOT_IN_GROUP)
    caller = caller_of(conn, job.partner_id)
    decisions = decide(tools, conn, caller.partner_id, list(exchange_of))
    exchange_of = exchanges_for(tools, conn, asked, exchange_of, caller=caller)
    permitted = {m: x for m, x in exchange_of.items() if not decisions[m].is_refused}
    refuse(tools, conn, {m: x for m, x in exchange_of.items() if decisions[m].is_refused}, decisions)
    if len(permitted) < len(exchange_of):
        delivery_store.add_issue(conn, job_id, code=WITHDRAWN, text=WITHDRAWN_TEXT)
    choose_sources(tools, conn, permitted, asked, job_id=job_id)
    batch_store.save_job_members(conn, job_id, permitted)
    # a replay begins with a job that failed
    delivery_store.set_state(conn, job_id, "kicked_off")
    delivery_store.set_state(conn, job_id, "running")
    return len(permitted)


@step("gather")
def gather(tools: Tools, job_id: str) -> int:
    """Write what the plan holds into files, one per type; the number of files. Done again, it begins anew."""
    try:
        return _written(tools, job_id)
    except Fault as fault:
        with tools.database.transaction() as conn:
            delivery_store.set_detail(conn, job_id, {WAITS_FOR: fault.reason})
        raise


def _written(tools: Tools, job_id: str) -> int:
    with tools.database.transaction() as conn:
        horizon = export_horizon(conn)
    with tools.database.transaction() as conn:
        asked = orjson.loads(delivery_store.job_request(conn, tools.vault, job_id))
        exchange_of = batch_store.job_members(conn, job_id)
        # consent may have been narrowed since the members were let in; who lost it is told at release
        partner_id = caller_of(conn, delivery_store.known_job(conn, job_id).partner_id).partner_id
        decided = decide(tools, conn, partner_id, list(exchange_of))
        decisions = {m: one for m, one in decided.items() if not one.is_refused}
        if not any(file.kind == "output" for file in files(conn, job_id)):
            # files of an earlier try are kept, and the limits they were written under with them
            batch_store.save_limits(conn, job_id, {m: one.limits for m, one in decisions.items()})
        selection = selection_of(tools, decisions, asked, until=horizon)
        selection = by_kind(tools, conn, partner_id, selection, decisions=decisions)
        blocks = lines_of(tools, conn, selection, exchange_of, decisions=decisions)
        parts = open_parts(conn, tools.objects, tools.vault, job_id=job_id)
        written = ndjson.write_files(conn, parts, blocks)
        # what was there before and no longer stands (Bulk Data 2.0, 4.3: deleted)
        written += ndjson.write_files(conn, parts, deletion_lines(removals(conn, selection)), kind="deleted")
        # files of an earlier try keep the moment up to which they are whole
        known = delivery_store.known_job(conn, job_id).detail.get("transaction_time")
        delivery_store.set_detail(conn, job_id, {"transaction_time": known or horizon.isoformat(), WAITS_FOR: None})
        return len(written)


@tx_step("release")
def release(tools: Tools, conn: Connection, job_id: str) -> str:
    """Permission is decided once more at the moment of release; then the files can be fetched."""
    job = delivery_store.known_job(conn, job_id)
    if job.state != "running":
        return job.state
    wait_while_held(tools, conn)
    exchange_of = batch_store.job_members(conn, job_id)
    caller = caller_of(conn, job.partner_id)
    decisions = decide(tools, conn, caller.partner_id, list(exchange_of))
    refused = withdraw_outgrown(tools, conn, job_id, exchange_of, decisions=decisions)
    permitted = {m: x for m, x in exchange_of.items() if m not in refused}
    _released(tools, conn, job_id, permitted, {m: decisions[m] for m in permitted})
    notices = owed(((x, m, decisions[m]) for m, x in permitted.items()), partner_id=job.partner_id)
    tools.ledger.append_many(conn, [*notices])
    hours = tools.policy().exchange.file_hours
    kept = job.detail.get("transaction_time")
    at = datetime.fromisoformat(kept) if kept else now()
    delivery_store.set_state(conn, job_id, "ready", transaction_time=at, expires_at=now() + timedelta(hours=hours))
    asked = orjson.loads(delivery_store.job_request(conn, tools.vault, job_id))
    tools.ledger.append(
        conn,
        Event(
            *("job.ready", f"batch:{asked['group_id']}", "process", "interpayer"),
            partner_id=job.partner_id,
            facts={"job": job_id, "members": len(permitted), "left_out": len(refused)},
        ),
    )
    return "ready"


def _released(
    tools: Tools,
    conn: Connection,
    job_id: str,
    exchange_of: Mapping[str, str],
    decisions: Mapping[str, Permission],
) -> None:
    shares = member_share(conn, job_id, list(exchange_of))
    asked = orjson.loads(delivery_store.job_request(conn, tools.vault, job_id))
    partner_id = delivery_store.known_job(conn, job_id).partner_id
    selection = selection_of(tools, decisions, asked, until=None)
    withheld = withheld_counts(conn, by_kind(tools, conn, partner_id, selection, decisions=decisions))
    sources = source_store.of_exchanges(conn, list(exchange_of.values()))
    for reason in silent_reasons([one for asked_of in sources.values() for one in asked_of]):
        delivery_store.add_issue(conn, job_id, code=reason, text=SILENT, severity="warning")
    assembled, released = [], []
    for member_id, exchange_id in exchange_of.items():
        share = shares.get(member_id)
        count = share.count if share else 0
        told = sources.get(exchange_id, [])
        answer = answer_of(share.content if share else 0, told)
        facts: dict[str, JSON] = {"job": job_id, "records": count, "digest": share.digest if share else None}
        details: dict[str, JSON] = {"released": facts, "withheld": dict(withheld.get(member_id, {}))}
        details |= told_of_sources(told)
        body: dict[str, JSON] = {"withheld": dict(withheld.get(member_id, {}))}
        assembled.append(
            Move(
                exchange_id,
                State.ASSEMBLING,
                facts=facts,
                body=body,
                answer=answer,
                details=details,
            )
        )
        released.append(Move(exchange_id, State.RELEASED, facts=facts))
    move(conn, tools.ledger, assembled)
    move(conn, tools.ledger, released)

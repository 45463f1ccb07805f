"""Requester, one batch: send the match, follow it, record each member's outcome, start the export."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace
from datetime import datetime, timedelta
from hashlib import sha256
from typing import Any

import orjson

from interpayer.exchange import batch_store, store
from interpayer.exchange.asked import Asked
from interpayer.exchange.durability.flow import step, step_key, tx_step
from interpayer.exchange.match_answer import Outcome, read_groups
from interpayer.exchange.member_bundle import write_bulk, write_single
from interpayer.exchange.retry import PARTNER, POLL
from interpayer.exchange.steps import permission
from interpayer.exchange.steps.asking import asked_for
from interpayer.exchange.steps.calling import called
from interpayer.exchange.steps.describing import describe
from interpayer.exchange.tools import Tools
from interpayer.exchange.transitions import Move, move
from interpayer.model.event import JSON
from interpayer.model.exchange import State
from interpayer.model.partner import Endpoint, Partner
from interpayer.model.reason import Fault, FaultKind, Refusal
from interpayer.partners import directory
from interpayer.partners.client import BareParameters, ExportWanted, Manifest, PartnerClient, Running, Trail
from interpayer.routing import registry
from interpayer.system.clock import now
from interpayer.system.database import Connection

FIRST_POLL_S = 0.3
POLL_S = 5.0
MOST_ATTEMPTS = 3
_UNDER_WAY = (State.SENT, State.ACKNOWLEDGED)


@tx_step("close_batch")
def close(tools: Tools, conn: Connection, batch_id: str) -> str | None:
    """Stop collecting and decide permission again for each member; the mode, or None when nobody is left."""
    batch = batch_store.batch(conn, batch_id, lock=True)
    if batch["state"] == "collecting":
        batch_store.update_batch(conn, batch_id, state="running")
    recheck(tools, conn, batch_id, (State.QUEUED,))
    if not store.of_batch(conn, batch_id, (State.QUEUED, *_UNDER_WAY)):
        batch_store.update_batch(conn, batch_id, state="done")
        return None
    return str(batch["mode"])


def recheck(tools: Tools, conn: Connection, batch_id: str, states: Sequence[State]) -> None:
    """Whoever lost permission meanwhile, or whose time is over, leaves the batch with its reason."""
    permission.wait_while_held(tools, conn)
    moves: list[Move] = []
    for row in store.of_batch(conn, batch_id, states):
        if row["give_up_at"] < now():
            moves.append(Move(row["id"], State.EXPIRED, "system.gave_up", outcome="failed"))
            continue
        exchange = store.load(conn, row["id"])
        if exchange is None:
            continue
        decision = permission.to_ask(tools, conn, exchange, asked_for(tools, conn, row["id"]))
        if decision.is_refused:
            moves.append(permission.moved(row["id"], decision, State.BLOCKED))
    move(conn, tools.ledger, moves)


def _do_again(_tools: Tools, *_arguments: str) -> None:
    """Nobody knows whether the call arrived: a repeat under the same key gives the same job, elsewhere a second one."""


@step("send_match", policy=PARTNER, find_out=_do_again)
def send_match(tools: Tools, batch_id: str) -> str:
    """Send one bulk match for all queued members; the partner's status URL, or nothing when nobody is left.

    A repeat carries the same key. It may come hours after the batch was closed, so it asks for permission again.
    """
    with tools.database.transaction() as conn:
        recheck(tools, conn, batch_id, (State.QUEUED,))
        batch = batch_store.batch(conn, batch_id)
        bundles = [describe(tools, conn, row) for row in store.of_batch(conn, batch_id, (State.QUEUED,))]
        partner, endpoint = partner_of(conn, batch)
        if not bundles:
            batch_store.update_batch(conn, batch_id, state="done")
            return ""
    body = write_bulk(bundles)
    sent = trail(batch, content=body)
    return called(tools, endpoint, lambda client: client.bulk_match(body, trail=sent), partner=partner)


@tx_step("record_sent")
def record_sent(tools: Tools, conn: Connection, batch_id: str, url: str) -> int:
    """The request is delivered and taken as work: a receipt, not an answer."""
    batch_store.update_batch(conn, batch_id, match_url=url)
    ids = [row["id"] for row in store.of_batch(conn, batch_id, (State.QUEUED,))]
    move(conn, tools.ledger, [Move(i, State.SENT, facts={"batch": batch_id}) for i in ids])
    move(conn, tools.ledger, [Move(i, State.ACKNOWLEDGED, facts={"batch": batch_id}) for i in ids])
    return len(ids)


@step("poll_match", policy=POLL)
def poll_match(tools: Tools, batch_id: str) -> dict[str, Any]:
    """`wait_s` while the partner works; None once its answer is kept (sealed) beside the batch."""
    with tools.database.transaction() as conn:
        batch = batch_store.batch(conn, batch_id)
        partner, endpoint = partner_of(conn, batch)
    url, sent = batch["match_url"], trail(batch)
    result = called(tools, endpoint, lambda client: client.poll(url, trail=sent), partner=partner)
    if isinstance(result, Running):
        return {"wait_s": result.retry_after_s or POLL_S}
    answer = called(tools, endpoint, lambda client: _answer_resources(client, result, sent), partner=partner)
    outcomes = read_groups(answer)
    kept = [[o.submitted_id, o.kind, o.partner_member, o.group_id] for o in outcomes]
    with tools.database.transaction() as conn:
        sealed = tools.seal_request(kept, exchange_id=batch_id)
        batch_store.keep_answer(conn, batch_id, sealed)
    return {"wait_s": None}


@tx_step("record_match")
def record_match(tools: Tools, conn: Connection, batch_id: str) -> int:
    """Give each exchange its outcome; the number matched. A member the partner did not answer for is an open fault."""
    sealed = batch_store.answer(conn, batch_id)
    outcomes = [Outcome(*row) for row in tools.open_request(sealed, exchange_id=batch_id)]
    by_id = {o.submitted_id: o for o in outcomes}
    moves: list[Move] = []
    for row in store.of_batch(conn, batch_id, _UNDER_WAY):
        moves.append(_answered(row["id"], by_id.get(row["id"])))
    move(conn, tools.ledger, moves)
    groups = sorted({o.group_id for o in outcomes if o.kind == "match" and o.group_id})
    left = store.of_batch(conn, batch_id, (State.RECEIVING,))
    batch_store.update_batch(conn, batch_id, group_ids=groups, state=None if left else "done")
    return len(left)


@step("start_export", policy=PARTNER, find_out=_do_again)
def start_export(tools: Tools, batch_id: str) -> str:
    """Ask for the matched members' histories; the status URL, or nothing when nobody is left."""
    with tools.database.transaction() as conn:
        recheck(tools, conn, batch_id, (State.RECEIVING,))
        batch = batch_store.batch(conn, batch_id)
        rows = store.of_batch(conn, batch_id, (State.RECEIVING,))
        partner, endpoint = partner_of(conn, batch)
        since = _common_since([asked_for(tools, conn, row["id"]) for row in rows])
        if not rows:
            # an export that names no patient is one of the whole Group
            batch_store.update_batch(conn, batch_id, state="done")
            return ""
    group_id = next(iter(batch["group_ids"]), None)
    if group_id is None:
        raise Fault(FaultKind.TERMINAL, "partner.bad_answer", detail="matched members without a Group")
    wanted = ExportWanted(
        since=since.isoformat() if since else None,
        patients=tuple(row["partner_member"] for row in rows if row["partner_member"]),
    )
    sent = trail(batch, content=asdict(wanted))
    return called(tools, endpoint, lambda client: client.export(group_id, wanted, trail=sent), partner=partner)


@tx_step("record_export")
def record_export(tools: Tools, conn: Connection, batch_id: str, url: str) -> None:
    """Keep where the export is followed."""
    batch_store.update_batch(conn, batch_id, export_url=url)


@step("poll_export", policy=POLL)
def poll_export(tools: Tools, batch_id: str) -> dict[str, Any]:
    """`wait_s` while the partner works; else the number of files, the manifest kept beside the batch."""
    with tools.database.transaction() as conn:
        batch = batch_store.batch(conn, batch_id)
        partner, endpoint = partner_of(conn, batch)
    url, sent = batch["export_url"], trail(batch)
    result = called(tools, endpoint, lambda client: client.poll(url, trail=sent), partner=partner)
    if isinstance(result, Running):
        return {"wait_s": result.retry_after_s or POLL_S}
    if not isinstance(result, Manifest):
        raise Fault(FaultKind.TERMINAL, "partner.bad_answer", detail="an export answers with a manifest")
    codes = called(tools, endpoint, lambda client: _issue_codes(client, result, sent), partner=partner)
    with tools.database.transaction() as conn:
        batch_store.update_batch(
            conn,
            batch_id,
            transaction_time=result.transaction_time,
            details={"manifest": dict(result.raw), "error_codes": codes},
        )
    return {"wait_s": None, "files": len(result.output) + len(result.deleted), "deleted": len(result.deleted)}


@tx_step("batch_members")
def members(tools: Tools, conn: Connection, batch_id: str) -> list[str]:
    """The exchanges of a batch that are asked one by one."""
    return [row["id"] for row in store.of_batch(conn, batch_id, (State.QUEUED,))]


@step("match_one", policy=PARTNER, find_out=_do_again)
def match_one(tools: Tools, batch_id: str, exchange_id: str) -> str:
    """`$member-match` for one member; `matched`, or the named no."""
    with tools.database.transaction() as conn:
        batch = batch_store.batch(conn, batch_id)
        row = store.row_of(conn, exchange_id) or {}
        if row["state"] == State.RECEIVING.value:
            return "matched"
        if row["state"] == State.QUEUED.value:
            recheck(tools, conn, batch_id, (State.QUEUED,))
            row = store.row_of(conn, exchange_id) or {}
        if row["state"] != State.QUEUED.value:
            return str(row["state"])
        body = write_single(describe(tools, conn, row))
        partner, endpoint = partner_of(conn, batch)
    sent = replace(trail(batch, exchange_id, content=body), correlation_id=row["correlation_id"])
    try:
        found = called(tools, endpoint, lambda client: client.member_match(body, trail=sent), partner=partner)
        outcome = Outcome(exchange_id, "match", found.patient_id, None)
    except Refusal as refusal:
        kind = "consentconstraint" if refusal.reason == "partner.consent_constrained" else "nomatch"
        outcome = Outcome(exchange_id, kind, None, None)
    with tools.database.transaction() as conn:
        move(conn, tools.ledger, [Move(exchange_id, State.SENT, facts={"batch": batch_id})])
        move(conn, tools.ledger, [_answered(exchange_id, outcome)])
    return "matched" if outcome.kind == "match" else outcome.kind


@tx_step("requeue")
def requeue(tools: Tools, conn: Connection, batch_id: str) -> bool:
    """Put the exchanges of a lost job back into the queue under a new attempt; False when that was tried enough."""
    batch = batch_store.batch(conn, batch_id, lock=True)
    if batch["attempt"] >= MOST_ATTEMPTS:
        return False
    batch_store.update_batch(conn, batch_id, attempt=batch["attempt"] + 1)
    ids = [row["id"] for row in store.of_batch(conn, batch_id, (*_UNDER_WAY, State.RECEIVING))]
    move(conn, tools.ledger, [Move(x, State.QUEUED, "partner.job_lost", facts={"batch": batch_id}) for x in ids])
    return bool(ids)


def partner_of(conn: Connection, batch: Mapping[str, Any]) -> tuple[Partner, Endpoint]:
    """The partner of a batch and the endpoint that its route chose."""
    partner = directory.partner(conn, batch["partner_id"])
    endpoint = registry.endpoint(conn, batch["endpoint_id"])
    if partner is None or endpoint is None:
        raise Fault(FaultKind.OURS, "system.bug", detail="a batch names a partner or endpoint that is gone")
    return partner, endpoint


def _issue_codes(client: PartnerClient, manifest: Manifest, sent: Trail) -> list[str]:
    """The issue codes of the error files; their texts are the partner's and stay there."""
    with_token = manifest.requires_access_token
    outcomes = [o for link in manifest.error for o in client.fetch_lines(link, with_token=with_token, trail=sent)]
    issues = [issue for outcome in outcomes for issue in outcome.get("issue") or [] if isinstance(issue, dict)]
    return sorted({str(issue.get("code")) for issue in issues} - {"informational"})


def _answered(exchange_id: str, outcome: Outcome | None) -> Move:
    if outcome is None:
        return Move(exchange_id, State.UNRESOLVED, "partner.partial_ack", outcome="failed")
    facts: dict[str, JSON] = {"answer": outcome.kind, "group": outcome.group_id}
    if outcome.kind == "match":
        return Move(exchange_id, State.RECEIVING, facts=facts, partner_member=outcome.partner_member)
    if outcome.kind == "consentconstraint":
        reason = "partner.consent_constrained"
        return Move(exchange_id, State.BLOCKED, reason, outcome="refused", facts=facts)
    return Move(exchange_id, State.UNRESOLVED, "partner.not_found", outcome="unmatched", facts=facts)


def _answer_resources(client: PartnerClient, result: Manifest | BareParameters, trail: Trail) -> list[dict[str, Any]]:
    if isinstance(result, BareParameters):
        return [result.parameters]
    links = [link for link in result.output if link.type == "Group"] or list(result.output)
    return [
        line
        for link in links
        for line in client.fetch_lines(link, with_token=result.requires_access_token, trail=trail)
    ]


def trail(batch: Mapping[str, Any], part: str = "", *, content: object = None) -> Trail:
    """What every call of a batch carries: the correlation id, and a key that stays the same while its content does.

    Somebody may leave a batch between two tries; under the old key the partner would refuse what is another request.
    """
    told = sha256(orjson.dumps(content)).hexdigest()[:16] if content is not None else ""
    suffix = "/".join(filter(None, (part, told)))
    return Trail(correlation_id=batch["correlation_id"], idempotency_key=step_key(suffix))


def _common_since(asked: Sequence[Asked]) -> datetime | None:
    """An increment only when every member had a full run before; a little overlap is harmless."""
    wanted = [a.since for a in asked]
    known = [since for since in wanted if since is not None]
    return min(known) - timedelta(minutes=1) if known and len(known) == len(wanted) else None

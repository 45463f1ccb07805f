"""What a partner does with its own job: fetch files, acknowledge or delete it. Permission is decided per file."""

import math
import time
from collections.abc import Callable
from datetime import datetime

from interpayer.consent import store as consent_store
from interpayer.delivery import ndjson
from interpayer.delivery import store as delivery_store
from interpayer.delivery.files import File, file, mark_fetched
from interpayer.delivery.parts import open_parts
from interpayer.exchange import batch_store, store
from interpayer.exchange.steps import releasing
from interpayer.exchange.tools import Tools
from interpayer.exchange.transitions import Actor, Move, move
from interpayer.model.event import Event
from interpayer.model.exchange import State
from interpayer.model.partner import Caller
from interpayer.model.reason import Refusal
from interpayer.system.clock import now
from interpayer.system.database import Connection

POLL_S = 0.25


def may_fetch(tools: Tools, conn: Connection, wanted: File) -> None:
    """Decide again for every member in the job before a byte leaves; who lost permission is dropped from the files."""
    exchange_of = batch_store.job_members(conn, wanted.job_id)
    job = delivery_store.job(conn, wanted.job_id, None)
    if job is None or not exchange_of:
        return
    decisions = releasing.decide(tools, conn, job.partner_id, list(exchange_of), action="download")
    releasing.withdraw_outgrown(tools, conn, wanted.job_id, exchange_of, decisions=decisions)


def still_allowed(tools: Tools, begun_with: File) -> Callable[[], bool]:
    """A question for the stream between segments: did anything about consent or this file change since it began?

    Or does a match grant run out while it is read: then it breaks off, and the next call decides who is left.
    """
    seen: int | None = None
    asked_at = -math.inf
    is_allowed = True
    ends_at: datetime | None = None

    def ask() -> bool:
        nonlocal seen, asked_at, is_allowed, ends_at
        if time.monotonic() - asked_at < POLL_S:
            return is_allowed
        asked_at = time.monotonic()
        with tools.database.transaction() as conn:
            # the revision first: what changes after it is seen at the next question
            revision = consent_store.revision(conn)
            if seen is None:
                ends_at = _first_end(conn, begun_with.job_id)
            if revision != seen:
                current = file(conn, begun_with.id, None)
                is_allowed = is_allowed and current is not None and current.etag == begun_with.etag
                seen = revision
        is_allowed = is_allowed and (ends_at is None or now() < ends_at)
        return is_allowed

    return ask


def _first_end(conn: Connection, job_id: str) -> datetime | None:
    """When the first of the grants runs out under which this job's members may be read."""
    job, members = delivery_store.job(conn, job_id, None), list(batch_store.job_members(conn, job_id))
    if job is None or not members:
        return None
    grants = consent_store.grants_for(conn, partner_id=job.partner_id, member_ids=members, at=now())
    return min((grant.expires_at for grant in grants.values()), default=None)


def fetched(tools: Tools, whole: File, *, caller: Caller, trace_id: str | None) -> None:
    """A file went out whole: a disclosure, on the ledger per job; when all went out, the exchanges are completed."""
    with tools.database.transaction() as conn:
        is_all = mark_fetched(conn, whole.id)
        actor = Actor("partner", caller.partner_id)
        tools.ledger.append(
            conn,
            Event(
                *("answer.fetched", f"job:{whole.job_id}", actor.type, actor.id),
                partner_id=caller.partner_id,
                trace_id=trace_id,
                facts={
                    "job": whole.job_id,
                    "file": whole.id,
                    "type": whole.type,
                    "lines": whole.lines,
                    "sha256": whole.sha256,
                },
            ),
        )
        if is_all:
            _complete(tools, conn, whole.job_id, actor=actor, acknowledgement="all files fetched")


def delete_job(tools: Tools, conn: Connection, *, job_id: str, partner_id: str) -> None:
    """DELETE of a job by its owner: before completion it cancels, after it the files go (Bulk Data 2.0)."""
    job = delivery_store.job(conn, job_id, partner_id)
    if job is None or job.role != "responder" or job.state in ("deleted", "expired"):
        raise Refusal("request.not_found", "job")
    actor = Actor("partner", partner_id)
    if job.state in ("kicked_off", "running"):
        ids = list(batch_store.job_members(conn, job_id).values())
        move(conn, tools.ledger, [Move(x, State.CANCELLED, facts={"job": job_id}) for x in ids], actor=actor)
    else:
        _complete(tools, conn, job_id, actor=actor, acknowledgement="job deleted by its owner")
    delivery_store.set_state(conn, job_id, "deleted")
    ndjson.remove_files(conn, open_parts(conn, tools.objects, tools.vault, job_id=job_id))
    tools.ledger.append(
        conn,
        Event(
            *("job.deleted", f"job:{job_id}", actor.type, actor.id),
            partner_id=partner_id,
            facts={"job": job_id, "was": job.state},
        ),
    )


def _complete(tools: Tools, conn: Connection, job_id: str, *, actor: Actor, acknowledgement: str) -> None:
    exchange_of = batch_store.job_members(conn, job_id)
    standing = store.lock_many(conn, list(exchange_of.values()))
    moves = [
        Move(x, State.COMPLETED, member_id=m, facts={"job": job_id, "acknowledgement": acknowledgement})
        for m, x in exchange_of.items()
        if standing[x].state is State.RELEASED
    ]
    move(conn, tools.ledger, moves, actor=actor)

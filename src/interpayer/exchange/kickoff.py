"""A partner's asynchronous request becomes a job: kept, on the ledger and queued in one transaction."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import orjson

from interpayer.delivery import store as delivery_store
from interpayer.exchange import batch_store
from interpayer.exchange.durability.store import accept
from interpayer.exchange.member_bundle import MemberBundle
from interpayer.exchange.steps.deciding import Request
from interpayer.exchange.tools import Tools
from interpayer.model.event import Event
from interpayer.model.reason import Refusal
from interpayer.system.database import Connection
from interpayer.system.ids import new_id


@dataclass(frozen=True, slots=True)
class ExportWish:
    """What an export is narrowed to; empty means all of the Group. `url` is the kick-off URL for the manifest."""

    group_id: str
    url: str
    members: tuple[str, ...] = ()
    types: tuple[str, ...] = ()
    since: datetime | None = None
    until: datetime | None = None
    unsupported: tuple[str, ...] = ()


def start_match_job(
    tools: Tools, conn: Connection, request: Request, *, bundles: Sequence[MemberBundle], url: str
) -> str:
    """Keep a bulk match request and start its workflow; the job id is the receipt."""
    job_id, batch_id = new_id("j"), new_id("b")
    kept = {
        "bundles": [bundle.as_json() for bundle in bundles],
        "batch_id": batch_id,
        "correlation_id": request.correlation_id,
        "organization": next(iter(request.caller.organizations), request.caller.client_id),
        "organizations": list(request.caller.organizations),
        "received_at": request.received_at.isoformat(),
    }
    fields = {
        "role": "responder",
        "partner_id": request.caller.partner_id,
        "endpoint_id": None,
        "mode": "match",
        "state": "running",
        "opened_at": request.received_at,
        "correlation_id": request.correlation_id,
    }
    batch_store.open_batch(conn, batch_id, fields=fields)
    _keep_job(tools, conn, request, job_id=job_id, kept=kept, kind="match", url=url)
    _told(tools, conn, request, chain=f"batch:{batch_id}", facts={"job": job_id, "members": len(bundles)})
    accept(conn, "answer_match", job_id, job_id, partition=request.caller.partner_id)
    return job_id


def start_export_job(tools: Tools, conn: Connection, request: Request, wish: ExportWish) -> str:
    """Keep an export request for an own Group and start its workflow; a foreign Group is not found."""
    group = batch_store.group(conn, wish.group_id, request.caller.partner_id)
    if group is None or group["kind"] != "match":
        raise Refusal("request.not_found", "Group")
    job_id = new_id("j")
    kept = {
        "group_id": wish.group_id,
        "members": list(wish.members),
        "types": list(wish.types),
        "since": wish.since.isoformat() if wish.since else None,
        "until": wish.until.isoformat() if wish.until else None,
        "unsupported": list(wish.unsupported),
        "correlation_id": request.correlation_id,
        "received_at": request.received_at.isoformat(),
    }
    _keep_job(tools, conn, request, job_id=job_id, kept=kept, kind="export", url=wish.url)
    facts = {"job": job_id, "group": wish.group_id, "types": list(wish.types), "is_increment": wish.since is not None}
    _told(tools, conn, request, chain=f"batch:{wish.group_id}", facts=facts)
    accept(conn, "answer_from_sources", job_id, job_id, partition=request.caller.partner_id)
    return job_id


def _keep_job(
    tools: Tools, conn: Connection, request: Request, *, job_id: str, kept: dict[str, Any], **fields: str
) -> None:
    delivery_store.create_job(
        conn,
        tools.vault,
        delivery_store.NewJob(
            id=job_id,
            kind=fields["kind"],
            partner_id=request.caller.partner_id,
            request=orjson.dumps(kept),
            url=fields["url"],
        ),
    )


def _told(tools: Tools, conn: Connection, request: Request, *, chain: str, facts: dict[str, Any]) -> None:
    tools.ledger.append(
        conn,
        Event(
            *("job.kicked_off", chain, "partner", request.caller.partner_id),
            partner_id=request.caller.partner_id,
            trace_id=request.trace_id,
            facts={**facts, "correlation_id": request.correlation_id},
        ),
    )

"""Responder: who is meant and may the partner have them? One member at the door, thousands in a job, same decisions."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any

import orjson

from interpayer.delivery import ndjson
from interpayer.delivery import store as delivery_store
from interpayer.delivery.parts import open_parts
from interpayer.exchange import batch_store
from interpayer.exchange.durability.flow import tx_step
from interpayer.exchange.match_answer import Submitted, write_group, write_parameters
from interpayer.exchange.member_bundle import MemberBundle, from_json, named_exchange
from interpayer.exchange.steps.deciding import Incoming, Request, caller_of, decide
from interpayer.exchange.steps.permission import wait_while_held
from interpayer.exchange.tools import Tools
from interpayer.identity import store as identity_store
from interpayer.model.event import Event
from interpayer.model.partner import Caller
from interpayer.model.record import Lines
from interpayer.system.clock import now
from interpayer.system.database import Connection
from interpayer.system.ids import new_id

CHUNK = 1000


@dataclass(frozen=True, slots=True)
class MatchAnswer:
    """The inline answer: kind `match`, `nomatch`, `incomplete` or `consentconstraint`, with our internal reason.

    `lacking` names the elements to correct when the request is incomplete.
    """

    exchange_id: str
    kind: str
    reason: str | None
    member_id: str | None
    unique_member_id: str | None
    lacking: tuple[str, ...] = ()


def match_one(tools: Tools, conn: Connection, request: Request, bundle: MemberBundle) -> MatchAnswer:
    """Answer one `$member-match` inline: kept, decided and on the ledger in the caller's transaction."""
    incoming = Incoming(new_id("x"), bundle)
    outcomes = decide(tools, conn, request, [incoming])
    member_id = outcomes.member.get(incoming.exchange_id)
    kind = outcomes.kind[incoming.exchange_id]
    umb = identity_store.unique_member_identifier(conn, member_id) if member_id and kind == "match" else None
    return MatchAnswer(
        incoming.exchange_id,
        kind,
        outcomes.reason.get(incoming.exchange_id),
        member_id if kind == "match" else None,
        umb,
        outcomes.lacking.get(incoming.exchange_id, ()),
    )


@tx_step("start_match")
def start(tools: Tools, conn: Connection, job_id: str) -> int:
    """The number of chunks in which the job is answered."""
    bundles = orjson.loads(delivery_store.job_request(conn, tools.vault, job_id))["bundles"]
    # a replay begins with a job that failed
    delivery_store.set_state(conn, job_id, "kicked_off")
    delivery_store.set_state(conn, job_id, "running")
    return -(-len(bundles) // CHUNK)


@tx_step("match_chunk")
def match_chunk(tools: Tools, conn: Connection, job_id: str, chunk: int) -> int:
    """Decide one chunk of a job, all in one transaction; the number of members decided now."""
    wait_while_held(tools, conn)
    begin = chunk * CHUNK
    if batch_store.is_decided(conn, job_id, begin):
        return 0
    job = delivery_store.known_job(conn, job_id)
    kept = orjson.loads(delivery_store.job_request(conn, tools.vault, job_id))
    bundles = [from_json(b) for b in kept["bundles"]]
    request = Request(
        caller=_caller(conn, job.partner_id, kept),
        received_at=job.created_at,
        correlation_id=kept["correlation_id"],
        batch_id=kept["batch_id"],
    )
    incoming = [
        # one call for many carries one correlation id; each member's own exchange is named by its bundle
        Incoming(new_id("x"), bundle, named_exchange(bundle) if len(bundles) > 1 else None)
        for bundle in bundles[begin : begin + CHUNK]
    ]
    outcomes = decide(tools, conn, request, incoming)
    rows = [
        (begin + place, i.exchange_id, outcomes.kind[i.exchange_id], outcomes.member.get(i.exchange_id))
        for place, i in enumerate(incoming)
    ]
    batch_store.save_outcomes(conn, job_id, rows)
    done = min(begin + CHUNK, len(bundles))
    delivery_store.set_progress(conn, job_id, 100 * done // len(bundles))
    return len(incoming)


def _caller(conn: Connection, partner_id: str, kept: Mapping[str, Any]) -> Caller:
    """The partner as it stood at the door: for those payers for which its token spoke, as far as it still acts."""
    caller = caller_of(conn, partner_id)
    spoken = kept.get("organizations", caller.organizations)
    return replace(caller, organizations=tuple(one for one in caller.organizations if one in spoken))


@tx_step("publish_match")
def publish(tools: Tools, conn: Connection, job_id: str) -> str:
    """Write the Groups (PDex 2.2) and Parameters (2.1) and make the job ready."""
    job = delivery_store.known_job(conn, job_id)
    if job.state != "running":
        return job.state
    kept = orjson.loads(delivery_store.job_request(conn, tools.vault, job_id))
    bundles = [from_json(b) for b in kept["bundles"]]
    outcomes = batch_store.outcomes(conn, job_id)
    groups = [
        _group(tools, kept, kind, [(bundles[o["place"]], o) for o in outcomes if _bucket(o["kind"]) == kind])
        for kind in ("match", "nomatch", "consentconstraint")
        if kind == "match" or any(_bucket(o["kind"]) == kind for o in outcomes)
    ]
    at = now()
    kept_groups = []
    for kind, group, members in groups:
        sealed = tools.seal_request(group, exchange_id=group["id"])
        kept_groups.append(
            batch_store.MatchGroup(
                *(group["id"], job_id, job.partner_id, kind, at, sealed, members), size=group["quantity"]
            )
        )
    batch_store.save_groups(conn, kept_groups)
    blocks = [_line("Group", group) for _, group, _ in groups]
    blocks.append(_line("Parameters", write_parameters(group for _, group, _ in groups)))
    parts = open_parts(conn, tools.objects, tools.vault, job_id=job_id)
    ndjson.write_files(conn, parts, blocks)
    expires_at = at + timedelta(hours=tools.policy().exchange.file_hours)
    delivery_store.set_state(conn, job_id, "ready", transaction_time=at, expires_at=expires_at)
    tools.ledger.append(
        conn,
        Event(
            *("job.ready", f"batch:{kept['batch_id']}", "process", "interpayer"),
            partner_id=job.partner_id,
            facts={"job": job_id, "members": len(bundles), "groups": len(groups)},
        ),
    )
    return "ready"


def _line(kind: str, resource: Mapping[str, Any]) -> Lines:
    return Lines(type=kind, member_ids=(), plain=orjson.dumps(resource) + b"\n", count=1, shared=True)


def _bucket(kind: str) -> str:
    """What the partner is told: incomplete and in review look like no match (exchange.md, section 4)."""
    return kind if kind in ("match", "consentconstraint") else "nomatch"


def _group(
    tools: Tools, kept: Mapping[str, Any], kind: str, members: Sequence[tuple[MemberBundle, Mapping[str, Any]]]
) -> tuple[str, dict[str, Any], tuple[tuple[str, str], ...]]:
    submitted = [
        Submitted(b.patient, b.coverage_to_match, o["member_id"] if kind == "match" else None) for b, o in members
    ]
    group = write_group(
        new_id("b"),
        kind,
        submitted,
        payer={"identifier": tools.entity.identifier, "name": tools.entity.name},
        caller=kept["organization"],
        at=kept["received_at"],
    )
    matched_members = tuple((o["member_id"], o["exchange_id"]) for _, o in members) if kind == "match" else ()
    return kind, group, matched_members

"""Responder: who is meant and may the partner have them? One member at the door, thousands in a job, same decisions."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from hashlib import sha256
from typing import Any

import orjson

from interpayer.consent import store as consent_store
from interpayer.consent.reading import Unreadable, read_consent
from interpayer.delivery import ndjson
from interpayer.delivery import store as delivery_store
from interpayer.exchange import batch_store, store
from interpayer.exchange.durability.flow import tx_step
from interpayer.exchange.match_answer import Submitted, write_group, write_parameters
from interpayer.exchange.member_bundle import MemberBundle, from_json, shortcomings
from interpayer.exchange.steps import permission
from interpayer.exchange.steps.asking import matched
from interpayer.exchange.tools import Tools
from interpayer.exchange.transitions import Actor, Move, move
from interpayer.identity import review
from interpayer.identity import store as identity_store
from interpayer.identity.reading import read_coverage, read_patient
from interpayer.identity.resolve import Query
from interpayer.model.consent import Consent, MatchGrant
from interpayer.model.event import Event
from interpayer.model.exchange import Role, State
from interpayer.model.match import Disposition, Match
from interpayer.model.partner import Caller
from interpayer.model.record import Lines
from interpayer.partners import directory
from interpayer.system.clock import now
from interpayer.system.database import Connection
from interpayer.system.ids import new_id

CHUNK = 1000


@dataclass(frozen=True, slots=True)
class Incoming:
    """One member that a partner asks for, with the exchange it became."""

    exchange_id: str
    bundle: MemberBundle


@dataclass(frozen=True, slots=True)
class Request:
    """Who asks, in whose words, and when it began: what all members of one call share."""

    caller: Caller
    received_at: datetime
    correlation_id: str
    batch_id: str | None = None
    trace_id: str | None = None

    @property
    def actor(self) -> Actor:
        """The partner as the actor of what follows from its request."""
        return Actor("partner", self.caller.partner_id)


@dataclass(slots=True)
class _Outcomes:
    """What was decided so far, by exchange id."""

    member: dict[str, str] = field(default_factory=dict)
    reason: dict[str, str] = field(default_factory=dict)
    kind: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class MatchAnswer:
    """The inline answer: kind `match`, `nomatch`, `incomplete` or `consentconstraint`, with our internal reason."""

    exchange_id: str
    kind: str
    reason: str | None
    member_id: str | None
    unique_member_id: str | None


def match_one(tools: Tools, conn: Connection, request: Request, bundle: MemberBundle) -> MatchAnswer:
    """Answer one `$member-match` inline: kept, decided and on the ledger in the caller's transaction."""
    incoming = Incoming(new_id("x"), bundle)
    outcomes = decide(tools, conn, request, [incoming])
    member_id = outcomes.member.get(incoming.exchange_id)
    kind = outcomes.kind[incoming.exchange_id]
    umb = identity_store.unique_member_identifier(conn, member_id) if member_id and kind == "match" else None
    reason = outcomes.reason.get(incoming.exchange_id)
    return MatchAnswer(incoming.exchange_id, kind, reason, member_id if kind == "match" else None, umb)


@tx_step("start_match")
def start(tools: Tools, conn: Connection, job_id: str) -> int:
    """The number of chunks in which the job is answered."""
    bundles = orjson.loads(delivery_store.job_request(conn, tools.vault, job_id))["bundles"]
    delivery_store.set_state(conn, job_id, "running")
    return -(-len(bundles) // CHUNK)


@tx_step("match_chunk")
def match_chunk(tools: Tools, conn: Connection, job_id: str, chunk: int) -> int:
    """Decide one chunk of a job, all in one transaction; the number of members decided."""
    job = _job(conn, job_id)
    kept = orjson.loads(delivery_store.job_request(conn, tools.vault, job_id))
    bundles = [from_json(b) for b in kept["bundles"]]
    begin = chunk * CHUNK
    request = Request(
        caller=caller_of(conn, job.partner_id),
        received_at=job.created_at,
        correlation_id=kept["correlation_id"],
        batch_id=kept["batch_id"],
    )
    incoming = [Incoming(new_id("x"), bundle) for bundle in bundles[begin : begin + CHUNK]]
    outcomes = decide(tools, conn, request, incoming)
    rows = [
        (begin + place, i.exchange_id, outcomes.kind[i.exchange_id], outcomes.member.get(i.exchange_id))
        for place, i in enumerate(incoming)
    ]
    batch_store.save_outcomes(conn, job_id, rows)
    done = min(begin + CHUNK, len(bundles))
    delivery_store.progress(conn, job_id, 100 * done // len(bundles))
    return len(incoming)


@tx_step("publish_match")
def publish(tools: Tools, conn: Connection, job_id: str) -> str:
    """Write the Groups (PDex 2.2) and Parameters (2.1) and make the job ready."""
    job = _job(conn, job_id)
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
    blocks = [Lines(type="Group", member_ids=(), plain=orjson.dumps(group) + b"\n", count=1) for _, group, _ in groups]
    combined = orjson.dumps(write_parameters(group for _, group, _ in groups)) + b"\n"
    blocks.append(Lines(type="Parameters", member_ids=(), plain=combined, count=1))
    ndjson.write_files(conn, tools.objects, tools.vault, job_id, blocks)
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


def decide(tools: Tools, conn: Connection, request: Request, incoming: Sequence[Incoming]) -> _Outcomes:
    """Keep the requests, then decide shape, identity and permission, each with its event; see the numbered steps."""
    outcomes = _Outcomes()
    # 1. kept before anything is decided
    _receive(tools, conn, request, incoming)
    # 2. is each whole, and does somebody vouch for it?
    whole = _validate(tools, conn, request, incoming, outcomes)
    # 3. who is meant?
    certain = _identify(tools, conn, request, whole, outcomes)
    # 4. may the caller have them?
    _permit(tools, conn, request, certain, outcomes)
    return outcomes


def _receive(tools: Tools, conn: Connection, request: Request, incoming: Sequence[Incoming]) -> None:
    clock = tools.policy().clock
    exchanges, events = [], []
    for i in incoming:
        body = i.bundle.as_json()
        sealed = tools.seal_request(body, exchange_id=i.exchange_id)
        digest = sha256(sealed).hexdigest()
        exchanges.append(
            store.NewExchange(
                id=i.exchange_id,
                role=Role.RESPONDER,
                correlation_id=request.correlation_id,
                partner_id=request.caller.partner_id,
                organization=next(iter(request.caller.organizations), None),
                purpose="payer_to_payer",
                basis="opt_in",
                received_at=request.received_at,
                due_at=clock.respond_by(request.received_at, tools.entity.time_zone),
                give_up_at=request.received_at + timedelta(days=clock.give_up_days),
                envelope=sealed,
                envelope_sha256=digest,
                batch_id=request.batch_id,
            )
        )
        events.append(
            Event(
                *("exchange.received", i.exchange_id, "partner", request.caller.partner_id),
                exchange_id=i.exchange_id,
                partner_id=request.caller.partner_id,
                trace_id=request.trace_id,
                facts={
                    "role": "responder",
                    "correlation_id": request.correlation_id,
                    "envelope_sha256": digest,
                    "batch": request.batch_id,
                },
            )
        )
    store.create_many(conn, exchanges)
    tools.ledger.append_many(conn, events)


def _validate(
    tools: Tools, conn: Connection, request: Request, incoming: Sequence[Incoming], outcomes: _Outcomes
) -> list[Incoming]:
    moves, repaired, whole = [], [], []
    for i in incoming:
        lacking = list(shortcomings(i.bundle))
        reason = "request.malformed" if lacking else None
        if not lacking and not (i.bundle.coverage_to_link or request.caller.attested_by_contract):
            lacking, reason = ["CoverageToLink"], "request.missing_attestation"
        if reason:
            outcomes.kind[i.exchange_id], outcomes.reason[i.exchange_id] = "incomplete", reason
            facts = {"supply": list(lacking)}
            moves.append(Move(i.exchange_id, State.INCOMPLETE, reason, outcome="refused", facts=facts, details=facts))
            continue
        whole.append(i)
        moves.append(Move(i.exchange_id, State.VALIDATED))
        if i.bundle.repairs:
            repaired.append(
                Event(
                    *("request.repaired", i.exchange_id, "process", "interpayer"),
                    reason="request.references_repaired",
                    exchange_id=i.exchange_id,
                    partner_id=request.caller.partner_id,
                    facts={"elements": list(i.bundle.repairs)},
                )
            )
    move(conn, tools.ledger, moves, trace_id=request.trace_id)
    tools.ledger.append_many(conn, repaired)
    return whole


def _identify(
    tools: Tools, conn: Connection, request: Request, whole: Sequence[Incoming], outcomes: _Outcomes
) -> list[tuple[Incoming, str]]:
    payer = tools.entity.identifier
    queries = [Query(read_patient(i.bundle.patient), read_coverage(i.bundle.coverage_to_match), payer) for i in whole]
    matches = tools.resolver.resolve_many(conn, queries)
    identity_store.save_evidence(conn, matches)
    doubtful = [n for n, match in enumerate(matches) if match.disposition is Disposition.REVIEW]
    due_at = tools.policy().clock.respond_by(request.received_at, tools.entity.time_zone)
    opened = review.open_cases(
        conn,
        tools.vault,
        [
            review.NewCase(
                kind="identity",
                exchange_id=whole[n].exchange_id,
                partner_id=request.caller.partner_id,
                match=matches[n],
                query=queries[n],
                fingerprint=tools.resolver.fingerprint(queries[n]),
                due_at=due_at,
            )
            for n in doubtful
        ],
    )
    case_of = {whole[n].exchange_id: case.id for n, case in zip(doubtful, opened, strict=True)}
    moves = [
        matched(i.exchange_id, match, _target(match), case_id=case_of.get(i.exchange_id))
        for i, match in zip(whole, matches, strict=True)
    ]
    move(conn, tools.ledger, moves, trace_id=request.trace_id)
    certain: list[tuple[Incoming, str]] = []
    for i, match in zip(whole, matches, strict=True):
        if match.disposition is Disposition.CERTAIN and match.member_id:
            certain.append((i, match.member_id))
            outcomes.member[i.exchange_id] = match.member_id
        else:
            outcomes.kind[i.exchange_id], outcomes.reason[i.exchange_id] = "nomatch", match.reason
    return certain


def _target(match: Match) -> State:
    return {
        Disposition.CERTAIN: State.IDENTIFIED,
        Disposition.REVIEW: State.IN_REVIEW,
        Disposition.NONE: State.UNRESOLVED,
    }[match.disposition]


def _permit(
    tools: Tools, conn: Connection, request: Request, certain: Sequence[tuple[Incoming, str]], outcomes: _Outcomes
) -> None:
    caller, moves, grants = request.caller, [], []
    asking = permission.asker(tools, conn, caller.partner_id)
    withdrawn = consent_store.withdrawn_at(conn, [member_id for _, member_id in certain])
    for i, member_id in certain:
        read = read_consent(i.bundle.consent or {}, received_from=caller.partner_id)
        consent: Consent | None = None
        if isinstance(read, Unreadable):
            decision = permission.refused(tools, read.reason)
        else:
            kept = replace(read, id=new_id("k"), member_id=member_id)
            consent = consent_store.save(conn, kept)
            decision = permission.to_answer(
                tools, asking, action="match", consent=consent, withdrawn_at=withdrawn.get(member_id)
            )
        target = State.BLOCKED if decision.is_refused else State.PERMITTED
        moves.append(permission.moved(i.exchange_id, decision, target))
        outcomes.kind[i.exchange_id] = "consentconstraint" if decision.is_refused else "match"
        if decision.reason:
            outcomes.reason[i.exchange_id] = decision.reason
        if consent and not decision.is_refused:
            grants.append(
                MatchGrant(
                    id=new_id("g"),
                    partner_id=caller.partner_id,
                    member_id=member_id,
                    consent_id=consent.id,
                    exchange_id=i.exchange_id,
                    expires_at=min(consent.ends_at, now() + timedelta(days=tools.policy().exchange.grant_days)),
                )
            )
    consent_store.save_grants(conn, grants)
    move(conn, tools.ledger, moves, trace_id=request.trace_id)


def caller_of(conn: Connection, partner_id: str) -> Caller:
    """The partner as a caller, for work that goes on after the door."""
    partner = directory.partner(conn, partner_id)
    if partner is None:
        raise LookupError("the partner is unknown")
    return Caller(
        partner_id=partner.id,
        client_id=partner.client_id,
        organizations=partner.organizations,
        scopes=partner.scopes,
        attested_by_contract=partner.attested_by_contract,
        certificate_thumbprint=None,
        token_id="",
    )


def _job(conn: Connection, job_id: str) -> delivery_store.Job:
    job = delivery_store.job(conn, job_id, None)
    if job is None:
        raise LookupError("the job is unknown")
    return job


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

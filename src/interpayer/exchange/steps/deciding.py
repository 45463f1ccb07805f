"""Responder: the decisions about many members at once: kept, whole, who is meant, may the caller have them."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from hashlib import sha256

from interpayer.consent.reading import Unreadable, read_consent
from interpayer.exchange import store
from interpayer.exchange.entities import entity_of_card
from interpayer.exchange.member_bundle import MemberBundle, shortcomings
from interpayer.exchange.steps import guarding
from interpayer.exchange.steps.asking import case_opened, matched, two_names_below
from interpayer.exchange.steps.permitting import Sought, permit
from interpayer.exchange.tools import Tools
from interpayer.exchange.transitions import Actor, Move, move
from interpayer.identity import review
from interpayer.identity import store as identity_store
from interpayer.identity.reading import read_coverage, read_patient
from interpayer.identity.resolve import Query
from interpayer.model.event import JSON, Event
from interpayer.model.exchange import Role, State
from interpayer.model.match import Disposition, Match
from interpayer.model.partner import Caller
from interpayer.partners import directory
from interpayer.system.clock import now
from interpayer.system.database import Connection


@dataclass(frozen=True, slots=True)
class Incoming:
    """One member that a partner asks for, with the exchange it became."""

    exchange_id: str
    bundle: MemberBundle
    correlation_id: str | None = None
    """What joins it with the partner's own exchange, where the call as a whole does not."""


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
class Outcomes:
    """What was decided so far, by exchange id."""

    member: dict[str, str] = field(default_factory=dict)
    reason: dict[str, str] = field(default_factory=dict)
    kind: dict[str, str] = field(default_factory=dict)
    lacking: dict[str, tuple[str, ...]] = field(default_factory=dict)


def decide(tools: Tools, conn: Connection, request: Request, incoming: Sequence[Incoming]) -> Outcomes:
    """Keep the requests, then decide shape, identity and permission, each with its event; see the numbered steps."""
    outcomes = Outcomes()
    # 1. kept before anything is decided
    _receive(tools, conn, request, incoming)
    # 2. is each whole, and does somebody vouch for it?
    whole = _validate(tools, conn, request, incoming, outcomes)
    # 3. does the caller guess? then nobody is looked up
    asked = [(i, _query(tools, i.bundle)) for i in whole]
    tried = guarding.watch(
        *(tools, conn, request.caller.partner_id),
        asked=[(i.exchange_id, query) for i, query in asked],
        is_single=request.batch_id is None,
    )
    waiting = _withhold(tools, conn, request, tried, outcomes)
    # 4. who is meant?
    certain = _identify(tools, conn, request, [one for one in asked if one[0].exchange_id not in waiting], outcomes)
    # 5. may the caller have them?
    _permit(tools, conn, request, certain, outcomes)
    # 6. what was told "no" counts for the next time
    told = {i.exchange_id: outcomes.reason.get(i.exchange_id) for i in whole if outcomes.kind[i.exchange_id] != "match"}
    guarding.remember(tools, conn, request.caller.partner_id, tried=tried, told=told)
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
                correlation_id=i.correlation_id or request.correlation_id,
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
                    "correlation_id": i.correlation_id or request.correlation_id,
                    "envelope_sha256": digest,
                    "batch": request.batch_id,
                },
            )
        )
    store.create_many(conn, exchanges)
    tools.ledger.append_many(conn, events)


def _validate(
    tools: Tools, conn: Connection, request: Request, incoming: Sequence[Incoming], outcomes: Outcomes
) -> list[Incoming]:
    moves, repaired, whole = [], [], []
    for i in incoming:
        reason, lacking = _lacking(i.bundle, request.caller)
        if reason:
            outcomes.kind[i.exchange_id], outcomes.reason[i.exchange_id] = "incomplete", reason
            outcomes.lacking[i.exchange_id] = lacking
            facts: dict[str, JSON] = {"supply": [*lacking]}
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


def _lacking(bundle: MemberBundle, caller: Caller) -> tuple[str | None, tuple[str, ...]]:
    """What the caller must correct, told before anybody was looked for: so it says nothing about our members."""
    if lacking := shortcomings(bundle, today=now().date()):
        return "request.malformed", lacking
    if not (bundle.coverage_to_link or caller.attested_by_contract):
        return "request.missing_attestation", ("CoverageToLink",)
    read = read_consent(bundle.consent or {}, received_from=caller.partner_id)
    return (read.reason, (f"Consent.{read.detail}",)) if isinstance(read, Unreadable) else (None, ())


def _query(tools: Tools, bundle: MemberBundle) -> Query:
    card = read_coverage(bundle.coverage_to_match)
    return Query(read_patient(bundle.patient), card, entity_of_card(tools, card).identifier)


def _withhold(
    tools: Tools, conn: Connection, request: Request, tried: Sequence[guarding.Tried], outcomes: Outcomes
) -> set[str]:
    """Members of a call that look like guesses: to the partner they are not found, and nobody looked."""
    waiting = {one.exchange_id: one.verdict for one in tried if one.verdict.wait_s}
    moves = []
    for exchange_id, verdict in waiting.items():
        outcomes.kind[exchange_id], outcomes.reason[exchange_id] = "nomatch", "caller.guessing"
        facts: dict[str, JSON] = {"pattern": verdict.pattern, "tries": verdict.tries}
        moves.append(Move(exchange_id, State.UNRESOLVED, "caller.guessing", outcome="refused", facts=facts))
    move(conn, tools.ledger, moves, trace_id=request.trace_id)
    return set(waiting)


def _identify(
    tools: Tools, conn: Connection, request: Request, asked: Sequence[tuple[Incoming, Query]], outcomes: Outcomes
) -> list[tuple[Incoming, str]]:
    whole, queries = [i for i, _ in asked], [query for _, query in asked]
    matches = tools.resolver.resolve_many(conn, queries, partner=request.caller.partner_id)
    identity_store.save_evidence(conn, matches)
    doubtful = [n for n, match in enumerate(matches) if match.disposition is Disposition.REVIEW]
    due_at = tools.policy().clock.respond_by(request.received_at, tools.entity.time_zone)
    cases = [
        review.NewCase(
            kind="identity",
            exchange_id=whole[n].exchange_id,
            partner_id=request.caller.partner_id,
            match=matches[n],
            query=queries[n],
            fingerprint=tools.resolver.fingerprint(queries[n]),
            due_at=due_at,
            two_names_below=two_names_below(tools, conn, request.caller.partner_id),
        )
        for n in doubtful
    ]
    opened = review.open_cases(conn, tools.vault, cases)
    tools.ledger.append_many(conn, case_opened(opened, cases))
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
    tools: Tools, conn: Connection, request: Request, certain: Sequence[tuple[Incoming, str]], outcomes: Outcomes
) -> None:
    sought = [Sought(i.exchange_id, member_id, i.bundle.consent or {}) for i, member_id in certain]
    for exchange_id, decision in permit(tools, conn, request.caller, sought, trace_id=request.trace_id):
        outcomes.kind[exchange_id] = "consentconstraint" if decision.is_refused else "match"
        if decision.reason:
            outcomes.reason[exchange_id] = decision.reason


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
        token_id="",
    )

"""Requester, one exchange: is it whole, who is meant, may we, where to, and a place in a batch."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from interpayer.exchange import batch_store, store
from interpayer.exchange.asked import Asked, missing, read_asked
from interpayer.exchange.durability.flow import tx_step
from interpayer.exchange.durability.store import accept
from interpayer.exchange.entities import entity_of_person
from interpayer.exchange.steps import permission
from interpayer.exchange.steps.calling import wish_of
from interpayer.exchange.steps.obliging import owed
from interpayer.exchange.tools import Tools
from interpayer.exchange.transitions import Move, move_one
from interpayer.identity import evidence, review
from interpayer.identity import store as identity_store
from interpayer.identity.resolve import PAYER_TO_PAYER, Query
from interpayer.model.event import JSON, Event
from interpayer.model.exchange import Exchange, State
from interpayer.model.match import Disposition, Match
from interpayer.model.route import Mode, Route
from interpayer.partners import directory
from interpayer.routing import choose as routing
from interpayer.routing import registry
from interpayer.system.clock import now
from interpayer.system.database import Connection
from interpayer.system.ids import new_id

_PAST_IDENTITY = (State.IDENTIFIED, State.PERMITTED, State.ROUTED, State.QUEUED)


def asked_for(tools: Tools, conn: Connection, exchange_id: str) -> Asked:
    """The request as it stands now: the envelope with its supplements."""
    sealed = store.envelope(conn, exchange_id)
    if sealed is None:
        raise LookupError("the exchange has no envelope")
    supplements = [tools.open_request(s, exchange_id=exchange_id) for s in store.supplements(conn, exchange_id)]
    return read_asked(tools.open_request(sealed, exchange_id=exchange_id), supplements)


@tx_step("validate")
def validate(tools: Tools, conn: Connection, exchange_id: str) -> str:
    """`validated`, or `incomplete` with what to supply."""
    exchange = _exchange(conn, exchange_id)
    if exchange.state is not State.RECEIVED:
        return "validated" if exchange.state in (State.VALIDATED, *_PAST_IDENTITY) else exchange.state.value
    gaps = missing(asked_for(tools, conn, exchange_id))
    if not gaps:
        move_one(conn, tools.ledger, Move(exchange_id, State.VALIDATED))
        return "validated"
    supply: list[JSON] = [element for _, element in gaps]
    wanted = Move(
        *(exchange_id, State.INCOMPLETE, gaps[0][0]),
        outcome="incomplete",
        facts={"supply": supply},
        details={"supply": supply},
    )
    move_one(conn, tools.ledger, wanted)
    return "incomplete"


@tx_step("identify")
def identify(tools: Tools, conn: Connection, exchange_id: str) -> str:
    """`identified`, `in_review` (a case is open) or `unresolved`; a person's decision counts like a rule."""
    exchange = _exchange(conn, exchange_id)
    if exchange.state is not State.VALIDATED:
        return "identified" if exchange.state in _PAST_IDENTITY else exchange.state.value
    asked = asked_for(tools, conn, exchange_id)
    if asked.member_id is not None:
        return _known_member(tools, conn, exchange_id, asked.member_id)
    if asked.demographics is None:
        raise LookupError("a validated request has demographics or a member id")
    payer = entity_of_person(tools, asked.demographics).identifier
    query = Query(demographics=asked.demographics, coverage=None, payer=payer)
    match = tools.resolver.resolve(conn, query)
    identity_store.save_evidence(conn, [match])
    if match.disposition is Disposition.REVIEW:
        case = review.NewCase(
            kind="identity",
            exchange_id=exchange_id,
            partner_id=None,
            match=match,
            query=query,
            fingerprint=tools.resolver.fingerprint(query),
            due_at=exchange.due_at,
            priority=exchange.priority,
            two_names_below=two_names_below(tools, conn, None),
        )
        opened = review.open_case(conn, tools.vault, case)
        tools.ledger.append_many(conn, case_opened([opened], [case]))
        move_one(conn, tools.ledger, matched(exchange_id, match, State.IN_REVIEW, case_id=opened.id))
        return "in_review"
    target = State.IDENTIFIED if match.disposition is Disposition.CERTAIN else State.UNRESOLVED
    move_one(conn, tools.ledger, matched(exchange_id, match, target))
    return target.value


def matched(exchange_id: str, match: Match, target: State, *, case_id: str | None = None) -> Move:
    """The move that says what identity decided: numbers and versions in the open, each candidate's weights sealed."""
    facts = evidence.ledger_facts(match)
    if case_id:
        facts["case"] = case_id
    outcome = {State.IDENTIFIED: "ok", State.IN_REVIEW: "review"}.get(target, "unmatched")
    return Move(
        *(exchange_id, target, match.reason),
        outcome=outcome,
        facts=facts,
        body=evidence.ledger_body(match),
        details={"match": facts},
        member_id=match.member_id,
        case_id=case_id,
    )


def two_names_below(tools: Tools, conn: Connection, partner_id: str | None) -> float:
    """The score in bits below which a person's "same" needs a second name, for this partner."""
    return tools.resolver.tables_at(conn).thresholds.for_(partner_id, PAYER_TO_PAYER).four_eyes


def case_opened(opened: Sequence[review.OpenedCase], cases: Sequence[review.NewCase]) -> list[Event]:
    """The events of cases that are new; a repeat that joined an open case makes none."""
    return [
        Event(
            *("case.opened", case.exchange_id or f"case:{made.id}", "process", "interpayer"),
            outcome="review",
            reason=case.reason or (case.match.reason if case.match else None),
            exchange_id=case.exchange_id,
            partner_id=case.partner_id,
            facts={"case": made.id, "kind": case.kind, "due_at": case.due_at.isoformat()},
        )
        for made, case in zip(opened, cases, strict=True)
        if not made.joined
    ]


def _known_member(tools: Tools, conn: Connection, exchange_id: str, member_id: str) -> str:
    """A standing request names our own member by our own id: certain, if that member is known."""
    if not identity_store.demographics_of(conn, tools.vault, [member_id]):
        move_one(conn, tools.ledger, Move(exchange_id, State.UNRESOLVED, "identity.not_enrolled", outcome="unmatched"))
        return "unresolved"
    facts: dict[str, JSON] = {"disposition": "certain", "rule": "own member id"}
    move_one(
        conn,
        tools.ledger,
        Move(
            *(exchange_id, State.IDENTIFIED, "identity.certain"),
            member_id=member_id,
            facts=facts,
            details={"match": facts},
        ),
    )
    return "identified"


@tx_step("authorize")
def authorize(tools: Tools, conn: Connection, exchange_id: str) -> str:
    """`permitted` or `blocked`: the member's consent, the basis and policy, as they are now."""
    exchange = _exchange(conn, exchange_id)
    if exchange.state is not State.IDENTIFIED:
        return "permitted" if exchange.state in (State.PERMITTED, State.ROUTED, State.QUEUED) else exchange.state.value
    permission.wait_while_held(tools, conn)
    asked = asked_for(tools, conn, exchange_id)
    decision = permission.to_ask(tools, conn, exchange, asked)
    target = State.BLOCKED if decision.is_refused else State.PERMITTED
    move_one(conn, tools.ledger, permission.moved(exchange_id, decision, target))
    partner_id = decision.decided_on.get("partner_id")
    tools.ledger.append_many(conn, [*owed([(exchange_id, exchange.member_id, decision)], partner_id=partner_id)])
    return target.value


@tx_step("choose_route")
def choose_route(tools: Tools, conn: Connection, exchange_id: str) -> dict[str, Any]:
    """`mode` and `wait_s`: where to and how, with the routes not taken on the ledger.

    A route may have been waited for: permission is asked again, and who lost it goes nowhere.
    """
    exchange = _exchange(conn, exchange_id)
    if exchange.state in (State.ROUTED, State.QUEUED):
        row = store.row_of(conn, exchange_id) or {}
        return {"mode": row["details"].get("route", {}).get("mode"), "wait_s": None}
    permission.wait_while_held(tools, conn)
    asked = asked_for(tools, conn, exchange_id)
    decision = permission.to_ask(tools, conn, exchange, asked)
    if decision.is_refused:
        move_one(conn, tools.ledger, permission.moved(exchange_id, decision, State.BLOCKED))
        return {"mode": None, "wait_s": None, "reason": decision.reason}
    route = route_for(tools, conn, asked, environment=tools.environment)
    facts = _route_facts(route)
    if route.mode is None or route.endpoint_id is None:
        if route.wait:
            return {"mode": None, "wait_s": 30.0}
        return {"mode": None, "wait_s": None, "reason": route.reason}
    move_one(
        conn,
        tools.ledger,
        Move(exchange_id, State.ROUTED, partner_id=route.partner_id, facts=facts, details={"route": facts}),
    )
    return {"mode": route.mode.value, "wait_s": None}


def route_for(tools: Tools, conn: Connection, asked: Asked, *, environment: str) -> Route:
    """The route to the payer that was asked for; the registry's version goes with it."""
    endpoints = registry.endpoints_of(conn, asked.partner or "")
    profile = asked.capability_profile or wish_of(conn, asked.partner or "")
    wanted = routing.Wanted(environment, profile, requires_mtls=asked.requires_mtls, members=1, at=now())
    route = routing.choose(
        endpoints,
        wanted,
        breakers=registry.breaker_states(conn, [e.id for e in endpoints]),
        registry_version=registry.registry_version(conn),
    )
    if not endpoints and directory.by_organization(conn, asked.partner or "") is None:
        return replace(route, reason="route.payer_unknown", why="no payer of this name is in the directory")
    return route


@tx_step("escalate")
def escalate(tools: Tools, conn: Connection, exchange_id: str) -> str:
    """No endpoint can do it: an owner gets it as a case (also the letter to a payer without an API)."""
    exchange = _exchange(conn, exchange_id)
    if exchange.state is not State.PERMITTED:
        return exchange.state.value
    route = route_for(tools, conn, asked_for(tools, conn, exchange_id), environment=tools.environment)
    reason = route.reason or "route.all_rejected"
    case = review.NewCase(
        kind="policy",
        exchange_id=exchange_id,
        partner_id=route.partner_id,
        match=None,
        query=None,
        fingerprint=None,
        due_at=exchange.due_at,
        priority=exchange.priority,
    )
    opened = review.open_case(conn, tools.vault, case)
    tools.ledger.append_many(conn, case_opened([opened], [case]))
    facts = {**_route_facts(route), "case": opened.id}
    move_one(
        conn,
        tools.ledger,
        Move(
            *(exchange_id, State.ESCALATED, reason),
            outcome="failed",
            facts=facts,
            details={"route": facts},
            case_id=opened.id,
        ),
    )
    return reason


@tx_step("join_batch")
def join_batch(tools: Tools, conn: Connection, exchange_id: str) -> str:
    """The batch that now holds the exchange; a new batch starts itself after a short time of collecting."""
    row = store.row_of(conn, exchange_id) or {}
    if row["state"] == State.QUEUED.value and row["batch_id"]:
        return str(row["batch_id"])
    route = row["details"]["route"]
    batch_id = _collecting_batch(tools, conn, row, route)
    move_one(conn, tools.ledger, Move(exchange_id, State.QUEUED, batch_id=batch_id, facts={"batch": batch_id}))
    return batch_id


def _collecting_batch(tools: Tools, conn: Connection, row: Mapping[str, Any], route: Mapping[str, Any]) -> str:
    key = {"partner_id": str(row["partner_id"]), "endpoint_id": str(route["endpoint"]), "mode": str(route["mode"])}
    while (batch_id := batch_store.collecting(conn, **key)) is None:
        fresh = new_id("b")
        fields = {
            **key,
            "role": "requester",
            "state": "collecting",
            "opened_at": now(),
            "correlation_id": row["correlation_id"],
        }
        if batch_store.open_batch(conn, fresh, fields=fields):
            delay_s = 0.0 if row["priority"] == "urgent" else tools.policy().exchange.collect_s
            accept(conn, "ask_batch", fresh, fresh, delay_s=delay_s, partition=key["partner_id"])
            return fresh
    return batch_id


def _route_facts(route: Route) -> dict[str, JSON]:
    rejected: list[JSON] = [{"endpoint": r.endpoint_id, "mode": r.mode, "reason": r.reason} for r in route.rejected]
    return {
        "endpoint": route.endpoint_id,
        "partner": route.partner_id,
        "mode": route.mode.value if isinstance(route.mode, Mode) else None,
        "why": route.why,
        "rejected": rejected,
        "registry_version": route.registry_version,
    }


def _exchange(conn: Connection, exchange_id: str) -> Exchange:
    exchange = store.load(conn, exchange_id)
    if exchange is None:
        raise LookupError("the exchange is unknown")
    return exchange

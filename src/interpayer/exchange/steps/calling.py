"""Every call to a partner goes through here: the breaker that all processes share is asked before and told after."""

from collections.abc import Callable
from dataclasses import asdict
from typing import TypeVar

from interpayer.exchange.tools import Tools
from interpayer.model.event import Event
from interpayer.model.partner import Endpoint, Partner
from interpayer.model.reason import Fault, FaultKind, Refusal
from interpayer.partners.client import PartnerClient
from interpayer.routing import registry
from interpayer.routing.registry import BreakerLimits
from interpayer.system.clock import now

Found = TypeVar("Found")
# The partner did not answer, or asked for rest. Anything else it said, a no as well, shows that it is there.
_DOWN = frozenset({"partner.unreachable", "partner.timeout", "partner.throttled"})
_ANSWERED = ("partner.", "delivery.")


def called(tools: Tools, endpoint: Endpoint, call: Callable[[PartnerClient], Found], *, partner: Partner) -> Found:
    """What the call gives; `Fault` route.breaker_open without a call while the endpoint rests (exchange.md, 6)."""
    limits = BreakerLimits(**asdict(tools.policy().breaker))
    client = tools.call(partner, endpoint)
    _ask(tools, endpoint, limits)
    try:
        result = call(client)
    except Fault as fault:
        if fault.reason in _DOWN:
            _tell(tools, endpoint, limits, ok=False)
            _record(tools, endpoint, partner, fault.reason)
        elif fault.reason.startswith(_ANSWERED):
            # a fault of our own, a full disk say, tells nothing about the partner
            _tell(tools, endpoint, limits, ok=True)
        raise
    except Refusal:
        _tell(tools, endpoint, limits, ok=True)
        raise
    _tell(tools, endpoint, limits, ok=True)
    return result


def _ask(tools: Tools, endpoint: Endpoint, limits: BreakerLimits) -> None:
    at = now()
    with tools.database.transaction() as conn:
        if registry.may_call(conn, endpoint.id, at=at, limits=limits):
            return
        resting = registry.breaker_states(conn, [endpoint.id]).get(endpoint.id)
    until = resting.open_until if resting else None
    wait_s = (until - at).total_seconds() if until else limits.open_s
    raise Fault(FaultKind.RETRYABLE, "route.breaker_open", retry_after_s=max(wait_s, 1.0))


def _tell(tools: Tools, endpoint: Endpoint, limits: BreakerLimits, *, ok: bool) -> None:
    with tools.database.transaction() as conn:
        registry.record_call(conn, endpoint.id, ok=ok, at=now(), limits=limits)


def _record(tools: Tools, endpoint: Endpoint, partner: Partner, reason: str) -> None:
    event = Event(
        *("partner.failed", f"partner:{partner.id}", "process", "interpayer"),
        outcome="failed",
        reason=reason,
        partner_id=partner.id,
        facts={"endpoint": endpoint.id},
    )
    with tools.database.transaction() as conn:
        tools.ledger.append(conn, event)

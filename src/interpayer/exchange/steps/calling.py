"""Every call to a partner goes through here: the breaker that all processes share is asked before and told after."""

import time
from collections.abc import Callable
from dataclasses import asdict
from typing import TypeVar

from interpayer.exchange.tools import Tools
from interpayer.model.agreement import ANY_PACE
from interpayer.model.event import Event
from interpayer.model.partner import Endpoint, Partner
from interpayer.model.reason import Fault, FaultKind, Refusal
from interpayer.partners import directory
from interpayer.partners.client import PartnerClient
from interpayer.routing import pacing, registry
from interpayer.routing.registry import BreakerLimits
from interpayer.system.clock import now
from interpayer.system.database import Connection

Found = TypeVar("Found")
# The partner did not answer, or asked for rest. Anything else it said, a no as well, shows that it is there.
_DOWN = frozenset({"partner.unreachable", "partner.timeout", "partner.throttled"})
_ANSWERED = ("partner.", "delivery.")
# A worker's thread may sleep so long for a partner's pace; for longer the step is done again later.
SHORT_S = 2.0


def called(tools: Tools, endpoint: Endpoint, call: Callable[[PartnerClient], Found], *, partner: Partner) -> Found:
    """What the call gives; `Fault` without a call while the endpoint rests (route.breaker_open; exchange.md, 6) or has
    been called as often as it bears (route.paced): agreed with the partner, or learnt from being throttled.
    """
    limits = BreakerLimits(**asdict(tools.policy().breaker))
    client = tools.call(partner, endpoint)
    # The pace first: who must wait anyway shall not use up the one probe of a resting endpoint.
    _keep_pace(tools, endpoint, partner)
    _ask(tools, endpoint, limits)
    try:
        result = call(client)
    except Fault as fault:
        if fault.reason in _DOWN:
            _tell(tools, endpoint, limits, ok=False)
            _slow_down(tools, endpoint, fault)
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


def wish_of(conn: Connection, organization: str) -> str | None:
    """How the partner of this payer wants to be asked, where nobody says how to ask; None when it left that open."""
    partner = directory.by_organization(conn, organization)
    agreed = directory.agreed(conn, partner.id) if partner else None
    return agreed.profile.mode if agreed else None


def _keep_pace(tools: Tools, endpoint: Endpoint, partner: Partner) -> None:
    """Wait a moment where that is enough; a longer wait gives the thread back."""
    while (wait_s := _taken(tools, endpoint, partner)) is not None:
        if wait_s > SHORT_S:
            raise Fault(FaultKind.RETRYABLE, "route.paced", retry_after_s=wait_s)
        time.sleep(wait_s)


def _taken(tools: Tools, endpoint: Endpoint, partner: Partner) -> float | None:
    with tools.database.transaction() as conn:
        agreed = directory.agreed(conn, partner.id)
        return pacing.take(conn, endpoint.id, agreed=agreed.pace if agreed else ANY_PACE, at=now())


def _slow_down(tools: Tools, endpoint: Endpoint, fault: Fault) -> None:
    if fault.reason == "partner.throttled":
        with tools.database.transaction() as conn:
            pacing.throttled(conn, endpoint.id, rest_s=fault.retry_after_s, at=now())


def _tell(tools: Tools, endpoint: Endpoint, limits: BreakerLimits, *, ok: bool) -> None:
    with tools.database.transaction() as conn:
        registry.record_call(conn, endpoint.id, ok=ok, at=now(), limits=limits)
        if ok:
            pacing.borne(conn, endpoint.id)


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

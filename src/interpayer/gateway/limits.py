"""How often somebody may call, and how many calls at once: agreed with the partner, or as for everybody."""

import threading
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from interpayer.gateway import store
from interpayer.gateway.door import Rate
from interpayer.model.agreement import CallLimits
from interpayer.model.reason import Fault, FaultKind
from interpayer.system.database import Connection

USUAL = CallLimits()


def too_many(
    conn: Connection, who: str, *, route_class: str, rates: Mapping[str, Rate], agreed: CallLimits = USUAL
) -> float | None:
    """Seconds to wait when the caller is over its rate, else None; a call that is allowed is counted.

    One bucket per caller and class of route, shared by all processes.
    """
    return store.take(conn, f"{route_class} {who}", rate_of(route_class, rates, agreed))


def rate_of(route_class: str, rates: Mapping[str, Rate], agreed: CallLimits) -> Rate:
    """The rate that holds: what was agreed, and the usual one for what was not."""
    usual = rates.get(route_class) or rates["read"]
    rate, cost = agreed.rate(route_class), agreed.cost(route_class)
    per_minute, burst = (rate.per_minute, rate.burst) if rate else (usual.per_minute, usual.burst)
    return Rate(per_minute, burst, usual.cost if cost is None else cost)


class CallsUnderWay:
    """How many calls of each partner this process has in its hands, streams to their last byte."""

    def __init__(self) -> None:
        self._calls: Counter[str] = Counter()
        self._counting = threading.Lock()

    @contextmanager
    def one_more(self, partner_id: str, *, most: int) -> Iterator[None]:
        """Hold a place for one call; `Fault` caller.too_many when there is none."""
        with self._counting:
            if self._calls[partner_id] >= most:
                raise Fault(FaultKind.RETRYABLE, "caller.too_many", retry_after_s=1)
            self._calls[partner_id] += 1
        try:
            yield
        finally:
            with self._counting:
                self._calls[partner_id] -= 1
                if not self._calls[partner_id]:
                    del self._calls[partner_id]

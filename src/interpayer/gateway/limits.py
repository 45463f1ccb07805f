"""How often somebody may call: one bucket per partner and class of route, shared by all processes."""

from collections.abc import Mapping

from interpayer.gateway import store
from interpayer.gateway.door import Rate
from interpayer.system.database import Connection


def too_many(conn: Connection, who: str, *, route_class: str, rates: Mapping[str, Rate]) -> float | None:
    """Seconds to wait when the caller is over its rate, else None; a call that is allowed is counted."""
    return store.take(conn, f"{route_class} {who}", rates.get(route_class) or rates["read"])

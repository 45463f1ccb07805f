"""What this plan publishes about finding people, as it is in force now."""

from collections.abc import Callable
from dataclasses import dataclass, field
from threading import Lock
from time import monotonic
from typing import Any

from interpayer.exchange.tools import Tools
from interpayer.identity.learning.adopting import FRESH_S, THRESHOLDS, text_in_force
from interpayer.identity.learning.thresholds_file import calibrations
from interpayer.identity.published import Yardsticks, default_policy, published
from interpayer.system.database import Connection


def policy(tools: Tools, conn: Connection, *, for_partners: bool = False) -> dict[str, Any]:
    """Thresholds, escalation paths and evidence retention; for partners without the limits of single partners."""
    tables = tools.resolver.tables_at(conn)
    proven = calibrations(text_in_force(conn, THRESHOLDS))
    now = Yardsticks(tables.rules, tables.model, tables.thresholds, proven)
    document = published(default_policy(), now, for_partners=for_partners)
    return {"payer": {"name": tools.entity.name, "identifiers": list(tools.entity.identifiers)}, **document}


@dataclass(slots=True)
class PolicyForPartners:
    """The statement for the partners' door, made at most every few seconds: anybody may ask, as often as they like."""

    tools: Tools
    clock: Callable[[], float] = monotonic
    _lock: Lock = field(default_factory=Lock)
    _made: tuple[float, dict[str, Any]] | None = None

    def __call__(self) -> dict[str, Any]:
        """The statement as it is in force."""
        with self._lock:
            at = self.clock()
            if self._made is None or at - self._made[0] >= FRESH_S:
                with self.tools.database.transaction() as conn:
                    self._made = (at, policy(self.tools, conn, for_partners=True))
            return self._made[1]

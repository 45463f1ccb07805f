"""Every refusal at the plan's own doors becomes an event; a flood becomes one event a minute that counts it."""

import threading
from collections import Counter
from dataclasses import dataclass
from datetime import datetime

from interpayer.exchange.tools import Tools
from interpayer.model.event import Event

SINGLE_PER_MINUTE = 100


@dataclass(frozen=True, slots=True)
class Refused:
    """A no: why, on which route, to whom as far as known."""

    reason: str
    route: str
    status: int
    at: datetime
    person_id: str | None = None
    person_kind: str = "system"
    correlation_id: str | None = None

    @property
    def name(self) -> str:
        """Whether the caller or the request was refused."""
        return "caller.refused" if self.reason.startswith("caller.") else "request.refused"


class Refusals:
    """Writes refusals to the chain of their day: the first hundred of a minute singly, the rest as one number."""

    def __init__(self, tools: Tools) -> None:
        self._tools = tools
        self._counting = threading.Lock()
        self._minute = ""
        self._written = 0
        self._flood: Counter[tuple[str, str]] = Counter()

    def note(self, refused: Refused) -> None:
        """Write the refusal in a transaction of its own, or count it."""
        events = self._events(refused)
        if events:
            with self._tools.database.transaction() as conn:
                self._tools.ledger.append_many(conn, events)

    def _events(self, refused: Refused) -> list[Event]:
        minute = refused.at.strftime("%Y-%m-%dT%H:%MZ")
        with self._counting:
            events: list[Event] = []
            if minute != self._minute:
                events = [_counted(self._minute, key, count) for key, count in self._flood.items()]
                self._minute, self._written = minute, 0
                self._flood.clear()
            if self._written >= SINGLE_PER_MINUTE:
                self._flood[refused.name, refused.reason] += 1
                return events
            self._written += 1
        return [*events, _single(refused)]


def _single(refused: Refused) -> Event:
    return Event(
        *(refused.name, f"day:{refused.at.date().isoformat()}", refused.person_kind, refused.person_id or "unknown"),
        outcome="refused",
        reason=refused.reason,
        facts={"route": refused.route, "status": refused.status, "correlation_id": refused.correlation_id},
    )


def _counted(minute: str, key: tuple[str, str], count: int) -> Event:
    name, reason = key
    return Event(
        *(name, f"day:{minute[:10]}", "system", "unknown"),
        outcome="refused",
        reason=reason,
        facts={"minute": minute, "count": count},
    )

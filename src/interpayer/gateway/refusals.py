"""Every refusal at the door becomes an event; a flood becomes one event a minute that counts it (floor.md)."""

import threading
from collections import Counter
from dataclasses import dataclass, field
from datetime import datetime

from interpayer.gateway.door import Record
from interpayer.model.event import Event

SINGLE_PER_MINUTE = 100


@dataclass(frozen=True, slots=True)
class Refused:
    """A no at the door: who (as far as known), why, on which kind of route."""

    reason: str
    route: str
    at: datetime
    partner_id: str | None = None
    correlation_id: str | None = None
    trace_id: str | None = None
    status: int = 0

    @property
    def chain(self) -> str:
        """The partner's own chain, or the day's when nobody has proved who they are."""
        return f"partner:{self.partner_id}" if self.partner_id else f"day:{self.at.date().isoformat()}"

    @property
    def event_name(self) -> str:
        """Whether the caller or the request was refused."""
        return "caller.refused" if self.reason.startswith("caller.") else "request.refused"


@dataclass(slots=True)
class _Minute:
    start: datetime
    written: int = 0
    counted: Counter[tuple[str, str, str]] = field(default_factory=Counter)


class Refusals:
    """Counts refusals per chain and minute: the first hundred are events, the rest one event with their number."""

    def __init__(self, record: Record) -> None:
        self._record = record
        self._minutes: dict[str, _Minute] = {}
        self._counting = threading.Lock()

    def note(self, refused: Refused) -> None:
        """Write the refusal, or count it when its chain is flooded. What cannot be written now is counted, not lost."""
        self._write(self._events(refused), refused.at)

    def flush(self, at: datetime) -> None:
        """Write the counts of minutes that are over."""
        with self._counting:
            over = [chain for chain, minute in self._minutes.items() if (at - minute.start).total_seconds() >= 60]
            events = [event for chain in over for event in _counts(chain, self._minutes.pop(chain))]
        self._write(events, at)

    def _write(self, events: list[Event], at: datetime) -> None:
        for position, event in enumerate(events):
            try:
                self._record(event)
            except Exception:
                self._keep(events[position:], at)
                raise

    def _events(self, refused: Refused) -> list[Event]:
        with self._counting:
            events: list[Event] = []
            minute = self._minutes.get(refused.chain)
            if minute is not None and (refused.at - minute.start).total_seconds() >= 60:
                events = _counts(refused.chain, self._minutes.pop(refused.chain))
                minute = None
            if minute is None:
                minute = self._minutes[refused.chain] = _Minute(refused.at)
            if minute.written >= SINGLE_PER_MINUTE:
                minute.counted[refused.event_name, refused.reason, refused.route] += 1
                return events
            minute.written += 1
            return [*events, _event(refused)]

    def _keep(self, events: list[Event], at: datetime) -> None:
        """The ledger could not take them: remember how many there were."""
        with self._counting:
            for event in events:
                minute = self._minutes.setdefault(event.chain, _Minute(at))
                count = event.facts.get("count", 1)
                key = (event.name, event.reason or "", str(event.facts.get("route", "")))
                minute.counted[key] += count if isinstance(count, int) else 1


def _event(refused: Refused) -> Event:
    return Event(
        name=refused.event_name,
        chain=refused.chain,
        actor_type="partner",
        actor_id=refused.partner_id or "unknown",
        outcome="refused",
        reason=refused.reason,
        partner_id=refused.partner_id,
        trace_id=refused.trace_id,
        facts={"route": refused.route, "status": refused.status, "correlation_id": refused.correlation_id},
    )


def _counts(chain: str, minute: _Minute) -> list[Event]:
    partner_id = chain.partition(":")[2] if chain.startswith("partner:") else None
    return [
        Event(
            name=name,
            chain=chain,
            actor_type="partner",
            actor_id=partner_id or "unknown",
            outcome="refused",
            reason=reason,
            partner_id=partner_id,
            facts={"route": route, "count": count, "minute": minute.start.strftime("%Y-%m-%dT%H:%MZ")},
        )
        for (name, reason, route), count in minute.counted.items()
    ]

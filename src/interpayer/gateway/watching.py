"""Scraping, watched at the door: calls are counted, and addresses asked for in vain; who goes too far is slowed, then
refused. It stands beside the watch over guesses at members (exchange/steps/guarding.py), which looks at matches only.
"""

import re
import threading
from collections import Counter
from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from functools import cache

from interpayer.gateway import store
from interpayer.gateway.door import Door, Rate
from interpayer.model.event import Event
from interpayer.model.reason import Refusal
from interpayer.partners import conduct_store
from interpayer.partners.conduct import Level, Limits, Pattern, Standing, judge
from interpayer.policy.figures import ScrapingNumbers
from interpayer.system.database import Connection
from interpayer.system.telemetry import log

# Our ids: a letter and 128 random bits (floor.md). Whoever asks for anything else did not get it from us.
OURS = re.compile(r"[a-z]-[a-z2-7]{26}")


@cache
def limits_of(numbers: ScrapingNumbers) -> Limits:
    """The limits that the policy in force sets."""
    return Limits(
        missing=numbers.missing,
        counting=numbers.counting,
        volume=numbers.volume,
        volume_floor=numbers.volume_floor,
        span=timedelta(hours=numbers.span_hours),
        rest=timedelta(hours=numbers.rest_hours),
        slow_s=numbers.slow_s,
    )


class Watch:
    """What this process has seen, and how partners stand by what all processes have seen."""

    def __init__(self, door: Door) -> None:
        self._door = door
        self._calls: Counter[str] = Counter()
        self._standings: Mapping[str, Standing] = {}
        self._counting = threading.Lock()

    def turn_away(self, conn: Connection, partner_id: str, *, at: datetime) -> float | None:
        """Count a call; seconds to wait when the partner is slowed and too fast, else None.

        `Refusal` caller.scraping while the partner is refused.
        """
        with self._counting:
            self._calls[partner_id] += 1
        standing = self._standings.get(partner_id)
        if standing is None or at >= standing.until:
            return None
        if standing.level is Level.REFUSED:
            raise Refusal("caller.scraping")
        slow_s = limits_of(self._door.policy().scraping).slow_s
        return store.take(conn, f"slowed {partner_id}", Rate(60 / slow_s, 1))

    def missed(self, partner_id: str, address: str, ids: Iterable[str], *, at: datetime) -> None:
        """Note an address that the partner has no part in, and what that amounts to."""
        mark = self._door.vault.pseudonym("missed", address)
        is_counting = any(OURS.fullmatch(one) is None for one in ids)
        with self._door.database.transaction() as conn:
            conduct_store.add_missed(conn, partner_id, mark, is_counting=is_counting, at=at)
            self._judge(conn, partner_id, at)

    def settle(self, *, at: datetime) -> None:
        """Bring what was counted here to what all processes have counted, and see how partners stand now."""
        with self._counting:
            calls, self._calls = self._calls, Counter()
        limits = limits_of(self._door.policy().scraping)
        try:
            with self._door.database.transaction() as conn:
                conduct_store.add_calls(conn, calls, day=at.date())
                for partner_id in calls:
                    self._judge(conn, partner_id, at)
                self._standings = conduct_store.standings(conn, rest=limits.rest, at=at)
        except BaseException:
            with self._counting:
                self._calls += calls
            raise

    def forget(self, *, at: datetime) -> None:
        """Drop what no judgement looks at any more."""
        with self._door.database.transaction() as conn:
            conduct_store.forget(conn, before=at - limits_of(self._door.policy().scraping).span)

    def _judge(self, conn: Connection, partner_id: str, at: datetime) -> None:
        limits = limits_of(self._door.policy().scraping)
        patterns = judge(conduct_store.tally(conn, partner_id, limits, at=at), limits)
        if not patterns:
            return
        for pattern in conduct_store.raise_alarms(conn, partner_id, patterns, since=at - limits.span, at=at):
            self._tell(conn, partner_id, pattern)

    def _tell(self, conn: Connection, partner_id: str, pattern: Pattern) -> None:
        level = pattern.level.name.lower()
        self._door.ledger.append(
            conn,
            Event(
                *("caller.scraping", f"partner:{partner_id}", "process", "interpayer"),
                outcome="review" if pattern.level is Level.NOTICED else "refused",
                reason="caller.scraping",
                partner_id=partner_id,
                policy_version=self._door.policy().version,
                facts={"pattern": pattern.name, "level": level, "number": pattern.number},
            ),
        )
        # what an alert rule looks for
        log.warning("scraping", partner_id=partner_id, kind=pattern.name, state=level, count=pattern.number)

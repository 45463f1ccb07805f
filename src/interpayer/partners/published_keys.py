"""Which keys a partner proves itself with now: those behind its address, kept as long as it allows, else as registered.

One process fetches for all (single flight in the database), at most once in half a minute for each partner: neither a
flood of unknown key ids nor a partner that is away makes us a burden for it.
"""

import threading
import time
from collections.abc import Callable, Mapping
from datetime import timedelta
from typing import Any

from interpayer.model.event import JSON, Event
from interpayer.model.reason import Fault, FaultKind, Refusal
from interpayer.partners import key_store
from interpayer.partners.directory import Credentials
from interpayer.partners.jwks_fetch import LIMIT_S, Fetch, Fetched
from interpayer.partners.key_store import Published
from interpayer.system.clock import now
from interpayer.system.database import Database
from interpayer.system.telemetry import get_logger

PACE = timedelta(seconds=30)
LEASE = timedelta(seconds=LIMIT_S + 2)
# While an address does not answer, keys that came from it count for a day, and somebody is told.
STALE = timedelta(hours=24)
LOOK_S = 0.05
# So many calls of one process may wait for keys at once; the others are told to come again, so that threads stay free.
MOST_WAITING = 8

log = get_logger()


class PublishedKeys:
    """The keys of partners that registered an address (SMART App Launch 2.2: JWKS by URL)."""

    def __init__(self, database: Database, fetch: Fetch, record: Callable[[Event], None]) -> None:
        self._database, self._fetch, self._record = database, fetch, record
        self._waiting = threading.BoundedSemaphore(MOST_WAITING)

    def keys_of(self, known: Credentials, key_id: str) -> Mapping[str, Any]:
        """The partner's key set, fetched anew when it is over or does not know this key id.

        `Refusal` caller.keys_unreachable when there is none that may still be used.
        """
        url, partner_id = known.agreed.jwks_url, known.partner.id
        if url is None:
            return known.partner.jwks
        kept = self._read(partner_id, url)
        if kept is not None and _is_fresh(kept) and _knows(kept, key_id):
            return kept.jwks or {}
        kept = self._refreshed(partner_id, url)
        if kept is None or kept.jwks is None or not _is_usable(kept):
            raise Refusal("caller.keys_unreachable", "the keys behind the registered jwks_url could not be read")
        return kept.jwks

    def _read(self, partner_id: str, url: str) -> Published | None:
        with self._database.transaction() as conn:
            return key_store.published(conn, partner_id, url)

    def _refreshed(self, partner_id: str, url: str) -> Published | None:
        """What is known once whoever's turn it is has fetched."""
        if not self._waiting.acquire(blocking=False):
            raise Fault(FaultKind.RETRYABLE, "system.overloaded", retry_after_s=LIMIT_S)
        try:
            with self._database.transaction() as conn:
                is_mine = key_store.take_turn(conn, partner_id, url, pace=PACE, lease=LEASE)
            if is_mine:
                self._ask(partner_id, url)
            return self._after_the_others(partner_id, url)
        finally:
            self._waiting.release()

    def _ask(self, partner_id: str, url: str) -> None:
        try:
            fetched = self._fetch(url)
        except (Refusal, Fault) as error:
            why = error.detail or error.reason
            with self._database.transaction() as conn:
                is_first = key_store.note_failure(conn, partner_id, url, failure=why)
            log.warning("a partner's keys cannot be read", partner_id=partner_id, reason=error.reason)
            if is_first:
                self._tell("partner.keys_unreachable", partner_id, {"why": why}, outcome="failed")
            return
        self._keep(partner_id, url, fetched)

    def _keep(self, partner_id: str, url: str, fetched: Fetched) -> None:
        keep_for = timedelta(seconds=fetched.keep_s)
        with self._database.transaction() as conn:
            before = key_store.keep(conn, partner_id, url, jwks=fetched.jwks, keep_for=keep_for)
        if before != fetched.jwks:
            came, went = _ids(fetched.jwks) - _ids(before), _ids(before) - _ids(fetched.jwks)
            self._tell("partner.keys_published", partner_id, {"came": [*sorted(came)], "went": [*sorted(went)]})

    def _after_the_others(self, partner_id: str, url: str) -> Published | None:
        end = time.monotonic() + LEASE.total_seconds()
        kept = self._read(partner_id, url)
        while kept is not None and kept.asking_until > now() and time.monotonic() < end:
            time.sleep(LOOK_S)
            kept = self._read(partner_id, url)
        return kept

    def _tell(self, name: str, partner_id: str, facts: dict[str, JSON], *, outcome: str = "ok") -> None:
        self._record(
            Event(
                *(name, f"partner:{partner_id}", "process", "interpayer"),
                outcome=outcome,
                partner_id=partner_id,
                facts=facts,
            )
        )


def _is_fresh(kept: Published) -> bool:
    return kept.fresh_until is not None and kept.fresh_until > now()


def _is_usable(kept: Published) -> bool:
    """Whether the keys may be used: fresh, or old while the address does not answer or may not be asked again yet."""
    return kept.fetched_at is not None and kept.fetched_at + STALE > now()


def _knows(kept: Published, key_id: str) -> bool:
    return key_id in _ids(kept.jwks)


def _ids(jwks: Mapping[str, Any] | None) -> set[str]:
    return {str(key.get("kid")) for key in (jwks or {}).get("keys", ())}

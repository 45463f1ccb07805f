"""Who is worth comparing with a request: one small interface, several engines behind it (docs/decisions)."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from interpayer.identity.index.store import Found, find_near, sweep_near
from interpayer.system.database import Connection


@dataclass(frozen=True, slots=True)
class Sought:
    """What is looked for: hashed keys, which of them are ids (never skipped), and the requests' fingerprints."""

    hashes: Sequence[int]
    are_ids: Sequence[bool]
    fingerprints: Sequence[str]
    largest: int


class Engine(Protocol):
    """Finds the members under hashed keys, set-based. Every engine finds the same members."""

    def find(self, conn: Connection, sought: Sought) -> Found:
        """The members near the requests; places count from 1 in the order of the keys."""
        ...


# From so many keys on (about forty requests) sweeping the index beats looking them up one by one.
SWEPT = 500


class PostgresEngine:
    """The index where it lies: always fresh; one round trip for a request, three for thousands."""

    def find(self, conn: Connection, sought: Sought) -> Found:
        """The members near the requests."""
        find = sweep_near if len(sought.hashes) >= SWEPT else find_near
        return find(conn, sought.hashes, sought.are_ids, sought.fingerprints, largest=sought.largest)

"""How the installation is, for probes: no names, no counts of members."""

from dataclasses import dataclass
from datetime import datetime

from interpayer.audit.freshness import oldest_unsealed_at, sealed_at
from interpayer.exchange.durability.leases import live_executors
from interpayer.exchange.tools import Tools
from interpayer.operations import guessing
from interpayer.system.clock import now
from interpayer.system.database import DatabaseGone

LONGEST_UNSEALED_S = 60.0


@dataclass(frozen=True, slots=True)
class Health:
    """What a probe may know; ages are in seconds. `suspected_partners`: slowed or refused lately for guessing."""

    is_database_there: bool
    workers: int = 0
    worker_age_s: float | None = None
    checkpoint_age_s: float | None = None
    unsealed_age_s: float | None = None
    are_releases_held: bool = False
    suspected_partners: int = 0

    @property
    def status(self) -> str:
        """`ok`; `degraded` when calls are kept but not worked on, sealed or released; `down` without the database."""
        if not self.is_database_there:
            return "down"
        is_behind = (self.unsealed_age_s or 0.0) > LONGEST_UNSEALED_S
        return "degraded" if self.workers == 0 or is_behind or self.are_releases_held else "ok"


def look(tools: Tools) -> Health:
    """The health now; a database that cannot be reached is an answer, not an error."""
    try:
        with tools.database.transaction() as conn:
            beats, at = live_executors(conn), now()
            return Health(
                is_database_there=True,
                workers=len(beats),
                worker_age_s=_age(max(beats.values(), default=None), at),
                checkpoint_age_s=_age(sealed_at(conn), at),
                unsealed_age_s=_age(oldest_unsealed_at(conn), at),
                are_releases_held=tools.releases_held(conn),
                suspected_partners=guessing.suspected(tools, conn),
            )
    except DatabaseGone:
        return Health(is_database_there=False)


def _age(since: datetime | None, at: datetime) -> float | None:
    return round(max(0.0, (at - since).total_seconds()), 1) if since is not None else None

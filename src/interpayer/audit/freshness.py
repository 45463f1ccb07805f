"""How far behind the sealer is."""

from datetime import datetime

from interpayer.system.database import Connection


def sealed_at(conn: Connection) -> datetime | None:
    """The time of the newest checkpoint; None before the first."""
    row = conn.execute("select at from audit.checkpoint order by number desc limit 1").fetchone()
    return row["at"] if row is not None else None


def oldest_unsealed_at(conn: Connection) -> datetime | None:
    """The time of the oldest event that waits for a checkpoint; None when all are sealed."""
    row = conn.execute("select min(at) as at from audit.timeline where position is null").fetchone()
    return row["at"] if row is not None else None

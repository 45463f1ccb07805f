"""Which workers live, for whoever looks from outside."""

from datetime import datetime

from interpayer.system.database import Connection


def live_executors(conn: Connection) -> dict[str, datetime]:
    """The executors whose lease holds, each with its last beat."""
    rows = conn.execute("select executor, beat_at from exchange.lease where expires_at > clock_timestamp()")
    return {row["executor"]: row["beat_at"] for row in rows}

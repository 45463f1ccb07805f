"""Where this room keeps wrapped keys, and what a member leaves in its jobs."""

from collections.abc import Sequence

from interpayer.system.database import Connection
from interpayer.system.rewrapping import WrappedColumn

WRAPPED = WrappedColumn("delivery.job", "id", "data_key")


def forget_requests(conn: Connection, job_ids: Sequence[str]) -> int:
    """Empty the requests of these jobs, those under way left out; how many. What is asked of them again is gone."""
    row = conn.execute("select delivery.forget(%s) as gone", (list(job_ids),)).fetchone()
    return int(row["gone"]) if row else 0

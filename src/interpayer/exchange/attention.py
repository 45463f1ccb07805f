"""Exchanges that a person should look at."""

from typing import Any

from interpayer.model.exchange import State
from interpayer.system.database import Connection

PROBLEMS = (
    State.INCOMPLETE,
    State.IN_REVIEW,
    State.UNRESOLVED,
    State.BLOCKED,
    State.ESCALATED,
    State.FAILED,
    State.EXPIRED,
    State.RECALLED,
)


def needing_attention(conn: Connection, *, after: str | None = None, limit: int = 50) -> list[dict[str, Any]]:
    """Exchanges in trouble or past the law's time, newest first; `after` is the last id of the page before."""
    return conn.execute(
        """select * from exchange.exchange
           where (state = any(%(states)s)
                  or (overdue_at is not null and state not in ('completed', 'cancelled', 'revoked', 'archived')))
             and (%(after)s::text is null
                  or (received_at, id) < (select received_at, id from exchange.exchange where id = %(after)s))
           order by received_at desc, id desc limit %(limit)s""",
        {"states": [state.value for state in PROBLEMS], "after": after, "limit": limit},
    ).fetchall()

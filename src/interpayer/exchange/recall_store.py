"""Recalls: the undoing of a wrong release, over one or many exchanges."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from interpayer.system.database import Connection, as_json


def add(conn: Connection, recall_id: str, *, exchange_ids: Sequence[str], reason: str, by: str, at: datetime) -> None:
    """Open a recall."""
    conn.execute(
        """insert into exchange.recall (id, exchange_ids, reason, state, opened_by, opened_at)
           values (%s, %s, %s, 'open', %s, %s)""",
        (recall_id, list(exchange_ids), reason, by, at),
    )


def update(
    conn: Connection, recall_id: str, *, state: str, scope: Mapping[str, Any], closed_at: datetime | None = None
) -> None:
    """Bring a recall further; the scope is merged."""
    conn.execute(
        """update exchange.recall set state = %s, scope = scope || %s, closed_at = coalesce(%s, closed_at)
            where id = %s""",
        (state, as_json(dict(scope)), closed_at, recall_id),
    )


def recall(conn: Connection, recall_id: str) -> dict[str, Any] | None:
    """One recall, locked; None when unknown."""
    return conn.execute("select * from exchange.recall where id = %s for update", (recall_id,)).fetchone()


def listed(conn: Connection, *, limit: int = 100) -> list[dict[str, Any]]:
    """The latest recalls."""
    return conn.execute("select * from exchange.recall order by opened_at desc, id limit %s", (limit,)).fetchall()

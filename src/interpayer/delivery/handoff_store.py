"""Hand-offs as they stand: made, given on, acknowledged, or not what was given (schema delivery)."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from interpayer.system.clock import now
from interpayer.system.database import Connection, as_json

_COLUMNS = (
    "id, exchange_id, member_id, state, target, counts, digest, made_at, state_at, attempts, reason, "
    "acknowledged_by, acknowledged"
)


@dataclass(frozen=True, slots=True)
class NewHandoff:
    """What one exchange brought for the plan's own systems."""

    id: str
    exchange_id: str
    member_id: str
    target: str
    counts: Mapping[str, int]
    digest: str


def add(conn: Connection, one: NewHandoff) -> str:
    """Keep it, ready to be given on; its id. An exchange has one hand-off: made again, it is the same."""
    at = now()
    row = conn.execute(
        "insert into delivery.handoff (id, exchange_id, member_id, state, target, counts, digest, made_at, state_at) "
        "values (%s, %s, %s, 'ready', %s, %s, %s, %s, %s) on conflict (exchange_id) do update "
        "set state = 'ready', target = excluded.target, counts = excluded.counts, digest = excluded.digest, "
        "state_at = excluded.state_at, reason = null, acknowledged_by = null, acknowledged = null returning id",
        (one.id, one.exchange_id, one.member_id, one.target, as_json(dict(one.counts)), one.digest, at, at),
    ).fetchone()
    assert row is not None
    return str(row["id"])


def of_exchange(conn: Connection, exchange_id: str, *, lock: bool = False) -> dict[str, Any] | None:
    """The hand-off of an exchange; None when there is none."""
    tail = " for update" if lock else ""
    statement = f"select {_COLUMNS} from delivery.handoff where exchange_id = %s{tail}"  # noqa: S608
    return conn.execute(statement, (exchange_id,)).fetchone()


def sent(conn: Connection, exchange_id: str) -> None:
    """It was given on; whether it arrived, the other side says."""
    conn.execute(
        "update delivery.handoff set state = case when state = 'ready' then 'sent' else state end, state_at = %s, "
        "attempts = attempts + 1 where exchange_id = %s",
        (now(), exchange_id),
    )


def acknowledged(
    conn: Connection, exchange_id: str, *, by: str, told: Mapping[str, Any], reason: str | None = None
) -> None:
    """What the other side says to have; with a reason: it is not what was given."""
    state = "differs" if reason else "acknowledged"
    conn.execute(
        "update delivery.handoff set state = %s, reason = %s, acknowledged_by = %s, acknowledged = %s, state_at = %s "
        "where exchange_id = %s",
        (state, reason, by, as_json(dict(told)), now(), exchange_id),
    )


def recalled(conn: Connection, exchange_id: str) -> None:
    """What was given on is recalled: whatever the other side had said, it is to be set apart."""
    conn.execute(
        "update delivery.handoff set state = 'recalled', state_at = %s where exchange_id = %s", (now(), exchange_id)
    )


def listed(conn: Connection, *, state: str | None = None, limit: int = 200) -> list[dict[str, Any]]:
    """Hand-offs, the oldest that nobody acknowledged first."""
    return conn.execute(
        f"select {_COLUMNS} from delivery.handoff where (%(state)s::text is null or state = %(state)s) "  # noqa: S608
        "order by state = 'acknowledged', state_at, id limit %(limit)s",
        {"state": state, "limit": limit},
    ).fetchall()

"""How fast we call an endpoint: the pace agreed with the partner, what being throttled taught, a rest it asked for.

One row per endpoint, shared by all workers (GCRA in one statement). The caller owns the transaction.
"""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta

from interpayer.model.agreement import Pace
from interpayer.system.database import Connection

# Throttled: back to this share of what was called in the last minutes; then up again, a little with each success.
BACK_OFF, RECOVER = 0.7, 1.002
LEAST_PER_MINUTE = 1.0
REST_S = 5.0
WINDOW = timedelta(minutes=1)


@dataclass(frozen=True, slots=True)
class PaceState:
    """How an endpoint is called now: what was learnt, until when it rests, how often it throttled us."""

    learned_per_minute: float | None
    rest_until: datetime | None
    throttled: int


def paces(conn: Connection, endpoint_ids: Collection[str]) -> dict[str, PaceState]:
    """The pace of these endpoints; one that was never called is absent."""
    rows = conn.execute(
        "select endpoint_id, learned_per_minute, rest_until, throttled from routing.pace where endpoint_id = any(%s)",
        [list(endpoint_ids)],
    )
    return {
        row["endpoint_id"]: PaceState(row["learned_per_minute"], row["rest_until"], row["throttled"]) for row in rows
    }


def take(conn: Connection, endpoint_id: str, *, agreed: Pace, at: datetime) -> float | None:
    """Count a call. None when it may go now, else the seconds until one may; the row is the lock."""
    conn.execute("insert into routing.pace (endpoint_id) values (%s) on conflict do nothing", [endpoint_id])
    row = conn.execute("select * from routing.pace where endpoint_id = %s for update", [endpoint_id]).fetchone()
    assert row is not None
    if row["rest_until"] is not None and at < row["rest_until"]:
        return float((row["rest_until"] - at).total_seconds())
    arrival = row["arrival"]
    per_minute = _in_force(agreed.per_minute, row["learned_per_minute"])
    if per_minute is not None:
        step = timedelta(minutes=1) / per_minute
        ahead = step * (agreed.burst - 1)
        if arrival is not None and arrival - at > ahead:
            return float((arrival - at - ahead).total_seconds())
        arrival = max(arrival or at, at) + step
    is_new = row["window_started_at"] is None or at - row["window_started_at"] > WINDOW
    conn.execute(
        "update routing.pace set arrival = %s, window_started_at = %s, window_calls = %s, changed_at = now()"
        " where endpoint_id = %s",
        [arrival, at if is_new else row["window_started_at"], 1 if is_new else row["window_calls"] + 1, endpoint_id],
    )
    return None


def throttled(conn: Connection, endpoint_id: str, *, rest_s: float | None, at: datetime) -> PaceState:
    """The partner asked us to slow down: rest as long as it says, and call more slowly afterwards."""
    conn.execute("insert into routing.pace (endpoint_id) values (%s) on conflict do nothing", [endpoint_id])
    row = conn.execute("select * from routing.pace where endpoint_id = %s for update", [endpoint_id]).fetchone()
    assert row is not None
    if row["rest_until"] is not None and at < row["rest_until"]:
        # Calls that were on their way when the first was throttled: they tell nothing new.
        return PaceState(row["learned_per_minute"], row["rest_until"], row["throttled"])
    observed = _observed(row["window_calls"], row["window_started_at"], at)
    slower = _in_force(row["learned_per_minute"], observed)
    learned = None if slower is None else max(LEAST_PER_MINUTE, slower * BACK_OFF)
    rest_until = at + timedelta(seconds=rest_s or REST_S)
    count = row["throttled"] + 1
    conn.execute(
        "update routing.pace set learned_per_minute = %s, rest_until = %s, throttled = %s, changed_at = now()"
        " where endpoint_id = %s",
        [learned, rest_until, count, endpoint_id],
    )
    return PaceState(learned, rest_until, count)


def borne(conn: Connection, endpoint_id: str) -> None:
    """A call was answered: what was learnt loosens a little, so that an old hour of trouble does not last for ever."""
    conn.execute(
        "update routing.pace set learned_per_minute = learned_per_minute * %s"
        " where endpoint_id = %s and learned_per_minute is not null",
        [RECOVER, endpoint_id],
    )


def _in_force(one: float | None, other: float | None) -> float | None:
    """The slower of two paces; None when neither limits."""
    known = [pace for pace in (one, other) if pace is not None]
    return min(known, default=None)


def _observed(calls: int, started_at: datetime | None, at: datetime) -> float | None:
    if started_at is None or calls < 1:
        return None
    return calls / max((at - started_at) / timedelta(minutes=1), 1 / 60)

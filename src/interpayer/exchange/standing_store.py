"""Standing requests: the duty to ask one payer for one person, from which exchanges follow."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from interpayer.system.database import Connection


@dataclass(frozen=True, slots=True)
class Standing:
    """A standing request as made from the enrollment feed; `prior_sealed` holds the old card's ids."""

    id: str
    member_id: str
    organization: str
    relation: str
    basis: str
    consent_id: str | None
    prior_sealed: bytes
    known_on: date
    next_due_at: datetime
    phase: str = "initial"


def upsert(conn: Connection, wanted: Sequence[Standing], at: datetime) -> list[str]:
    """Make or refresh standing requests, one per member and payer; the ids that are new or became active again.

    One that has done all it had to do stays finished: the feed says the same every day.
    """
    kept = _kept(conn, wanted)
    with conn.cursor() as cursor:
        cursor.executemany(
            """insert into exchange.standing as t (id, member_id, organization, relation, basis, consent_id,
                 prior_sealed, known_on, next_due_at, phase, state, changed_at)
               values (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, 'active', %s)
               on conflict (member_id, organization) do update set relation = excluded.relation,
                 consent_id = excluded.consent_id, basis = excluded.basis,
                 prior_sealed = excluded.prior_sealed, state = 'active', stopped_reason = null,
                 next_due_at = case when t.state = 'stopped' then excluded.next_due_at else t.next_due_at end,
                 phase = case when t.state = 'stopped' then excluded.phase else t.phase end,
                 fired = case when t.state = 'stopped' then 0 else t.fired end,
                 changed_at = excluded.changed_at
               where t.stopped_reason is distinct from 'finished'""",
            [
                (
                    *(s.id, s.member_id, s.organization, s.relation, s.basis, s.consent_id, s.prior_sealed),
                    *(s.known_on, s.next_due_at, s.phase, at),
                )
                for s in wanted
            ],
        )
    now = _kept(conn, wanted)
    fresh = {key for key, (_, state) in now.items() if state == "active" and kept.get(key, ("", ""))[1] != "active"}
    return [now[key][0] for key in sorted(fresh)]


def _kept(conn: Connection, wanted: Sequence[Standing]) -> dict[tuple[str, str], tuple[str, str]]:
    """Id and state of those that stand, by member and payer, locked."""
    rows = conn.execute(
        """select t.id, t.member_id, t.organization, t.state from exchange.standing t
             join unnest(%s::text[], %s::text[]) as w (member_id, organization) using (member_id, organization)
            order by t.id for update of t""",
        ([s.member_id for s in wanted], [s.organization for s in wanted]),
    ).fetchall()
    return {(row["member_id"], row["organization"]): (row["id"], row["state"]) for row in rows}


def stop(conn: Connection, *, member_ids: Sequence[str], reason: str, at: datetime) -> list[str]:
    """Stop the standing requests of these members; the ids stopped."""
    rows = conn.execute(
        """update exchange.standing set state = 'stopped', stopped_reason = %s, changed_at = %s
           where member_id = any(%s) and state = 'active' returning id""",
        (reason, at, list(member_ids)),
    ).fetchall()
    return [row["id"] for row in rows]


def due(conn: Connection, at: datetime, limit: int) -> list[dict[str, Any]]:
    """Active standing requests whose time has come, locked; another process skips them."""
    return conn.execute(
        """select * from exchange.standing where state = 'active' and next_due_at <= %s
           order by next_due_at, id limit %s for update skip locked""",
        (at, limit),
    ).fetchall()


def fired(conn: Connection, standing_id: str, *, next_due_at: datetime | None, phase: str) -> None:
    """Note that an exchange followed; None as next time ends the standing request."""
    conn.execute(
        """update exchange.standing set fired = fired + 1, next_due_at = %s, phase = %s,
             state = case when %s::timestamptz is null then 'stopped' else state end,
             stopped_reason = case when %s::timestamptz is null then 'finished' else stopped_reason end
           where id = %s""",
        (next_due_at, phase, next_due_at, next_due_at, standing_id),
    )


def set_watermark(conn: Connection, standing_ids: Sequence[str], transaction_time: datetime) -> None:
    """Keep the `transactionTime` of the last manifest; the next increment asks since then."""
    conn.execute(
        "update exchange.standing set watermark = %s where id = any(%s)", (transaction_time, list(standing_ids))
    )


def standing(conn: Connection, standing_id: str) -> dict[str, Any] | None:
    """One standing request, or None."""
    return conn.execute("select * from exchange.standing where id = %s", (standing_id,)).fetchone()


def listed(conn: Connection, *, state: str | None, limit: int) -> list[dict[str, Any]]:
    """Standing requests, the next due first."""
    return conn.execute(
        """select * from exchange.standing where (%s::text is null or state = %s)
           order by next_due_at nulls last, id limit %s""",
        (state, state, limit),
    ).fetchall()

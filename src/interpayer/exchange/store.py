"""The index of exchanges: rows, envelopes, idempotency. State changes only through `transitions.move`."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from interpayer.model.exchange import WITHDRAWABLE, Answer, Exchange, Role, State
from interpayer.system.database import Connection, as_json


@dataclass(frozen=True, slots=True)
class NewExchange:
    """What is known when an exchange is received; `envelope` is the sealed request as it came."""

    id: str
    role: Role
    correlation_id: str
    partner_id: str | None
    organization: str | None
    purpose: str
    basis: str
    received_at: datetime
    due_at: datetime
    give_up_at: datetime
    envelope: bytes
    envelope_sha256: str
    priority: str = "normal"
    action: str = "history"
    batch_id: str | None = None
    standing_id: str | None = None
    follows: str | None = None
    window_from: date | None = None
    window_to: date | None = None


@dataclass(frozen=True, slots=True)
class Change:
    """New values that go with a state change; None keeps what stands there."""

    exchange_id: str
    state: State
    reason: str | None
    member_id: str | None = None
    consent_id: str | None = None
    partner_id: str | None = None
    batch_id: str | None = None
    case_id: str | None = None
    partner_member: str | None = None
    answer: str | None = None
    details: Mapping[str, Any] | None = None


@dataclass(frozen=True, slots=True)
class Filter:
    """What a list of exchanges is narrowed by; None does not narrow."""

    state: str | None = None
    role: str | None = None
    partner_id: str | None = None
    member_id: str | None = None
    correlation_id: str | None = None
    since: datetime | None = None
    until: datetime | None = None
    after: str | None = None
    limit: int = 50


_COLUMNS = """id, role, state, correlation_id, partner_id, member_id, consent_id, batch_id, standing_id, purpose,
 basis, priority, reason, answer, received_at, due_at, give_up_at, attempt, version"""


def create_many(conn: Connection, exchanges: Sequence[NewExchange]) -> None:
    """Keep new exchanges in state `received`, each with its immutable envelope."""
    with conn.cursor() as cursor:
        cursor.executemany(
            """insert into exchange.exchange (id, role, state, correlation_id, partner_id, organization, purpose, basis,
                 priority, action, batch_id, standing_id, follows, window_from, window_to, received_at, due_at,
                 give_up_at, state_at)
               values (%s, %s, 'received', %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s)""",
            [
                (
                    *(n.id, n.role.value, n.correlation_id, n.partner_id, n.organization, n.purpose, n.basis),
                    *(n.priority, n.action, n.batch_id, n.standing_id, n.follows, n.window_from, n.window_to),
                    *(n.received_at, n.due_at, n.give_up_at, n.received_at),
                )
                for n in exchanges
            ],
        )
        cursor.executemany(
            "insert into exchange.envelope (exchange_id, received_at, sha256, sealed) values (%s, %s, %s, %s)",
            [(n.id, n.received_at, n.envelope_sha256, n.envelope) for n in exchanges],
        )


def load(conn: Connection, exchange_id: str) -> Exchange | None:
    """One exchange, or None."""
    row = conn.execute(f"select {_COLUMNS} from exchange.exchange where id = %s", (exchange_id,)).fetchone()  # noqa: S608
    return _exchange(row) if row else None


def row_of(conn: Connection, exchange_id: str) -> dict[str, Any] | None:
    """All columns of one exchange, for the renderings."""
    return conn.execute("select * from exchange.exchange where id = %s", (exchange_id,)).fetchone()


def lock_many(conn: Connection, exchange_ids: Sequence[str]) -> dict[str, Exchange]:
    """The exchanges of these ids, locked in id order so that two callers never wait for each other in a circle."""
    rows = conn.execute(
        f"select {_COLUMNS} from exchange.exchange where id = any(%s) order by id for update",  # noqa: S608
        (list(exchange_ids),),
    ).fetchall()
    return {row["id"]: _exchange(row) for row in rows}


def apply(conn: Connection, changes: Sequence[Change], at: datetime) -> None:
    """Write many state changes in one statement; the caller holds the row locks."""
    columns: list[list[Any]] = [
        [c.exchange_id for c in changes],
        [c.state.value for c in changes],
        [c.reason for c in changes],
        [c.member_id for c in changes],
        [c.consent_id for c in changes],
        [c.partner_id for c in changes],
        [c.batch_id for c in changes],
        [c.case_id for c in changes],
        [c.partner_member for c in changes],
        [c.answer for c in changes],
        [as_json(dict(c.details or {})) for c in changes],
    ]
    conn.execute(
        """update exchange.exchange e set state = v.state, reason = v.reason, state_at = %s, version = e.version + 1,
             member_id = coalesce(v.member_id, e.member_id), consent_id = coalesce(v.consent_id, e.consent_id),
             partner_id = coalesce(v.partner_id, e.partner_id), batch_id = coalesce(v.batch_id, e.batch_id),
             case_id = coalesce(v.case_id, e.case_id), partner_member = coalesce(v.partner_member, e.partner_member),
             answer = coalesce(v.answer, e.answer), details = e.details || v.details
           from unnest(%s::text[], %s::text[], %s::text[], %s::text[], %s::text[], %s::text[], %s::text[], %s::text[],
                       %s::text[], %s::text[], %s::jsonb[])
             as v (id, state, reason, member_id, consent_id, partner_id, batch_id, case_id, partner_member, answer,
                   details)
           where e.id = v.id""",
        (at, *columns),
    )


def listed(conn: Connection, wanted: Filter) -> list[dict[str, Any]]:
    """Exchanges, newest first, narrowed by the filter; `after` is the id of the last row of the page before."""
    return conn.execute(
        """select * from exchange.exchange e
           where (%(state)s::text is null or state = %(state)s) and (%(role)s::text is null or role = %(role)s)
             and (%(partner)s::text is null or partner_id = %(partner)s)
             and (%(member)s::text is null or member_id = %(member)s)
             and (%(correlation)s::text is null or correlation_id = %(correlation)s)
             and (%(since)s::timestamptz is null or received_at >= %(since)s)
             and (%(until)s::timestamptz is null or received_at < %(until)s)
             and (%(after)s::text is null
                  or (received_at, id) < (select received_at, id from exchange.exchange where id = %(after)s))
           order by received_at desc, id desc limit %(limit)s""",
        {
            "state": wanted.state,
            "role": wanted.role,
            "partner": wanted.partner_id,
            "member": wanted.member_id,
            "correlation": wanted.correlation_id,
            "since": wanted.since,
            "until": wanted.until,
            "after": wanted.after,
            "limit": wanted.limit,
        },
    ).fetchall()


def counts(conn: Connection) -> list[dict[str, Any]]:
    """How many exchanges stand in which state, by role."""
    return conn.execute(
        "select role, state, count(*) as exchanges from exchange.exchange group by 1, 2 order by 1, 2"
    ).fetchall()


def of_batch(conn: Connection, batch_id: str, states: Iterable[State]) -> list[dict[str, Any]]:
    """The exchanges of a batch that stand in one of the states, in id order."""
    return conn.execute(
        "select * from exchange.exchange where batch_id = %s and state = any(%s) order by id",
        (batch_id, [state.value for state in states]),
    ).fetchall()


def of_members(conn: Connection, member_ids: Sequence[str], states: Iterable[State]) -> list[dict[str, Any]]:
    """Exchanges about these members that stand in one of the states."""
    return conn.execute(
        "select * from exchange.exchange where member_id = any(%s) and state = any(%s) order by id",
        (list(member_ids), [state.value for state in states]),
    ).fetchall()


def resting_on(conn: Connection, consent_id: str) -> list[str]:
    """The exchanges under way that rest on this consent, contract or law."""
    query = "select id from exchange.exchange where consent_id = %s and state = any(%s) order by id"
    return [row["id"] for row in conn.execute(query, (consent_id, [state.value for state in WITHDRAWABLE]))]


def envelope(conn: Connection, exchange_id: str) -> bytes | None:
    """The sealed request as it came."""
    row = conn.execute("select sealed from exchange.envelope where exchange_id = %s", (exchange_id,)).fetchone()
    return bytes(row["sealed"]) if row else None


def envelope_checksum(conn: Connection, exchange_id: str) -> str | None:
    """SHA-256 of the sealed request, as it stands on the ledger."""
    row = conn.execute("select sha256 from exchange.envelope where exchange_id = %s", (exchange_id,)).fetchone()
    return row["sha256"] if row else None


def add_supplement(conn: Connection, exchange_id: str, *, at: datetime, actor_id: str, sealed: bytes) -> int:
    """Keep what was supplied later, beside the envelope; its number."""
    row = conn.execute(
        """insert into exchange.supplement (exchange_id, number, supplied_at, actor_id, sealed)
           select %s, coalesce(max(number), 0) + 1, %s, %s, %s from exchange.supplement where exchange_id = %s
           returning number""",
        (exchange_id, at, actor_id, sealed, exchange_id),
    ).fetchone()
    return int(row["number"]) if row else 0


def supplements(conn: Connection, exchange_id: str) -> list[bytes]:
    """What was supplied later, oldest first."""
    rows = conn.execute(
        "select sealed from exchange.supplement where exchange_id = %s order by number", (exchange_id,)
    ).fetchall()
    return [bytes(row["sealed"]) for row in rows]


def keep_key(conn: Connection, scope: str, key: str, *, fingerprint: str, result_id: str) -> tuple[str, str]:
    """Claim an idempotency key: (fingerprint, result id) that holds it, ours when it was free."""
    conn.execute(
        """insert into exchange.idempotency (scope, key, fingerprint, result_id) values (%s, %s, %s, %s)
           on conflict do nothing""",
        (scope, key, fingerprint, result_id),
    )
    row = conn.execute(
        "select fingerprint, result_id from exchange.idempotency where scope = %s and key = %s", (scope, key)
    ).fetchone()
    if row is None:
        raise LookupError("idempotency key vanished")
    return row["fingerprint"], row["result_id"]


def overdue(conn: Connection, at: datetime, limit: int) -> list[str]:
    """Mark exchanges whose law's time has passed and that are still under way; their ids, once each."""
    rows = conn.execute(
        """update exchange.exchange set overdue_at = %(at)s where id in (
             select id from exchange.exchange where overdue_at is null and due_at < %(at)s
               and state not in ('completed', 'failed', 'cancelled', 'expired', 'revoked', 'recalled', 'archived',
                                 'released')
             order by due_at limit %(limit)s for update skip locked)
           returning id""",
        {"at": at, "limit": limit},
    ).fetchall()
    return [row["id"] for row in rows]


def given_up(conn: Connection, at: datetime, limit: int) -> list[str]:
    """Exchanges under way whose `give_up_at` has passed."""
    rows = conn.execute(
        """select id from exchange.exchange where give_up_at < %s
             and state in ('received', 'incomplete', 'validated', 'identified', 'in_review', 'unresolved', 'blocked',
                           'permitted', 'routed', 'queued', 'sent', 'acknowledged', 'receiving', 'reconciling')
           order by give_up_at limit %s""",
        (at, limit),
    ).fetchall()
    return [row["id"] for row in rows]


def completed_before(conn: Connection, at: datetime, limit: int) -> list[str]:
    """Exchanges that were completed before a moment, the oldest first."""
    rows = conn.execute(
        "select id from exchange.exchange where state = 'completed' and state_at < %s order by state_at limit %s",
        (at, limit),
    ).fetchall()
    return [row["id"] for row in rows]


def _exchange(row: Mapping[str, Any]) -> Exchange:
    return Exchange(
        **{
            **row,
            "role": Role(row["role"]),
            "state": State(row["state"]),
            "answer": Answer(row["answer"]) if row["answer"] else None,
        }
    )

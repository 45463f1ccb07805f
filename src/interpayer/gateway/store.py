"""What the gateway remembers: used assertions, tokens that are out, rates, answers kept for repeats."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256

from interpayer.gateway.door import Rate
from interpayer.model.event import JSON
from interpayer.system.database import Connection, as_json


@dataclass(frozen=True, slots=True)
class Token:
    """An access token as kept: everything but the token itself."""

    token_id: str
    partner_id: str
    client_id: str
    scopes: tuple[str, ...]
    thumbprint: str
    expires_at: datetime
    subject: str | None = None
    asserted: Mapping[str, JSON] | None = None


@dataclass(frozen=True, slots=True)
class Kept:
    """What stands under an idempotency key: which request, and its sealed answer once there is one."""

    fingerprint: bytes
    answer: bytes | None


def claim_jti(conn: Connection, *, issuer: str, jti: str, expires_at: datetime) -> bool:
    """True the first time that this issuer uses this jti; two at once: one of them."""
    claimed = conn.execute(
        "insert into gateway.jti (issuer, jti, expires_at) values (%s, %s, %s) on conflict do nothing",
        [issuer, jti, expires_at],
    )
    return claimed.rowcount == 1


def add_token(conn: Connection, secret: str, token: Token, *, issued_at: datetime) -> None:
    """Keep a token by its hash."""
    conn.execute(
        """
        insert into gateway.access_token (hash, token_id, partner_id, client_id, scopes, thumbprint, issued_at,
            expires_at, subject, asserted) values (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s)
        """,
        [
            sha256(secret.encode()).digest(),
            token.token_id,
            token.partner_id,
            token.client_id,
            list(token.scopes),
            token.thumbprint,
            issued_at,
            token.expires_at,
            token.subject,
            None if token.asserted is None else as_json(dict(token.asserted)),
        ],
    )


def find_token(conn: Connection, secret: str, *, at: datetime) -> Token | None:
    """The token, while it is good."""
    row = conn.execute(
        """
        select token_id, partner_id, client_id, scopes, thumbprint, expires_at, subject, asserted
        from gateway.access_token where hash = %s and expires_at > %s
        """,
        [sha256(secret.encode()).digest(), at],
    ).fetchone()
    return None if row is None else Token(**{**row, "scopes": tuple(row["scopes"])})


def revoke_tokens(conn: Connection, partner_id: str) -> int:
    """End every token of a partner now; how many there were."""
    return conn.execute("delete from gateway.access_token where partner_id = %s", [partner_id]).rowcount


def take(conn: Connection, bucket: str, rate: Rate) -> float | None:
    """Count a call by its cost (GCRA, one statement). None when it is within the rate, else seconds to wait."""
    interval_s = 60.0 / rate.per_minute
    row = conn.execute(
        """
        with moment as materialized (select clock_timestamp() as at),
        pace as (select make_interval(secs => %(step_s)s) as step, make_interval(secs => %(ahead_s)s) as ahead),
        taken as (
            insert into gateway.rate as r (bucket, arrival)
            select %(bucket)s, moment.at + pace.step from moment, pace
            on conflict (bucket) do update
                set arrival = greatest(r.arrival, (select at from moment)) + (select step from pace)
                where r.arrival - (select at from moment) <= (select ahead from pace)
            returning 1
        )
        select exists (select from taken) as is_within,
               (select extract(epoch from r.arrival - moment.at - pace.ahead)
                from gateway.rate r, moment, pace where r.bucket = %(bucket)s) as wait_s
        """,
        {"bucket": bucket, "step_s": interval_s * rate.cost, "ahead_s": interval_s * max(rate.burst - rate.cost, 0)},
    ).fetchone()
    assert row is not None
    return None if row["is_within"] else max(float(row["wait_s"] or 0), interval_s)


def lock_key(conn: Connection, *, partner_id: str, key: str) -> bool:
    """True when no other call works under this key now; the lock ends with the transaction."""
    row = conn.execute(
        "select pg_try_advisory_xact_lock(hashtextextended(%s, 7)) as is_mine", [f"{partner_id} {key}"]
    ).fetchone()
    return bool(row and row["is_mine"])


def kept(conn: Connection, *, partner_id: str, key: str) -> Kept | None:
    """What stands under the key."""
    row = conn.execute(
        "select fingerprint, answer from gateway.idempotency where partner_id = %s and key = %s", [partner_id, key]
    ).fetchone()
    return None if row is None else Kept(row["fingerprint"], row["answer"])


def keep(conn: Connection, entry: Kept, *, partner_id: str, key: str, expires_at: datetime) -> None:
    """Remember the request under its key and, when there is one to repeat, its answer."""
    conn.execute(
        """
        insert into gateway.idempotency (partner_id, key, fingerprint, answer, expires_at) values (%s, %s, %s, %s, %s)
        on conflict (partner_id, key) do update set answer = excluded.answer, expires_at = excluded.expires_at
        """,
        [partner_id, key, entry.fingerprint, entry.answer, expires_at],
    )


def purge(conn: Connection, *, at: datetime) -> int:
    """Forget what is over; how many rows."""
    gone = sum(conn.execute(statement, [at]).rowcount for statement in PURGES)
    # Kept answers of every partner, while the door itself sees those of the one that it serves.
    row = conn.execute("select gateway.forget_old_answers(%s) as gone", [at]).fetchone()
    return gone + (int(row["gone"]) if row else 0)


PURGES: Sequence[bytes] = (
    b"delete from gateway.jti where expires_at < %s",
    b"delete from gateway.access_token where expires_at < %s",
    b"delete from gateway.rate where arrival < %s - interval '1 hour'",
)

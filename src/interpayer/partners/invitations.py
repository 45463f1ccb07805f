"""Invitations: a one-time token with which a partner hands in its own registration, within what we fixed before."""

import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta
from hashlib import sha256

from interpayer.system.database import Connection
from interpayer.system.ids import new_id

PREFIX = "invitation-"
TRY_STEP, TRIES_AT_ONCE = timedelta(seconds=6), 10
# What a partner says of itself. Whom it acts for, what it may and in which environment is ours to say.
THEIRS = frozenset(
    {"client_id", "jwks", "jwks_url", "certificates", "certificate_names", "endpoints", "contacts", "contact"}
    | {"contract", "pace", "profile", "our_client_id", "assertion_style", "algorithm"}
)


@dataclass(frozen=True, slots=True)
class Invitation:
    """An invitation that can be used now."""

    id: str
    partner_id: str
    expires_at: datetime


def make(conn: Connection, partner_id: str, *, expires_at: datetime, by: str) -> str:
    """A new one-time token for this partner; earlier ones end. Only its hash is kept."""
    conn.execute(
        "update partners.invitation set expires_at = least(expires_at, now())"
        " where partner_id = %s and used_at is null",
        [partner_id],
    )
    secret = PREFIX + secrets.token_urlsafe(32)
    conn.execute(
        "insert into partners.invitation (id, partner_id, secret_hash, expires_at, made_by)"
        " values (%s, %s, %s, %s, %s)",
        [new_id("i"), partner_id, _hash(secret), expires_at, by],
    )
    return secret


def claim(conn: Connection, secret: str, *, at: datetime) -> Invitation | None:
    """Use an invitation up; None when it is unknown, was used or has run out. Two at once: one gets it."""
    row = conn.execute(
        "update partners.invitation set used_at = %(at)s"
        " where secret_hash = %(hash)s and used_at is null and expires_at > %(at)s"
        " returning id, partner_id, expires_at",
        {"hash": _hash(secret), "at": at},
    ).fetchone()
    return None if row is None else Invitation(**row)


def wait_s(conn: Connection, address: str, *, at: datetime) -> float | None:
    """Count a try with a token from this address. None when it may go on, else the seconds until the next may.

    A token cannot be guessed (256 bits); the rate keeps a route without login from being a way to burden us.
    """
    conn.execute("delete from partners.invitation_try where arrival < %s - interval '1 hour'", [at])
    row = conn.execute(
        """
        insert into partners.invitation_try as t (bucket, arrival) values (%(bucket)s, %(at)s + %(step)s)
        on conflict (bucket) do update set arrival = greatest(t.arrival, %(at)s) + %(step)s
            where t.arrival - %(at)s <= %(step)s * (%(burst)s - 1)
        returning arrival
        """,
        {"bucket": address, "at": at, "step": TRY_STEP, "burst": TRIES_AT_ONCE},
    ).fetchone()
    return None if row is not None else TRY_STEP.total_seconds()


def open_until(conn: Connection, partner_id: str, *, at: datetime) -> datetime | None:
    """Until when the partner can still use its invitation; None when it has none."""
    row = conn.execute(
        "select max(expires_at) as until from partners.invitation"
        " where partner_id = %s and used_at is null and expires_at > %s",
        [partner_id, at],
    ).fetchone()
    return row["until"] if row else None


def _hash(secret: str) -> bytes:
    return sha256(secret.encode()).digest()

"""Our own signing keys as kept: the public part plain, the private part sealed, gone once the key is revoked."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

from interpayer.system.database import Connection, as_json


class KeyState(StrEnum):
    """Where one of our keys stands: published ahead, signing, published for what it signed, over."""

    NEXT = "next"
    ACTIVE = "active"
    RETIRING = "retiring"
    REVOKED = "revoked"


PUBLISHED = (KeyState.NEXT, KeyState.ACTIVE, KeyState.RETIRING)


@dataclass(frozen=True, slots=True)
class OwnKey:
    """One key without its private part."""

    kid: str
    algorithm: str
    state: KeyState
    public: Mapping[str, Any]
    made_at: datetime
    state_since: datetime


@dataclass(frozen=True, slots=True)
class Sealed:
    """A key that signs: its private part sealed, the data key wrapped."""

    kid: str
    algorithm: str
    state_since: datetime
    wrapped: bytes
    sealed: bytes


def lock(conn: Connection) -> None:
    """One change of the ring at a time, until the transaction ends."""
    conn.execute("select pg_advisory_xact_lock(hashtext('partners.own_key'))")


def listed(conn: Connection) -> list[OwnKey]:
    """All keys ever, the newest first."""
    rows = conn.execute(
        "select kid, algorithm, state, public, made_at, state_since from partners.own_key order by made_at desc, kid"
    ).fetchall()
    return [_key(row) for row in rows]


def published(conn: Connection) -> list[Mapping[str, Any]]:
    """What partners are shown; all that the door's role may see of our keys."""
    rows = conn.execute(
        "select public from partners.own_public_key where state = any(%s) order by made_at, kid",
        [[state.value for state in PUBLISHED]],
    ).fetchall()
    return [row["public"] for row in rows]


def sealed_active(conn: Connection) -> list[Sealed]:
    """The keys that sign, as they lie in the database."""
    rows = conn.execute(
        "select kid, algorithm, state_since, wrapped, sealed from partners.own_key where state = 'active'"
        " order by algorithm"
    ).fetchall()
    return [Sealed(**{**row, "wrapped": bytes(row["wrapped"]), "sealed": bytes(row["sealed"])}) for row in rows]


def add(conn: Connection, key: OwnKey, *, wrapped: bytes, sealed: bytes, by: str) -> None:
    """Keep a new key."""
    conn.execute(
        "insert into partners.own_key (kid, algorithm, state, public, wrapped, sealed, made_at, state_since, by)"
        " values (%s, %s, %s, %s, %s, %s, %s, %s, %s)",
        [
            key.kid,
            key.algorithm,
            key.state.value,
            as_json(dict(key.public)),
            wrapped,
            sealed,
            key.made_at,
            key.state_since,
            by,
        ],
    )


def set_state(conn: Connection, kid: str, state: KeyState, *, at: datetime) -> None:
    """Move a key; a revoked one loses its private part for good."""
    conn.execute(
        """
        update partners.own_key set state = %(state)s, state_since = %(at)s,
            wrapped = case when %(state)s = 'revoked' then null else wrapped end,
            sealed = case when %(state)s = 'revoked' then null else sealed end
        where kid = %(kid)s
        """,
        {"kid": kid, "state": state.value, "at": at},
    )


def _key(row: Mapping[str, Any]) -> OwnKey:
    return OwnKey(**{**row, "state": KeyState(row["state"])})

"""Looks through broken glass as they stand (schema operations)."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from interpayer.system.database import Connection


@dataclass(frozen=True, slots=True)
class Asked:
    """A look that somebody asks for: at what one exchange brought, or at what is held of one member."""

    id: str
    why: str
    minutes: int
    by: str
    roles: Sequence[str]
    at: datetime
    exchange_id: str | None = None
    member_id: str | None = None


def add(conn: Connection, asked: Asked) -> None:
    """Keep the wish."""
    conn.execute(
        """insert into operations.break_glass (id, exchange_id, member_id, why, minutes, asked_by, roles, asked_at)
           values (%s, %s, %s, %s, %s, %s, %s, %s)""",
        (asked.id, asked.exchange_id, asked.member_id, asked.why, asked.minutes, asked.by, list(asked.roles), asked.at),
    )


def one(conn: Connection, glass_id: str) -> dict[str, Any] | None:
    """One look, locked."""
    return conn.execute("select * from operations.break_glass where id = %s for update", (glass_id,)).fetchone()


def listed(conn: Connection, *, limit: int = 100) -> list[dict[str, Any]]:
    """The latest ones; those that still owe something first."""
    return conn.execute(
        "select * from operations.break_glass order by confirmed_at is not null, asked_at desc, id limit %s", (limit,)
    ).fetchall()


def opened(conn: Connection, glass_id: str, *, by: str, at: datetime, until: datetime, policy_version: str) -> None:
    """A second person agreed."""
    conn.execute(
        """update operations.break_glass set opened_by = %s, opened_at = %s, expires_at = %s, policy_version = %s
            where id = %s""",
        (by, at, until, policy_version, glass_id),
    )


def looked(conn: Connection, glass_id: str, records: int) -> None:
    """Once more, at so many records."""
    conn.execute(
        "update operations.break_glass set looks = looks + 1, records = records + %s where id = %s",
        (records, glass_id),
    )


def ended(conn: Connection, glass_id: str, at: datetime) -> None:
    """Whoever looked is done, or nobody will open it."""
    conn.execute("update operations.break_glass set ended_at = coalesce(ended_at, %s) where id = %s", (at, glass_id))


def confirmed(conn: Connection, glass_id: str, *, by: str, at: datetime) -> None:
    """Somebody else went through what was looked at."""
    conn.execute(
        "update operations.break_glass set confirmed_by = %s, confirmed_at = %s where id = %s", (by, at, glass_id)
    )


def run_out(conn: Connection, at: datetime) -> list[dict[str, Any]]:
    """Looks whose minutes are over, ended now."""
    return conn.execute(
        "update operations.break_glass set ended_at = expires_at "
        "where ended_at is null and expires_at < %s returning *",
        (at,),
    ).fetchall()


def unconfirmed(conn: Connection, before: datetime, at: datetime) -> list[dict[str, Any]]:
    """Looks that ended before a moment and that nobody has confirmed; each is told once."""
    return conn.execute(
        """update operations.break_glass set late_at = %s
            where confirmed_at is null and late_at is null and opened_at is not null and ended_at < %s returning *""",
        (at, before),
    ).fetchall()

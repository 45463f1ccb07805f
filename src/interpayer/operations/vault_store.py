"""Legal holds, forgettings, and how far wrapping anew is (schema operations)."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from interpayer.system.database import Connection, as_json

_HOLD = "select hold_id, member_id, exchange_id, partner_id, reason, placed_by, placed_at, released_by, released_at"


@dataclass(frozen=True, slots=True)
class Subject:
    """What a legal hold is about; nothing named: everything. The pseudonym is the member's name on the ledger."""

    member_id: str | None = None
    pseudonym: str | None = None
    exchange_id: str | None = None
    partner_id: str | None = None


@dataclass(frozen=True, slots=True)
class Place:
    """A table whose wrapped keys are being wrapped by this key."""

    kek: str
    place: str


def is_held(conn: Connection, member: str | None, exchange: str | None, partner: str | None) -> bool:
    """Whether a legal hold is about one of these; the member by id or by the ledger's name."""
    row = conn.execute("select operations.is_held(%s, %s, %s) as held", (member, exchange, partner)).fetchone()
    return row is not None and bool(row["held"])


def place_hold(conn: Connection, subject: Subject, *, reason: str, by: str) -> int | None:
    """Keep a legal hold; its number, None when the same is held already."""
    row = conn.execute(
        "insert into operations.legal_hold (member_id, pseudonym, exchange_id, partner_id, reason, placed_by)"
        " values (%s, %s, %s, %s, %s, %s) on conflict do nothing returning hold_id",
        (subject.member_id, subject.pseudonym, subject.exchange_id, subject.partner_id, reason, by),
    ).fetchone()
    return int(row["hold_id"]) if row else None


def release_hold(conn: Connection, hold_id: int, *, by: str, reason: str, at: datetime) -> dict[str, Any] | None:
    """End a legal hold; None when there is none of this number, or it ended before."""
    return conn.execute(
        "update operations.legal_hold set released_by = %s, release_reason = %s, released_at = %s"
        " where hold_id = %s and released_at is null returning *",
        (by, reason, at, hold_id),
    ).fetchone()


def holds(conn: Connection, *, open_only: bool) -> list[dict[str, Any]]:
    """Legal holds, the newest first."""
    return conn.execute(
        f"{_HOLD} from operations.legal_hold where released_at is null or not %s order by hold_id desc".encode(),
        (open_only,),
    ).fetchall()


def hold(conn: Connection, hold_id: int) -> dict[str, Any] | None:
    """One legal hold."""
    return conn.execute(f"{_HOLD} from operations.legal_hold where hold_id = %s".encode(), (hold_id,)).fetchone()


def ask_forgetting(conn: Connection, member_id: str, pseudonym: str, *, reason: str, by: str) -> bool:
    """Note that a member is to be forgotten; False when it was asked before."""
    row = conn.execute(
        "insert into operations.forgetting (pseudonym, member_id, reason, asked_by) values (%s, %s, %s, %s)"
        " on conflict do nothing returning 1",
        (pseudonym, member_id, reason, by),
    ).fetchone()
    return row is not None


def forgetting(conn: Connection, pseudonym: str) -> dict[str, Any] | None:
    """A forgetting, locked; None when nobody asked."""
    return conn.execute("select * from operations.forgetting where pseudonym = %s for update", (pseudonym,)).fetchone()


def forgettings(conn: Connection) -> list[dict[str, Any]]:
    """Who was forgotten or is to be, the newest first."""
    return conn.execute("select * from operations.forgetting order by asked_at desc, pseudonym").fetchall()


def end_forgetting(conn: Connection, pseudonym: str, *, by: str, at: datetime, counts: Mapping[str, int]) -> None:
    """Note that it is done; from now on the member's id stands here no more."""
    conn.execute(
        "update operations.forgetting set done_by = %s, done_at = %s, counts = %s, member_id = null"
        " where pseudonym = %s",
        (by, at, as_json(dict(counts)), pseudonym),
    )


def rewrap_place(conn: Connection, kek: str, place: str) -> dict[str, Any]:
    """How far wrapping anew by this key is in one place, locked; made when it begins."""
    conn.execute("insert into operations.rewrap (kek, place) values (%s, %s) on conflict do nothing", (kek, place))
    row = conn.execute(
        "select * from operations.rewrap where kek = %s and place = %s for update", (kek, place)
    ).fetchone()
    assert row is not None
    return row


def keep_rewrap(
    conn: Connection, at: Place, *, after: str, done: tuple[int, int], finished_at: datetime | None
) -> None:
    """Keep how far a place is, with the rows seen and changed by one step more."""
    conn.execute(
        "update operations.rewrap set after = %s, seen = seen + %s, changed = changed + %s, finished_at = %s"
        " where kek = %s and place = %s",
        (after, *done, finished_at, at.kek, at.place),
    )


def rewraps(conn: Connection, kek: str) -> list[dict[str, Any]]:
    """How far every place is."""
    return conn.execute("select * from operations.rewrap where kek = %s order by place", (kek,)).fetchall()

"""What is remembered of partners' calls: how many, what they asked for in vain, and what was made of it."""

from collections.abc import Iterable, Mapping
from datetime import date, datetime, timedelta
from typing import Any

from interpayer.partners.conduct import Level, Limits, Pattern, Standing, Tally
from interpayer.system.database import Connection

# The busiest of so many days is what is usual for a partner.
USUAL_DAYS = 28


def add_missed(conn: Connection, partner_id: str, mark: str, *, is_counting: bool, at: datetime) -> None:
    """Note an address that was asked for in vain; the same one again is the same row."""
    conn.execute(
        """
        insert into partners.missed (partner_id, mark, is_counting, at) values (%s, %s, %s, %s)
        on conflict (partner_id, mark) do update set at = excluded.at
        """,
        [partner_id, mark, is_counting, at],
    )


def add_calls(conn: Connection, calls: Mapping[str, int], *, day: date) -> None:
    """Add calls to the partners' counts of the day."""
    for partner_id, number in sorted(calls.items()):
        conn.execute(
            """
            insert into partners.calls (partner_id, day, number) values (%s, %s, %s)
            on conflict (partner_id, day) do update set number = partners.calls.number + excluded.number
            """,
            [partner_id, day, number],
        )


def tally(conn: Connection, partner_id: str, limits: Limits, *, at: datetime) -> Tally:
    """What the partner did in the time that the limits look at."""
    day = at.date()
    row = conn.execute(
        """
        select (select count(*) from partners.missed where partner_id = %(who)s and at > %(since)s) as missing,
               (select count(*) from partners.missed
                where partner_id = %(who)s and at > %(since)s and is_counting) as counting,
               coalesce((select number from partners.calls where partner_id = %(who)s and day = %(day)s), 0) as calls,
               coalesce((select max(number) from partners.calls
                where partner_id = %(who)s and day < %(day)s and day >= %(first)s), 0) as busiest
        """,
        {
            "who": partner_id,
            "since": at - limits.span,
            "day": day,
            "first": day - timedelta(days=USUAL_DAYS),
        },
    ).fetchone()
    return Tally(**row) if row else Tally()


def raise_alarms(
    conn: Connection, partner_id: str, patterns: Iterable[Pattern], *, since: datetime, at: datetime
) -> list[Pattern]:
    """Keep patterns that reached a level; those that had not reached it before (since then) are given back."""
    # one after the other for a partner, so that an alarm is told once
    conn.execute("select pg_advisory_xact_lock(hashtextextended(%s, 11))", [partner_id])
    return [pattern for pattern in patterns if _raise(conn, partner_id, pattern, since=since, at=at)]


def _raise(conn: Connection, partner_id: str, pattern: Pattern, *, since: datetime, at: datetime) -> bool:
    known = conn.execute(
        """
        update partners.alarm set last_at = %s, number = %s
        where partner_id = %s and pattern = %s and level >= %s and last_at > %s and pardoned_at is null
        """,
        [at, pattern.number, partner_id, pattern.name, pattern.level, since],
    )
    if known.rowcount:
        return False
    conn.execute(
        """
        insert into partners.alarm (partner_id, pattern, level, number, raised_at, last_at)
        values (%s, %s, %s, %s, %s, %s)
        """,
        [partner_id, pattern.name, pattern.level, pattern.number, at, at],
    )
    return True


def standings(conn: Connection, *, rest: timedelta, at: datetime) -> dict[str, Standing]:
    """Who is slowed or refused now, and until when."""
    rows = conn.execute(
        """
        select distinct on (partner_id) partner_id, level, last_at from partners.alarm
        where level >= %s and last_at > %s and pardoned_at is null order by partner_id, level desc, last_at desc
        """,
        [Level.SLOWED, at - rest],
    ).fetchall()
    return {row["partner_id"]: Standing(Level(row["level"]), row["last_at"] + rest) for row in rows}


def alarms(conn: Connection, *, since: datetime) -> list[dict[str, Any]]:
    """What was noticed and is not pardoned, newest first."""
    return conn.execute(
        """
        select partner_id, pattern, level, number as tries, null::text as exchange_id, raised_at from partners.alarm
        where last_at > %s and pardoned_at is null order by raised_at desc, partner_id
        """,
        [since],
    ).fetchall()


def pardon(conn: Connection, partner_id: str, *, at: datetime) -> None:
    """What came before counts no more; the alarms stay, marked."""
    conn.execute(
        "update partners.alarm set pardoned_at = %s where partner_id = %s and pardoned_at is null", [at, partner_id]
    )
    conn.execute("delete from partners.missed where partner_id = %s", [partner_id])


def forget(conn: Connection, *, before: datetime) -> None:
    """Drop what no judgement looks at any more."""
    conn.execute("delete from partners.missed where at < %s", [before])
    conn.execute("delete from partners.calls where day < %s", [before.date() - timedelta(days=USUAL_DAYS + 1)])

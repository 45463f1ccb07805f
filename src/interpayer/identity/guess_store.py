"""What partners tried, as kept: hashes of anchors and requests, counts per hour, alarms and pardons."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, NamedTuple

from interpayer.identity.guessing import Level, Tally, Trail
from interpayer.system.database import Connection

# No transaction waits longer for another one that asks about the same person.
_LOCK_WAIT = "2s"
_SLOTS = 8


class Key(NamedTuple):
    """One anchor of one request: its kind, its keyed hash, and the keyed hash of the whole request."""

    kind: str
    anchor: str
    variant: str


@dataclass(frozen=True, slots=True)
class Remembered:
    """The trail under an anchor, and whether this very request is in it already."""

    trail: Trail
    is_known: bool


@dataclass(frozen=True, slots=True)
class Alarm:
    """A pattern of one partner that reached a level."""

    partner_id: str
    pattern: str
    anchor: str
    level: Level
    tries: int
    exchange_id: str | None
    raised_at: datetime


def hold(conn: Connection, partner_id: str, keys: Collection[Key]) -> None:
    """Let nobody else ask for this partner under the same anchors until the transaction ends.

    Many at once would otherwise all see the count from before the first of them. Whoever cannot have the locks soon
    fails, and with it the transaction: the call is told to come again.
    """
    # always in one order, so that no two wait for each other
    places = sorted({f"guess {partner_id} {key.kind} {key.anchor}" for key in keys})
    conn.execute("select set_config('lock_timeout', %s, true)", [_LOCK_WAIT])
    conn.execute(
        "select pg_advisory_xact_lock(hashtextextended(place, 11)) from unnest(%s::text[]) q (place)", [places]
    )


def trails(conn: Connection, partner_id: str, keys: Collection[Key], *, since: datetime) -> dict[Key, Remembered]:
    """What is remembered of each key; only tries first made after `since` (and after a pardon) count."""
    if not keys:
        return {}
    kinds, places, variants = (list(column) for column in zip(*keys, strict=True))
    rows = conn.execute(
        """
        select q.kind, q.anchor, q.variant, t.tries, t.last_at, t.is_known
          from unnest(%(kinds)s::text[], %(anchors)s::text[], %(variants)s::text[]) q (kind, anchor, variant)
         cross join lateral (
               select count(*) filter (where g.first_at > greatest(%(since)s, p.at)) as tries,
                      max(g.first_at) as last_at, coalesce(bool_or(g.variant = q.variant), false) as is_known
                 from identity.guess_try g,
                      (select max(pardoned_at) as at from identity.guess_pardon where partner_id = %(partner)s) p
                where g.partner_id = %(partner)s and g.kind = q.kind and g.anchor = q.anchor collate "C") t
        """,
        {"kinds": kinds, "anchors": places, "variants": variants, "since": since, "partner": partner_id},
    )
    return {
        Key(row["kind"], row["anchor"], row["variant"]): Remembered(
            Trail(row["tries"], row["last_at"]), row["is_known"]
        )
        for row in rows
    }


def remember(conn: Connection, partner_id: str, keys: Collection[Key], *, at: datetime) -> None:
    """Keep these tries; one that is known already stays one."""
    if not keys:
        return
    kinds, places, variants = (list(column) for column in zip(*sorted(set(keys)), strict=True))
    conn.execute(
        """
        insert into identity.guess_try as g (partner_id, kind, anchor, variant, first_at, last_at)
        select %s, kind, anchor, variant, %s, %s
          from unnest(%s::text[], %s::text[], %s::text[]) r (kind, anchor, variant)
        on conflict (partner_id, kind, anchor, variant) do update
            set last_at = excluded.last_at where excluded.last_at > g.last_at
        """,
        [partner_id, at, at, kinds, places, variants],
    )


def count(conn: Connection, partner_id: str, added: Tally, *, at: datetime) -> None:
    """Add to the partner's count of this hour."""
    conn.execute(
        """
        insert into identity.guess_tally as t (partner_id, hour, slot, asked, misses, near, last_at)
        values (%s, date_trunc('hour', %s::timestamptz, 'UTC'), floor(random() * %s), %s, %s, %s, %s)
        on conflict (partner_id, hour, slot) do update
            set asked = t.asked + excluded.asked, misses = t.misses + excluded.misses, near = t.near + excluded.near,
                last_at = greatest(t.last_at, excluded.last_at)
        """,
        [partner_id, at, _SLOTS, added.asked, added.misses, added.near, added.last_at],
    )


def tally(conn: Connection, partner_id: str, *, since: datetime) -> Tally:
    """The partner's count since then, or since its last pardon, by whole hours."""
    row = conn.execute(
        """
        select coalesce(sum(asked), 0)::int as asked, coalesce(sum(misses), 0)::int as misses,
               coalesce(sum(near), 0)::int as near, max(last_at) as last_at
          from identity.guess_tally
         where partner_id = %(partner)s and hour > greatest(%(since)s,
               (select max(pardoned_at) from identity.guess_pardon where partner_id = %(partner)s))
        """,
        {"partner": partner_id, "since": since},
    ).fetchone()
    return Tally(**row) if row else Tally()


def raise_alarms(conn: Connection, alarms: Sequence[Alarm], *, since: datetime) -> list[Alarm]:
    """Keep the alarms that say something new: no such pattern had reached that level since then. Those are returned."""
    fresh = []
    for alarm in alarms:
        row = conn.execute(
            """
            insert into identity.guess_alarm (partner_id, pattern, anchor, level, tries, exchange_id, raised_at)
            select %(partner)s, %(pattern)s, %(anchor)s, %(level)s, %(tries)s, %(exchange)s, %(at)s
             where not exists (
                   select 1 from identity.guess_alarm a
                    where a.partner_id = %(partner)s and a.pattern = %(pattern)s
                      and a.anchor = %(anchor)s collate "C" and a.level >= %(level)s
                      and a.raised_at > greatest(%(since)s, (select max(pardoned_at) from identity.guess_pardon
                                                              where partner_id = %(partner)s)))
            returning alarm_id
            """,
            {
                "partner": alarm.partner_id,
                "pattern": alarm.pattern,
                "anchor": alarm.anchor,
                "level": int(alarm.level),
                "tries": alarm.tries,
                "exchange": alarm.exchange_id,
                "at": alarm.raised_at,
                "since": since,
            },
        ).fetchone()
        fresh += [alarm] if row else []
    return fresh


def alarms(conn: Connection, *, since: datetime, limit: int = 200) -> list[dict[str, Any]]:
    """Alarms that no pardon has answered, newest first; without anchors, which are nobody's business."""
    return conn.execute(
        """
        select a.partner_id, a.pattern, a.level, a.tries, a.exchange_id, a.raised_at from identity.guess_alarm a
         where a.raised_at > %s and not exists (
               select 1 from identity.guess_pardon p
                where p.partner_id = a.partner_id and p.pardoned_at >= a.raised_at)
         order by a.raised_at desc, a.alarm_id desc limit %s
        """,
        [since, limit],
    ).fetchall()


def suspects(conn: Connection, *, since: datetime, level: Level) -> int:
    """How many partners reached this level since then and were not pardoned."""
    row = conn.execute(
        """
        select count(distinct a.partner_id) as partners from identity.guess_alarm a
         where a.raised_at > %s and a.level >= %s and not exists (
               select 1 from identity.guess_pardon p
                where p.partner_id = a.partner_id and p.pardoned_at >= a.raised_at)
        """,
        [since, int(level)],
    ).fetchone()
    return int(row["partners"]) if row else 0


def pardon(conn: Connection, partner_id: str, *, person: str, reason: str, at: datetime) -> None:
    """A named person says that what this partner did so far was no guessing."""
    conn.execute(
        "insert into identity.guess_pardon (partner_id, pardoned_at, person, reason) values (%s, %s, %s, %s)",
        [partner_id, at, person, reason],
    )


def forget(conn: Connection, *, before: datetime) -> int:
    """Drop tries that nobody repeated since then, with old counts; alarms, pardons and what is held stay. How many."""
    tries = "delete from identity.guess_try where last_at < %s and not operations.is_held(null, null, partner_id)"
    tallies = "delete from identity.guess_tally where hour < %s and not operations.is_held(null, null, partner_id)"
    return sum(conn.execute(old.encode(), [before]).rowcount for old in (tries, tallies))

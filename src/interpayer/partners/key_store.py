"""Key sets as partners publish them, shared by all processes: what was fetched, and whose turn it is to fetch."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from interpayer.system.database import Connection, as_json


@dataclass(frozen=True, slots=True)
class Published:
    """What is known of the keys behind a partner's address; `jwks` is None before the first success."""

    jwks: Mapping[str, Any] | None
    fetched_at: datetime | None
    fresh_until: datetime | None
    asking_until: datetime


def published(conn: Connection, partner_id: str, url: str) -> Published | None:
    """What was fetched from this address for this partner; None when nobody tried yet, or the address was another."""
    row = conn.execute(
        "select jwks, fetched_at, fresh_until, asking_until from partners.published_keys"
        " where partner_id = %s and url = %s",
        [partner_id, url],
    ).fetchone()
    return None if row is None else Published(**row)


def take_turn(conn: Connection, partner_id: str, url: str, *, pace: timedelta, lease: timedelta) -> bool:
    """True for the one that shall fetch now: nobody else is at it, and the last try is long enough ago.

    Another address than before begins anew: what came from the old one counts no more.
    """
    row = conn.execute(
        """
        insert into partners.published_keys as k (partner_id, url, asked_at, asking_until)
        values (%(partner)s, %(url)s, clock_timestamp(), clock_timestamp() + %(lease)s)
        on conflict (partner_id) do update set
            url = excluded.url, asked_at = excluded.asked_at, asking_until = excluded.asking_until,
            jwks = case when k.url = excluded.url then k.jwks end,
            fetched_at = case when k.url = excluded.url then k.fetched_at end,
            fresh_until = case when k.url = excluded.url then k.fresh_until end,
            failing_since = case when k.url = excluded.url then k.failing_since end,
            failure = case when k.url = excluded.url then k.failure end
        where k.url <> excluded.url
            or (k.asked_at <= clock_timestamp() - %(pace)s and k.asking_until <= clock_timestamp())
        returning 1
        """,
        {"partner": partner_id, "url": url, "pace": pace, "lease": lease},
    ).fetchone()
    return row is not None


def keep(
    conn: Connection, partner_id: str, url: str, *, jwks: Mapping[str, Any], keep_for: timedelta
) -> Mapping[str, Any] | None:
    """Keep what was fetched; returns the set that was known before."""
    row = conn.execute(
        """
        with before as materialized (
            select jwks from partners.published_keys where partner_id = %(partner)s and url = %(url)s for update
        ), kept as (
            update partners.published_keys set jwks = %(jwks)s, fetched_at = clock_timestamp(),
                fresh_until = clock_timestamp() + %(keep)s, asking_until = clock_timestamp(),
                failing_since = null, failure = null
            where partner_id = %(partner)s and url = %(url)s
        )
        select jwks from before
        """,
        {"partner": partner_id, "url": url, "jwks": as_json(dict(jwks)), "keep": keep_for},
    ).fetchone()
    return None if row is None else row["jwks"]


def note_failure(conn: Connection, partner_id: str, url: str, *, failure: str) -> bool:
    """Keep why fetching failed; True when it is the first failure after a success, or ever."""
    row = conn.execute(
        """
        update partners.published_keys k set failing_since = coalesce(k.failing_since, clock_timestamp()),
            failure = %s, asking_until = clock_timestamp()
        from (select failing_since from partners.published_keys where partner_id = %s for update) before
        where k.partner_id = %s and k.url = %s
        returning before.failing_since is null as is_first
        """,
        [failure, partner_id, partner_id, url],
    ).fetchone()
    return row is not None and bool(row["is_first"])


def failing(conn: Connection) -> list[dict[str, Any]]:
    """Partners whose keys could not be fetched at the last try: since when, why, and until when the old ones count."""
    return conn.execute(
        "select partner_id, url, failing_since, failure, fetched_at from partners.published_keys"
        " where failing_since is not null order by failing_since"
    ).fetchall()

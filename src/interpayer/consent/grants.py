"""Match grants: what stands between a match and every later read (tables of the consent store)."""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Any

from interpayer.consent.rows import limits_column
from interpayer.model.consent import MatchGrant, limits_from_json
from interpayer.system.database import Connection


def save_grant(conn: Connection, grant: MatchGrant) -> None:
    """Keep one grant; the same id twice is once."""
    save_grants(conn, [grant])


def save_grants(conn: Connection, grants: Sequence[MatchGrant]) -> None:
    """Keep many grants."""
    if not grants:
        return
    rows = [
        (g.id, g.partner_id, g.member_id, g.consent_id, g.exchange_id, g.expires_at, limits_column(g.limits))
        for g in grants
    ]
    conn.execute(
        """
        insert into consent.match_grant (grant_id, partner_id, member_id, consent_id, exchange_id, expires_at, limits)
        select * from unnest(%s::text[], %s::text[], %s::text[], %s::text[], %s::text[], %s::timestamptz[], %s::jsonb[])
        on conflict (grant_id) do nothing
        """,
        [list(column) for column in zip(*rows, strict=True)],
    )


def grant_for(conn: Connection, *, partner_id: str, member_id: str, at: datetime) -> MatchGrant | None:
    """The live grant under which the partner may read the member now, or None."""
    return grants_for(conn, partner_id=partner_id, member_ids=[member_id], at=at).get(member_id)


def grants_for(
    conn: Connection, *, partner_id: str, member_ids: Collection[str], at: datetime
) -> dict[str, MatchGrant]:
    """The live grant of each member for this partner (the newest one); members without are absent."""
    return _live(conn, member_ids, at, partner_id=partner_id)


def last_grants(conn: Connection, *, partner_id: str, member_ids: Collection[str]) -> dict[str, MatchGrant]:
    """The newest grant of each member for this partner, live or not: what ended it tells why nothing goes now."""
    rows = conn.execute(
        "select distinct on (member_id) * from consent.match_grant where partner_id = %s and member_id = any(%s) "
        "order by member_id, granted_at desc, grant_id",
        [partner_id, list(member_ids)],
    )
    return {row["member_id"]: _grant(row) for row in rows}


def grants_of(conn: Connection, *, exchange_id: str | None = None, member_id: str | None = None) -> list[MatchGrant]:
    """Every grant of an exchange or of a member, ended ones included, oldest first."""
    rows = conn.execute(
        "select * from consent.match_grant where exchange_id = %s or member_id = %s order by granted_at, grant_id",
        [exchange_id, member_id],
    )
    return [_grant(row) for row in rows]


def withdraw_grants(
    conn: Connection,
    *,
    at: datetime,
    exchange_ids: Collection[str] = (),
    member_ids: Collection[str] = (),
    consent_ids: Collection[str] = (),
) -> list[MatchGrant]:
    """End the grants of these exchanges, members or consents; returns those that ended now. Bumps the revision.

    By members: what rests on an opt-in. What a contract or a law lets go ends with that, or with its exchange.
    """
    rows = conn.execute(
        """
        update consent.match_grant g set withdrawn_at = %s
         where withdrawn_at is null
           and (exchange_id = any(%s) or consent_id = any(%s) or member_id = any(%s) and exists
               (select from consent.consent c where c.consent_id = g.consent_id and c.basis = 'opt_in'))
        returning *
        """,
        [at, list(exchange_ids), list(consent_ids), list(member_ids)],
    ).fetchall()
    conn.execute("update consent.revision set value = value + 1")
    return [_grant(row) for row in rows]


def revoked_members(
    conn: Connection, member_ids: Collection[str], at: datetime, *, partner_id: str | None = None
) -> set[str]:
    """Members whose data must not go any more. With a partner: everybody without a live grant of this partner;
    without one: those who withdrew, and those of whom no grant of any partner lives."""
    return set(member_ids) - set(_live(conn, member_ids, at, partner_id=partner_id))


def _live(
    conn: Connection, member_ids: Collection[str], at: datetime, *, partner_id: str | None
) -> dict[str, MatchGrant]:
    # A grant is worth what its consent is worth now, and nothing once the member said no to what rests on an opt-in.
    # Of several the newest speaks: it is what the partner asked for last.
    rows = conn.execute(
        """
        select distinct on (g.member_id) g.* from consent.match_grant g
          join consent.consent c using (consent_id)
         where g.member_id = any(%(members)s) and (%(partner)s::text is null or g.partner_id = %(partner)s)
           and g.withdrawn_at is null and g.expires_at > %(at)s
           and c.revoked_at is null and c.starts_at <= %(at)s and c.ends_at > %(at)s
           and not exists (select from consent.withdrawal w
                            where w.member_id = g.member_id and w.lifted_at is null and w.at <= %(at)s
                              and c.basis = 'opt_in')
         order by g.member_id, g.granted_at desc, g.expires_at desc, g.grant_id
        """,
        {"partner": partner_id, "members": list(member_ids), "at": at},
    )
    return {row["member_id"]: _grant(row) for row in rows}


def _grant(row: Mapping[str, Any]) -> MatchGrant:
    return MatchGrant(
        id=row["grant_id"],
        partner_id=row["partner_id"],
        member_id=row["member_id"],
        consent_id=row["consent_id"],
        exchange_id=row["exchange_id"],
        expires_at=row["expires_at"],
        withdrawn_at=row["withdrawn_at"],
        limits=limits_from_json(row["limits"]),
    )

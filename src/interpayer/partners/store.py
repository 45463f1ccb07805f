"""The rows behind what was agreed with a partner: payers it acts for, contacts, certificates, keys that leave."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from interpayer.model.agreement import ActsFor, Certificate, Contact, ContactRole
from interpayer.system.clock import now
from interpayer.system.database import Connection, as_json


def acts_for(conn: Connection, partner_id: str) -> tuple[ActsFor, ...]:
    """Every payer that the partner acts for, acted for or will act for, with its dates and proof."""
    rows = conn.execute(
        "select identifier, since, until, proof, line_of_business from partners.organization"
        " where partner_id = %s order by position",
        [partner_id],
    ).fetchall()
    return tuple(ActsFor(**row) for row in rows)


def set_acts_for(conn: Connection, partner_id: str, wanted: Sequence[ActsFor]) -> None:
    """Let the partner act for exactly these from today on; what it did until yesterday stays in the rows.

    An exclusion violation when another partner acts for one of them on one of the days.
    """
    others = {"partner": partner_id, "named": [one.identifier for one in wanted], "today": now().date()}
    conn.execute(
        "delete from partners.organization"
        " where partner_id = %(partner)s and not identifier = any(%(named)s) and since >= %(today)s",
        others,
    )
    conn.execute(
        "update partners.organization set until = least(coalesce(until, %(today)s - 1), %(today)s - 1)"
        " where partner_id = %(partner)s and not identifier = any(%(named)s)",
        others,
    )
    for position, one in enumerate(wanted):
        conn.execute(
            """
            insert into partners.organization
                (partner_id, identifier, value, position, since, until, proof, line_of_business)
            values (%s, %s, %s, %s, %s, %s, %s, %s)
            on conflict (partner_id, identifier) do update
               set position = excluded.position, since = excluded.since, until = excluded.until,
                   proof = excluded.proof, line_of_business = excluded.line_of_business
            """,
            [partner_id, one.identifier, one.identifier.rpartition("|")[2], position, one.since, one.until, one.proof,
             one.line_of_business],
        )  # fmt: skip


def contacts(conn: Connection, partner_id: str) -> tuple[Contact, ...]:
    """Whom to call at the partner, and for what."""
    rows = conn.execute(
        "select role, name, email, phone from partners.contact where partner_id = %s order by position", [partner_id]
    ).fetchall()
    return tuple(Contact(ContactRole(row["role"]), row["name"], row["email"], row["phone"]) for row in rows)


def set_contacts(conn: Connection, partner_id: str, wanted: Sequence[Contact]) -> None:
    """Keep exactly these contacts."""
    conn.execute("delete from partners.contact where partner_id = %s", [partner_id])
    for position, one in enumerate(wanted):
        conn.execute(
            "insert into partners.contact (partner_id, position, role, name, email, phone)"
            " values (%s, %s, %s, %s, %s, %s)",
            [partner_id, position, one.role.value, one.name, one.email, one.phone],
        )


def certificates(conn: Connection, partner_id: str) -> tuple[Certificate, ...]:
    """The partner's client certificates, those that left too, oldest first."""
    rows = conn.execute(
        "select thumbprint, subject, names, issuer, starts_at, expires_at, leaves_at from partners.certificate"
        " where partner_id = %s order by added_at, thumbprint",
        [partner_id],
    ).fetchall()
    return tuple(_certificate(row) for row in rows)


def add_certificates(conn: Connection, partner_id: str, wanted: Sequence[Certificate], *, by: str) -> None:
    """List these certificates; one that is listed already learns what is known of it now, and no longer leaves."""
    for one in wanted:
        conn.execute(
            """
            insert into partners.certificate
                (partner_id, thumbprint, subject, names, issuer, starts_at, expires_at, leaves_at, added_by)
            values (%s, %s, %s, %s, %s, %s, %s, %s, %s)
            on conflict (partner_id, thumbprint) do update
               set subject = coalesce(excluded.subject, partners.certificate.subject), leaves_at = excluded.leaves_at,
                   names = case when excluded.subject is null then partners.certificate.names else excluded.names end,
                   issuer = coalesce(excluded.issuer, partners.certificate.issuer),
                   starts_at = coalesce(excluded.starts_at, partners.certificate.starts_at),
                   expires_at = coalesce(excluded.expires_at, partners.certificate.expires_at)
            """,
            [partner_id, one.thumbprint, one.subject, list(one.names), one.issuer, one.starts_at, one.expires_at,
             one.leaves_at, by],
        )  # fmt: skip


def end_certificates(conn: Connection, partner_id: str, *, except_for: Sequence[str], at: datetime) -> int:
    """Let every other certificate of the partner stop counting at this time, unless it does sooner; how many."""
    ended = conn.execute(
        "update partners.certificate set leaves_at = least(coalesce(leaves_at, %(at)s), %(at)s)"
        " where partner_id = %(partner)s and not thumbprint = any(%(kept)s)"
        "   and (leaves_at is null or leaves_at > now())",
        {"at": at, "partner": partner_id, "kept": list(except_for)},
    )
    return ended.rowcount


def leaving_keys(conn: Connection, partner_id: str) -> dict[str, datetime]:
    """The ids of keys that were replaced, and when each stops counting."""
    query = "select kid, leaves_at from partners.leaving_key where partner_id = %s"
    return {row["kid"]: row["leaves_at"] for row in conn.execute(query, [partner_id])}


def set_leaving_keys(conn: Connection, partner_id: str, kids: Sequence[str], *, at: datetime) -> None:
    """These keys stop counting at this time, and no other key does."""
    conn.execute("delete from partners.leaving_key where partner_id = %s", [partner_id])
    for kid in kids:
        conn.execute(
            "insert into partners.leaving_key (partner_id, kid, leaves_at) values (%s, %s, %s)", [partner_id, kid, at]
        )


def note_warning(conn: Connection, partner_id: str, what: str, *, days: int) -> bool:
    """Note that it was said that something ends in so many days; False when that was said before."""
    noted = conn.execute(
        "insert into partners.warned (partner_id, what, days) values (%s, %s, %s) on conflict do nothing",
        [partner_id, what, days],
    )
    return noted.rowcount == 1


def set_keys(conn: Connection, partner_id: str, jwks: Mapping[str, object]) -> None:
    """Keep these public keys (checked by the caller, see `jwks.check_jwks`)."""
    conn.execute("update partners.partner set jwks = %s, changed_at = now() where id = %s", [as_json(jwks), partner_id])


def set_jwks_url(conn: Connection, partner_id: str, url: str) -> None:
    """Where the partner publishes its keys (checked by the caller)."""
    conn.execute("update partners.partner set jwks_url = %s, changed_at = now() where id = %s", [url, partner_id])


def _certificate(row: dict[str, Any]) -> Certificate:
    return Certificate(**{**row, "names": tuple(row["names"])})

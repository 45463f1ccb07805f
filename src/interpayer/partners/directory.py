"""Who our partners are: found by their client id or by a payer they act for; every change with its history."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from psycopg import errors

from interpayer.model.partner import Partner, PartnerStatus
from interpayer.model.reason import Refusal
from interpayer.system.database import Connection, as_json


@dataclass(frozen=True, slots=True)
class Agreed:
    """What only the doors to and from a partner need: key address, certificates, how our assertion must look."""

    jwks_url: str | None = None
    certificates: tuple[str, ...] = ()
    assertion_style: str = "client"
    algorithm: str = "ES384"


@dataclass(frozen=True, slots=True)
class Credentials:
    """What a caller must prove itself with."""

    partner: Partner
    agreed: Agreed


@dataclass(frozen=True, slots=True)
class Change:
    """One line of a partner's history."""

    at: datetime
    change: str
    status_from: str | None
    status_to: str | None
    by: str
    reason: str | None


def add_partner(conn: Connection, partner: Partner, agreed: Agreed | None = None, *, by: str) -> None:
    """Store a new partner; `Refusal` when its client id, or a payer it acts for, belongs to another."""
    agreed = agreed or Agreed()
    row = {
        **{name: getattr(partner, name) for name in ("id", "name", "client_id", "environment", "attested_by_contract")},
        "status": partner.status.value,
        "scopes": list(partner.scopes),
        "jwks": as_json(partner.jwks),
        "contact": partner.contact,
        "our_client_id": partner.our_client_id,
        "jwks_url": agreed.jwks_url,
        "certificates": list(agreed.certificates),
        "assertion_style": agreed.assertion_style,
        "algorithm": agreed.algorithm,
    }
    try:
        with conn.transaction():
            conn.execute(
                """
                insert into partners.partner (id, name, status, client_id, scopes, jwks, jwks_url, certificates,
                    environment, attested_by_contract, contact, our_client_id, assertion_style, algorithm)
                values (%(id)s, %(name)s, %(status)s, %(client_id)s, %(scopes)s, %(jwks)s, %(jwks_url)s,
                    %(certificates)s, %(environment)s, %(attested_by_contract)s, %(contact)s, %(our_client_id)s,
                    %(assertion_style)s, %(algorithm)s)
                """,
                row,
            )
            _add_organizations(conn, partner)
    except errors.UniqueViolation as error:
        raise Refusal("request.malformed", "client_id or an organization belongs to another partner") from error
    _note(conn, partner.id, "added", status_to=partner.status, by=by)


def partner(conn: Connection, partner_id: str) -> Partner | None:
    """The partner of this id."""
    return _one(conn.execute("select * from partners.known where id = %s", [partner_id]).fetchone())


def by_client_id(conn: Connection, client_id: str) -> Partner | None:
    """The partner that calls us under this client id."""
    return _one(conn.execute("select * from partners.known where client_id = %s", [client_id]).fetchone())


def credentials(conn: Connection, client_id: str) -> Credentials | None:
    """The partner of this client id with what it must prove itself with."""
    row = conn.execute("select * from partners.known where client_id = %s", [client_id]).fetchone()
    return None if row is None else Credentials(_partner(row), _agreed(row))


def credentials_of(conn: Connection, partner_id: str) -> Credentials | None:
    """The partner with what the doors to and from it need."""
    row = conn.execute("select * from partners.known where id = %s", [partner_id]).fetchone()
    return None if row is None else Credentials(_partner(row), _agreed(row))


def agreed(conn: Connection, partner_id: str) -> Agreed | None:
    """What the doors to and from this partner need."""
    known = credentials_of(conn, partner_id)
    return None if known is None else known.agreed


def by_organization(conn: Connection, organization: str) -> Partner | None:
    """The partner that acts for this payer ('system|value' or bare); None when nobody does, or several could."""
    value = organization.rpartition("|")[2]
    rows = conn.execute(
        """
        select * from partners.known where id in (
            select partner_id from partners.organization
            where live and value = %(value)s and (identifier in (%(whole)s, %(value)s) or %(whole)s = %(value)s)
        ) limit 2
        """,
        {"whole": organization, "value": value},
    ).fetchall()
    return _partner(rows[0]) if len(rows) == 1 else None


def list_partners(conn: Connection) -> list[Partner]:
    """All partners by name, retired ones too."""
    return [_partner(row) for row in conn.execute("select * from partners.known order by name, id").fetchall()]


def set_status(conn: Connection, partner_id: str, status: PartnerStatus, *, by: str, reason: str) -> PartnerStatus:
    """Move a partner in its life and say so in its history; returns the status before. Retired is final."""
    row = conn.execute("select status from partners.partner where id = %s for update", [partner_id]).fetchone()
    if row is None:
        raise Refusal("request.not_found", "no such partner")
    before = PartnerStatus(row["status"])
    if before is PartnerStatus.RETIRED:
        raise Refusal("request.wrong_state", "the partner is retired")
    conn.execute(
        "update partners.partner set status = %s, changed_at = now() where id = %s", [status.value, partner_id]
    )
    if status is PartnerStatus.RETIRED:
        conn.execute("update partners.organization set live = false where partner_id = %s", [partner_id])
    _note(conn, partner_id, "status", status_from=before, status_to=status, by=by, reason=reason)
    return before


def replace_keys(conn: Connection, partner_id: str, jwks: dict[str, object], *, by: str, reason: str) -> None:
    """Exchange the partner's public keys (checked by the caller, see `jwks.check_jwks`); the old ones end at once."""
    changed = conn.execute(
        "update partners.partner set jwks = %s, changed_at = now() where id = %s", [as_json(jwks), partner_id]
    )
    if changed.rowcount != 1:
        raise Refusal("request.not_found", "no such partner")
    _note(conn, partner_id, "keys", by=by, reason=reason)


def replace_certificates(
    conn: Connection, partner_id: str, thumbprints: Sequence[str], *, by: str, reason: str
) -> None:
    """Agree on other client certificates (x5t#S256); tokens bound to a certificate no longer listed end at once."""
    changed = conn.execute(
        "update partners.partner set certificates = %s, changed_at = now() where id = %s",
        [list(thumbprints), partner_id],
    )
    if changed.rowcount != 1:
        raise Refusal("request.not_found", "no such partner")
    _note(conn, partner_id, "certificates", by=by, reason=reason)


def history(conn: Connection, partner_id: str) -> list[Change]:
    """Every change of a partner, oldest first."""
    rows = conn.execute(
        "select at, change, status_from, status_to, by, reason from partners.history where partner_id = %s order by id",
        [partner_id],
    ).fetchall()
    return [Change(**row) for row in rows]


def _add_organizations(conn: Connection, partner: Partner) -> None:
    live = partner.status is not PartnerStatus.RETIRED
    for position, identifier in enumerate(partner.organizations):
        conn.execute(
            "insert into partners.organization (partner_id, identifier, value, position, live)"
            " values (%s, %s, %s, %s, %s)",
            [partner.id, identifier, identifier.rpartition("|")[2], position, live],
        )


def _note(conn: Connection, partner_id: str, change: str, *, by: str, **what: str | None) -> None:
    conn.execute(
        "insert into partners.history (partner_id, change, status_from, status_to, by, reason)"
        " values (%s, %s, %s, %s, %s, %s)",
        [partner_id, change, what.get("status_from"), what.get("status_to"), by, what.get("reason")],
    )


def _one(row: dict[str, Any] | None) -> Partner | None:
    return None if row is None else _partner(row)


def _partner(row: dict[str, Any]) -> Partner:
    return Partner(
        id=row["id"],
        name=row["name"],
        status=PartnerStatus(row["status"]),
        client_id=row["client_id"],
        organizations=tuple(row["organizations"]),
        scopes=tuple(row["scopes"]),
        jwks=row["jwks"],
        environment=row["environment"],
        attested_by_contract=row["attested_by_contract"],
        contact=row["contact"],
        our_client_id=row["our_client_id"],
    )


def _agreed(row: dict[str, Any]) -> Agreed:
    return Agreed(row["jwks_url"], tuple(row["certificates"]), row["assertion_style"], row["algorithm"])

"""Who our partners are: found by their client id or by a payer they act for; every change with its history."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, LiteralString

from psycopg import errors

from interpayer.model.agreement import (
    ANY_PACE,
    NO_CONTRACT,
    USUAL_LIMITS,
    USUAL_PROFILE,
    ActsFor,
    CallLimits,
    Certificate,
    Contract,
    Pace,
    Profile,
)
from interpayer.model.partner import Partner, PartnerStatus
from interpayer.model.reason import Refusal
from interpayer.partners import agreements, lifecycle, store
from interpayer.system.clock import now
from interpayer.system.database import Connection, as_json

DOCUMENTS = ("limits", "pace", "contract", "profile")
_INSERT = """
insert into partners.partner (id, name, status, client_id, scopes, jwks, jwks_url, certificate_names, environment,
    attested_by_contract, contact, our_client_id, assertion_style, algorithm, limits, pace, contract, profile,
    origin, udap_uri, udap_community)
values (%(id)s, %(name)s, %(status)s, %(client_id)s, %(scopes)s, %(jwks)s, %(jwks_url)s, %(certificate_names)s,
    %(environment)s, %(attested_by_contract)s, %(contact)s, %(our_client_id)s, %(assertion_style)s, %(algorithm)s,
    %(limits)s, %(pace)s, %(contract)s, %(profile)s, %(origin)s, %(udap_uri)s, %(udap_community)s)
"""
_UPDATE = """
update partners.partner
   set name = %(name)s, client_id = %(client_id)s, scopes = %(scopes)s, jwks = %(jwks)s, jwks_url = %(jwks_url)s,
       certificate_names = %(certificate_names)s, environment = %(environment)s, contact = %(contact)s,
       attested_by_contract = %(attested_by_contract)s, our_client_id = %(our_client_id)s, origin = %(origin)s,
       assertion_style = %(assertion_style)s, algorithm = %(algorithm)s, limits = %(limits)s, pace = %(pace)s,
       contract = %(contract)s, profile = %(profile)s, changed_at = now()
 where id = %(id)s
"""


@dataclass(frozen=True, slots=True)
class Agreed:
    """What the doors to and from a partner need: keys, certificates, form of our assertion, limits, contract facts.

    `certificates` are the thumbprints that count now. `is_pinned`: only listed ones count, also when the list is empty
    because all have run out. `certificate_names`: when not empty, the certificate must carry one of them (SAN).
    """

    jwks_url: str | None = None
    certificates: tuple[str, ...] = ()
    assertion_style: str = "client"
    algorithm: str = "ES384"
    certificate_names: tuple[str, ...] = ()
    is_pinned: bool = False
    limits: CallLimits = USUAL_LIMITS
    pace: Pace = ANY_PACE
    contract: Contract = NO_CONTRACT
    profile: Profile = USUAL_PROFILE
    origin: str = "person"
    udap_uri: str | None = None
    udap_community: str | None = None


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


def add_partner(
    conn: Connection, partner: Partner, agreed: Agreed | None = None, *, by: str, acts_for: Sequence[ActsFor] = ()
) -> None:
    """Store a new partner; `Refusal` when its client id, or a payer it acts for on a day, belongs to another.

    Without `acts_for` it acts for `partner.organizations` from today on.
    """
    _write(conn, _INSERT, partner, agreed or Agreed(), acts_for=acts_for)
    store.add_certificates(conn, partner.id, [Certificate(one) for one in (agreed or Agreed()).certificates], by=by)
    note(conn, partner.id, "added", status_to=partner.status, by=by)


def change_partner(conn: Connection, partner: Partner, agreed: Agreed, *, acts_for: Sequence[ActsFor]) -> None:
    """Replace what is agreed with a partner; status and certificates stay as they are. The caller notes the change."""
    _write(conn, _UPDATE, partner, agreed, acts_for=acts_for)


def _write(
    conn: Connection, statement: LiteralString, partner: Partner, agreed: Agreed, *, acts_for: Sequence[ActsFor]
) -> None:
    row = {
        **{name: getattr(partner, name) for name in ("id", "name", "client_id", "environment", "attested_by_contract")},
        **{name: getattr(agreed, name) for name in ("jwks_url", "assertion_style", "algorithm", "origin")},
        **{name: getattr(agreed, name) for name in ("udap_uri", "udap_community")},
        **{name: as_json(agreements.as_document(getattr(agreed, name))) for name in DOCUMENTS},
        "status": partner.status.value,
        "scopes": list(partner.scopes),
        "jwks": as_json(partner.jwks),
        "contact": partner.contact,
        "our_client_id": partner.our_client_id,
        "certificate_names": list(agreed.certificate_names),
    }
    paid_for = tuple(acts_for) or tuple(ActsFor(one, now().date()) for one in partner.organizations)
    try:
        with conn.transaction():
            conn.execute(statement, row)
            store.set_acts_for(conn, partner.id, paid_for)
    except (errors.UniqueViolation, errors.ExclusionViolation) as error:
        raise Refusal("request.malformed", "client_id or an organization belongs to another partner") from error


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


def by_organization(conn: Connection, organization: str, *, on: date | None = None) -> Partner | None:
    """The partner that acts for this payer ('system|value' or bare) on a day, today when none is named.

    None when nobody does, or several could.
    """
    value = organization.rpartition("|")[2]
    rows = conn.execute(
        """
        select * from partners.known where id in (
            select partner_id from partners.organization
            where live and value = %(value)s and (identifier in (%(whole)s, %(value)s) or %(whole)s = %(value)s)
              and since <= %(on)s and (until is null or until >= %(on)s)
        ) limit 2
        """,
        {"whole": organization, "value": value, "on": on or now().date()},
    ).fetchall()
    return _partner(rows[0]) if len(rows) == 1 else None


def list_partners(conn: Connection) -> list[Partner]:
    """All partners by name, retired ones too."""
    return [_partner(row) for row in conn.execute("select * from partners.known order by name, id").fetchall()]


def set_status(
    conn: Connection, partner_id: str, status: PartnerStatus, *, by: str, reason: str, who: str = lifecycle.PERSON
) -> PartnerStatus:
    """Move a partner in its life as its table allows (partners/lifecycle.py); returns the status before.

    The conditions of the transition are the caller's to check; `who` is the kind of actor.
    """
    row = conn.execute("select status from partners.partner where id = %s for update", [partner_id]).fetchone()
    if row is None:
        raise Refusal("request.not_found", "no such partner")
    before = PartnerStatus(row["status"])
    lifecycle.transition(before, status, who=who)
    conn.execute(
        "update partners.partner set status = %s, changed_at = now() where id = %s", [status.value, partner_id]
    )
    if status is PartnerStatus.RETIRED:
        conn.execute("update partners.organization set live = false where partner_id = %s", [partner_id])
    note(conn, partner_id, "status", status_from=before, status_to=status, by=by, reason=reason)
    return before


def replace_keys(conn: Connection, partner_id: str, jwks: dict[str, object], *, by: str, reason: str) -> None:
    """Exchange the partner's public keys (checked by the caller, see `jwks.check_jwks`); the old ones end at once."""
    changed = conn.execute(
        "update partners.partner set jwks = %s, changed_at = now() where id = %s", [as_json(jwks), partner_id]
    )
    if changed.rowcount != 1:
        raise Refusal("request.not_found", "no such partner")
    note(conn, partner_id, "keys", by=by, reason=reason)


def replace_certificates(
    conn: Connection, partner_id: str, thumbprints: Sequence[str], *, by: str, reason: str
) -> None:
    """Agree on other client certificates (x5t#S256); tokens bound to a certificate no longer listed end at once."""
    if conn.execute("select from partners.partner where id = %s for update", [partner_id]).fetchone() is None:
        raise Refusal("request.not_found", "no such partner")
    store.end_certificates(conn, partner_id, except_for=thumbprints, at=now())
    store.add_certificates(conn, partner_id, [Certificate(one) for one in thumbprints], by=by)
    note(conn, partner_id, "certificates", by=by, reason=reason)


def history(conn: Connection, partner_id: str) -> list[Change]:
    """Every change of a partner, oldest first."""
    rows = conn.execute(
        "select at, change, status_from, status_to, by, reason from partners.history where partner_id = %s order by id",
        [partner_id],
    ).fetchall()
    return [Change(**row) for row in rows]


def note(conn: Connection, partner_id: str, change: str, *, by: str, **what: str | None) -> None:
    """Add a line to the partner's history; the caller changed something in the same transaction."""
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
    return Agreed(
        **{name: row[name] for name in ("jwks_url", "assertion_style", "algorithm", "is_pinned", "origin")},
        **{name: row[name] for name in ("udap_uri", "udap_community")},
        certificates=tuple(row["certificates"]),
        certificate_names=tuple(row["certificate_names"]),
        limits=agreements.read_limits(row["limits"]),
        pace=agreements.read_pace(row["pace"]),
        contract=agreements.read_contract(row["contract"]),
        profile=agreements.read_profile(row["profile"]),
    )

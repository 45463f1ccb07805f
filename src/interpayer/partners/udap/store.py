"""Registrations over UDAP: theirs with us, and ours with them. The caller owns the transaction."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from interpayer.system.database import Connection, as_json


@dataclass(frozen=True, slots=True)
class Statement:
    """What a partner said in a software statement that holds: who it is, how to reach it, what it asks for."""

    community: str
    uri: str
    certificate: bytes
    thumbprint: str
    text: str
    client_name: str
    contacts: tuple[str, ...]
    scopes: tuple[str, ...]
    certifications: tuple[Mapping[str, Any], ...] = ()


@dataclass(frozen=True, slots=True)
class Registration:
    """A partner's registration as kept; `client_id` and `status` are the partner's."""

    partner_id: str
    client_id: str
    status: str
    said: Statement
    registered_at: datetime
    changed_at: datetime
    cancelled_at: datetime | None


@dataclass(frozen=True, slots=True)
class Membership:
    """Our registration at a partner's server."""

    partner_id: str
    fhir_base: str
    community: str
    uri: str
    client_id: str
    scopes: tuple[str, ...]
    registered_at: datetime


_KNOWN = """
select r.*, k.client_id, k.status from partners.udap_registration r join partners.known k on k.id = r.partner_id
"""


def one_at_a_time(conn: Connection, *, community: str, uri: str) -> None:
    """Two statements of one signer wait for each other until the transaction ends."""
    conn.execute("select pg_advisory_xact_lock(hashtextextended(%s, 11))", [f"{community} {uri}"])


def registered(conn: Connection, *, community: str, uri: str) -> Registration | None:
    """The registration of this signer in this community, cancelled or not; None once the partner is retired."""
    rows = conn.execute(
        _KNOWN + "where r.community = %s and r.uri = %s and k.status <> 'retired'",
        [community, uri],
    ).fetchall()
    return _registration(rows[0]) if rows else None


def registration_of(conn: Connection, partner_id: str) -> Registration | None:
    """How a partner registered; None when it did not come by UDAP."""
    row = conn.execute(_KNOWN + "where r.partner_id = %s", [partner_id]).fetchone()
    return None if row is None else _registration(row)


def registrations(conn: Connection) -> list[Registration]:
    """Every registration, the newest first."""
    return [_registration(row) for row in conn.execute(_KNOWN + "order by r.registered_at desc, k.id").fetchall()]


def invite(conn: Connection, said: Statement, *, partner_id: str, client_id: str, environment: str) -> None:
    """Make the partner behind a new registration; it may do nothing until a person lets it."""
    conn.execute(
        "select partners.udap_invite(%s, %s, %s, %s, %s, %s, %s, %s)",
        [
            partner_id,
            said.client_name,
            client_id,
            list(said.scopes),
            said.contacts[0],
            environment,
            said.community,
            said.uri,
        ],
    )


def move(
    conn: Connection, partner_id: str, change: str, *, status: str | None = None, scopes: Sequence[str] | None = None
) -> str:
    """What the partner itself caused, in its history; returns the status before. The database refuses all else."""
    asked = list(scopes) if scopes is not None else None
    row = conn.execute(
        "select partners.udap_move(%s, %s, %s, %s) as before", [partner_id, change, status, asked]
    ).fetchone()
    assert row is not None
    return str(row["before"])


def keep(conn: Connection, partner_id: str, said: Statement, *, at: datetime) -> None:
    """Keep what was said last; a cancelled registration lives again."""
    conn.execute(
        """
        insert into partners.udap_registration (partner_id, community, uri, certificate, thumbprint, software_statement,
            client_name, contacts, scopes, certifications, registered_at, changed_at)
        values (%(partner_id)s, %(community)s, %(uri)s, %(certificate)s, %(thumbprint)s, %(text)s, %(client_name)s,
            %(contacts)s, %(scopes)s, %(certifications)s, %(at)s, %(at)s)
        on conflict (partner_id) do update set certificate = excluded.certificate, thumbprint = excluded.thumbprint,
            software_statement = excluded.software_statement, client_name = excluded.client_name,
            contacts = excluded.contacts, scopes = excluded.scopes, certifications = excluded.certifications,
            changed_at = excluded.changed_at, cancelled_at = null
        """,
        {
            **{name: getattr(said, name) for name in ("community", "uri", "certificate", "thumbprint", "text")},
            "partner_id": partner_id,
            "client_name": said.client_name,
            "contacts": list(said.contacts),
            "scopes": list(said.scopes),
            "certifications": as_json([dict(one) for one in said.certifications]),
            "at": at,
        },
    )


def cancel(conn: Connection, partner_id: str, *, at: datetime) -> None:
    """The partner took its registration back."""
    conn.execute(
        "update partners.udap_registration set cancelled_at = %s, changed_at = %s where partner_id = %s",
        [at, at, partner_id],
    )


def organizations(conn: Connection, partner_id: str) -> dict[str, str]:
    """Which identifier of a payer each organization_id (URI) of this partner means, where a person said so."""
    rows = conn.execute(
        "select uri, identifier from partners.udap_organization where partner_id = %s order by uri", [partner_id]
    ).fetchall()
    return {row["uri"]: row["identifier"] for row in rows}


def name_organization(conn: Connection, partner_id: str, *, uri: str, identifier: str, by: str) -> None:
    """Say which payer an organization_id of the partner means."""
    conn.execute(
        """
        insert into partners.udap_organization (partner_id, uri, identifier, added_by) values (%s, %s, %s, %s)
        on conflict (partner_id, uri) do update
            set identifier = excluded.identifier, added_by = excluded.added_by, added_at = now()
        """,
        [partner_id, uri, identifier, by],
    )


def membership(conn: Connection, partner_id: str, *, fhir_base: str) -> Membership | None:
    """Our living registration at this FHIR base."""
    row = conn.execute(
        """
        select partner_id, fhir_base, community, uri, client_id, scopes, registered_at from partners.udap_membership
        where partner_id = %s and fhir_base = %s and cancelled_at is null
        """,
        [partner_id, fhir_base],
    ).fetchone()
    return None if row is None else Membership(**{**row, "scopes": tuple(row["scopes"])})


def memberships(conn: Connection, partner_id: str | None = None) -> list[Membership]:
    """Our living registrations, of one partner or of all."""
    rows = conn.execute(
        """
        select partner_id, fhir_base, community, uri, client_id, scopes, registered_at from partners.udap_membership
        where cancelled_at is null and (%(id)s::text is null or partner_id = %(id)s) order by registered_at
        """,
        {"id": partner_id},
    ).fetchall()
    return [Membership(**{**row, "scopes": tuple(row["scopes"])}) for row in rows]


def join(conn: Connection, ours: Membership, *, by: str) -> None:
    """Keep our registration at a partner's server; the one before, if any, counts no more."""
    leave(conn, ours.partner_id, fhir_base=ours.fhir_base, at=ours.registered_at)
    conn.execute(
        """
        insert into partners.udap_membership (partner_id, fhir_base, community, uri, client_id, scopes, registered_at,
            registered_by) values (%s, %s, %s, %s, %s, %s, %s, %s)
        """,
        [
            ours.partner_id,
            ours.fhir_base,
            ours.community,
            ours.uri,
            ours.client_id,
            list(ours.scopes),
            ours.registered_at,
            by,
        ],
    )


def leave(conn: Connection, partner_id: str, *, fhir_base: str, at: datetime) -> bool:
    """Our registration there is cancelled; False when there was none."""
    done = conn.execute(
        """
        update partners.udap_membership set cancelled_at = %s
        where partner_id = %s and fhir_base = %s and cancelled_at is null
        """,
        [at, partner_id, fhir_base],
    )
    return done.rowcount == 1


def _registration(row: Mapping[str, Any]) -> Registration:
    said = Statement(
        community=row["community"],
        uri=row["uri"],
        certificate=bytes(row["certificate"]),
        thumbprint=row["thumbprint"],
        text=row["software_statement"],
        client_name=row["client_name"],
        contacts=tuple(row["contacts"]),
        scopes=tuple(row["scopes"]),
        certifications=tuple(row["certifications"]),
    )
    return Registration(
        partner_id=row["partner_id"],
        client_id=row["client_id"],
        status=row["status"],
        said=said,
        registered_at=row["registered_at"],
        changed_at=row["changed_at"],
        cancelled_at=row["cancelled_at"],
    )

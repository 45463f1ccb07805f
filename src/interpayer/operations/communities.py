"""Partners that register over UDAP: what they say is kept and on the ledger; what they may, a person says elsewhere."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

from interpayer.audit.ledger import Ledger
from interpayer.exchange.tools import Tools
from interpayer.exchange.transitions import Actor
from interpayer.model.event import JSON, Event
from interpayer.model.partner import PartnerStatus
from interpayer.model.reason import Refusal
from interpayer.operations import partners
from interpayer.partners import directory
from interpayer.partners.udap import store
from interpayer.partners.udap.store import Membership, Registration, Statement
from interpayer.system.clock import now
from interpayer.system.database import Connection
from interpayer.system.ids import new_id

# Where a person put a partner to rest, a statement of its own does not bring it back.
AT_REST = frozenset({PartnerStatus.SUSPENDED, PartnerStatus.QUARANTINED})


class Change(StrEnum):
    """What a statement did."""

    REGISTERED = "registered"
    RETURNED = "registered again"
    CHANGED = "registration changed"
    CANCELLED = "registration cancelled"


@dataclass(frozen=True, slots=True)
class Enrolled:
    """The outcome of a statement; `agreed` are the scopes that a person agreed on, None while nobody did."""

    partner_id: str
    client_id: str
    change: Change
    agreed: tuple[str, ...] | None = None


def enroll(ledger: Ledger, conn: Connection, said: Statement, *, environment: str, at: datetime) -> Enrolled:
    """Register the signer, or change its registration. A new partner is invited and may do nothing yet.

    `Refusal` caller.suspended when a person put the partner to rest.
    """
    store.one_at_a_time(conn, community=said.community, uri=said.uri)
    known = store.registered(conn, community=said.community, uri=said.uri)
    if known is None:
        made = Enrolled(new_id("p"), new_id("u"), Change.REGISTERED)
        store.invite(conn, said, partner_id=made.partner_id, client_id=made.client_id, environment=environment)
    else:
        made = _again(conn, known, said)
    store.keep(conn, made.partner_id, said, at=at)
    _record(ledger, conn, made, said)
    return made


def withdraw(ledger: Ledger, conn: Connection, said: Statement, *, at: datetime) -> Enrolled | None:
    """End the signer's registration: it may call no more; None when there is none to end."""
    store.one_at_a_time(conn, community=said.community, uri=said.uri)
    known = store.registered(conn, community=said.community, uri=said.uri)
    if known is None or known.cancelled_at is not None:
        return None
    status = PartnerStatus(known.status)
    target = None if status is PartnerStatus.SUSPENDED else PartnerStatus.SUSPENDED.value
    store.move(conn, known.partner_id, Change.CANCELLED.value, status=target)
    store.cancel(conn, known.partner_id, at=at)
    made = Enrolled(known.partner_id, known.client_id, Change.CANCELLED)
    _record(ledger, conn, made, said)
    return made


def name_organization(tools: Tools, conn: Connection, name: str, *, uri: str, identifier: str, actor: Actor) -> None:
    """Say which payer of a partner an organization_id (URI) of its hl7-b2b means; it must act for that payer."""
    partner = partners.find(conn, name)
    if identifier not in partner.organizations:
        raise Refusal("request.malformed", "the partner does not act for this organization; agree on that first")
    store.name_organization(conn, partner.id, uri=uri, identifier=identifier, by=actor.id)
    directory.note(conn, partner.id, "organization named", by=actor.id, reason=uri)
    facts: dict[str, JSON] = {"change": "organization named", "organization_id": uri, "identifier": identifier}
    tools.ledger.append(
        conn,
        Event("partner.changed", f"partner:{partner.id}", actor.type, actor.id, partner_id=partner.id, facts=facts),
    )


def told(registration: Registration) -> dict[str, Any]:
    """A registration as people of the plan see it."""
    said = registration.said
    return {
        "partner": registration.partner_id,
        "client_id": registration.client_id,
        "status": registration.status,
        "community": said.community,
        "uri": said.uri,
        "client_name": said.client_name,
        "contacts": list(said.contacts),
        "scopes": list(said.scopes),
        "certificate": said.thumbprint,
        "certifications": [dict(one) for one in said.certifications],
        "registered_at": registration.registered_at.isoformat(),
        "changed_at": registration.changed_at.isoformat(),
        "cancelled_at": registration.cancelled_at.isoformat() if registration.cancelled_at else None,
    }


def told_of_us(membership: Membership) -> dict[str, Any]:
    """A registration of ours as people of the plan see it."""
    return {
        "partner": membership.partner_id,
        "fhir_base": membership.fhir_base,
        "community": membership.community,
        "uri": membership.uri,
        "client_id": membership.client_id,
        "scopes": list(membership.scopes),
        "registered_at": membership.registered_at.isoformat(),
    }


def joined(tools: Tools, conn: Connection, ours: Membership, *, actor: Actor) -> None:
    """Keep that we are registered at a partner's server; calls go out under that registration from now on."""
    store.join(conn, ours, by=actor.id)
    _record_ours(tools, conn, ours, change="joined over UDAP", actor=actor)


def left(tools: Tools, conn: Connection, ours: Membership, *, actor: Actor) -> None:
    """Keep that our registration at a partner's server is cancelled."""
    store.leave(conn, ours.partner_id, fhir_base=ours.fhir_base, at=now())
    _record_ours(tools, conn, ours, change="left over UDAP", actor=actor)


def _again(conn: Connection, known: Registration, said: Statement) -> Enrolled:
    """A second statement of the same signer: back after an end of its own, or a change."""
    status = PartnerStatus(known.status)
    if known.cancelled_at is not None:
        back = PartnerStatus.INVITED.value if status is PartnerStatus.SUSPENDED else None
        store.move(conn, known.partner_id, Change.RETURNED.value, status=back, scopes=said.scopes)
        return Enrolled(known.partner_id, known.client_id, Change.RETURNED)
    if status in AT_REST:
        raise Refusal("caller.suspended", "this registration rests; talk to the contact of this payer")
    store.move(conn, known.partner_id, Change.CHANGED.value, scopes=said.scopes)
    partner = directory.partner(conn, known.partner_id)
    is_agreed = partner is not None and status is not PartnerStatus.INVITED
    return Enrolled(
        known.partner_id, known.client_id, Change.CHANGED, partner.scopes if partner and is_agreed else None
    )


def _record(ledger: Ledger, conn: Connection, made: Enrolled, said: Statement) -> None:
    facts: dict[str, JSON] = {
        "change": made.change.value,
        "client_id": made.client_id,
        "community": said.community,
        "uri": said.uri,
        "scopes": list(said.scopes),
        "certificate": said.thumbprint,
    }
    chain = f"partner:{made.partner_id}"
    ledger.append(
        conn, Event("partner.changed", chain, "partner", made.partner_id, partner_id=made.partner_id, facts=facts)
    )


def _record_ours(tools: Tools, conn: Connection, ours: Membership, *, change: str, actor: Actor) -> None:
    facts: dict[str, JSON] = {
        "change": change,
        "community": ours.community,
        "fhir_base": ours.fhir_base,
        "client_id": ours.client_id,
        "scopes": list(ours.scopes),
    }
    chain = f"partner:{ours.partner_id}"
    tools.ledger.append(
        conn, Event("partner.changed", chain, actor.type, actor.id, partner_id=ours.partner_id, facts=facts)
    )

"""A partner's way through its life: invited, tested, active, set apart, ended; and changed agreements."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from interpayer.exchange.tools import Tools
from interpayer.exchange.transitions import Actor
from interpayer.model.agreement import ActsFor
from interpayer.model.event import JSON
from interpayer.model.partner import Partner, PartnerStatus
from interpayer.model.reason import Refusal
from interpayer.operations import partners
from interpayer.operations.partner_views import PartnerView, view
from interpayer.partners import directory, gate, invitations, lifecycle, onboarding, store
from interpayer.partners.agreements import acts_for_as_document
from interpayer.routing import registry
from interpayer.system.clock import now
from interpayer.system.database import Connection

INVITED_DAYS, MOST_INVITED_DAYS = 14, 90


@dataclass(frozen=True, slots=True)
class Invited:
    """An invited partner; the token is shown once and kept only as a hash."""

    partner: Partner
    token: str = field(repr=False)
    expires_at: datetime


@dataclass(frozen=True, slots=True)
class Why:
    """Why a partner moves, and the items of the gate that the person vouches for."""

    reason: str
    vouched: tuple[str, ...] = ()


def invite(
    tools: Tools, conn: Connection, document: Mapping[str, Any], *, days: int = INVITED_DAYS, actor: Actor
) -> Invited:
    """Say whom we want to exchange with, for which payers and scopes; the token lets them hand in the rest, once."""
    expires_at = _invited_until(days)
    # Until they name themselves, their client id is a name that nobody can prove to be.
    given = {"client_id": f"invited:{now():%Y%m%dT%H%M%S%f}", **document, "status": PartnerStatus.INVITED.value}
    partner = partners.add(tools, conn, given, actor=actor).partner
    token = invitations.make(conn, partner.id, expires_at=expires_at, by=actor.id)
    return Invited(partner, token, expires_at)


def invite_again(tools: Tools, conn: Connection, name: str, *, days: int = INVITED_DAYS, actor: Actor) -> Invited:
    """A new token for a partner that is still invited; the one before ends."""
    partner = partners.find(conn, name)
    if partner.status is not PartnerStatus.INVITED:
        raise Refusal("request.wrong_state", "only a partner that is invited gets an invitation")
    expires_at = _invited_until(days)
    token = invitations.make(conn, partner.id, expires_at=expires_at, by=actor.id)
    partners.record(tools, conn, partner.id, actor=actor, facts={"change": "invited again"})
    return Invited(partner, token, expires_at)


def knock(tools: Tools, address: str) -> None:
    """Hold those who try invitations to a rate; Refusal caller.too_many. Counted whatever becomes of the try."""
    with tools.database.transaction() as conn:
        wait_s = invitations.wait_s(conn, address, at=now())
    if wait_s is not None:
        raise Refusal("caller.too_many", f"try again in {wait_s:.0f} seconds")


def accept(tools: Tools, conn: Connection, token: str, *, document: Mapping[str, Any]) -> Partner:
    """An invited partner hands in its registration: keys, endpoints, contacts, what it keeps. It is `testing` then.

    It cannot say whom it acts for, what it may, in which environment, or that a contract vouches for it: we did.
    """
    claimed = invitations.claim(conn, token, at=now())
    partner = directory.partner(conn, claimed.partner_id) if claimed else None
    if partner is None or partner.status is not PartnerStatus.INVITED:
        raise Refusal("caller.unknown", "the invitation is unknown, was used, or has run out")
    refused = sorted(str(name) for name in set(document) - invitations.THEIRS)
    if refused:
        raise Refusal("request.malformed", f"an invited partner may say: {', '.join(sorted(invitations.THEIRS))}")
    actor = Actor(lifecycle.PARTNER, partner.id)
    read = _overlaid(tools, conn, partner, document, origin="invitation")
    partner = _changed(conn, partner, read)
    store.add_certificates(conn, partner.id, read.certificates, by=actor.id)
    for endpoint in onboarding.endpoints_of(read, partner):
        registry.add_endpoint(conn, endpoint, read.acts_for)
    directory.note(conn, partner.id, "registration", by=actor.id, reason="by invitation")
    move(tools, conn, partner, PartnerStatus.TESTING, why=Why("registered by invitation"), actor=actor)
    return partners.find(conn, partner.id)


def change(
    tools: Tools, conn: Connection, name: str, *, document: Mapping[str, Any], reason: str, actor: Actor
) -> Partner:
    """Change what is agreed: the elements of a registration document that are named, the others stay."""
    say_why(reason)
    partner = partners.find(conn, name)
    if partner.status is PartnerStatus.RETIRED:
        raise Refusal("request.wrong_state", "the partner is retired")
    elsewhere = {"jwks", "certificates", "endpoints", "status", "environment"} & set(document)
    if elsewhere:
        hint = "keys and certificates: partner rotate; endpoints: partner endpoint; environment: register anew"
        raise Refusal("request.malformed", f"{', '.join(sorted(elsewhere))} cannot be changed so ({hint})")
    read = _overlaid(tools, conn, partner, document)
    partner = _changed(conn, partner, read)
    for endpoint in registry.endpoints_of_partner(conn, partner.id):
        registry.add_endpoint(conn, endpoint, read.acts_for)
    directory.note(conn, partner.id, "agreement", by=actor.id, reason=reason)
    facts: dict[str, JSON] = {"change": "agreement", "elements": [*sorted(map(str, document))], "why": reason}
    partners.record(tools, conn, partner.id, actor=actor, facts=facts)
    return partner


def activate(
    tools: Tools, conn: Connection, name: str, *, reason: str, vouched: Sequence[str] = (), actor: Actor
) -> Partner:
    """Let a partner exchange real data: every item of the gate is shown, or vouched for by this person by name."""
    say_why(reason)
    partner = partners.find(conn, name)
    unknown = set(vouched) - set(gate.ITEMS) | set(vouched) & gate.NEVER_WAIVED
    if unknown:
        may = ", ".join(sorted(set(gate.ITEMS) - gate.NEVER_WAIVED))
        raise Refusal("request.malformed", f"nobody can vouch for {', '.join(sorted(unknown))}; only for: {may}")
    shown = view(tools, conn, partner)
    open_items = [one for one in shown.open_items if one.item not in vouched and not _was_active(shown, one)]
    if open_items:
        words = "; ".join(f"{one.item}: {one.missing}" for one in open_items)
        raise Refusal("request.wrong_state", f"the gate still asks for {words}")
    return move(tools, conn, partner, PartnerStatus.ACTIVE, why=Why(reason, tuple(vouched)), actor=actor)


def set_status(
    tools: Tools, conn: Connection, name: str, *, status: PartnerStatus, reason: str, actor: Actor
) -> Partner:
    """Test, quarantine, suspend, retire or activate a partner; it counts from its next call on."""
    if status is PartnerStatus.ACTIVE:
        return activate(tools, conn, name, reason=reason, actor=actor)
    say_why(reason)
    return move(tools, conn, partners.find(conn, name), status, why=Why(reason), actor=actor)


def move(tools: Tools, conn: Connection, partner: Partner, status: PartnerStatus, *, why: Why, actor: Actor) -> Partner:
    """Go one way of the life cycle; Refusal when the table has none, or the registration is not whole."""
    way = lifecycle.transition(partner.status, status, who=actor.type)
    known = directory.credentials_of(conn, partner.id)
    if way.needs is not None and (known is None or not gate.has_document(known.partner, known.agreed)):
        raise Refusal("request.wrong_state", "keys, scopes or a payer that it acts for are missing")
    before = directory.set_status(conn, partner.id, status, by=actor.id, reason=why.reason, who=actor.type)
    if status is PartnerStatus.RETIRED:
        for endpoint in registry.endpoints_of_partner(conn, partner.id):
            registry.set_status(conn, endpoint.id, "retired")
    facts: dict[str, JSON] = {"change": "status", "from": before.value, "to": status.value, "why": why.reason}
    if why.vouched:
        facts["vouched"] = list(why.vouched)
    partners.record(tools, conn, partner.id, actor=actor, facts=facts)
    return partners.find(conn, partner.id)


def _invited_until(days: int) -> datetime:
    if not 1 <= days <= MOST_INVITED_DAYS:
        raise Refusal("request.malformed", f"an invitation is good for 1 to {MOST_INVITED_DAYS} days")
    return now() + timedelta(days=days)


def _overlaid(
    tools: Tools, conn: Connection, partner: Partner, document: Mapping[str, Any], *, origin: str | None = None
) -> onboarding.PartnerDocument:
    """What is agreed now with the elements of a document laid over it, read and checked as a whole."""
    known = directory.credentials_of(conn, partner.id)
    assert known is not None
    agreed, acts_for = known.agreed, store.acts_for(conn, partner.id)
    has_keys = bool(partner.jwks.get("keys"))
    base = onboarding.described(partner, agreed, acts_for=acts_for, contacts=store.contacts(conn, partner.id))
    stands = {"jwks": partner.jwks} if has_keys else {}
    document = _with_known_days(document, acts_for)
    contract = {**base.get("contract", {}), **(document.get("contract") or {})}
    status = PartnerStatus.TESTING if origin == "invitation" else PartnerStatus.INVITED
    whole = {**base, **stands, **document, "contract": contract, "status": status.value}
    read = onboarding.read_document(whole, environment=tools.environment)
    return onboarding.with_origin(read, agreed, origin=origin or agreed.origin)


def _with_known_days(document: Mapping[str, Any], acts_for: Sequence[ActsFor]) -> Mapping[str, Any]:
    """A payer that is named again by its identifier alone keeps the days and the proof that it has."""
    named = document.get("organizations")
    if not isinstance(named, list):
        return document
    known = {one.identifier: acts_for_as_document(one) for one in acts_for}
    return {**document, "organizations": [known.get(one, one) if isinstance(one, str) else one for one in named]}


def _changed(conn: Connection, partner: Partner, read: onboarding.PartnerDocument) -> Partner:
    made = onboarding.partner_of(read, partner_id=partner.id, status=partner.status)
    directory.change_partner(conn, made, onboarding.agreed_of(read), acts_for=read.acts_for)
    store.set_contacts(conn, partner.id, read.contacts)
    return made


def _was_active(shown: PartnerView, item: gate.Open) -> bool:
    """One that was active before passed the gate then; what would never be waived is asked again."""
    was = any(change.status_to == PartnerStatus.ACTIVE for change in shown.history)
    return was and item.item not in gate.NEVER_WAIVED


def say_why(reason: str) -> None:
    """Refusal when no reason is given: every change of a partner keeps one."""
    if not reason.strip():
        raise Refusal("request.malformed", "say why")

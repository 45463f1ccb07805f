"""New keys and certificates of a partner, without a moment in which neither the old nor the new ones count."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from interpayer.exchange.tools import Tools
from interpayer.exchange.transitions import Actor
from interpayer.model.agreement import Certificate
from interpayer.model.event import JSON
from interpayer.model.partner import Partner, PartnerStatus
from interpayer.model.reason import Refusal
from interpayer.operations import partners
from interpayer.operations.partner_life import say_why
from interpayer.operations.partner_views import PartnerView, view
from interpayer.partners import directory, onboarding, store
from interpayer.partners.jwks import check_jwks
from interpayer.system.clock import now
from interpayer.system.database import Connection

# Old keys and certificates count on for so long, unless somebody says otherwise.
OVERLAP = timedelta(days=7)


@dataclass(frozen=True, slots=True)
class NewCredentials:
    """What takes the place of what is there: keys, their address, certificates; None leaves it."""

    jwks: object | None = None
    jwks_url: str | None = None
    certificates: Sequence[Certificate] = ()
    overlap: timedelta = OVERLAP


def rotate(tools: Tools, conn: Connection, name: str, *, new: NewCredentials, reason: str, actor: Actor) -> PartnerView:
    """Take new keys or certificates; the old ones count until the overlap is over (none: they end at once)."""
    say_why(reason)
    partner = partners.find(conn, name)
    if new.jwks is None and new.jwks_url is None and not new.certificates:
        raise Refusal("request.malformed", "name new keys, their address, or a certificate")
    if partner.status is PartnerStatus.RETIRED:
        raise Refusal("request.wrong_state", "the partner is retired")
    ends_at = now() + new.overlap
    facts: dict[str, JSON] = {"change": "rotated", "why": reason, "old_until": ends_at.isoformat()}
    if new.jwks is not None:
        facts["keys"] = _new_keys(conn, partner, new.jwks, at=ends_at)
    if new.jwks_url is not None:
        onboarding.check_address(new.jwks_url, what="jwks_url")
        if new.jwks is None:
            # keys that move to an address: the registered ones leave like any others that are replaced
            _leave(conn, partner, at=ends_at)
        store.set_jwks_url(conn, partner.id, new.jwks_url)
        facts["jwks_url"] = new.jwks_url
    if new.certificates:
        kept = [one.thumbprint for one in new.certificates]
        store.end_certificates(conn, partner.id, except_for=kept, at=ends_at)
        store.add_certificates(conn, partner.id, new.certificates, by=actor.id)
        facts["certificates"] = list(kept)
    directory.note(conn, partner.id, "credentials", by=actor.id, reason=reason)
    partners.record(tools, conn, partner.id, actor=actor, facts=facts)
    return view(tools, conn, partners.find(conn, partner.id))


def _new_keys(conn: Connection, partner: Partner, jwks: object, *, at: datetime) -> list[JSON]:
    """The new keys, with those of before that still count for a while; two under one id cannot."""
    taken = check_jwks(jwks)
    fresh = _keys(taken)
    former = {kid: key for kid, key in _keys(partner.jwks).items() if key != fresh.get(kid)}
    is_at_once = at <= now()
    if not is_at_once and set(former) & set(fresh):
        raise Refusal("request.malformed", "a new key has the id of an old one: rename it, or end the old at once")
    leaving = {} if is_at_once else former
    both: dict[str, object] = {"keys": [*fresh.values(), *leaving.values()]}
    store.set_keys(conn, partner.id, both)
    store.set_leaving_keys(conn, partner.id, list(leaving), at=at)
    return [*sorted(fresh)]


def _leave(conn: Connection, partner: Partner, *, at: datetime) -> None:
    if at <= now():
        store.set_keys(conn, partner.id, onboarding.NO_KEYS)
    store.set_leaving_keys(conn, partner.id, list(_keys(partner.jwks)), at=at)


def _keys(jwks: Mapping[str, Any]) -> dict[str, Any]:
    return {str(key["kid"]): key for key in jwks.get("keys", [])}

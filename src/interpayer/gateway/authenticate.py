"""Who is calling, and may they call? Bearer token, bound certificate, living partner (tour stop 1)."""

import hmac
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from interpayer.gateway import store
from interpayer.gateway.peers import Peer
from interpayer.model.agreement import CallLimits
from interpayer.model.partner import Caller, Partner, PartnerStatus
from interpayer.partners import directory
from interpayer.partners.directory import Credentials
from interpayer.system.database import Connection

LONGEST_TOKEN = 200


@dataclass(frozen=True, slots=True)
class Presented:
    """What came with the call: the Authorization header as it stands, and whose certificate."""

    authorization: str | None
    peer: Peer


@dataclass(frozen=True, slots=True)
class Admitted:
    """The caller, proved, with what was agreed about how often it may call."""

    caller: Caller
    partner: Partner
    limits: CallLimits


@dataclass(frozen=True, slots=True)
class Denied:
    """Why not; `partner_id` only when the token was real, so that the refusal is written in the partner's chain."""

    reason: str
    detail: str
    partner_id: str | None = None


def authenticate(conn: Connection, presented: Presented, *, environment: str, at: datetime) -> Admitted | Denied:
    """The caller behind a token, or why it is refused. Without a client certificate nobody is known (RFC 8705)."""
    thumbprint = presented.peer.thumbprint
    if thumbprint is None:
        return Denied("caller.unknown", "a client certificate is needed")
    secret = _bearer(presented.authorization)
    token = store.find_token(conn, secret, at=at) if secret else None
    if token is None:
        return Denied("caller.unknown", "a valid access token is needed")
    known = directory.credentials_of(conn, token.partner_id)
    if known is None:
        return Denied("caller.unknown", "a valid access token is needed")
    if not hmac.compare_digest(token.thumbprint.encode(), thumbprint.encode()):
        return Denied("caller.certificate_mismatch", "", token.partner_id)
    if denied := check_partner(known, presented.peer, environment=environment):
        return denied
    partner = known.partner
    caller = Caller(
        partner_id=partner.id,
        client_id=token.client_id,
        organizations=_spoken_for(partner, token),
        scopes=token.scopes,
        attested_by_contract=partner.attested_by_contract,
        token_id=token.token_id,
        subject=token.subject,
        asserted=token.asserted,
    )
    return Admitted(caller, partner, known.agreed.limits)


def _spoken_for(partner: Partner, token: store.Token) -> tuple[str, ...]:
    """A token that was asked for in the name of one organization (UDAP hl7-b2b) is good for no other."""
    named = (token.asserted or {}).get("organization")
    return tuple(one for one in partner.organizations if named is None or one == named)


def check_partner(known: Credentials, peer: Peer, *, environment: str) -> Denied | None:
    """Whether this partner may call here now with this certificate (None: yes). Asked at token and at each call."""
    partner = known.partner
    living = {PartnerStatus.ACTIVE} | ({PartnerStatus.TESTING} if environment == "test" else set())
    if partner.environment != environment:
        # Said only to one that has proved who it is; it needs to know which of its own credentials to use.
        detail = f"these are credentials of the {partner.environment} environment, this is {environment}"
        return Denied("caller.wrong_environment", detail, partner.id)
    if partner.status not in living:
        return Denied("caller.suspended", "", partner.id)
    agreed = known.agreed.certificates
    # A list whose certificates have all run out stays a list: it lets nobody in, rather than everybody.
    if (agreed or known.agreed.is_pinned) and not any(
        hmac.compare_digest(one.encode(), (peer.thumbprint or "").encode()) for one in agreed
    ):
        return Denied("caller.certificate_mismatch", "", partner.id)
    names = known.agreed.certificate_names
    if names and not same_names(names) & same_names(peer.names):
        return Denied("caller.certificate_mismatch", "the certificate has none of the names agreed", partner.id)
    return None


def same_names(names: Iterable[str]) -> frozenset[str]:
    """Names as they compare: host names without regard to case, addresses with a scheme as they stand."""
    return frozenset(name if "://" in name else name.lower() for name in names)


def _bearer(authorization: str | None) -> str | None:
    scheme, _, secret = (authorization or "").partition(" ")
    is_token = scheme.lower() == "bearer" and 0 < len(secret) <= LONGEST_TOKEN and secret.isascii()
    return secret if is_token and not any(character.isspace() for character in secret) else None

"""`POST /token`: an assertion in, a short token bound to the certificate out (SMART 2.2, UDAP, RFC 8705)."""

import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from urllib.parse import parse_qsl

from interpayer.gateway import limits, problems, scopes, store
from interpayer.gateway.assertion import SKEW_S, check_claims
from interpayer.gateway.authenticate import Denied, check_partner
from interpayer.gateway.door import Answer, Door
from interpayer.gateway.peers import Peer
from interpayer.gateway.rulings import shown_at_the_door
from interpayer.model.agreement import CallLimits
from interpayer.model.event import JSON, Event
from interpayer.model.partner import Partner
from interpayer.model.reason import Refusal
from interpayer.partners import directory
from interpayer.partners.assertions import SMART, UDAP, Assertion, read_assertion, verify
from interpayer.partners.directory import Credentials
from interpayer.system.database import Connection

ASSERTION_TYPE = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
LIFETIME_S = 300
# The largest assertion (UDAP, with its chain) and what stands beside it.
LARGEST_FORM = 48 * 1024
FORM: tuple[tuple[str, Callable[[str | None], bool], str], ...] = (
    ("client_assertion_type", lambda given: given == ASSERTION_TYPE, "client_assertion_type must be jwt-bearer"),
    ("client_assertion", bool, "client_assertion and scope are needed"),
    ("scope", lambda given: given is not None, "client_assertion and scope are needed"),
    ("udap", lambda given: given in {None, "1"}, "udap must be 1"),
)
# A failure to authenticate is `invalid_client`, except where the standards name another error.
OAUTH_ERRORS = {
    "caller.purpose_missing": ("invalid_grant", 400),
    "caller.not_acting_for": ("invalid_grant", 400),
    "caller.not_activated": ("unauthorized_client", 400),
}


@dataclass(frozen=True, slots=True)
class Proved:
    """A caller whose assertion passed every check, the last one (jti) included."""

    known: Credentials
    subject: str | None
    asserted: Mapping[str, JSON] = field(default_factory=dict)

    @property
    def partner(self) -> Partner:
        """Who it is."""
        return self.known.partner


@dataclass(frozen=True, slots=True)
class Asked:
    """One request for a token; `is_doubled` when a header or the address brings credentials too (RFC 6749, 2.3).

    `agreed`: what was agreed with the partner that got a token with this certificate last, before it proves itself.
    """

    form: bytes
    peer: Peer
    at: datetime
    trace_id: str | None = None
    is_doubled: bool = False
    agreed: CallLimits = limits.USUAL


@dataclass(frozen=True, slots=True)
class Issued:
    """The answer; `refused` says what is to be recorded when it is a no, `agreed` how often who got one may ask."""

    answer: Answer
    refused: Denied | None = None
    agreed: CallLimits | None = None


def issue(door: Door, asked: Asked) -> Issued:
    """A token for the scopes that are both asked for and agreed, or an OAuth error."""
    thumbprint = asked.peer.thumbprint
    if thumbprint is None:
        return _denied(Denied("caller.unknown", "a client certificate is needed"))
    # a rate of its own is a bucket of its own: what a slower one counted would hold it back
    who = thumbprint if asked.agreed == limits.USUAL else f"agreed {thumbprint}"
    with door.database.transaction() as conn:
        wait_s = limits.too_many(conn, who, route_class="token", rates=door.rates, agreed=asked.agreed)
    if wait_s is not None:
        answer = problems.oauth("temporarily_unavailable", "too many requests", status=429, retry_after_s=wait_s)
        return Issued(answer, Denied("caller.too_many", ""))
    form = _form(asked)
    if isinstance(form, Issued):
        return form
    proved = _prove(door, form, asked)
    if isinstance(proved, Denied):
        return _denied(proved)
    if form.get("client_id", proved.partner.client_id) != proved.partner.client_id:
        return _denied(Denied("caller.unknown", "client_id is not the issuer", proved.partner.id))
    granted = scopes.grant(form["scope"], proved.partner.scopes)
    if not granted:
        detail = "none of the scopes is agreed with this client"
        return Issued(problems.oauth("invalid_scope", detail), Denied("caller.wrong_scope", detail, proved.partner.id))
    with door.database.transaction() as conn:
        member_id = _allowed(door, conn, proved, granted)
        if isinstance(member_id, Denied):
            return _denied(member_id)
        answer = _grant(door, conn, proved, asked, granted=granted, member_id=member_id)
        return Issued(answer, agreed=proved.known.agreed.limits)


def _prove(door: Door, form: Mapping[str, str], asked: Asked) -> Proved | Denied:
    """The nine checks in the order of security.md section 3; the first that fails decides.

    No transaction is open while keys, chains or revocation may be asked for over the network.
    """
    partner_id = None
    is_udap = "udap" in form
    if is_udap and door.udap is None:
        return Denied("caller.unknown", "udap is not offered here; leave the parameter out")
    try:
        assertion = read_assertion(form["client_assertion"], profile=UDAP if is_udap else SMART)  # (1)(2)(3)
        with door.database.transaction() as conn:
            known = directory.credentials(conn, assertion.issuer)
        if known is None:
            return Denied("caller.unknown", "the client is not registered")
        asserted = _verify(door, known, assertion, at=asked.at)  # (4)(5)
        # From here on the caller is who it says, so a no is written in its own chain.
        partner_id = known.partner.id
        subject = check_claims(  # (6)(7)(8)
            assertion, client_id=known.partner.client_id, audience=door.token_url, at=asked.at
        )
    except Refusal as refusal:
        return Denied(refusal.reason, refusal.detail, partner_id)
    # The claim of the jti is committed before anything else can go wrong: no assertion is good twice.
    with door.database.transaction() as conn:
        if not _claim(conn, assertion, known.partner):  # (9)
            return Denied("caller.replayed", "this jti was used before", partner_id)
    denied = check_partner(known, asked.peer, environment=door.environment)
    return denied or Proved(known, subject, asserted)


def _verify(door: Door, known: Credentials, assertion: Assertion, *, at: datetime) -> Mapping[str, JSON]:
    """Checks 4 and 5: with the registered keys, or with the chain that a UDAP assertion brings."""
    if assertion.profile.brings_chain and door.udap is not None:
        return door.udap(known, assertion, at)
    keys = known.partner.jwks if door.keys_of is None else door.keys_of(known, assertion.key_id or "")
    verify(assertion, jwks=keys, jwks_url=known.agreed.jwks_url)
    return {}


def _claim(conn: Connection, assertion: Assertion, partner: Partner) -> bool:
    expires_at = datetime.fromtimestamp(float(assertion.claims["exp"]) + SKEW_S, tz=UTC)
    return store.claim_jti(conn, issuer=partner.client_id, jti=assertion.claims["jti"], expires_at=expires_at)


def _allowed(door: Door, conn: Connection, proved: Proved, granted: tuple[str, ...]) -> str | None | Denied:
    """Whom the token is for (None: everybody under a live grant), or what policy or the match grants say against it."""
    ruling = door.rulings.token(door.policy(), proved.partner, door.environment, granted=granted)
    if not ruling.allow:
        return Denied(shown_at_the_door(ruling), "", proved.partner.id)
    return _member(door, conn, proved)


def _member(door: Door, conn: Connection, proved: Proved) -> str | None | Denied:
    """Whom a `sub` other than the client id names (PDex 2.2); nobody, without a live match grant of this partner."""
    if proved.subject is None:
        return None
    member_id = None if door.recheck is None else door.recheck(conn, proved.partner, proved.subject)
    # One answer for a member who is unknown, not granted or withdrawn: the difference is nobody's business.
    return member_id or Denied("caller.unknown", "sub must be the client id", proved.partner.id)


def _grant(
    door: Door, conn: Connection, proved: Proved, asked: Asked, *, granted: tuple[str, ...], member_id: str | None
) -> Answer:
    secret = secrets.token_urlsafe(32)
    partner = proved.partner
    token = store.Token(
        token_id=sha256(b"id " + secret.encode()).hexdigest()[:26],
        partner_id=partner.id,
        client_id=partner.client_id,
        scopes=granted,
        thumbprint=asked.peer.thumbprint or "",
        expires_at=asked.at + timedelta(seconds=LIFETIME_S),
        subject=member_id,
        asserted=proved.asserted or None,
    )
    store.add_token(conn, secret, token, issued_at=asked.at)
    facts: dict[str, JSON] = {"token": token.token_id, "scopes": list(granted), "certificate": token.thumbprint}
    event = Event(
        name="caller.accepted",
        chain=f"partner:{partner.id}",
        actor_type="partner",
        actor_id=partner.id,
        partner_id=partner.id,
        member_id=member_id,
        trace_id=asked.trace_id,
        facts={**facts, "asserted": dict(proved.asserted)} if proved.asserted else facts,
    )
    door.ledger.append(conn, event)
    body = {
        "access_token": secret,
        "token_type": "bearer",
        "expires_in": LIFETIME_S,
        "scope": " ".join(granted),
    }
    headers = {"Cache-Control": "no-store", "Pragma": "no-cache"}
    return Answer(body=body, headers=headers, media_type="application/json")


def _form(asked: Asked) -> dict[str, str] | Issued:
    """The form, each parameter once, or the error that RFC 6749 section 5.2 has for it."""
    try:
        pairs = parse_qsl(asked.form.decode("ascii"), strict_parsing=True, max_num_fields=20, errors="strict")
    except ValueError:
        return _bad("invalid_request", "the body is no form")
    form = dict(pairs)
    if len(form) != len(pairs):
        return _bad("invalid_request", "a parameter stands twice")
    if form.get("grant_type") != "client_credentials":
        missing = "grant_type" not in form
        return _bad("invalid_request" if missing else "unsupported_grant_type", "grant_type must be client_credentials")
    if asked.is_doubled or "client_secret" in form:
        return _bad("invalid_request", "credentials belong in client_assertion only, parameters in the body only")
    broken = next((words for name, rule, words in FORM if not rule(form.get(name))), None)
    return form if broken is None else _bad("invalid_request", broken)


def _bad(error: str, description: str) -> Issued:
    return Issued(problems.oauth(error, description), Denied("request.malformed", description))


def _denied(denied: Denied) -> Issued:
    """Every failure to authenticate is `invalid_client`; the words say what to correct, not what is known here."""
    description = denied.detail or "this client may not have a token now"
    error, status = OAUTH_ERRORS.get(denied.reason, ("invalid_client", 401))
    return Issued(problems.oauth(error, description, status=status), denied)

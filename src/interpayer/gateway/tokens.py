"""`POST /token`: an assertion in, a short token bound to the certificate out (SMART Backend Services, RFC 8705)."""

import secrets
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from urllib.parse import parse_qsl

from interpayer.gateway import limits, problems, scopes, store
from interpayer.gateway.assertion import SKEW_S, Assertion, check_claims, read_assertion, verify
from interpayer.gateway.authenticate import Denied, check_partner
from interpayer.gateway.door import Answer, Door
from interpayer.model.event import Event
from interpayer.model.partner import Partner
from interpayer.model.reason import Refusal
from interpayer.partners import directory
from interpayer.partners.directory import Credentials
from interpayer.system.database import Connection

ASSERTION_TYPE = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
LIFETIME_S = 300
LARGEST_FORM = 16 * 1024


@dataclass(frozen=True, slots=True)
class Proved:
    """A caller whose assertion passed every check, the last one (jti) included."""

    known: Credentials
    subject: str | None

    @property
    def partner(self) -> Partner:
        """Who it is."""
        return self.known.partner


@dataclass(frozen=True, slots=True)
class Asked:
    """One request for a token."""

    form: bytes
    thumbprint: str | None
    at: datetime
    trace_id: str | None = None


@dataclass(frozen=True, slots=True)
class Issued:
    """The answer; `refused` says what is to be recorded when it is a no."""

    answer: Answer
    refused: Denied | None = None


def issue(door: Door, asked: Asked) -> Issued:
    """A token for the scopes that are both asked for and agreed, or an OAuth error."""
    if asked.thumbprint is None:
        return _denied(Denied("caller.unknown", "a client certificate is needed"))
    with door.database.transaction() as conn:
        wait_s = limits.too_many(conn, asked.thumbprint, route_class="token", rates=door.rates)
    if wait_s is not None:
        answer = problems.oauth("temporarily_unavailable", "too many requests", status=429, retry_after_s=wait_s)
        return Issued(answer, Denied("caller.too_many", ""))
    form = _form(asked.form)
    if isinstance(form, Issued):
        return form
    # The claim of the jti is committed before anything else can go wrong: no assertion is good twice.
    with door.database.transaction() as conn:
        proved = _prove(door, conn, form["client_assertion"], asked)
    if isinstance(proved, Denied):
        return _denied(proved)
    if form.get("client_id", proved.partner.client_id) != proved.partner.client_id:
        return _denied(Denied("caller.unknown", "client_id is not the issuer", proved.partner.id))
    granted = scopes.grant(form.get("scope", ""), proved.partner.scopes)
    if not granted:
        detail = "none of the scopes is agreed with this client"
        return Issued(problems.oauth("invalid_scope", detail), Denied("caller.wrong_scope", detail, proved.partner.id))
    with door.database.transaction() as conn:
        if not _may_have(door, conn, proved):
            return _denied(Denied("caller.unknown", "sub must be the client id", proved.partner.id))
        return Issued(_grant(door, conn, proved.partner, asked, granted=granted))


def _prove(door: Door, conn: Connection, text: str, asked: Asked) -> Proved | Denied:
    """The nine checks in the order of security.md section 3; the first that fails decides."""
    partner_id = None
    try:
        assertion = read_assertion(text)  # (1)(2)(3)
        known = directory.credentials(conn, assertion.issuer)
        if known is None:
            return Denied("caller.unknown", "the client is not registered")
        verify(assertion, jwks=known.partner.jwks, jwks_url=known.agreed.jwks_url)  # (4)(5)
        # From here on the caller is who it says, so a no is written in its own chain.
        partner_id = known.partner.id
        subject = check_claims(  # (6)(7)(8)
            assertion, client_id=known.partner.client_id, audience=door.token_url, at=asked.at
        )
    except Refusal as refusal:
        return Denied(refusal.reason, refusal.detail, partner_id)
    if not _claim(conn, assertion, known.partner):  # (9)
        return Denied("caller.replayed", "this jti was used before", partner_id)
    assert asked.thumbprint is not None
    denied = check_partner(known, asked.thumbprint, environment=door.environment)
    return denied or Proved(known, subject)


def _claim(conn: Connection, assertion: Assertion, partner: Partner) -> bool:
    expires_at = datetime.fromtimestamp(float(assertion.claims["exp"]) + SKEW_S, tz=UTC)
    return store.claim_jti(conn, issuer=partner.client_id, jti=assertion.claims["jti"], expires_at=expires_at)


def _may_have(door: Door, conn: Connection, proved: Proved) -> bool:
    """Whether consent still holds; a Patient in `sub` counts only where the hook vouches for it (PDex 2.2)."""
    if door.recheck is None:
        return proved.subject is None
    return door.recheck(conn, proved.partner, proved.subject)


def _grant(door: Door, conn: Connection, partner: Partner, asked: Asked, *, granted: tuple[str, ...]) -> Answer:
    secret = secrets.token_urlsafe(32)
    token = store.Token(
        token_id=sha256(b"id " + secret.encode()).hexdigest()[:26],
        partner_id=partner.id,
        client_id=partner.client_id,
        scopes=granted,
        thumbprint=asked.thumbprint or "",
        expires_at=asked.at + timedelta(seconds=LIFETIME_S),
    )
    store.add_token(conn, secret, token, issued_at=asked.at)
    event = Event(
        name="caller.accepted",
        chain=f"partner:{partner.id}",
        actor_type="partner",
        actor_id=partner.id,
        partner_id=partner.id,
        trace_id=asked.trace_id,
        facts={"token": token.token_id, "scopes": list(granted), "certificate": token.thumbprint},
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


def _form(content: bytes) -> dict[str, str] | Issued:
    """The form, each parameter once, or the error that RFC 6749 section 5.2 has for it."""
    try:
        pairs = parse_qsl(content.decode("ascii"), strict_parsing=True, max_num_fields=20, errors="strict")
    except ValueError:
        return _bad("invalid_request", "the body is no form")
    form = dict(pairs)
    if len(form) != len(pairs):
        return _bad("invalid_request", "a parameter stands twice")
    if form.get("grant_type") != "client_credentials":
        missing = "grant_type" not in form
        return _bad("invalid_request" if missing else "unsupported_grant_type", "grant_type must be client_credentials")
    if form.get("client_assertion_type") != ASSERTION_TYPE:
        return _bad("invalid_request", "client_assertion_type must be jwt-bearer")
    if "client_assertion" not in form or "scope" not in form:
        return _bad("invalid_request", "client_assertion and scope are needed")
    return form


def _bad(error: str, description: str) -> Issued:
    return Issued(problems.oauth(error, description), Denied("request.malformed", description))


def _denied(denied: Denied) -> Issued:
    """Every failure to authenticate is `invalid_client`; the words say what to correct, not what is known here."""
    description = denied.detail or "this client may not have a token now"
    return Issued(problems.oauth("invalid_client", description, status=401), denied)

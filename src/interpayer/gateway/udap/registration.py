"""`POST /register`: a software statement in, a client id out (UDAP Dynamic Client Registration; RFC 7591).

1 the body, 2 the statement: whose it is (signature, chain, revocation), 3 iss = sub = a URI of the certificate, aud
this address, exp, iat, jti, 4 what it asks for, 5 certifications, 6 the jti is claimed, 7 registered, changed, ended.
Nobody becomes active by it: a person here lets the new partner in.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Self

from cryptography.hazmat.primitives.serialization import Encoding

from interpayer.gateway import limits, problems, scopes, store
from interpayer.gateway.authenticate import Denied
from interpayer.gateway.door import Answer, Door
from interpayer.gateway.udap.certifications import Certified, read_certifications
from interpayer.gateway.udap.statement import Unfit, Wish, echoed, read_wish
from interpayer.model.reason import Refusal
from interpayer.operations import communities as enrolling
from interpayer.operations.communities import Change, Enrolled
from interpayer.partners.compact import strict_object
from interpayer.partners.udap.communities import Communities
from interpayer.partners.udap.store import Statement
from interpayer.partners.udap.vouching import SKEW_S, Revocations, Vouched, check_life, check_names, read_signed, vouch

LARGEST_BODY = 96 * 1024
# Refused by its certificate or by us: the statement may be well made. Everything else is a fault of the statement.
UNAPPROVED = frozenset({"caller.certificate_untrusted", "caller.certificate_revoked", "caller.suspended"})


@dataclass(frozen=True, slots=True)
class Trust:
    """Whom a registration may rest on."""

    communities: Communities
    revocations: Revocations | None
    registration_url: str


@dataclass(frozen=True, slots=True)
class Registered:
    """The answer; `refused` says what is to be recorded when it is a no."""

    answer: Answer
    refused: Denied | None = None

    @classmethod
    def slowed(cls, wait_s: float) -> Self:
        """The answer to one who asks too often."""
        answer = problems.oauth("temporarily_unavailable", "too many requests", status=429, retry_after_s=wait_s)
        return cls(answer, Denied("caller.too_many", ""))


def register(door: Door, trust: Trust, body: bytes, *, at: datetime) -> Registered:
    """The registration of whoever signed the statement, or an error of RFC 7591."""
    try:
        asked = _body(body)  # (1)
        signed = read_signed(asked["software_statement"])
        vouched = vouch(signed, trust.communities.current(), trust.revocations, at=at)  # (2)
        expires_at = _check(vouched, trust.registration_url, at=at)  # (3)
        wish = read_wish(vouched.claims)  # (4)
        if isinstance(wish, Unfit):
            return _refused(wish.error, wish.words)
        certified = read_certifications(asked["certifications"], vouched, trust.revocations, at=at)  # (5)
        if isinstance(certified, Unfit):
            return _refused(certified.error, certified.words)
        return _settle(door, _Case(vouched, wish, certified, at), jti_until=expires_at)
    except Refusal as refusal:
        error = "unapproved_software_statement" if refusal.reason in UNAPPROVED else "invalid_software_statement"
        return Registered(problems.oauth(error, refusal.detail), Denied(refusal.reason, refusal.detail))


@dataclass(frozen=True, slots=True)
class _Case:
    """A statement that passed every check that needs no database."""

    vouched: Vouched
    wish: Wish
    certified: Sequence[Certified]
    at: datetime

    @property
    def said(self) -> Statement:
        """The statement as it is kept."""
        vouched, wish = self.vouched, self.wish
        return Statement(
            community=vouched.community.uri,
            uri=vouched.assertion.issuer,
            certificate=vouched.chain.leaf.public_bytes(Encoding.DER),
            thumbprint=vouched.thumbprint,
            text=vouched.assertion.text,
            client_name=wish.client_name,
            contacts=wish.contacts,
            scopes=wish.scopes,
            certifications=tuple(one.as_json() for one in self.certified),
        )


def _settle(door: Door, case: _Case, *, jti_until: datetime) -> Registered:
    """Steps 6 and 7. The claim of the jti is committed first: no statement is good twice, whatever comes after."""
    said = case.said
    who = f"{said.community} {said.uri}"
    with door.database.transaction() as conn:
        wait_s = limits.too_many(conn, who, route_class="register", rates=door.rates)
        jti = str(case.vouched.claims["jti"])
        is_new = wait_s is None and store.claim_jti(
            conn, issuer=f"udap {who}", jti=jti, expires_at=jti_until + timedelta(seconds=SKEW_S)
        )
    if wait_s is not None:
        return Registered.slowed(wait_s)
    if not is_new:
        raise Refusal("caller.replayed", "this jti was used before")
    with door.database.transaction() as conn:
        if not case.wish.is_end:
            made = enrolling.enroll(door.ledger, conn, said, environment=door.environment, at=case.at)
            return _answer(case, made)
        ended = enrolling.withdraw(door.ledger, conn, said, at=case.at)
        if ended is None:
            return _refused("invalid_client_metadata", "there is no registration to end")
        store.revoke_tokens(conn, ended.partner_id)
        return _answer(case, ended)


def _answer(case: _Case, made: Enrolled) -> Registered:
    asked = case.wish.scopes
    granted = asked if made.agreed is None else scopes.grant(" ".join(asked), made.agreed)
    body = {
        "client_id": made.client_id,
        "software_statement": case.vouched.assertion.text,
        **echoed(case.wish, granted=granted),
    }
    status = 201 if made.change in {Change.REGISTERED, Change.RETURNED} else 200
    headers = {"Cache-Control": "no-store", "Pragma": "no-cache"}
    return Registered(Answer(status, body, headers, "application/json"))


def _body(content: bytes) -> Mapping[str, Any]:
    """The request as an object; members that nobody knows are left alone (RFC 7591, 2)."""
    body = strict_object(content, what="body")
    if body.get("udap") != "1":
        raise Refusal("caller.unknown", 'udap must be "1"')
    certifications = body.get("certifications", [])
    if not isinstance(certifications, list):
        raise Refusal("caller.unknown", "certifications must be a list")
    return {"software_statement": body.get("software_statement"), "certifications": certifications}


def _check(vouched: Vouched, registration_url: str, *, at: datetime) -> datetime:
    issuer = vouched.assertion.issuer
    if issuer not in vouched.uris:
        raise Refusal("caller.unknown", "iss must be a URI in the subject alternative names of the certificate")
    check_names(vouched, issuer, audience=registration_url)
    return check_life(vouched.claims, at=at)


def _refused(error: str, words: str) -> Registered:
    return Registered(problems.oauth(error, words), Denied("request.malformed", words))

"""What the claims of a client assertion must say (SMART Backend Services 2.2; UDAP JWT-based client authentication).

The gate, in its order: 1 size, 2 shape, 3 header, 4 key and 5 signature (`partners.assertions`), then here 6 iss = sub
= client id, 7 aud, 8 exp, iat and nbf. The ninth check, that the jti was never seen, needs the database:
`store.claim_jti`. Nothing here does I/O.
"""

from datetime import datetime

from interpayer.model.reason import Refusal
from interpayer.partners.assertions import Assertion
from interpayer.partners.compact import time_of

LONGEST_LIFE_S = 300
SKEW_S = 60


def check_claims(assertion: Assertion, *, client_id: str, audience: str, at: datetime) -> str | None:
    """Checks 6 to 8. Returns None when sub is the client id; otherwise the id that sub names (PDex 2.2 names a Patient
    there), which is refused unless the caller knows a reason to accept it."""
    subject, jti = assertion.claims.get("sub"), assertion.claims.get("jti")
    if assertion.claims.get("iss") != client_id or not isinstance(subject, str) or not subject:  # (6)
        raise _refused("iss and sub must be the client id")
    if subject != client_id and assertion.profile.brings_chain:
        raise _refused("iss and sub must be the client id")
    if assertion.claims.get("aud") != audience:  # (7)
        raise _refused("aud must be the token address")
    _check_times(assertion, at.timestamp())  # (8)
    if not isinstance(jti, str) or not 1 <= len(jti) <= 255 or not jti.isprintable():
        raise _refused("jti is missing or unusable")
    return None if subject == client_id else subject


def _check_times(assertion: Assertion, moment: float) -> None:
    expires = time_of(assertion.claims, "exp")
    if expires is None or not moment < expires <= moment + LONGEST_LIFE_S:
        raise _refused("exp must lie ahead, at most 300 seconds")
    for name in ("iat", "nbf"):
        begins = time_of(assertion.claims, name)
        if begins is not None and begins > moment + SKEW_S:
            raise _refused(f"{name} lies ahead")
    issued = time_of(assertion.claims, "iat")
    # SMART leaves iat open; UDAP demands it and counts the 300 seconds from it, so no skew is added there.
    if issued is None and assertion.profile.brings_chain:
        raise _refused("iat is missing")
    longest = LONGEST_LIFE_S if assertion.profile.brings_chain else LONGEST_LIFE_S + SKEW_S
    if issued is not None and expires - issued > longest:
        raise _refused("the assertion lives longer than 300 seconds")


def _refused(detail: str) -> Refusal:
    return Refusal("caller.unknown", detail)

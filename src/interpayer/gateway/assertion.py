"""The client assertion gate (SMART Backend Services 2.2; security.md section 3), in the order of its checks.

1 size, 2 shape, 3 header, 4 the key from the registered JWKS, 5 signature, 6 iss = sub = client id, 7 aud, 8 exp, iat
and nbf. The ninth check, that the jti was never seen, needs the database: `store.claim_jti`. Nothing here does I/O.
"""

import base64
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from joserfc import jws
from joserfc.errors import JoseError
from joserfc.jwk import import_key

from interpayer.model.reason import Refusal
from interpayer.partners.jwks import algorithm_of

LARGEST = 8 * 1024
ALGORITHMS = ("RS384", "ES384")
LONGEST_LIFE_S = 300
SKEW_S = 60
SEGMENT = re.compile(r"[A-Za-z0-9_-]+")
# The header may name the key, never bring it (jwk, x5c, x5u), nor change how the rest is read (crit, b64, zip, enc).
HEADER = frozenset({"alg", "typ", "kid", "jku", "x5t", "x5t#S256"})


@dataclass(frozen=True, slots=True)
class Assertion:
    """What the text says about itself. Nothing in it is true before `verify` has passed."""

    text: str
    algorithm: str
    key_id: str
    key_url: str | None
    claims: Mapping[str, Any]

    @property
    def issuer(self) -> str:
        """Whose assertion it claims to be; only for finding the registration."""
        issuer = self.claims.get("iss")
        return issuer if isinstance(issuer, str) else ""


def read_assertion(text: str) -> Assertion:
    """Checks 1 to 3: the assertion as it stands, or `Refusal`."""
    if len(text) > LARGEST:  # (1)
        raise _refused("the assertion is larger than 8 KiB")
    header, payload, _ = _segments(text)  # (2)
    claims = _object(payload, what="payload")
    named = _object(header, what="header")  # (3)
    if set(named) - HEADER:
        raise _refused("the header has members that are not allowed")
    if named.get("alg") not in ALGORITHMS:
        raise _refused("alg must be RS384 or ES384")
    if named.get("typ") != "JWT":
        raise _refused("typ must be JWT")
    kid, jku = named.get("kid"), named.get("jku")
    if not isinstance(kid, str) or not kid:
        raise _refused("kid is missing")
    if "jku" in named and not isinstance(jku, str):
        raise _refused("jku must be an address")
    return Assertion(text, named["alg"], kid, jku, claims)


def verify(assertion: Assertion, *, jwks: Mapping[str, Any], jwks_url: str | None) -> None:
    """Checks 4 and 5: signed by a key that is registered for this client; the token's own words choose no key."""
    if assertion.key_url is not None and assertion.key_url != jwks_url:
        raise _refused("jku is not the registered address")
    named = [key for key in jwks.get("keys", []) if key.get("kid") == assertion.key_id]
    fitting = [key for key in named if algorithm_of(key) == assertion.algorithm]
    if len(fitting) != 1:  # (4)
        raise _refused("no registered key has this kid and fits alg")
    verify_compact(assertion.text, fitting[0], algorithm=assertion.algorithm)  # (5)


def check_claims(assertion: Assertion, *, client_id: str, audience: str, at: datetime) -> str | None:
    """Checks 6 to 8. Returns None when sub is the client id; otherwise the id that sub names (PDex 2.2 names a Patient
    there), which is refused unless the caller knows a reason to accept it."""
    claims = assertion.claims
    subject, jti = claims.get("sub"), claims.get("jti")
    if claims.get("iss") != client_id or not isinstance(subject, str) or not subject:  # (6)
        raise _refused("iss and sub must be the client id")
    if claims.get("aud") != audience:  # (7)
        raise _refused("aud must be the token address")
    moment = at.timestamp()
    expires = _time(claims, "exp")  # (8)
    if expires is None or not moment < expires <= moment + LONGEST_LIFE_S:
        raise _refused("exp must lie ahead, at most 300 seconds")
    for name in ("iat", "nbf"):
        begins = _time(claims, name)
        if begins is not None and begins > moment + SKEW_S:
            raise _refused(f"{name} lies ahead")
    issued = _time(claims, "iat")
    if issued is not None and expires - issued > LONGEST_LIFE_S + SKEW_S:
        raise _refused("the assertion lives longer than 300 seconds")
    if not isinstance(jti, str) or not 1 <= len(jti) <= 255 or not jti.isprintable():
        raise _refused("jti is missing or unusable")
    return None if subject == client_id else subject


def verify_compact(text: str, key: Mapping[str, Any], *, algorithm: str) -> bytes:
    """The payload of a compact JWS whose signature holds under this one key and algorithm, else `Refusal`."""
    _segments(text)
    try:
        signed = jws.deserialize_compact(text, import_key(dict(key)), algorithms=[algorithm])
    except (JoseError, ValueError, TypeError, KeyError):
        raise _refused("the signature does not hold") from None
    return signed.payload or b""


def _segments(text: str) -> tuple[bytes, bytes, bytes]:
    parts = text.split(".")
    if len(parts) != 3 or not text.isascii():
        raise _refused("the assertion is no compact JWS")
    header, payload, signature = (_decoded(part) for part in parts)
    return header, payload, signature


def _decoded(segment: str) -> bytes:
    """Base64url as RFC 7515 writes it: no padding, no other alphabet, no stray bits at the end."""
    if segment and not SEGMENT.fullmatch(segment):
        raise _refused("a part of the assertion is not base64url")
    try:
        plain = base64.urlsafe_b64decode(segment + "=" * (-len(segment) % 4))
    except ValueError:
        raise _refused("a part of the assertion is not base64url") from None
    if base64.urlsafe_b64encode(plain).rstrip(b"=").decode() != segment:
        raise _refused("a part of the assertion is not base64url")
    return plain


def _object(content: bytes, *, what: str) -> dict[str, Any]:
    """A JSON object in which no name stands twice: two readers could take different ones."""
    try:
        value = json.loads(content.decode("utf-8"), object_pairs_hook=_once, parse_constant=_no_constant)
    except (ValueError, RecursionError):
        raise _refused(f"the {what} is no JSON object with names that stand once") from None
    if not isinstance(value, dict):
        raise _refused(f"the {what} is no JSON object")
    return value


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    named = dict(pairs)
    if len(named) != len(pairs):
        raise ValueError("a name stands twice")
    return named


def _no_constant(name: str) -> Any:
    raise ValueError(name)


def _time(claims: Mapping[str, Any], name: str) -> float | None:
    """A NumericDate; absent is None, anything that is no finite number is refused."""
    value = claims.get(name)
    if name not in claims:
        return None
    # Written so that NaN, infinity and integers beyond any float fail it.
    if isinstance(value, bool) or not isinstance(value, int | float) or not -1e12 < value < 1e12:
        raise _refused(f"{name} is no time")
    return float(value)


def _refused(detail: str) -> Refusal:
    return Refusal("caller.unknown", detail)

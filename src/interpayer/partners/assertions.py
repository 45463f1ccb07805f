"""A signed assertion as it came: read strictly, then verified with a registered key or with a certificate's.

One reading for client assertions (SMART Backend Services 2.2), software statements and signed metadata (UDAP): size,
shape, header, key, signature. What the claims must say is for whoever is addressed; nothing here does I/O.
"""

import base64
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, rsa

from interpayer.model.reason import Refusal
from interpayer.partners.compact import segments, strict_object, verify_by, verify_compact
from interpayer.partners.jwks import algorithm_of

LONGEST_CHAIN = 10
SMALLEST_RSA_BITS = 2048
CURVES = {"ES256": "secp256r1", "ES384": "secp384r1"}


@dataclass(frozen=True, slots=True)
class Profile:
    """What a kind of assertion looks like. One that brings its chain is verified with the certificate, not by kid."""

    algorithms: tuple[str, ...]
    header: frozenset[str]
    largest: int
    brings_chain: bool = False


# The header may name the key, never bring it (jwk, x5c, x5u), nor change how the rest is read (crit, b64, zip, enc).
SMART = Profile(("RS384", "ES384"), frozenset({"alg", "typ", "kid", "jku", "x5t", "x5t#S256"}), 8 * 1024)
# UDAP: the certificate chain is in the header; RS256 is mandatory there. A chain of three RSA certificates takes 8 KiB.
UDAP = Profile(
    ("RS256", "ES256", "RS384", "ES384"), frozenset({"alg", "typ", "kid", "x5c"}), 32 * 1024, brings_chain=True
)


@dataclass(frozen=True, slots=True)
class Assertion:
    """What the text says about itself. Nothing in it is true before a `verify` has passed."""

    text: str
    profile: Profile
    algorithm: str
    key_id: str | None
    key_url: str | None
    chain: tuple[bytes, ...]
    claims: Mapping[str, Any]

    @property
    def issuer(self) -> str:
        """Whose assertion it claims to be; only for finding the registration."""
        issuer = self.claims.get("iss")
        return issuer if isinstance(issuer, str) else ""


def read_assertion(text: str, *, profile: Profile = SMART) -> Assertion:
    """The assertion as it stands: (1) size, (2) shape, (3) header; or `Refusal`."""
    if len(text) > profile.largest:  # (1)
        raise _refused(f"the assertion is larger than {profile.largest // 1024} KiB")
    header, payload, _ = segments(text)  # (2)
    claims = strict_object(payload, what="payload")
    named = strict_object(header, what="header")  # (3)
    if set(named) - profile.header:
        raise _refused("the header has members that are not allowed")
    if named.get("alg") not in profile.algorithms:
        raise _refused(f"alg must be one of {', '.join(profile.algorithms)}")
    # Required by SMART; where UDAP leaves it away, nothing else may stand in its place.
    if named.get("typ", "JWT" if profile.brings_chain else None) != "JWT":
        raise _refused("typ must be JWT")
    chain = _chain(named.get("x5c")) if profile.brings_chain else ()
    key_id, key_url = _text(named, "kid"), _text(named, "jku")
    if key_id is None and not profile.brings_chain:
        raise _refused("kid is missing")
    return Assertion(text, profile, named["alg"], key_id, key_url, chain, claims)


def verify(assertion: Assertion, *, jwks: Mapping[str, Any], jwks_url: str | None) -> None:
    """Signed by a key that is registered for this client; the token's own words choose no key."""
    if assertion.key_url is not None and assertion.key_url != jwks_url:
        raise _refused("jku is not the registered address")
    named = [key for key in jwks.get("keys", []) if key.get("kid") == assertion.key_id]
    fitting = [key for key in named if algorithm_of(key) == assertion.algorithm]
    if len(fitting) != 1:
        raise _refused("no registered key has this kid and fits alg")
    verify_compact(assertion.text, fitting[0], algorithm=assertion.algorithm)


def verify_with_certificate(assertion: Assertion, certificate: x509.Certificate) -> None:
    """Signed with the key of this certificate (UDAP).

    Whether the certificate may be believed (chain, revocation, whose it is) is for the caller to know before.
    """
    key = certificate.public_key()
    if isinstance(key, rsa.RSAPublicKey):
        fits = assertion.algorithm.startswith("RS") and key.key_size >= SMALLEST_RSA_BITS
    elif isinstance(key, ec.EllipticCurvePublicKey):
        fits = CURVES.get(assertion.algorithm) == key.curve.name
    else:
        raise _refused("the key of the certificate is neither RSA nor EC")
    if not fits:
        raise _refused("the key of the certificate does not fit alg")
    verify_by(assertion.text, key, algorithm=assertion.algorithm)


def _text(named: Mapping[str, Any], name: str) -> str | None:
    value = named.get(name)
    if name in named and (not isinstance(value, str) or not value):
        raise _refused(f"{name} must be a text")
    return value


def _chain(value: object) -> tuple[bytes, ...]:
    """The certificates of x5c as they came, the leaf first: base64, not base64url (RFC 7515, 4.1.6)."""
    if not isinstance(value, list) or not 1 <= len(value) <= LONGEST_CHAIN:
        raise _refused("x5c must hold the certificate chain")
    try:
        return tuple(base64.b64decode(one, validate=True) for one in value)
    except (ValueError, TypeError):
        raise _refused("a certificate of x5c is not base64") from None


def _refused(detail: str) -> Refusal:
    return Refusal("caller.unknown", detail)

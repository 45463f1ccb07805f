"""Whose signed text is this? Signature by the certificate it brings, chain to a community, revocation, times.

The same for software statements and assertions that reach us and for metadata that we fetch (UDAP Security 1.0,
1.2): (1) size, shape, header, (2) the signature under the leaf's key, (3) a path to an anchor of a community, (4) no
certificate of it taken back. What the claims must say beyond their times is for whoever is addressed.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Protocol

from cryptography import x509

from interpayer.model.reason import Refusal
from interpayer.partners import assertions
from interpayer.partners.assertions import Assertion, read_assertion, verify_with_certificate
from interpayer.partners.compact import time_of
from interpayer.partners.udap.communities import Community
from interpayer.system.certificates.chain import Broken, Chain, Trouble, read_der, thumbprint_of, uris_of
from interpayer.system.certificates.revocation import Status

LONGEST_LIFE_S = 300
SKEW_S = 60
# Thumbprints of the certificate that x5c brings say nothing new; libraries add them.
SIGNED = replace(assertions.UDAP, header=assertions.UDAP.header | {"x5t", "x5t#S256"})


class Revocations(Protocol):
    """What is asked whether a certificate was taken back; may call out, so never within a transaction."""

    def status(self, chain: Chain, *, at: datetime) -> Status:
        """The worst standing of the chain's certificates."""


@dataclass(frozen=True, slots=True)
class Vouched:
    """A text that the owner of this chain signed, and the community that vouches for the owner."""

    assertion: Assertion
    community: Community
    chain: Chain

    @property
    def claims(self) -> Mapping[str, Any]:
        """What it says."""
        return self.assertion.claims

    @property
    def uris(self) -> tuple[str, ...]:
        """The URIs that the certificate names its owner by."""
        return uris_of(self.chain.leaf)

    @property
    def thumbprint(self) -> str:
        """x5t#S256 of the certificate."""
        return thumbprint_of(self.chain.leaf)


def read_signed(text: object) -> Assertion:
    """Step 1: the text as it came, of which nothing is true yet; or `Refusal`."""
    if not isinstance(text, str):
        raise Refusal("caller.unknown", "a signed text is missing")
    return read_assertion(text, profile=SIGNED)


def vouch(
    assertion: Assertion, communities: Iterable[Community], revocations: Revocations | None, *, at: datetime
) -> Vouched:
    """Steps 2 to 4; `Refusal` caller.unknown, .certificate_untrusted or .certificate_revoked, in words for the signer.

    Calls out for revocation only when the signature and the path hold.
    """
    certificates = read_der(assertion.chain)
    if isinstance(certificates, Broken):
        raise Refusal("caller.unknown", certificates.detail)
    _check_signature(assertion, certificates[0])  # (2)
    community, chain = _path(certificates, communities, at=at)  # (3)
    if revocations is not None and revocations.status(chain, at=at).is_refused:  # (4)
        raise Refusal("caller.certificate_revoked", "a certificate of the chain is revoked, or nobody can say")
    return Vouched(assertion, community, chain)


def check_names(vouched: Vouched, issuer: str, *, audience: str) -> None:
    """iss = sub = the expected signer, aud this one address, alone or as the only one of a list; else `Refusal`."""
    claims = vouched.claims
    if not issuer or claims.get("iss") != issuer or claims.get("sub") != issuer:
        raise _refused("iss and sub must both name the signer")
    if claims.get("aud") not in (audience, [audience]):
        raise _refused("aud must be this address and no other")


def check_life(claims: Mapping[str, Any], *, at: datetime, longest_s: int = LONGEST_LIFE_S) -> datetime:
    """exp, iat and jti are there and fit; what is over, or from the future, is refused. Returns exp."""
    moment = at.timestamp()
    expires, issued = time_of(claims, "exp"), time_of(claims, "iat")
    if expires is None or issued is None:
        raise _refused("exp and iat are needed")
    if expires <= moment:
        raise _refused("the signed text has expired")
    if not 0 < expires - issued <= longest_s:
        raise _refused(f"exp must lie after iat, at most {longest_s} seconds")
    if max(issued, time_of(claims, "nbf") or 0.0) > moment + SKEW_S:
        raise _refused("iat or nbf lies ahead")
    jti = claims.get("jti")
    if not isinstance(jti, str) or not 1 <= len(jti) <= 255 or not jti.isprintable():
        raise _refused("jti is missing or unusable")
    return datetime.fromtimestamp(expires, tz=at.tzinfo)


def _check_signature(assertion: Assertion, leaf: x509.Certificate) -> None:
    try:
        verify_with_certificate(assertion, leaf)
    except Refusal:
        raise
    except Exception:
        # `cryptography` has an error of its own for each way in which a key can be unreadable.
        raise _refused("the key of the certificate cannot be used") from None


def _path(
    certificates: tuple[x509.Certificate, ...], communities: Iterable[Community], *, at: datetime
) -> tuple[Community, Chain]:
    """The first community that knows the signer; without one, the most telling reason of any."""
    broken = Broken(Trouble.UNTRUSTED, "the certificate does not lead to an authority that is trusted here")
    for community in communities:
        found = community.vouch(certificates, at=at)
        if isinstance(found, Chain):
            return community, found
        broken = found
    raise Refusal("caller.certificate_untrusted", broken.detail)


def _refused(detail: str) -> Refusal:
    return Refusal("caller.unknown", detail)

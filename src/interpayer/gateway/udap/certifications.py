"""Certifications that come with a registration: kept as they came, believed only where a community knows the signer.

A certification that is not supported, or cannot be read, is left aside and never a reason to refuse; one that the
community requires must be there and hold (UDAP Security 1.0, 3.3).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256
from typing import Any

from interpayer.gateway.udap.statement import Unfit
from interpayer.model.reason import Refusal
from interpayer.partners.compact import time_of
from interpayer.partners.udap.vouching import Revocations, Vouched, read_signed, vouch

MOST = 10


@dataclass(frozen=True, slots=True)
class Certified:
    """One certification: its digest, and what it says when its signer is known in the community."""

    sha256: str
    uris: tuple[str, ...] = ()
    issuer: str | None = None
    is_believed: bool = False
    text: str = ""

    def as_json(self) -> dict[str, Any]:
        """As it is kept and passed on."""
        return {
            "sha256": self.sha256,
            "uris": list(self.uris),
            "issuer": self.issuer,
            "is_believed": self.is_believed,
            "text": self.text,
        }


def read_certifications(
    given: Sequence[object], statement: Vouched, revocations: Revocations | None, *, at: datetime
) -> list[Certified] | Unfit:
    """What came along, in its order; `Unfit` when one that the community requires is missing or does not hold."""
    texts = [one for one in given[:MOST] if isinstance(one, str)]
    found = [_read(text, statement, revocations, at=at) for text in texts]
    proved = {uri for one in found if one.is_believed for uri in one.uris}
    if missing := set(statement.community.certifications_required) - proved:
        return Unfit("unapproved_software_statement", f"a certification is required: {min(missing)}")
    supported = set(statement.community.certifications_supported)
    return [one for one in found if supported & set(one.uris)]


def _read(text: str, statement: Vouched, revocations: Revocations | None, *, at: datetime) -> Certified:
    digest = sha256(text.encode()).hexdigest()
    try:
        vouched = vouch(read_signed(text), [statement.community], revocations, at=at)
        claims = vouched.claims
        uris = claims.get("certification_uris")
        expires = time_of(claims, "exp")
        is_about_them = claims.get("sub") == statement.assertion.issuer and claims.get("iss") in vouched.uris
    except Refusal:
        return Certified(digest)
    if not isinstance(uris, list) or not all(isinstance(one, str) for one in uris):
        return Certified(digest)
    is_alive = expires is not None and expires > at.timestamp()
    return Certified(digest, tuple(uris), vouched.assertion.issuer, is_about_them and is_alive, text)

"""Our own signed texts in a community: with our certificate in the header, once and for minutes, or for metadata."""

import base64
import secrets
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from cryptography.hazmat.primitives.serialization import Encoding

from interpayer.partners.compact import sign_compact
from interpayer.partners.udap.communities import Identity

# Below the five minutes that a server allows, so that a clock of ours that runs ahead is forgiven.
LIFETIME_S = 240


def sign(identity: Identity, claims: Mapping[str, Any], *, at: datetime, lifetime_s: int = LIFETIME_S) -> str:
    """A JWT with these claims, iat, exp and a fresh jti, that brings our chain (UDAP Security 1.0, 1.2)."""
    issued = int(at.timestamp())
    times = {"iat": issued, "exp": issued + lifetime_s, "jti": secrets.token_urlsafe(24)}
    chain = [base64.b64encode(one.public_bytes(Encoding.DER)).decode() for one in identity.chain]
    header = {"alg": identity.algorithm, "x5c": chain}
    return sign_compact(header, {**claims, **times}, key_pem=identity.key_pem)

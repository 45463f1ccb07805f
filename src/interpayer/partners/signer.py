"""Our own signed client assertions (SMART Backend Services), with whichever of our keys is active now."""

import json
import secrets
import stat
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, TypeAlias

from joserfc import jwt
from joserfc.jwk import ECKey, KeySet, RSAKey

# ES384 by default: signing RS384 costs nine times a verification (security.md section 3).
ALGORITHMS = ("ES384", "RS384")
RSA_BITS = 3072
# Below the five minutes that a server allows, so that a clock of ours that runs ahead is forgiven.
LIFETIME_S = 240
# Partners keep our set for five minutes, and some longer than they should.
NEW_FOR = timedelta(minutes=15)

Key: TypeAlias = ECKey | RSAKey


class SignerKeyUnsafe(Exception):
    """A key file can be read by others, or holds no private key for its algorithm; or there is no key to sign with."""


@dataclass(frozen=True, slots=True)
class Claims:
    """What an assertion says: who we are there, to whom, and for whom when the partner wants the patient named."""

    client_id: str
    audience: str
    at: datetime
    subject: str | None = None


@dataclass(frozen=True, slots=True)
class Ring:
    """Our keys now: the private key that signs for each algorithm, since when, and what partners are shown."""

    active: Mapping[str, Key]
    published: tuple[Mapping[str, Any], ...]
    since: Mapping[str, datetime] = field(default_factory=dict)


class Signer:
    """Signs as us. The ring is asked for at every signature, so that a rotation needs no restart."""

    def __init__(self, ring: Callable[[], Ring]) -> None:
        self._ring = ring

    def assertion(self, claims: Claims, *, algorithm: str = "ES384") -> str:
        """A signed client assertion, good for one use within four minutes."""
        key = self._ring().active.get(algorithm)
        if key is None:
            raise SignerKeyUnsafe(f"there is no active key for {algorithm}")
        issued = int(claims.at.timestamp())
        return jwt.encode(
            {"alg": algorithm, "kid": key.kid, "typ": "JWT"},
            {
                "iss": claims.client_id,
                "sub": claims.subject or claims.client_id,
                "aud": claims.audience,
                "iat": issued,
                "exp": issued + LIFETIME_S,
                "jti": secrets.token_urlsafe(32),
            },
            key,
            algorithms=[algorithm],
        )

    def is_new(self, algorithm: str, *, at: datetime) -> bool:
        """Whether the key signs since so short a time that a partner may still hold the set without it."""
        since = self._ring().since.get(algorithm)
        return since is not None and at < since + NEW_FOR

    def public_jwks(self) -> dict[str, Any]:
        """The document that partners register us with; no private parts."""
        return {"keys": [dict(key) for key in self._ring().published]}


def ring_of(keys: Mapping[str, Key]) -> Ring:
    """A ring of one active key for each algorithm."""
    return Ring(keys, tuple(public_part(key, algorithm) for algorithm, key in keys.items()))


def new_key(algorithm: str) -> Key:
    """A fresh private key; its id is its thumbprint (RFC 7638)."""
    is_curve = algorithm == "ES384"
    return ECKey.generate_key("P-384", auto_kid=True) if is_curve else RSAKey.generate_key(RSA_BITS, auto_kid=True)


def private_text(key: Key) -> bytes:
    """The whole key, to be sealed at once."""
    return json.dumps(key.as_dict(private=True)).encode()


def read_private(text: bytes, *, algorithm: str, shown: str) -> Key:
    """The reverse of `private_text`; `SignerKeyUnsafe` when it is no private key for its algorithm."""
    [key] = KeySet.import_key_set({"keys": [json.loads(text)]}).keys
    expected = ECKey if algorithm == "ES384" else RSAKey
    if not isinstance(key, expected) or not key.is_private:
        raise SignerKeyUnsafe(f"{shown} holds no private key for its algorithm")
    return key


def public_part(key: Key, algorithm: str) -> dict[str, Any]:
    """What partners verify with."""
    return {**key.as_dict(private=False), "use": "sig", "alg": algorithm, "key_ops": ["verify"]}


def keys_in(folder: Path) -> dict[str, Key]:
    """The keys that earlier installations kept as files (mode 0600), by algorithm."""
    found = {}
    for algorithm in ALGORITHMS:
        path = folder / f"assertion-{algorithm.lower()}.jwk"
        if path.exists():
            if stat.S_IMODE(path.stat().st_mode) & 0o077:
                raise SignerKeyUnsafe(f"{path.name} can be read by others; it must have mode 0600")
            found[algorithm] = read_private(path.read_bytes(), algorithm=algorithm, shown=path.name)
    return found

"""Our own signing keys for client assertions (SMART Backend Services): kept as files, the public part published."""

import json
import os
import secrets
import stat
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from joserfc import jwt
from joserfc.jwk import ECKey, KeySet, RSAKey

# ES384 by default: signing RS384 costs nine times a verification (security.md section 3).
ALGORITHMS = ("ES384", "RS384")
RSA_BITS = 3072
# Below the five minutes that a server allows, so that a clock of ours that runs ahead is forgiven.
LIFETIME_S = 240


class SignerKeyUnsafe(Exception):
    """A key file can be read by others, or holds no private key for its algorithm."""


@dataclass(frozen=True, slots=True)
class Claims:
    """What an assertion says: who we are there, to whom, and for whom when the partner wants the patient named."""

    client_id: str
    audience: str
    at: datetime
    subject: str | None = None


class Signer:
    """One private key for each algorithm in use."""

    def __init__(self, keys: Mapping[str, ECKey | RSAKey]) -> None:
        self._keys = dict(keys)

    def assertion(self, claims: Claims, *, algorithm: str = "ES384") -> str:
        """A signed client assertion, good for one use within four minutes."""
        key = self._keys[algorithm]
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

    def public_jwks(self) -> dict[str, Any]:
        """The document that partners register us with; no private parts."""
        keys = [
            {**key.as_dict(private=False), "use": "sig", "alg": algorithm, "key_ops": ["verify"]}
            for algorithm, key in self._keys.items()
        ]
        return {"keys": keys}


def load_or_create_signer(directory: Path) -> Signer:
    """The signer of this installation; missing keys (mode 0600) are made."""
    directory.mkdir(parents=True, exist_ok=True, mode=0o700)
    return Signer({algorithm: _load(directory / f"assertion-{algorithm.lower()}.jwk") for algorithm in ALGORITHMS})


def _load(path: Path) -> ECKey | RSAKey:
    if not path.exists():
        _create(path)
    if stat.S_IMODE(path.stat().st_mode) & 0o077:
        raise SignerKeyUnsafe(f"{path.name} can be read by others; it must have mode 0600")
    [key] = KeySet.import_key_set({"keys": [json.loads(path.read_text("ascii"))]}).keys
    expected = ECKey if path.stem.endswith("es384") else RSAKey
    if not isinstance(key, expected) or not key.is_private:
        raise SignerKeyUnsafe(f"{path.name} holds no private key for its algorithm")
    return key


def _create(path: Path) -> None:
    """Make the file whole or not at all: two processes that start at once end up with the same key."""
    is_curve = path.stem.endswith("es384")
    key = ECKey.generate_key("P-384", auto_kid=True) if is_curve else RSAKey.generate_key(RSA_BITS, auto_kid=True)
    mine = path.with_name(f".{path.name}-{secrets.token_hex(8)}")
    with os.fdopen(os.open(mine, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        json.dump(key.as_dict(private=True), file)
        file.flush()
        os.fsync(file.fileno())
    with suppress(FileExistsError):
        os.link(mine, path)
    mine.unlink()

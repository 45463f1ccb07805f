"""Keys: one key (the KEK) wraps all data keys; AES-256-GCM seals; HMAC makes pseudonyms; Ed25519 signs checkpoints.

The KEK is a file in versions (or comes from a key service later) and never in the database; wrapped data keys may be.
"""

import hmac
import secrets
import struct
from pathlib import Path
from typing import Protocol, Self

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from interpayer.system.ids import base32_text
from interpayer.system.keyring import (
    FIRST,
    FileKey,
    KeyFileUnsafe,
    KeyRing,
    Lasting,
    OneKey,
    WrappingKey,
    load_or_create_key_file,
    ring_file,
    version_of,
)
from interpayer.system.sealing import (
    FRAME_HEADER,
    FRAME_VERSION,
    KEY_LENGTH,
    NONCE_LENGTH,
    TAG_LENGTH,
    FrameHeader,
    SealBroken,
    decrypt,
    encrypt,
    read_header,
    seal,
    unseal,
)

__all__ = [
    "FRAME_HEADER", "FRAME_VERSION", "KEY_LENGTH", "NONCE_LENGTH", "TAG_LENGTH", "FrameHeader", "KeyFileUnsafe",
    "Ring", "SealBroken", "SigningKey", "Vault", "decrypt", "encrypt", "load_or_create_kek", "read_header", "seal",
    "unseal",
]  # fmt: skip
_DATA_KEY = b"data key"


class Ring(Protocol):
    """The versions of the KEK as the vault needs them."""

    lasting: Lasting

    @property
    def active(self) -> WrappingKey:
        """The version that wraps now."""

    def version(self, number: int) -> WrappingKey:
        """A version by its number; ``SealBroken`` when it is not here."""


class Vault:
    """Envelope encryption under the KEK, and the keyed hashes that belong to this installation."""

    _ring: Ring

    def __init__(self, kek: bytes, kek_id: str) -> None:
        self._hold(OneKey(FileKey(FIRST, kek, kek_id)))

    @classmethod
    def of_ring(cls, ring: Ring) -> Self:
        """The vault over several versions of the KEK."""
        vault = cls.__new__(cls)
        vault._hold(ring)
        return vault

    def _hold(self, ring: Ring) -> None:
        self._ring = ring
        lasting = ring.lasting
        self._pseudonyms, self._records, self._zones = lasting.pseudonym, lasting.record, lasting.zone

    @property
    def kek_id(self) -> str:
        """What the version that wraps now is recognized by."""
        return self._ring.active.id

    @property
    def kek_version(self) -> int:
        """The number of the version that wraps now."""
        return self._ring.active.version

    def new_data_key(self) -> tuple[bytes, bytes]:
        """A fresh data key: plain (keep it in memory only) and wrapped (may be stored)."""
        plain = secrets.token_bytes(KEY_LENGTH)
        return plain, self._ring.active.wrap(plain, context=_DATA_KEY)

    def unwrap(self, wrapped: bytes) -> bytes:
        """The data key; ``SealBroken`` when it was wrapped elsewhere, or by a version that is gone."""
        return self._ring.version(version_of(wrapped)).unwrap(wrapped, context=_DATA_KEY)

    def rewrap(self, wrapped: bytes) -> bytes | None:
        """The same data key wrapped by the version that wraps now; None when it is already."""
        active = self._ring.active
        if version_of(wrapped) == active.version:
            return None
        return active.wrap(self.unwrap(wrapped), context=_DATA_KEY)

    def zone_key(self, zone: str) -> bytes:
        """The key of a zone's own columns, always the same for this installation."""
        return mac(self._zones, zone.encode())

    def pseudonym(self, label: str, value: str) -> str:
        """A stable stand-in for a value (26 characters); without our key nobody can test a guess."""
        return _keyed_text(self._pseudonyms, label, value)

    def record_id(self, *parts: str) -> str:
        """The id of a record from what identifies it: the same parts give the same id."""
        return f"r-{_keyed_text(self._records, *parts)}"


def load_or_create_kek(path: Path) -> Vault:
    """The vault of the KEK in this file and the versions beside it; the first (0600) is made at the first start."""
    if not ring_file(path).exists():
        load_or_create_key_file(path)
    return Vault.of_ring(KeyRing(path))


class SigningKey:
    """An Ed25519 key for checkpoints, kept outside the database."""

    def __init__(self, private: Ed25519PrivateKey) -> None:
        self._private = private

    @classmethod
    def load_or_create(cls, path: Path) -> Self:
        """The key in this file (0600, hexadecimal); the file is made at the first start."""
        return cls(Ed25519PrivateKey.from_private_bytes(load_or_create_key_file(path)))

    def sign(self, message: bytes) -> bytes:
        """The signature, 64 bytes."""
        return self._private.sign(message)

    @property
    def public_bytes(self) -> bytes:
        """The public key, 32 bytes."""
        encoding, form = serialization.Encoding.Raw, serialization.PublicFormat.Raw
        return self._private.public_key().public_bytes(encoding, form)


def mac(key: bytes, message: bytes) -> bytes:
    """HMAC with SHA-256, 32 bytes: nobody without the key can make or test one."""
    return hmac.digest(key, message, "sha256")


def _keyed_text(key: bytes, *parts: str) -> str:
    """26 base32 characters of an HMAC; each part carries its length, so that ("ab", "c") is not ("a", "bc")."""
    encoded = [part.encode() for part in parts]
    message = b"".join(struct.pack(">I", len(part)) + part for part in encoded)
    return base32_text(mac(key, message)[:16])

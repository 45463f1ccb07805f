"""Keys: one key (the KEK) wraps all data keys; AES-256-GCM seals; HMAC makes pseudonyms; Ed25519 signs checkpoints.

The KEK is a file (or comes from a key service later) and never in the database; wrapped data keys may be.
"""

import hashlib
import hmac
import os
import secrets
import stat
import struct
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from interpayer.system.ids import base32_text

KEY_LENGTH = 32
NONCE_LENGTH = 12
TAG_LENGTH = 16
FRAME_VERSION = 1
# Version, dictionary id (0: none), key id (0: the only one); then nonce and ciphertext.
FRAME_HEADER = struct.Struct(">BHI")


class SealBroken(Exception):
    """A sealed value was changed, belongs elsewhere, or was sealed with another key."""


class KeyFileUnsafe(Exception):
    """A key file can be read by others, or is not a key."""


@dataclass(frozen=True, slots=True)
class FrameHeader:
    """What a frame says about itself; authenticated with its content."""

    version: int
    dictionary_id: int
    key_id: int


class Vault:
    """Envelope encryption under one KEK, and the keyed hashes that belong to this installation."""

    def __init__(self, kek: bytes, kek_id: str) -> None:
        if len(kek) != KEY_LENGTH:
            raise KeyFileUnsafe("a KEK has 32 bytes")
        self.kek_id = kek_id
        self._wrapping = _derive(kek, "wrap")
        self._pseudonyms = _derive(kek, "pseudonym")
        self._records = _derive(kek, "record")
        self._zones = _derive(kek, "zone")

    def new_data_key(self) -> tuple[bytes, bytes]:
        """A fresh data key: plain (keep it in memory only) and wrapped (may be stored)."""
        plain = secrets.token_bytes(KEY_LENGTH)
        return plain, seal(self._wrapping, plain, context=b"data key")

    def unwrap(self, wrapped: bytes) -> bytes:
        """The data key; ``SealBroken`` when it was wrapped elsewhere."""
        return unseal(self._wrapping, wrapped, context=b"data key")

    def zone_key(self, zone: str) -> bytes:
        """The key of a zone's own columns, always the same for this installation."""
        return hmac.digest(self._zones, zone.encode(), "sha256")

    def pseudonym(self, label: str, value: str) -> str:
        """A stable stand-in for a value (26 characters); without our key nobody can test a guess."""
        return _keyed_text(self._pseudonyms, label, value)

    def record_id(self, *parts: str) -> str:
        """The id of a record from what identifies it: the same parts give the same id."""
        return f"r-{_keyed_text(self._records, *parts)}"


def load_or_create_kek(path: Path) -> Vault:
    """The vault of the KEK in this file; the file (0600) is made at the first start."""
    kek = _load_or_create(path)
    return Vault(kek, hashlib.sha256(b"interpayer kek id" + kek).hexdigest()[:16])


class SigningKey:
    """An Ed25519 key for checkpoints, kept outside the database."""

    def __init__(self, private: Ed25519PrivateKey) -> None:
        self._private = private

    @classmethod
    def load_or_create(cls, path: Path) -> Self:
        """The key in this file (0600, hexadecimal); the file is made at the first start."""
        return cls(Ed25519PrivateKey.from_private_bytes(_load_or_create(path)))

    def sign(self, message: bytes) -> bytes:
        """The signature, 64 bytes."""
        return self._private.sign(message)

    @property
    def public_bytes(self) -> bytes:
        """The public key, 32 bytes."""
        encoding, form = serialization.Encoding.Raw, serialization.PublicFormat.Raw
        return self._private.public_key().public_bytes(encoding, form)


def seal(key: bytes, plain: bytes, *, context: bytes = b"", dictionary_id: int = 0, key_id: int = 0) -> bytes:
    """The plain bytes as a frame that only the same key and context open again."""
    header = FRAME_HEADER.pack(FRAME_VERSION, dictionary_id, key_id)
    nonce = os.urandom(NONCE_LENGTH)
    return header + nonce + encrypt(key, nonce, plain, authenticated=header + context)


def unseal(key: bytes, frame: bytes, *, context: bytes = b"") -> bytes:
    """The plain bytes of a frame; ``SealBroken`` when anything about it is not as it was sealed."""
    read_header(frame)
    start = FRAME_HEADER.size
    header, nonce, ciphertext = frame[:start], frame[start : start + NONCE_LENGTH], frame[start + NONCE_LENGTH :]
    return decrypt(key, nonce, ciphertext, authenticated=header + context)


def read_header(frame: bytes) -> FrameHeader:
    """What the frame says about itself; ``SealBroken`` when it is no frame of a known version."""
    if len(frame) < FRAME_HEADER.size + NONCE_LENGTH + TAG_LENGTH:
        raise SealBroken("too short for a sealed frame")
    header = FrameHeader(*FRAME_HEADER.unpack_from(frame))
    if header.version != FRAME_VERSION:
        raise SealBroken(f"unknown frame version {header.version}")
    return header


def encrypt(key: bytes, nonce: bytes, plain: bytes, *, authenticated: bytes) -> bytes:
    """AES-256-GCM with a nonce of 96 bits that this key never saw before; the tag is at the end."""
    _check_lengths(key, nonce)
    return AESGCM(key).encrypt(nonce, plain, authenticated)


def decrypt(key: bytes, nonce: bytes, ciphertext: bytes, *, authenticated: bytes) -> bytes:
    """The reverse of ``encrypt``; ``SealBroken`` when the tag does not fit."""
    _check_lengths(key, nonce)
    try:
        return AESGCM(key).decrypt(nonce, ciphertext, authenticated)
    except InvalidTag:
        raise SealBroken("the sealed value does not fit this key and place") from None


def _check_lengths(key: bytes, nonce: bytes) -> None:
    if len(key) != KEY_LENGTH or len(nonce) != NONCE_LENGTH:
        raise SealBroken("a key has 32 bytes and a nonce 12")


def _derive(kek: bytes, purpose: str) -> bytes:
    use = f"interpayer {purpose} 1".encode()
    return HKDF(algorithm=hashes.SHA256(), length=KEY_LENGTH, salt=None, info=use).derive(kek)


def _keyed_text(key: bytes, *parts: str) -> str:
    """26 base32 characters of an HMAC; each part carries its length, so that ("ab", "c") is not ("a", "bc")."""
    encoded = [part.encode() for part in parts]
    message = b"".join(struct.pack(">I", len(part)) + part for part in encoded)
    return base32_text(hmac.digest(key, message, "sha256")[:16])


def _load_or_create(path: Path) -> bytes:
    """The 32 bytes in the file, made when missing; two processes at once end up with the same."""
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        mine = path.with_name(f".{path.name}-{secrets.token_hex(8)}")
        with os.fdopen(os.open(mine, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
            file.write(secrets.token_hex(KEY_LENGTH) + "\n")
            file.flush()
            os.fsync(file.fileno())
        with suppress(FileExistsError):
            os.link(mine, path)
        mine.unlink()
    if stat.S_IMODE(path.stat().st_mode) & 0o077:
        raise KeyFileUnsafe(f"{path} can be read by others; it must have mode 0600")
    try:
        key = bytes.fromhex(path.read_text(encoding="ascii").strip())
    except ValueError:
        key = b""
    if len(key) != KEY_LENGTH:
        raise KeyFileUnsafe(f"{path} does not hold a key (64 hexadecimal digits)")
    return key

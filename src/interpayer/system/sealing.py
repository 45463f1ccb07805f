"""Sealed frames: AES-256-GCM with a header that says version, dictionary and key, bound to the place where they lie."""

import os
import struct
from dataclasses import dataclass

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

KEY_LENGTH = 32
NONCE_LENGTH = 12
TAG_LENGTH = 16
FRAME_VERSION = 1
# Version, dictionary id (0: none), key id (of a wrapped key: the version of the wrapping key, 0: the first; else 0);
# then nonce and ciphertext.
FRAME_HEADER = struct.Struct(">BHI")


class SealBroken(Exception):
    """A sealed value was changed, belongs elsewhere, or was sealed with another key."""


@dataclass(frozen=True, slots=True)
class FrameHeader:
    """What a frame says about itself; authenticated with its content."""

    version: int
    dictionary_id: int
    key_id: int


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

"""Keyed hashes and seals of the index: quick enough for millions, of no use without the installation's key."""

import os
from collections.abc import Callable, Collection
from functools import partial
from hashlib import blake2b
from struct import unpack

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from interpayer.system.keys import FRAME_HEADER, FRAME_VERSION, NONCE_LENGTH, SealBroken, Vault, unseal

ZONE = "identity"
_HEADER = FRAME_HEADER.pack(FRAME_VERSION, 0, 0)
_START = len(_HEADER) + NONCE_LENGTH


class IndexKeys:
    """What turns values into what the index keeps."""

    def __init__(self, vault: Vault) -> None:
        self._zone_key = vault.zone_key(ZONE)
        self._hash_key = vault.zone_key("identity.index")
        self._cipher = AESGCM(self._zone_key)

    def hashes(self, keys: Collection[tuple[str, str]], payer: str) -> list[int]:
        """The hash of each (kind, value) inside a payer's namespace, in order."""
        begun = blake2b(payer.encode(), digest_size=8, key=self._hash_key)
        digests = bytearray()
        for kind, value in keys:
            one = begun.copy()
            one.update(f"\0{kind}\0{value}".encode())
            digests += one.digest()
        return [*unpack(f"<{len(keys)}q", digests)]

    def hasher(self, label: str) -> Callable[[str], int]:
        """A function that hashes values of one label, the same everywhere in this installation."""
        return partial(_hash, blake2b(b"", digest_size=8, key=self._hash_key), label)

    def seal(self, plain: bytes, owner: str) -> bytes:
        """As `system.keys.seal` under the zone's key, with the cipher made once."""
        nonce = os.urandom(NONCE_LENGTH)
        return _HEADER + nonce + self._cipher.encrypt(nonce, plain, _HEADER + owner.encode())

    def unseal(self, frame: bytes, owner: str) -> bytes:
        """The plain bytes of a frame of this owner; `SealBroken` when they are not as they were sealed."""
        if not frame.startswith(_HEADER):
            # another kind of frame: the full reader says whether it can be read
            return unseal(self._zone_key, frame, context=owner.encode())
        try:
            return self._cipher.decrypt(frame[len(_HEADER) : _START], frame[_START:], _HEADER + owner.encode())
        except (InvalidTag, ValueError):
            raise SealBroken("the sealed value does not fit this key and place") from None


def _hash(begun: "blake2b", label: str, value: str) -> int:
    one = begun.copy()
    one.update(f"\0{label}\0{value}".encode())
    return int.from_bytes(one.digest(), "little", signed=True)

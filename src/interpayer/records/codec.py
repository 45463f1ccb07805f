"""Bodies in and out: zstd or gzip inside, AES-256-GCM with the member's data key outside, bound to their place."""

import threading

import zstandard
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from isal import isal_zlib

from interpayer.model.record import Lines
from interpayer.system.keys import FRAME_HEADER, NONCE_LENGTH, SealBroken, Vault, read_header, seal

LEVEL = 1
# zlib's code for a gzip header around the data.
GZIP = 31
# A body larger than this was not written by us.
LARGEST = 256 * 1024 * 1024
_START = FRAME_HEADER.size
_END = _START + NONCE_LENGTH


class _Contexts(threading.local):
    """Made anew in every thread that looks at them."""

    def __init__(self) -> None:
        self.compressor = zstandard.ZstdCompressor(level=LEVEL)
        self.decompressor = zstandard.ZstdDecompressor()


class Codec:
    """Encodes and decodes bodies. A worker's threads share it; each has zstd contexts of its own, as zstd asks for."""

    def __init__(self, vault: Vault) -> None:
        self.vault = vault
        self._contexts = _Contexts()

    def encode(self, key: bytes, plain: bytes, *, context: bytes = b"") -> bytes:
        """The sealed frame of a body, zstd inside. The context (its place) must be given again to decode."""
        return seal(key, self._contexts.compressor.compress(plain), context=context)

    def decode(self, key: bytes, frame: bytes, *, context: bytes = b"") -> bytes:
        """The body; ``SealBroken`` when the frame was changed or belongs elsewhere."""
        packed = Opener(key)(frame, context)
        return self._contexts.decompressor.decompress(packed, max_output_size=LARGEST)


class Opener:
    """Opens many frames of one key, the cipher set up once: the hot loop of an export. What is inside stays packed."""

    __slots__ = ("_cipher",)

    def __init__(self, key: bytes) -> None:
        self._cipher = AESGCM(key)

    def __call__(self, frame: bytes, context: bytes) -> bytes:
        """What one frame holds; ``SealBroken`` when it was changed or belongs elsewhere."""
        read_header(frame)
        try:
            return self._cipher.decrypt(frame[_START:_END], frame[_END:], frame[:_START] + context)
        except InvalidTag:
            raise SealBroken("the sealed body does not fit this key and place") from None


def plain_of(lines: Lines) -> bytes:
    """The plain bytes of lines, unpacked where they lie packed."""
    return lines.plain if lines.plain is not None else unpack_gzip(lines.packed, lines.length)


def unpack_gzip(packed: bytes, plain_length: int) -> bytes:
    """The plain bytes of one gzip member of ours."""
    return isal_zlib.decompress(packed, GZIP, max(plain_length, 1))

"""Bodies in and out: zstd inside, AES-256-GCM with the member's data key outside, bound to their record."""

import zstandard
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from interpayer.system.keys import FRAME_HEADER, NONCE_LENGTH, SealBroken, Vault, read_header, seal

LEVEL = 1
# A body larger than this was not written by us.
LARGEST = 256 * 1024 * 1024
_START = FRAME_HEADER.size
_END = _START + NONCE_LENGTH


class Codec:
    """Encodes and decodes bodies; not shared between threads, because zstd's contexts must not be."""

    def __init__(self, vault: Vault) -> None:
        self.vault = vault
        self._compressor = zstandard.ZstdCompressor(level=LEVEL)
        self._decompressor = zstandard.ZstdDecompressor()

    def encode(self, key: bytes, plain: bytes, *, context: bytes = b"") -> bytes:
        """The sealed frame of a body. The context (the record's id) must be given again to decode."""
        return seal(key, self._compressor.compress(plain), context=context)

    def decode(self, key: bytes, frame: bytes, *, context: bytes = b"") -> bytes:
        """The body; ``SealBroken`` when the frame was changed or belongs elsewhere."""
        return self.opener(key)(frame, context)

    def opener(self, key: bytes) -> "Opener":
        """A function that decodes many frames of one key: the hot loop of an export."""
        return Opener(AESGCM(key), self._decompressor)


class Opener:
    """Decodes frames of one key; the cipher is set up once."""

    __slots__ = ("_cipher", "_decompressor")

    def __init__(self, cipher: AESGCM, decompressor: zstandard.ZstdDecompressor) -> None:
        self._cipher = cipher
        self._decompressor = decompressor

    def __call__(self, frame: bytes, context: bytes) -> bytes:
        """The body of one frame."""
        read_header(frame)
        try:
            packed = self._cipher.decrypt(frame[_START:_END], frame[_END:], frame[:_START] + context)
        except InvalidTag:
            raise SealBroken("the sealed body does not fit this key and record") from None
        return self._decompressor.decompress(packed, max_output_size=LARGEST)

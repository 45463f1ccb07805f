"""Gzip in pieces that lie apart and leave as one: a member of each piece, joined without being packed again.

A gzip stream of many members is allowed (RFC 1952), but curl and most HTTP libraries stop after the first one. So the
pieces are made such that their insides can follow one another within a single member: compressed data that ends at a
byte, then an empty last block, which only the end of the whole keeps.
"""

from isal import isal_zlib

LEVEL = 1
# No time, no name, any system: the same bytes for the same content.
HEADER = b"\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\xff"
LAST_BLOCK = b"\x03\x00"
_TRAILER = 8
OVERHEAD = len(HEADER) + len(LAST_BLOCK) + _TRAILER
"""What a member has around its inside; the joined stream has it once."""
_RAW = -15


def pack(plain: bytes) -> bytes:
    """A whole gzip member, fit to be joined."""
    packing = isal_zlib.compressobj(LEVEL, isal_zlib.DEFLATED, _RAW)
    inside = packing.compress(plain) + packing.flush(isal_zlib.Z_SYNC_FLUSH)
    check, length = isal_zlib.crc32(plain), len(plain) & 0xFFFFFFFF
    return HEADER + inside + LAST_BLOCK + check.to_bytes(4, "little") + length.to_bytes(4, "little")


class Joined:
    """One gzip stream out of members of ours: begin with `HEADER`, then each inside, then `end`."""

    def __init__(self) -> None:
        self._check = 0
        self._length = 0

    def inside(self, member: bytes) -> bytes:
        """What of a member goes into the stream; its checksum is taken over."""
        check = int.from_bytes(member[-_TRAILER:-4], "little")
        length = int.from_bytes(member[-4:], "little")
        self._check = isal_zlib.crc32_combine(self._check, check, length)
        self._length += length
        return member[len(HEADER) : -_TRAILER - len(LAST_BLOCK)]

    def end(self) -> bytes:
        """The last block, the checksum and the length of everything."""
        return LAST_BLOCK + self._check.to_bytes(4, "little") + (self._length & 0xFFFFFFFF).to_bytes(4, "little")


def joined_length(lengths: int, members: int) -> int:
    """How long the stream is that so many members of so many bytes in all become."""
    return lengths - (members - 1) * OVERHEAD if members else 0

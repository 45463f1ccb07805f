import gzip
import random
import zlib

import pytest

from interpayer.system.gzip_members import HEADER, Joined, joined_length, pack

CHANCE = random.Random(3)
PIECES = [b"", b"x", b'{"a": 1}\n' * 1000, CHANCE.randbytes(70_000), b"\x00" * 300_000, b"y\n"]


def join(members: list[bytes]) -> bytes:
    joined = Joined()
    return HEADER + b"".join([joined.inside(member) for member in members]) + joined.end()


@pytest.mark.parametrize("plain", PIECES, ids=len)
def test_a_member_alone_is_gzip(plain: bytes) -> None:
    assert gzip.decompress(pack(plain)) == plain
    assert pack(plain) == pack(plain)


@pytest.mark.parametrize("places", [[0], [2], [0, 1, 2, 3, 4, 5], [5, 4, 3, 2, 1, 0], [1, 3], [2] * 500])
def test_joined_members_are_one_member_for_every_reader(places: list[int]) -> None:
    """zlib reads one member and stops: what it leaves over is what a simple reader would lose."""
    members = [pack(PIECES[place]) for place in places]
    stream = join(members)
    reading = zlib.decompressobj(wbits=31)
    assert reading.decompress(stream) == b"".join(PIECES[place] for place in places)
    assert reading.eof
    assert reading.unused_data == b""
    assert len(stream) == joined_length(sum(map(len, members)), len(members))


def test_nothing_is_as_long_as_nothing() -> None:
    assert joined_length(0, 0) == 0


def test_a_changed_bit_is_found() -> None:
    stream = bytearray(join([pack(PIECES[2]), pack(PIECES[5])]))
    stream[-6] ^= 1
    with pytest.raises(gzip.BadGzipFile, match="CRC"):
        gzip.decompress(bytes(stream))

"""Bodies in and out of their frames, also when many threads of a worker do it at once."""

import os
from concurrent.futures import ThreadPoolExecutor

import pytest

from interpayer.records.codec import Codec
from interpayer.system.keys import SealBroken, Vault

CODEC = Codec(Vault(b"k" * 32, "test"))
KEY = b"m" * 32


def test_a_body_comes_back_as_it_was_and_only_from_its_place() -> None:
    frame = CODEC.encode(KEY, b'{"n":72.50}', context=b"pack 1")
    assert CODEC.decode(KEY, frame, context=b"pack 1") == b'{"n":72.50}'
    with pytest.raises(SealBroken):
        CODEC.decode(KEY, frame, context=b"pack 2")


def test_threads_that_share_it_do_not_mix_their_bodies() -> None:
    def go_round(number: int) -> bool:
        body = (b"%d " % number) * 20_000 + os.urandom(2_000)
        return all(CODEC.decode(KEY, CODEC.encode(KEY, body)) == body for _ in range(10))

    with ThreadPoolExecutor(8) as pool:
        assert all(pool.map(go_round, range(16)))

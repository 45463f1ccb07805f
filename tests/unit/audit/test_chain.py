"""The bytes that are hashed: the same for the same meaning, and nothing of a member in them."""

import hashlib

import pytest

from interpayer.audit.chain import GENESIS, canonical, commitment, event_hash, frame_hash, header_of
from tests.support.ledgers import an_event


def test_canonical_bytes_do_not_depend_on_order_or_language():
    assert canonical({"b": 1, "a": [True, None, "ä"]}) == '{"a":[true,null,"ä"],"b":1}'.encode()
    assert canonical({"a": {"y": 1, "x": 2}}) == canonical({"a": {"x": 2, "y": 1}})
    assert canonical(("a", 1)) == canonical(["a", 1])


def test_numbers_that_are_not_whole_become_text():
    assert canonical([0.1, 1e22, 2, float("inf")]) == b'["0.1","1e+22",2,"inf"]'


def test_what_the_database_cannot_keep_is_replaced():
    assert canonical("a\x00b\ud800c") == '"a\ufffdb\ufffdc"'.encode()
    assert canonical("\U0001f600") == '"\U0001f600"'.encode()


def test_only_json_is_kept():
    with pytest.raises(TypeError, match="not set"):
        canonical({1, 2})


def test_a_header_says_who_what_and_why_and_leaves_out_what_is_not_there():
    event = an_event(member_id="m-1", policy_version="v1", facts={"count": 1}, body={"name": "Ada"})
    raw = header_of(event, "pseudonym", {"name": ("c", "f")})
    assert raw == (
        b'{"actor":{"id":"plan-b","type":"partner"},"body":{"name":{"com":"c","frame":"f"}},"facts":{"count":1},'
        b'"member":"pseudonym","name":"member.matched","outcome":"ok","policy":"v1","v":1}'
    )


def test_a_commitment_needs_the_salt():
    assert commitment(b"s" * 16, "Ada") == hashlib.sha256(b"\x02" + b"s" * 16 + b'"Ada"').hexdigest()
    assert commitment(b"s" * 16, "Ada") != commitment(b"t" * 16, "Ada")
    assert frame_hash(b"frame") == hashlib.sha256(b"\x03frame").hexdigest()


def test_no_two_events_share_their_bytes():
    """Moving a byte from one part to the next changes the hash: each part has its length."""
    one = event_hash("x-a", 1, at_us=2, prev=GENESIS, header=b"{}")
    assert (
        one
        == hashlib.sha256(
            b"\x00\x00\x03x-a" + (1).to_bytes(8, "big") + (2).to_bytes(8, "big") + GENESIS + b"{}"
        ).digest()
    )
    others = [
        event_hash("x-", 1, at_us=2, prev=GENESIS, header=b"{}"),
        event_hash("x-a", 2, at_us=2, prev=GENESIS, header=b"{}"),
        event_hash("x-a", 1, at_us=1, prev=GENESIS, header=b"{}"),
        event_hash("x-a", 1, at_us=2, prev=one, header=b"{}"),
        event_hash("x-a", 1, at_us=2, prev=GENESIS, header=b"{} "),
    ]
    assert len({one, *others}) == 6

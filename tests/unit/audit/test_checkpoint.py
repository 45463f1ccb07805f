"""Notes: what one key signs, nobody else can, and nothing in them can be changed."""

import base64

import pytest

from interpayer.audit.checkpoint import BadNote, Head, VerifierKey, read_note, write_note
from tests.support.ledgers import ORIGIN, signing_key

KEY = signing_key()
VERIFIER = VerifierKey(ORIGIN, KEY.public_bytes)
HEAD = Head(12345, b"r" * 32, 1_763_700_000)
NOTE = write_note(VERIFIER, HEAD, KEY.sign)


def test_a_note_has_the_shape_of_a_transparency_log_checkpoint():
    origin, size, root, gap, log, timed, end = NOTE.split("\n")
    assert (origin, size, gap, end) == (ORIGIN, "12345", "", "")
    assert base64.b64decode(root) == b"r" * 32
    assert log.startswith(f"\u2014 {ORIGIN} ")
    assert len(base64.b64decode(log.split(" ")[2])) == 4 + 64
    assert len(base64.b64decode(timed.split(" ")[2])) == 4 + 8 + 64


def test_reads_back():
    assert read_note(NOTE, VERIFIER) == HEAD


def test_every_changed_character_is_found():
    for place, letter in enumerate(NOTE):
        for other in {chr(ord(letter) ^ 1), chr(ord(letter) ^ 32)}:
            with pytest.raises(BadNote):
                read_note(NOTE[:place] + other + NOTE[place + 1 :], VERIFIER)
        with pytest.raises(BadNote):
            read_note(NOTE[:place], VERIFIER)


@pytest.mark.parametrize(
    "text", ["", "\n\n", "a\n1\nb\n\nc", f"{ORIGIN}\n{'9' * 5000}\nAA==\n\n", NOTE + "x", NOTE * 2]
)
def test_what_is_no_note_is_refused(text):
    with pytest.raises(BadNote):
        read_note(text, VERIFIER)


def test_another_key_or_origin_is_refused():
    other = signing_key(2)
    with pytest.raises(BadNote):
        read_note(NOTE, VerifierKey(ORIGIN, other.public_bytes))
    with pytest.raises(BadNote):
        read_note(NOTE, VerifierKey("ledger.example/plan-b", KEY.public_bytes))


def test_the_public_key_travels_as_text():
    assert VerifierKey.read(VERIFIER.text() + "\n") == VERIFIER
    for wrong in ("", "a+b", "a+00000000+AAAA", VERIFIER.text().replace("+", "-"), VERIFIER.text()[:-4]):
        with pytest.raises(ValueError, match="verifier key"):
            VerifierKey.read(wrong)

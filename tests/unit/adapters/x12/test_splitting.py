"""Bytes into segments: the delimiters each ISA declares, whatever stands between interchanges."""

import io

import pytest

from interpayer.adapters.x12.splitting import Junk, Opening, Run, read_isa, split
from tests.support.x12 import a_claim, a_subscriber, claim_set, interchange, read

GOOD = interchange("837P", claim_set(a_subscriber(a_claim())))


def test_an_isa_declares_its_delimiters() -> None:
    found = read_isa(GOOD[:106].decode())
    assert found is not None
    between, end = found
    assert (between.element, between.component, between.repetition, between.segment, end) == ("*", ":", "^", "~", 105)


def test_an_isa_without_padding_is_read() -> None:
    found = read_isa("ISA|00||00||ZZ|A|ZZ|B|240312|0915|U|00401|000000001|0|P|>!")
    assert found is not None and found[0].repetition == "" and found[0].component == ">" and found[0].segment == "!"


@pytest.mark.parametrize(
    "isa",
    [
        "ISA",
        "ISA*00*",
        GOOD[:106].decode().replace("^", "*"),
        GOOD[:106].decode().replace(":", "*"),
        GOOD[:106].decode().replace("~", "A"),
        GOOD[:106].decode().replace("*", "X"),
    ],
)
def test_what_is_no_isa_has_no_delimiters(isa: str) -> None:
    assert read_isa(isa) is None


def test_other_delimiters_say_the_same() -> None:
    other = GOOD.replace(b"*", b"|").replace(b":", b"/").replace(b"~", b"\x1d").replace(b"^", b"!")
    assert [one.content for one in read(other)] == [one.content for one in read(GOOD)]
    assert read(GOOD)[0].content is not None


@pytest.mark.parametrize("ends", [b"~\n", b"~\r\n", b"\n", b"~\n\n"])
def test_line_ends_between_segments_or_as_their_end(ends: bytes) -> None:
    assert [one.content for one in read(GOOD.replace(b"~", ends))] == [one.content for one in read(GOOD)]


def test_each_interchange_has_delimiters_of_its_own() -> None:
    other = GOOD.replace(b"*", b"|").replace(b"~", b"'")
    found = read(b"\xef\xbb\xbf" + GOOD + b"\n\n" + other + GOOD)
    assert [one.problem for one in found] == [None, None, None]
    assert len({one.position for one in found}) == 3


def test_a_trailer_without_its_end_is_one() -> None:
    assert [one.problem for one in read(GOOD[:-1])] == [None]


def test_junk_around_interchanges_is_told_once_each_and_costs_no_record() -> None:
    found = read(b"hello " * 50_000 + GOOD + b"ISA is not enough" + GOOD)
    assert [one.problem for one in found] == ["source.invalid", None, "source.invalid", None]


def test_a_segment_that_never_ends_ends_the_interchange() -> None:
    pieces = list(split(io.BytesIO(GOOD[:106] + b"X" * 600_000)))
    assert isinstance(pieces[0], Opening)
    assert any(isinstance(one, Junk) and one.ends_interchange for one in pieces)


def test_small_reads_give_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("interpayer.adapters.x12.splitting.BLOCK", 7)
    small = [text for one in split(io.BytesIO(GOOD * 2)) if isinstance(one, Run) for text in one.texts]
    monkeypatch.undo()
    large = [text for one in split(io.BytesIO(GOOD * 2)) if isinstance(one, Run) for text in one.texts]
    assert small == large and len(large) > 60

from io import BytesIO

import pytest

from interpayer.adapters.hl7v2 import framing
from interpayer.adapters.hl7v2.framing import split_stream

ONE = b"MSH|^~\\&|A\rPID|1"
TWO = b"MSH|^~\\&|B\rPID|2"


def _pieces(raw: bytes) -> list[tuple[str, bytes, str]]:
    return [(piece.name, piece.raw, piece.damage) for piece in split_stream(BytesIO(raw))]


BOTH = [("MSH", ONE, ""), ("MSH", TWO, "")]


@pytest.mark.parametrize(
    "raw",
    [
        ONE + b"\r" + TWO + b"\r",
        ONE + b"\r\n\r\n" + TWO,
        b"\xef\xbb\xbf" + ONE + b"\r\n\xef\xbb\xbf" + TWO,
        b"\n\n" + ONE + b"\r\n" + TWO + b"\x1a",
        b"\x0b" + ONE + b"\r\x1c\r\x0b" + TWO + b"\r\x1c\r",
        b"\x0b" + ONE + b"\x1c\x0b" + TWO + b"\x1c",
    ],
    ids=["CR", "CRLF", "byte order marks", "blanks", "MLLP", "MLLP without CR"],
)
def test_two_messages_are_told_apart(raw: bytes) -> None:
    assert _pieces(raw) == BOTH


@pytest.mark.parametrize("chunk", [1, 2, 3, 7])
def test_where_a_chunk_ends_does_not_matter(chunk: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(framing, "CHUNK", chunk)
    assert _pieces(b"\xef\xbb\xbf" + ONE + b"\r\xef\xbb\xbf" + TWO + b"\r") == BOTH


@pytest.mark.parametrize("order", ["utf-16", "utf-16-be"])
def test_utf16_becomes_utf8(order: str) -> None:
    text = (ONE + b"\r" + TWO).decode()
    raw = text.encode(order) if order == "utf-16" else b"\xfe\xff" + text.encode(order)
    assert _pieces(raw) == BOTH


def test_batches_give_their_headers_and_trailers() -> None:
    raw = b"FHS|^~\\&|A\rBHS|^~\\&|A\r" + ONE + b"\rBTS|1\rFTS|1\r"
    assert [name for name, _, _ in _pieces(raw)] == ["FHS", "BHS", "MSH", "BTS", "FTS"]


def test_bytes_that_belong_to_no_message_are_reported() -> None:
    assert _pieces(b"hello\r" + ONE) == [("", b"hello", "bytes that belong to no message"), ("MSH", ONE, "")]
    framed = b"\x0b" + ONE + b"\x1c\rrest\r"
    assert _pieces(framed) == [("MSH", ONE, ""), ("", b"rest", "bytes behind the end of a frame")]


def test_a_frame_without_its_end_is_reported_and_the_next_one_is_read() -> None:
    found = _pieces(b"\x0b" + ONE + b"\r\x0b" + TWO + b"\r\x1c\r")
    assert found == [("MSH", ONE, "its frame has no end, so its end may be missing"), ("MSH", TWO, "")]


def test_a_name_inside_a_field_begins_nothing() -> None:
    raw = ONE + b"\rNTE|1|MSH|^~\\&|no"
    assert _pieces(raw) == [("MSH", raw, "")]


def test_what_is_too_long_is_reported_and_passed_over(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(framing, "CHUNK", 64)
    monkeypatch.setattr(framing, "LONGEST_MESSAGE", 1000)
    found = _pieces(ONE + b"|" + b"x" * 5000 + b"\r" + TWO)
    assert [(name, damage) for name, _, damage in found] == [("MSH", "is longer than 0 MiB"), ("MSH", "")]
    assert found[1][1] == TWO

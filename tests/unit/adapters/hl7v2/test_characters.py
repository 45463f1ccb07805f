import pytest

from interpayer.adapters.hl7v2.characters import UnreadableCharacters, read_text


def _message(named: str, name: bytes) -> bytes:
    return f"MSH|^~\\&|A|B|C|D|20260101||ADT^A01|1|P|2.5||||||{named}\rPID|||||".encode() + name


@pytest.mark.parametrize(
    ("named", "coded"),
    [
        ("UNICODE UTF-8", "José".encode()),
        ("utf-8", "José".encode()),
        ("", "José".encode()),
        ("ASCII", "José".encode()),
        ("8859/1", "José".encode("latin-1")),
        ("ISO-8859-1", "José".encode("latin-1")),
        ("8859/15~ASCII", "José".encode("iso8859-15")),
    ],
)
def test_msh_18_says_what_the_bytes_mean(named: str, coded: bytes) -> None:
    text, remark = read_text(_message(named, coded))
    assert text.endswith("José")
    assert remark == ""


def test_undeclared_bytes_that_are_no_utf8_are_read_as_latin1_and_that_is_said() -> None:
    text, remark = read_text(_message("", "José".encode("latin-1")))
    assert text.endswith("José")
    assert "ISO 8859-1" in remark


@pytest.mark.parametrize(
    ("named", "coded", "words"),
    [
        ("UNICODE UTF-8", b"Jos\xe9", "does not have"),
        ("EBCDIC", b"x", "not known here"),
        ("", "Jos\ufffd".encode(), "already lost"),
    ],
)
def test_characters_that_cannot_be_read_are_not_guessed(named: str, coded: bytes, words: str) -> None:
    with pytest.raises(UnreadableCharacters, match=words):
        read_text(_message(named, coded))

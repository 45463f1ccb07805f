"""Small NDJSON files of partners: what is read, and what would hurt to read."""

import gzip

import orjson
import pytest

from interpayer.model.reason import Fault
from interpayer.partners import files
from interpayer.partners.files import Downloaded, read_lines


def download(content, encoding=None):
    def copy(sink):
        sink.begin(etag=None, encoding=encoding)
        sink.write(content)
        return Downloaded(None, len(content), len(content), encoding, restarted=False)

    return copy


def test_lines_are_read_plain_and_packed_in_several_members():
    lines = [{"resourceType": "Patient", "id": str(number)} for number in range(3)]
    text = b"\n".join(map(orjson.dumps, lines)) + b"\n\n"
    assert read_lines(download(text)) == lines
    packed = gzip.compress(text[:20]) + gzip.compress(text[20:])
    assert read_lines(download(packed, "gzip")) == lines


NESTED = b'{"a":' * 70 + b"1" + b"}" * 70
BAD = {
    "no json": (b"{]\n", None),
    "no object": (b"[1]\n", None),
    "nested too deeply": (NESTED, None),
    "a bomb": (gzip.compress(b" " * 20_000_000), "gzip"),
    "bombs in many members": (gzip.compress(b" " * 2_000_000) * 40, "gzip"),
    "no gzip": (b"{}", "gzip"),
    "cut off": (gzip.compress(b"{}")[:-3], "gzip"),
}


@pytest.mark.parametrize("name", BAD)
def test_what_would_hurt_is_a_fault_of_the_partner(name):
    content, encoding = BAD[name]
    with pytest.raises(Fault) as fault:
        read_lines(download(content, encoding))
    assert fault.value.reason == "partner.bad_answer"


def test_a_line_without_end_is_not_parsed(monkeypatch):
    monkeypatch.setattr(files, "LONGEST_LINE", 1000)
    assert read_lines(download(b'{"a": "' + b"x" * 900 + b'"}'))
    with pytest.raises(Fault):
        read_lines(download(b'{"a": "' + b"x" * 2000 + b'"}'))

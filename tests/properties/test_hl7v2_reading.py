"""Laws of the HL7 v2 reader: it reads whatever comes, loses nothing of what is sound, and never runs away."""

import tracemalloc
from io import BytesIO

from hypothesis import given, settings
from hypothesis import strategies as st

from interpayer.adapters.hl7v2.parsing import SegmentReader, read_segments
from interpayer.adapters.hl7v2.reading import read_hl7v2

HEAD = "MSH|^~\\&|A|B|||20260101||ADT^A01|1|P|2.5"
_ESCAPES = {"\\": "\\E\\", "|": "\\F\\", "^": "\\S\\", "&": "\\T\\", "~": "\\R\\"}
# Text as people write it; control characters never stand in a message.
TEXT = st.text(
    st.one_of(st.sampled_from("|^&~\\aZ9 é"), st.characters(exclude_categories=("C", "Z"))), min_size=1, max_size=12
)
VALUES = TEXT.map(str.strip).filter(lambda text: text not in ("", '""'))
REPETITIONS = st.dictionaries(st.integers(1, 5), st.dictionaries(st.integers(1, 3), VALUES, min_size=1), min_size=1)
FIELDS = st.dictionaries(st.integers(1, 9), st.lists(REPETITIONS, min_size=1, max_size=3), min_size=1)
MEANT = st.lists(
    st.one_of(
        st.binary(max_size=60),
        st.sampled_from([HEAD.encode(), b"MSH|", b"\x0b", b"\x1c", b"\r", b"BTS|9", b"FHS|^~\\&", b"PID|1||2", b"\\X"]),
    ),
    max_size=12,
).map(b"".join)


def _escaped(text: str) -> str:
    return "".join(_ESCAPES.get(letter, letter) for letter in text)


def _written(parts: dict[int, str], by: str) -> str:
    return by.join(parts.get(number, "") for number in range(1, max(parts) + 1))


def _repetition(parts: dict[int, dict[int, str]]) -> str:
    subs = {number: _written({n: _escaped(v) for n, v in sub.items()}, "&") for number, sub in parts.items()}
    return _written(subs, "^")


def _flat(parts: dict[int, dict[int, str]]) -> dict[str, str]:
    return {
        str(number) if sub == 1 else f"{number}_{sub}": value
        for number, subs in parts.items()
        for sub, value in subs.items()
    }


@settings(max_examples=150, deadline=None)
@given(FIELDS)
def test_what_was_written_is_what_is_read(fields: dict[int, list[dict[int, dict[int, str]]]]) -> None:
    line = "ZZZ|" + _written({n: "~".join(map(_repetition, field)) for n, field in fields.items()}, "|")
    (_, (name, segment)) = read_segments(f"{HEAD}\r{line}\r")
    assert name == "ZZZ"
    assert segment == {str(number): [_flat(one) for one in field] for number, field in fields.items()}


@settings(max_examples=300, deadline=1000)
@given(MEANT)
def test_any_bytes_are_read_to_their_end(raw: bytes) -> None:
    found = list(read_hl7v2(BytesIO(raw), "any"))
    assert all((one.content is None) == (one.problem is not None) for one in found)
    assert all(one.position >= 1 for one in found)
    # Nothing is lost: a letter of the input stands in some record or in a line of a batch.
    if raw.strip(b" \t\r\n\x00\x1a\x0b\x1c\xef\xbb\xbf"):
        assert (
            found
            or any(name in raw for name in (b"FHS", b"BHS", b"BTS", b"FTS"))
            or raw[:2] in (b"\xff\xfe", b"\xfe\xff")
        )


@settings(max_examples=50, deadline=None)
@given(st.integers(1, 40), st.sampled_from(["\r", "\n", "\r\n"]), st.booleans())
def test_how_messages_are_packed_does_not_matter(count: int, end: str, framed: bool) -> None:
    messages = [f"{HEAD}{end}PID|||{n}{end}" for n in range(count)]
    raw = "".join(f"\x0b{one}\x1c\r" if framed else one for one in messages).encode()
    found = list(read_hl7v2(BytesIO(raw), "feed"))
    assert [one.content["PID"] for one in found if one.content] == [{"3": [{"1": str(n)}]} for n in range(count)]


@settings(max_examples=100, deadline=None)
@given(st.lists(st.tuples(st.sampled_from(["|^~\\&", "|~^\\&", "#*!$%"]), TEXT), min_size=1, max_size=5))
def test_what_is_remembered_of_earlier_messages_changes_nothing(heads: list[tuple[str, str]]) -> None:
    texts = [f"MSH{marks}\rZZZ{marks[0]}{text}{marks[0]}{text}" for marks, text in heads]
    reader = SegmentReader()
    assert [reader.read(text) for text in texts] == [read_segments(text) for text in texts]


def test_memory_does_not_grow_with_the_stream() -> None:
    class Endless(BytesIO):
        left = 400

        def read(self, size: int | None = -1) -> bytes:
            self.left -= 1
            return f"{HEAD}\rPID|||1\rNTE|1||{'x' * 60_000}\r".encode() if self.left >= 0 else b""

    tracemalloc.start()
    count = sum(1 for _ in read_hl7v2(Endless(), "long"))
    _, most = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert count == 400
    assert most < 4 * 1024 * 1024

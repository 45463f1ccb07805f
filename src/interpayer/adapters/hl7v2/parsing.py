"""From the text of a message to its segments, fields, repetitions, components; escapes undone (HL7 v2.8.2, ch. 2).

A field is a list of repetitions. A repetition holds its components by number: ``{"1": "DUCK", "2": "DONALD"}``; further
subcomponents as ``"4_2"``. What is empty is absent; the explicit null (two quotation marks) is None.
"""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import TypeAlias

Repetition: TypeAlias = dict[str, str | None]
Segment: TypeAlias = dict[str, list[Repetition]]

# More fields than any message has; a message of separators only would cost memory out of proportion.
MOST_PARTS = 200_000
# How many fields are remembered, and how long they may be.
MOST_KNOWN, LONGEST_KNOWN = 10_000, 256
_NUMBERS = tuple(str(number) for number in range(1, 1025))
_NULL = '""'
_BREAKS = re.compile(r"\r\n|\r|\n")
_FIRST = re.compile(r"[^\r\n]*")
_HEX = re.compile(r"^X((?:[0-9A-Fa-f]{2})+)$")
_LINE_BREAKS = re.compile(r"^\.(?:br|sp\+?\d*)$")
_LAYOUT = re.compile(r"^(?:H|N|\.(?:in|ti|sk|ce|fi|nf)[+-]?\d*)$")


class Damaged(Exception):
    """The message breaks the rules of its notation; the text says where and what, never a value."""


@dataclass(frozen=True, slots=True)
class Marks:
    """The delimiters a message declares in MSH-1 and MSH-2."""

    field: str
    component: str
    repetition: str
    escape: str
    subcomponent: str
    truncation: str


def read_marks(text: str) -> Marks:
    """The delimiters of this message. Raises Damaged."""
    field = text[3:4]
    declared = _BREAKS.split(text[4:12], maxsplit=1)[0].split(field, 1)[0] if field and not field.isspace() else ""
    found = (field + declared + "^~\\&"[len(declared) :])[:5] if 1 <= len(declared) <= 5 else ""
    if len(found) != 5 or len(set(found)) != 5 or not all(mark.isprintable() and not mark.isalnum() for mark in found):
        raise Damaged("MSH: declares no usable delimiters")
    return Marks(found[0], found[1], found[2], found[3], found[4], declared[4:5])


class SegmentReader:
    """Reads the messages of one stream.

    A feed repeats itself (wards, physicians, codes, the same person), so what the text of a field means is remembered
    for a while. Records share those lists: nobody may change them.
    """

    def __init__(self) -> None:
        self._marks: Marks | None = None
        self._known: dict[str, list[Repetition]] = {}
        self._begun: tuple[str, Marks, Segment] | None = None

    def header(self, text: str) -> Segment:
        """The first segment alone: enough to know what kind of message this is. Raises Damaged."""
        return self._begin(text)[1]

    def read(self, text: str) -> list[tuple[str, Segment]]:
        """Every segment with its name, in order. Raises Damaged, naming the segment by its number in the message."""
        marks, header = self._begin(text)
        if sum(map(text.count, (marks.field, marks.repetition, marks.component, marks.subcomponent))) > MOST_PARTS:
            raise Damaged(f"MSH: more than {MOST_PARTS} parts in one message")
        if marks != self._marks or len(self._known) > MOST_KNOWN:
            self._marks, self._known = marks, {}
        segments = []
        number = 0
        for line in _lines(text):
            if not line or line.isspace():
                continue
            number += 1
            name, _, rest = line.partition(marks.field)
            if not _is_name(name):
                raise Damaged(f"segment {number}: does not begin with the name of a segment")
            segments.append((name, header if number == 1 else _read_fields(rest, marks, self._known)))
        return segments

    def _begin(self, text: str) -> tuple[Marks, Segment]:
        """The delimiters and the first segment; asked twice for one message, it is read once."""
        if self._begun is None or self._begun[0] is not text:
            marks = read_marks(text)
            found = _FIRST.match(text)
            self._begun = text, marks, _read_header(found[0][4:] if found else "", marks)
        return self._begun[1:]


def read_segments(text: str) -> list[tuple[str, Segment]]:
    """The segments of a single message. Raises Damaged."""
    return SegmentReader().read(text)


def _is_name(text: str) -> bool:
    return len(text) == 3 and text.isascii() and text.isalnum() and text.isupper() and text[0].isalpha()


def _lines(text: str) -> list[str]:
    """The segments end with CR as the standard says, with LF or CRLF as files do; a LF inside CR's is data."""
    end, feed = text.find("\r"), text.find("\n")
    if end < 0:
        return text.split("\n")
    if 0 <= feed <= end + 1:
        return text.replace("\r\n", "\n").replace("\r", "\n").split("\n")
    return [line.strip("\n") for line in text.split("\r")] if feed >= 0 else text.split("\r")


def _read_header(rest: str, marks: Marks) -> Segment:
    """MSH: the field separator is its first field, and the delimiters in its second are no data."""
    declared, _, fields = rest.partition(marks.field)
    read: Segment = {"1": [{"1": marks.field}], "2": [{"1": declared}]}
    return read | _read_fields(f"{marks.field}{marks.field}{fields}", marks, {})


def _read_fields(rest: str, marks: Marks, known: dict[str, list[Repetition]]) -> Segment:
    """The fields behind the name of a segment; what is not known yet is read and remembered."""
    fields: Segment = {}
    for number, text in zip(_numbers(rest, marks), rest.split(marks.field), strict=False):
        if not text:
            continue
        found = known.get(text)
        if found is None:
            found = _read_field(text, marks)
            if len(text) <= LONGEST_KNOWN:
                known[text] = found
        if found:
            fields[number] = found
    return fields


def _read_field(text: str, marks: Marks) -> list[Repetition]:
    numbers = _numbers(text, marks)
    is_plain = marks.escape not in text and '"' not in text
    if is_plain and marks.subcomponent not in text:
        if marks.repetition not in text:
            plain = _read_plain(text, marks, numbers)
            return [plain] if plain else []
        return [one for part in text.split(marks.repetition) if (one := _read_plain(part, marks, numbers))]
    read = _read_nested if is_plain else _read_escaped
    return [one for part in text.split(marks.repetition) if (one := read(part, marks, numbers))]


def _numbers(text: str, marks: Marks) -> Sequence[str]:
    """At least as many numbers as this text has parts."""
    if len(text) < len(_NUMBERS):
        return _NUMBERS
    most = max(map(text.count, (marks.field, marks.component, marks.subcomponent)))
    return _NUMBERS if most < len(_NUMBERS) else tuple(map(str, range(1, most + 2)))


def _read_plain(text: str, marks: Marks, numbers: Sequence[str]) -> Repetition:
    if marks.component not in text:
        return {"1": value} if (value := text.strip()) else {}
    parts = zip(numbers, text.split(marks.component), strict=False)
    return {number: value for number, part in parts if part and (value := part.strip())}


def _read_nested(text: str, marks: Marks, numbers: Sequence[str]) -> Repetition:
    """A repetition with its subcomponents; nothing in it is escaped."""
    found: Repetition = {}
    for number, part in zip(numbers, text.split(marks.component), strict=False):
        if not part:
            continue
        if marks.subcomponent not in part:
            if value := part.strip():
                found[number] = value
            continue
        for inner, piece in zip(numbers, part.split(marks.subcomponent), strict=False):
            if value := piece.strip():
                found[number if inner == "1" else f"{number}_{inner}"] = value
    return found


def _read_escaped(text: str, marks: Marks, numbers: Sequence[str]) -> Repetition:
    """With escapes undone and nulls as None; what is left empty is left out."""
    unescape = _unescaping(marks)
    read = ((number, _value(part or "", unescape)) for number, part in _read_nested(text, marks, numbers).items())
    return {number: value for number, value in read if value != ""}


def _value(text: str, unescape: Callable[[str], str]) -> str | None:
    if text == _NULL:
        return None
    return unescape(text).strip()


def _from_hex(digits: str) -> str:
    coded = bytes.fromhex(digits)
    try:
        return coded.decode("utf-8")
    except UnicodeDecodeError:
        return coded.decode("iso8859-1")


@lru_cache(maxsize=8)
def _unescaping(marks: Marks) -> Callable[[str], str]:
    """A function that undoes the escapes of this message; an escape that is not known stays as it came."""
    plain = {
        "F": marks.field,
        "S": marks.component,
        "T": marks.subcomponent,
        "R": marks.repetition,
        "E": marks.escape,
        "P": marks.truncation or "#",
    }
    escape = re.escape(marks.escape)
    pattern = re.compile(f"{escape}([^{escape}]*){escape}")

    def undo(found: re.Match[str]) -> str:
        code = found[1]
        if (mark := plain.get(code)) is not None:
            return mark
        if coded := _HEX.match(code):
            return _from_hex(coded[1])
        if _LINE_BREAKS.match(code):
            return "\n"
        return "" if _LAYOUT.match(code) else found[0]

    return lambda text: pattern.sub(undo, text) if marks.escape in text else text

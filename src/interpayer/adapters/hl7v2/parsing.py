"""From the text of a message to its segments, fields, repetitions, components; escapes undone (HL7 v2.8.2, ch. 2).

A field is a list of repetitions. A repetition holds its components by number: ``{"1": "DUCK", "2": "DONALD"}``; further
subcomponents as ``"4_2"``. What is empty is absent; the explicit null (two quotation marks) is None.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeAlias

Repetition: TypeAlias = dict[str, str | None]
Segment: TypeAlias = dict[str, list[Repetition]]

# More fields than any message has; a message of separators only would cost memory out of proportion.
MOST_PARTS = 200_000
_NUMBERS = tuple(str(number) for number in range(1025))
_NULL = '""'
_SEGMENT = re.compile(r"^[A-Z][A-Z0-9]{2}$")
_BREAKS = re.compile(r"\r\n|\r|\n")
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
    declared = text[4:].split(field, 1)[0] if field else ""
    found = (field + declared + "^~\\&"[len(declared) :])[:5] if 1 <= len(declared) <= 5 else ""
    if len(found) != 5 or len(set(found)) != 5 or not all(mark.isprintable() and not mark.isalnum() for mark in found):
        raise Damaged("MSH: declares no usable delimiters")
    return Marks(found[0], found[1], found[2], found[3], found[4], declared[4:5])


def read_segments(text: str) -> list[tuple[str, Segment]]:
    """Every segment with its name, in order. Raises Damaged, naming the segment by its number in the message."""
    marks = read_marks(text)
    if sum(map(text.count, (marks.field, marks.repetition, marks.component, marks.subcomponent))) > MOST_PARTS:
        raise Damaged(f"MSH: more than {MOST_PARTS} parts in one message")
    unescape = _unescaping(marks)
    lines = [line for line in _lines(text) if line.strip()]
    segments = []
    for number, line in enumerate(lines, start=1):
        name = line[:3]
        if not _SEGMENT.match(name) or line[3:4] not in ("", marks.field):
            raise Damaged(f"segment {number}: does not begin with the name of a segment")
        segments.append((name, _read_segment(line, marks, unescape)))
    return segments


def _lines(text: str) -> list[str]:
    """The segments end with CR as the standard says, with LF or CRLF as files do; a LF inside CR's is data."""
    end = _BREAKS.search(text)
    if end is None or end[0] != "\r":
        return _BREAKS.split(text)
    return [line.strip("\n") for line in text.split("\r")]


def _read_segment(line: str, marks: Marks, unescape: Callable[[str], str]) -> Segment:
    parts = line.split(marks.field)
    begin = 1
    fields: Segment = {}
    if parts[0] == "MSH":
        fields["1"], fields["2"] = [{"1": marks.field}], [{"1": parts[1]}]
        parts.insert(1, "")
        begin = 3
    may_escape = marks.escape in line
    for number in range(begin, len(parts)):
        text = parts[number]
        if not text or text.isspace():
            continue
        if may_escape and marks.escape in text:
            read = _read_field(text, marks, unescape)
        else:
            read = _read_field(text, marks, None)
        if read:
            fields[_number(number)] = read
    return fields


def _read_field(text: str, marks: Marks, unescape: Callable[[str], str] | None) -> list[Repetition]:
    if marks.repetition not in text:
        one = _read_repetition(text, marks, unescape)
        return [one] if one else []
    found = [_read_repetition(part, marks, unescape) for part in text.split(marks.repetition)]
    return [one for one in found if one]


def _read_repetition(text: str, marks: Marks, unescape: Callable[[str], str] | None) -> Repetition:
    if marks.component not in text and marks.subcomponent not in text:
        value = _value(text, unescape)
        return {} if value == "" else {"1": value}
    found: Repetition = {}
    for number, part in enumerate(text.split(marks.component), start=1):
        if not part:
            continue
        name = _number(number)
        if marks.subcomponent in part:
            _read_subcomponents(found, name, part.split(marks.subcomponent), unescape)
        elif (value := _value(part, unescape)) != "":
            found[name] = value
    return found


def _read_subcomponents(found: Repetition, name: str, parts: list[str], unescape: Callable[[str], str] | None) -> None:
    for number, part in enumerate(parts, start=1):
        if part and (value := _value(part, unescape)) != "":
            found[name if number == 1 else f"{name}_{number}"] = value


def _value(text: str, unescape: Callable[[str], str] | None) -> str | None:
    if text == _NULL:
        return None
    return (text if unescape is None else unescape(text)).strip()


def _from_hex(digits: str) -> str:
    coded = bytes.fromhex(digits)
    try:
        return coded.decode("utf-8")
    except UnicodeDecodeError:
        return coded.decode("iso8859-1")


def _number(number: int) -> str:
    return _NUMBERS[number] if number < len(_NUMBERS) else str(number)


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

    return lambda text: pattern.sub(undo, text)

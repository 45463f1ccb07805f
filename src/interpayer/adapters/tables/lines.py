"""The rows of an opened file as bytes, one by one, each with its place; a quoted line break belongs to its row."""

import io
from collections.abc import Iterator
from dataclasses import dataclass
from typing import BinaryIO

# A row that is longer is no row: a quote that never ends, or no text file at all.
LONGEST = 4 << 20
_CHUNK = 1 << 16
_MARK = b"\xef\xbb\xbf"


@dataclass(frozen=True, slots=True)
class Line:
    """One row without its end. `is_whole` is false when it is longer than a row may be."""

    number: int
    raw: bytes
    is_whole: bool = True


def read_lines(opened: BinaryIO, *, quote: bytes = b"", encoding: str = "utf-8") -> Iterator[Line]:
    """Every row that is not blank, by its number from 1; ends may be LF, CRLF or CR."""
    physical = _recoded(opened, encoding) if encoding.lower().replace("_", "-").startswith("utf-16") else _split(opened)
    waiting: list[bytes] = []
    held = start = 0
    for number, line in enumerate(physical, start=1):
        plain = line.removeprefix(_MARK) if number == 1 else line
        if waiting or (quote and plain.count(quote) % 2):
            start = start if waiting else number
            waiting.append(plain)
            held += len(plain)
            if len(waiting) > 1 and plain.count(quote) % 2:
                yield Line(start, b"\n".join(waiting))
                waiting, held = [], 0
            elif held > LONGEST:
                yield Line(start, b"\n".join(waiting)[:LONGEST], is_whole=False)
                waiting, held = [], 0
        elif plain.strip():
            yield Line(number, plain, is_whole=len(plain) <= LONGEST)
    if waiting:
        yield Line(start, b"\n".join(waiting), is_whole=False)


def _split(opened: BinaryIO) -> Iterator[bytes]:
    """Lines without their ends, in bounded memory; what is too long is cut there."""
    while line := opened.readline(LONGEST + 2):
        body = line.rstrip(b"\r\n") if line.endswith(b"\n") else line
        if b"\r" in body:
            yield from _old_ends(line, opened)
        else:
            yield body


def _old_ends(first: bytes, opened: BinaryIO) -> Iterator[bytes]:
    """Lines of which some end in CR only: from here on everything is read in pieces. What is too long is cut there."""
    rest = first
    while True:
        *lines, rest = rest.replace(b"\r\n", b"\n").replace(b"\r", b"\n").split(b"\n")
        yield from lines
        if len(rest) > LONGEST:
            yield rest
            rest = b""
        chunk = opened.read(_CHUNK)
        if not chunk:
            break
        # The two letters of one end are not torn apart.
        rest += chunk + (opened.read(1) if chunk.endswith(b"\r") else b"")
    if rest:
        yield rest


def _recoded(opened: BinaryIO, encoding: str) -> Iterator[bytes]:
    """Lines of UTF-16 as UTF-8; a broken pair becomes the mark for what cannot be read."""
    reader = io.TextIOWrapper(opened, encoding=encoding, errors="replace", newline="")
    while line := reader.readline(LONGEST):
        yield line.rstrip("\r\n").encode("utf-8", "replace")

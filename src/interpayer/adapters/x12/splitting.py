"""The bytes of a file as segments: delimiters from each ISA, streamed, whatever stands between interchanges reported.

Text is kept as Latin-1, one character a byte: what came can be given back exactly (docs/reference/sources/x12.md).
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import BinaryIO, TypeAlias

BLOCK = 1 << 18
# Longer than any segment of the guides by far; without an end within it, this is no X12 any more.
LONGEST_SEGMENT = 1 << 18
# An ISA is 106 characters; senders that do not pad it send fewer, never more than this.
LONGEST_ISA = 256
ISA_ELEMENTS = 16
# Before 00402, ISA11 is the standards identifier "U" and elements do not repeat.
NO_REPETITION = "U"
LINE_ENDS = "\r\n"
BLANK = " \t\x00\x1a\r\n"
BYTE_ORDER_MARK = "\xef\xbb\xbf"


@dataclass(frozen=True, slots=True)
class Delimiters:
    """What separates elements, components, repetitions ("" when nothing does) and segments in one interchange."""

    element: str
    component: str
    repetition: str
    segment: str


@dataclass(frozen=True, slots=True)
class Opening:
    """An interchange begins: its delimiters and its ISA."""

    delimiters: Delimiters
    isa: str


@dataclass(frozen=True, slots=True)
class Run:
    """Segments of the open interchange, in their order, line ends between them taken off."""

    texts: list[str]


@dataclass(frozen=True, slots=True)
class Junk:
    """Something that belongs to no interchange; ``ends_interchange`` when the open one cannot be read on."""

    text: str
    why: str
    ends_interchange: bool = False


Piece: TypeAlias = Opening | Run | Junk


def split(opened: BinaryIO) -> Iterator[Piece]:
    """The pieces of an opened file; memory stays within a few blocks whatever the bytes are."""
    return _Splitter(opened).pieces()


def read_isa(text: str) -> tuple[Delimiters, int] | None:
    """The delimiters an ISA at the start of ``text`` declares and where it ends; None when it is none."""
    if len(text) < ISA_ELEMENTS or not text.startswith("ISA"):
        return None
    element = text[3]
    at = -1
    for _ in range(ISA_ELEMENTS):
        at = text.find(element, at + 1, LONGEST_ISA)
        if at < 0:
            return None
    component, segment = text[at + 1 : at + 2], text[at + 2 : at + 3]
    fields = text[4:at].split(element)
    repetition = "" if fields[10] == NO_REPETITION else fields[10]
    used = [element, component, segment, *([repetition] if repetition else [])]
    if any(len(one) != 1 or one.isalnum() or one == " " for one in used) or len(set(used)) != len(used):
        return None
    return Delimiters(element, component, repetition, segment), at + 2


class _Splitter:
    """The state of one reading: what was read and not given yet, and the delimiters of the open interchange."""

    def __init__(self, opened: BinaryIO) -> None:
        self.opened = opened
        self.held = ""
        self.is_over = False
        self.delimiters: Delimiters | None = None

    def pieces(self) -> Iterator[Piece]:
        """One piece after another until the file is over and nothing is held."""
        self._read()
        self.held = self.held.removeprefix(BYTE_ORDER_MARK)
        while True:
            yield from self._between() if self.delimiters is None else self._inside(self.delimiters)
            if self.is_over and not self.held:
                return

    def _read(self) -> None:
        block = self.opened.read(BLOCK)
        self.is_over = not block
        self.held += block.decode("latin-1")

    def _between(self) -> Iterator[Piece]:
        """Up to the next ISA; what stands before it is junk, unless it is blank."""
        self.held = self.held.lstrip(BLANK)
        if len(self.held) < LONGEST_ISA and not self.is_over:
            self._read()
            return
        found = read_isa(self.held[:LONGEST_ISA])
        if found:
            self.delimiters, end = found
            yield Opening(self.delimiters, self.held[:end])
            self.held = self.held[end + 1 :]
        elif self.held:
            junk = self._take_junk()
            yield Junk(junk, "no ISA that can be read begins here")

    def _take_junk(self) -> str:
        """Everything before the next possible ISA; all that is held when there is none."""
        at = self.held.find("ISA", 1)
        while at >= 0 and (self.is_over or at + LONGEST_ISA < len(self.held)):
            if read_isa(self.held[at : at + LONGEST_ISA]):
                break
            at = self.held.find("ISA", at + 1)
        cut = at if at >= 0 else len(self.held) if self.is_over else max(len(self.held) - LONGEST_ISA, 1)
        junk, self.held = self.held[:cut], self.held[cut:]
        return junk

    def _inside(self, delimiters: Delimiters) -> Iterator[Piece]:
        """Whole segments up to the end of the interchange or of what is held."""
        end = self._end_of_interchange(delimiters)
        if end is not None:
            texts, self.held = self.held[:end], self.held[end:]
            self.delimiters = None
            yield Run(_segments(texts, delimiters.segment))
            return
        last = self.held.rfind(delimiters.segment)
        if last >= 0:
            texts, self.held = self.held[: last + 1], self.held[last + 1 :]
            yield Run(_segments(texts, delimiters.segment))
        elif self.is_over or len(self.held) > LONGEST_SEGMENT:
            rest, self.held = self.held, ""
            self.delimiters = None
            yield from _unended(rest)
        if not self.is_over:
            self._read()

    def _end_of_interchange(self, delimiters: Delimiters) -> int | None:
        """Where the IEA ends, or where another ISA begins before it came; None when neither is held yet."""
        ends = [
            at if tag == "ISA" else self.held.find(delimiters.segment, at) + 1
            for tag in ("IEA", "ISA")
            if (at := self._find_segment(tag, delimiters)) is not None
        ]
        return min((end for end in ends if end > 0), default=None)

    def _find_segment(self, tag: str, delimiters: Delimiters) -> int | None:
        at = self.held.find(tag)
        while at >= 0:
            before = self.held[max(at - 3, 0) : at]
            begins = (
                not before.strip(LINE_ENDS)
                or before.endswith(delimiters.segment)
                or (before.rstrip(LINE_ENDS).endswith(delimiters.segment))
            )
            if begins and (tag == "IEA" or read_isa(self.held[at : at + LONGEST_ISA])):
                return at
            at = self.held.find(tag, at + 1)
        return None


def _unended(rest: str) -> Iterator[Piece]:
    """The last segment of a file may lack its end when it is the trailer; anything else was cut off."""
    text = rest.strip(BLANK)
    if text.startswith("IEA") and len(text) < LONGEST_ISA:
        yield Run([text])
    elif text:
        yield Junk(text, "a segment without an end", ends_interchange=True)


def _segments(text: str, terminator: str) -> list[str]:
    texts = text.split(terminator)
    if "\n" in text or "\r" in text:
        texts = [one.strip(LINE_ENDS) for one in texts]
    return [one for one in texts if one]

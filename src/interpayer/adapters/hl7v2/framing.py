"""From a stream of bytes to its messages: plain files, MLLP frames, FHS/BHS batches; one message in memory at a time.

HL7 v2.8.2 chapter 2, section 2.10.3 (batches); MLLP release 1 (frames of VT ... FS CR).
"""

import codecs
from collections.abc import Iterator
from dataclasses import dataclass
from typing import BinaryIO

BOM = b"\xef\xbb\xbf"
# A message with a scanned document inside may be large; beyond this it is no message.
LONGEST_MESSAGE = 32 * 1024 * 1024
CHUNK = 256 * 1024
# A start that is cut by the end of a chunk is found again: byte order mark, name, separator.
_OVERLAP = 8
_NAMES = (b"MSH", b"FHS", b"BHS", b"BTS", b"FTS")
_HEADERS = (b"MSH", b"FHS", b"BHS")
_FRAME_START, _FRAME_END = b"\x0b", b"\x1c"
_BLANK = b" \t\r\n\x00\x1a"
_LINE_ENDS = b"\r\n\x0b\x1c"


@dataclass(frozen=True, slots=True)
class Piece:
    """What stood from one header to the next. ``name`` is its first segment, "" for bytes that belong to nothing."""

    name: str
    raw: bytes
    damage: str = ""


def split_stream(opened: BinaryIO) -> Iterator[Piece]:
    """Every message and every batch line of the stream in order; bytes outside of them are given with their damage."""
    framed = False
    for raw, is_cut in _pieces(opened):
        begins_frame = framed
        framed = raw.rstrip(_BLANK).endswith(_FRAME_START)
        yield from _read_piece(raw, is_cut=is_cut, in_frame=begins_frame)


def _pieces(opened: BinaryIO) -> Iterator[tuple[bytes, bool]]:
    """The bytes between starts, and whether they were cut for their length."""
    buffer, scanned = bytearray(), 0
    chunks = _chunks(opened)
    for chunk in chunks:
        buffer += chunk
        begin = 0
        for start in _starts(buffer, scanned):
            if start > begin:
                yield bytes(buffer[begin:start]), False
            begin = start
        del buffer[:begin]
        scanned = max(0, len(buffer) - _OVERLAP)
        if len(buffer) > LONGEST_MESSAGE:
            yield bytes(buffer[:CHUNK]), True
            buffer, scanned = _skip(chunks)
    if buffer:
        yield bytes(buffer), False


def _starts(buffer: bytearray, scanned: int) -> list[int]:
    """Where a header or trailer begins a line, from a place on; with its byte order mark."""
    found = []
    for name in _NAMES:
        place = buffer.find(name, scanned)
        while place >= 0:
            if (start := _start_of(buffer, place)) is not None:
                found.append(start)
            place = buffer.find(name, place + 3)
    return sorted(found)


def _start_of(buffer: bytearray, place: int) -> int | None:
    """The beginning of the line, when this name really begins one."""
    behind = buffer[place + 3 : place + 4]
    if not behind or behind.isalnum() or (behind.isspace() and buffer[place : place + 3] in _HEADERS):
        return None
    start = place - 3 if buffer[max(0, place - 3) : place] == BOM else place
    return start if start == 0 or buffer[start - 1] in _LINE_ENDS else None


def _skip(chunks: Iterator[bytes]) -> tuple[bytearray, int]:
    """Pass over the rest of what is too long; the buffer begins again at the next start."""
    tail = bytearray()
    for chunk in chunks:
        tail += chunk
        # What begins the tail may be the middle of a line.
        if found := [start for start in _starts(tail, 1) if start > 0]:
            return tail[found[0] :], 0
        del tail[: -2 * _OVERLAP]
    return bytearray(), 0


def _chunks(opened: BinaryIO) -> Iterator[bytes]:
    """The stream as it is; UTF-16 (told by its byte order mark) as UTF-8, U+FFFD for what cannot be read."""
    first = opened.read(CHUNK)
    if not first.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        while first:
            yield first
            first = opened.read(CHUNK)
        return
    decoder = codecs.getincrementaldecoder("utf-16")("replace")
    while first:
        yield decoder.decode(first).encode()
        first = opened.read(CHUNK)
    yield decoder.decode(b"", final=True).encode()


def _read_piece(raw: bytes, *, is_cut: bool, in_frame: bool) -> Iterator[Piece]:
    plain = raw.removeprefix(BOM)
    name = plain[:3].decode("ascii", "replace")
    if name not in {"MSH", "FHS", "BHS", "BTS", "FTS"}:
        if rest := plain.strip(_BLANK + _FRAME_START + _FRAME_END):
            yield Piece("", rest, "bytes that belong to no message")
        return
    if is_cut:
        yield Piece(name, plain, f"is longer than {LONGEST_MESSAGE // (1024 * 1024)} MiB")
        return
    body, end, rest = plain.partition(_FRAME_END)
    body = body.rstrip(_BLANK + _FRAME_START)
    yield Piece(name, body, "its frame has no end, so its end may be missing" if in_frame and not end else "")
    if rest := rest.strip(_BLANK + _FRAME_START + _FRAME_END):
        yield Piece("", rest, "bytes behind the end of a frame")

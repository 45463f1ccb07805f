"""Files of a partner's export: copied as sent, resumed while the bytes are the same, never unpacked without limit."""

import re
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol

import httpx2
import orjson

from interpayer.model.reason import Fault, FaultKind
from interpayer.partners.answers import bad_answer, failure
from interpayer.partners.transport import Ask, streamed
from interpayer.system.clock import now
from interpayer.system.nesting import is_deep

CONTENT_RANGE = re.compile(r"bytes (?:(\d+)-(\d+)|\*)/(\d+|\*)")
LARGEST_IN_MEMORY = 64 * 1024 * 1024
LARGEST_OUTCOME = 1024 * 1024
# One resource; real ones stay far below. And how many times its size a small file may unpack to (beyond some slack).
LONGEST_LINE = 16 * 1024 * 1024
EXPANSION, EXPANSION_FREE = 200, 1024 * 1024


class Sink(Protocol):
    """Where the bytes go. `restart` says that what was written before does not count any more."""

    def restart(self) -> None:
        """Drop everything written so far: the partner sends the file from its start."""

    def begin(self, *, etag: str | None, encoding: str | None) -> None:
        """What the head of the answer says of the bytes that follow."""

    def write(self, chunk: bytes) -> None:
        """Keep the next bytes."""


@dataclass(frozen=True, slots=True)
class Downloaded:
    """What was copied now; `encoding` gzip means that the bytes are still packed. `total` is the whole file's size."""

    etag: str | None
    bytes_written: int
    total: int | None
    encoding: str | None
    restarted: bool


def copy_file(http: httpx2.Client, ask: Ask, sink: Sink, *, resume_from: int, etag: str | None) -> Downloaded:
    """Copy the file, or its rest; `Fault` delivery.interrupted leaves what came in the sink for the next attempt.

    Without a strong ETag nobody can tell whether the bytes are still the same, so it starts anew (RFC 9110, 13.1.5).
    """
    can_resume = resume_from > 0 and etag is not None and not etag.startswith("W/")
    headers = dict(ask.headers)
    if can_resume:
        headers |= {"Range": f"bytes={resume_from}-", "If-Range": str(etag)}
    with streamed(http, Ask(ask.method, ask.url, headers, ask.asked)) as response:
        named = {name.lower(): value for name, value in response.headers.items()}
        if response.status_code == 416 and can_resume and _total(named) == resume_from:
            return Downloaded(etag, 0, resume_from, named.get("content-encoding"), restarted=False)
        if response.status_code not in {200, 206}:
            raise failure(response.status_code, named, _outcome(response), asked=ask.asked, at=now())
        is_rest = response.status_code == 206
        if is_rest and (not can_resume or _start(named) != resume_from):
            raise bad_answer("the partner sent another part of the file than was asked for")
        if resume_from and not is_rest:
            sink.restart()
        sink.begin(etag=named.get("etag"), encoding=named.get("content-encoding"))
        return _copied(response, sink, named, resume_from=resume_from if is_rest else 0)


def read_lines(download: Callable[[Sink], Downloaded]) -> list[dict[str, Any]]:
    """The resources of a small NDJSON file; `Fault` when it is too large or not what NDJSON is."""
    memory = _Memory()
    result = download(memory)
    text = _unpacked(bytes(memory.content)) if result.encoding == "gzip" else bytes(memory.content)
    raw = [line for line in text.splitlines() if line.strip()]
    if any(len(line) > LONGEST_LINE or is_deep(line) for line in raw):
        raise bad_answer("a line of the file is longer or nested deeper than any resource")
    try:
        lines = [orjson.loads(line) for line in raw]
    except orjson.JSONDecodeError:
        raise bad_answer("a line of the file is no JSON") from None
    if not all(isinstance(line, dict) for line in lines):
        raise bad_answer("a line of the file is no JSON object")
    return lines


class _Memory:
    def __init__(self) -> None:
        self.content = bytearray()

    def restart(self) -> None:
        self.content.clear()

    def begin(self, *, etag: str | None, encoding: str | None) -> None:
        """Nothing to note: the file is read at once."""

    def write(self, chunk: bytes) -> None:
        self.content += chunk
        if len(self.content) > LARGEST_IN_MEMORY:
            raise bad_answer("the file is larger than we hold in memory")


def _copied(response: httpx2.Response, sink: Sink, named: dict[str, str], *, resume_from: int) -> Downloaded:
    written = 0
    for chunk in response.iter_raw():
        sink.write(chunk)
        written += len(chunk)
    length = named.get("content-length", "")
    if length.isdecimal() and int(length) != written:
        raise Fault(FaultKind.RETRYABLE, "delivery.interrupted", detail="fewer bytes than announced")
    total = _total(named) if response.status_code == 206 else written
    if total is not None and total != resume_from + written:
        raise Fault(FaultKind.RETRYABLE, "delivery.interrupted", detail="the part does not reach the end")
    encoding = named.get("content-encoding")
    return Downloaded(named.get("etag"), written, total, encoding, restarted=response.status_code == 200)


def _unpacked(content: bytes) -> bytes:
    """Gzip of several members, as long as it stays below the limits (a small file can unpack to any size)."""
    out = bytearray()
    most = min(LARGEST_IN_MEMORY, EXPANSION_FREE + EXPANSION * len(content))
    rest = content
    while rest:
        unpack = zlib.decompressobj(wbits=31)
        try:
            out += unpack.decompress(rest, most + 1 - len(out))
        except zlib.error:
            raise bad_answer("the file says gzip and is not") from None
        if len(out) > most:
            raise bad_answer("the file unpacks to more than we hold in memory, or than is sane")
        if not unpack.eof:
            raise bad_answer("the gzip file is cut off")
        rest = unpack.unused_data
    return bytes(out)


def _outcome(response: httpx2.Response) -> Any:
    content = bytearray()
    for chunk in response.iter_bytes():
        content += chunk
        if len(content) > LARGEST_OUTCOME:
            return None
    try:
        return orjson.loads(content)
    except orjson.JSONDecodeError:
        return None


def _start(headers: dict[str, str]) -> int | None:
    found = CONTENT_RANGE.fullmatch(headers.get("content-range", ""))
    return int(found[1]) if found and found[1] else None


def _total(headers: dict[str, str]) -> int | None:
    found = CONTENT_RANGE.fullmatch(headers.get("content-range", ""))
    return int(found[3]) if found and found[3] != "*" else None

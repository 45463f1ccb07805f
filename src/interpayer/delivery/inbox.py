"""What we receive: a partner's files, kept sealed as they came, resumed after an interruption, verified before use."""

import hashlib
from collections.abc import Callable, Iterable, Iterator
from dataclasses import asdict, dataclass, replace

import orjson
from isal import isal_zlib

from interpayer.model.reason import Fault, FaultKind
from interpayer.system.keys import seal, unseal
from interpayer.system.objects import ObjectMissing, ObjectStore, StorageFailed

PART = 4 * 1024 * 1024
LONGEST_LINE = 64 * 1024 * 1024
# A file may unpack to this many times its size, and to this much in any case; real NDJSON stays far below.
EXPANSION = 200
EXPANSION_FREE = 64 * 1024 * 1024
_GZIP = b"\x1f\x8b"
_GZIP_WINDOW = 31


@dataclass(frozen=True, slots=True)
class Announced:
    """What the manifest says of a file, as far as it says it; a checksum of its lines, or of it as gzip."""

    count: int | None = None
    sha256: str | None = None
    gzip_sha256: str | None = None


@dataclass(frozen=True, slots=True)
class Received:
    """A whole, verified file."""

    lines: int
    sha256: str
    plain_length: int
    raw_length: int
    gzip_sha256: str | None = None
    """Of the bytes as they came, where they came as gzip."""


@dataclass(frozen=True, slots=True)
class _Kept:
    """Where a file stands; kept beside its parts, so that another process goes on from there."""

    parts: int = 0
    length: int = 0
    etag: str | None = None
    encoding: str | None = None
    mismatches: int = 0
    received: Received | None = None


class Incoming:
    """A file on its way: give it to the partner's client as its sink, with ``resume_from`` and ``etag``."""

    def __init__(self, places: "_Places", kept: _Kept) -> None:
        self._places = places
        self._kept = kept
        self._buffer = bytearray()

    @property
    def resume_from(self) -> int:
        """How many bytes are kept already."""
        return self._kept.length

    @property
    def etag(self) -> str | None:
        """Of which content these bytes are (If-Range)."""
        return self._kept.etag

    def begin(self, *, etag: str | None, encoding: str | None) -> None:
        """What the partner says of the bytes that follow; called when the answer's head is known."""
        self._kept = replace(self._kept, etag=etag, encoding=encoding)

    def restart(self) -> None:
        """Drop everything: the partner sends the file from its start."""
        self._buffer.clear()
        self._kept = _Kept(mismatches=self._kept.mismatches)
        self._places.save(self._kept)

    def write(self, chunk: bytes) -> None:
        """Keep the next bytes."""
        self._buffer += chunk
        if len(self._buffer) >= PART:
            self.flush()

    def flush(self) -> None:
        """Keep what is not yet kept; done by the inbox even when the transfer broke off."""
        if self._buffer:
            self._places.write(self._kept.parts, bytes(self._buffer))
            length = self._kept.length + len(self._buffer)
            self._kept = replace(self._kept, parts=self._kept.parts + 1, length=length)
            self._buffer.clear()
        self._places.save(self._kept)


class Inbox:
    """The received files of one job of ours, sealed with the job's key."""

    def __init__(self, store: ObjectStore, key: bytes, job_id: str) -> None:
        self._store, self._key, self._job_id = store, key, job_id

    def download(self, name: str, fetch: Callable[[Incoming], object], announced: Announced) -> Received:
        """Fetch a file, or the rest of it, and verify it. Called again after success it only says what is there.

        Whatever ``fetch`` raises comes out, and the next call goes on where it stopped. A wrong count or checksum
        drops the file and is worth one more attempt; the second time it is terminal.
        """
        places = self._places(name)
        kept = places.load()
        if kept.received is not None:
            return kept.received
        incoming = Incoming(places, kept)
        try:
            fetch(incoming)
        finally:
            incoming.flush()
        return self._verify(places, announced)

    def lines(self, name: str) -> Iterator[bytes]:
        """The lines of a verified file, one by one, without their ends."""
        places = self._places(name)
        if places.load().received is None:
            raise LookupError("the file is not whole yet")
        yield from _lines(places.plain())

    def remove(self, name: str) -> None:
        """Remove a file and what is known of it."""
        self._places(name).remove()

    def _places(self, name: str) -> "_Places":
        return _Places(self._store, self._key, f"inbox/{self._job_id}/{name}")

    def _verify(self, places: "_Places", announced: Announced) -> Received:
        kept = places.load()
        try:
            raw = hashlib.sha256()
            received = _measure(places.plain(raw), kept.length)
            if places.is_packed(kept):
                received = replace(received, gzip_sha256=raw.hexdigest())
        except Fault:
            places.drop(kept)
            raise
        problem = _difference(received, announced)
        if problem is not None:
            places.drop(kept)
            kind = FaultKind.TERMINAL if kept.mismatches else FaultKind.RETRYABLE
            raise Fault(kind, problem, detail="the file is not what the manifest announced")
        places.save(replace(kept, received=received))
        return received


class _Places:
    """The objects of one received file: its parts and what is known of it."""

    def __init__(self, store: ObjectStore, key: bytes, folder: str) -> None:
        self._store, self._key, self._folder = store, key, folder

    def load(self) -> _Kept:
        try:
            content = self._get("state")
        except ObjectMissing:
            return _Kept()
        known = orjson.loads(content)
        received = known.pop("received")
        return _Kept(**known, received=Received(**received) if received else None)

    def save(self, kept: _Kept) -> None:
        self._put("state", orjson.dumps(asdict(kept)))

    def write(self, number: int, content: bytes) -> None:
        self._put(f"{number:06d}", content)

    def plain(self, raw: "hashlib._Hash | None" = None) -> Iterator[bytes]:
        """The content, unpacked, piece by piece; the bytes as they came go into `raw`."""
        kept = self.load()
        pieces = (self._get(f"{number:06d}") for number in range(kept.parts))
        seen = pieces if raw is None else _hashed(pieces, raw)
        is_packed = self.is_packed(kept)
        return _unpack(seen, limit=EXPANSION_FREE + EXPANSION * kept.length) if is_packed else seen

    def is_packed(self, kept: _Kept) -> bool:
        """Whether it came as gzip; some say nothing and send it nevertheless."""
        return kept.encoding == "gzip" or (kept.parts > 0 and self._get(f"{0:06d}").startswith(_GZIP))

    def drop(self, kept: _Kept) -> None:
        """Forget the content, remember that it was wrong."""
        self.save(_Kept(mismatches=kept.mismatches + 1))
        self._delete_parts(kept.parts)

    def remove(self) -> None:
        self._delete_parts(self.load().parts)
        self._delete("state")

    def _delete_parts(self, parts: int) -> None:
        for number in range(parts):
            self._delete(f"{number:06d}")

    def _delete(self, name: str) -> None:
        try:
            self._store.delete(f"{self._folder}/{name}")
        except StorageFailed as failure:
            raise Fault(
                FaultKind.RETRYABLE, "system.storage", detail="a received part could not be removed"
            ) from failure

    def _put(self, name: str, content: bytes) -> None:
        path = f"{self._folder}/{name}"
        try:
            self._store.put(path, [seal(self._key, content, context=path.encode())])
        except StorageFailed as failure:
            raise Fault(FaultKind.RETRYABLE, "system.storage", detail="a received part could not be kept") from failure

    def _get(self, name: str) -> bytes:
        path = f"{self._folder}/{name}"
        try:
            return unseal(self._key, self._store.get(path), context=path.encode())
        except StorageFailed as failure:
            raise Fault(FaultKind.RETRYABLE, "system.storage", detail="a received part could not be read") from failure


def _hashed(pieces: Iterable[bytes], digest: "hashlib._Hash") -> Iterator[bytes]:
    for piece in pieces:
        digest.update(piece)
        yield piece


def _unpack(pieces: Iterable[bytes], *, limit: int) -> Iterator[bytes]:
    """Gzip of any number of members; a fault when it is none, is cut off, or unpacks to more than the limit."""
    unpack = isal_zlib.decompressobj(_GZIP_WINDOW)
    total, is_inside = 0, False
    for piece in pieces:
        rest = piece
        while rest:
            if unpack.eof:
                unpack = isal_zlib.decompressobj(_GZIP_WINDOW)
            try:
                plain = unpack.decompress(rest, PART)
            except isal_zlib.IsalError:  # type: ignore[misc]
                raise _interrupted("the file says gzip and is not") from None
            total += len(plain)
            if total > limit:
                raise Fault(FaultKind.TERMINAL, "partner.bad_answer", detail="the file unpacks to more than is sane")
            yield plain
            rest = unpack.unused_data if unpack.eof else unpack.unconsumed_tail
            is_inside = not unpack.eof
    if is_inside:
        raise _interrupted("the gzip file is cut off")


def _lines(pieces: Iterable[bytes]) -> Iterator[bytes]:
    """Whole lines out of pieces that end anywhere; blank lines are kept, a last one without an end too."""
    pending: list[bytes] = []
    length = 0
    for piece in pieces:
        *whole, tail = piece.split(b"\n")
        for line in whole:
            yield b"".join([*pending, line])
            pending, length = [], 0
        pending.append(tail)
        length += len(tail)
        if length > LONGEST_LINE:
            raise Fault(FaultKind.TERMINAL, "partner.bad_answer", detail="a line of the file never ends")
    last = b"".join(pending)
    if last:
        yield last


def _measure(pieces: Iterable[bytes], raw_length: int) -> Received:
    digest = hashlib.sha256()
    lines = length = 0
    last = b"\n"
    for piece in pieces:
        if piece:
            digest.update(piece)
            lines += piece.count(b"\n")
            length += len(piece)
            last = piece[-1:]
    # A last line without its end is a line.
    return Received(lines + (last != b"\n"), digest.hexdigest(), length, raw_length)


def _difference(received: Received, announced: Announced) -> str | None:
    if announced.sha256 is not None and announced.sha256.lower() != received.sha256:
        return "delivery.checksum_mismatch"
    if received.gzip_sha256 and announced.gzip_sha256 and announced.gzip_sha256.lower() != received.gzip_sha256:
        return "delivery.checksum_mismatch"
    if announced.count is not None and announced.count != received.lines:
        return "delivery.count_mismatch"
    return None


def _interrupted(detail: str) -> Fault:
    return Fault(FaultKind.RETRYABLE, "delivery.interrupted", detail=detail)

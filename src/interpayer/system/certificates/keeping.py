"""Answers of revocation sources kept between calls and over restarts, and the folder of lists that somebody put here.

What is kept is what came, signature and all: it is checked anew whenever it is read, so nobody gains by changing it.
"""

import threading
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from pathlib import Path
from tempfile import NamedTemporaryFile
from typing import TypeAlias

from cryptography import x509

from interpayer.system.certificates.fetching import Fetch, Unreachable
from interpayer.system.certificates.lists import Answer, Unusable, read_list
from interpayer.system.telemetry import log

ENDINGS = frozenset({".crl", ".pem", ".der"})
_Read: TypeAlias = Callable[[bytes], Answer]


@dataclass(slots=True)
class _Source:
    """One address: what it gave last and when, when it failed last, and a lock so that one caller asks at a time."""

    content: bytes | None = None
    at: datetime | None = None
    failed_at: datetime | None = None
    asking: threading.Lock = field(default_factory=threading.Lock)


class KeptAnswers:
    """What sources gave, asked for anew when it is too old or over. `pace`: how old that is, and the pause after a
    failure (seconds), asked each time.
    """

    def __init__(self, fetch: Fetch, folder: Path | None, pace: Callable[[], tuple[float, float]]) -> None:
        self._fetch, self._folder, self._pace = fetch, folder, pace
        self._sources: dict[str, _Source] = {}
        self._finding = threading.Lock()

    def ask(self, url: str, question: bytes | None, read: _Read, *, at: datetime) -> Answer:
        """A fresh answer if one can be had, else the last one; `Unreachable` or `Unusable` when there is neither."""
        name = sha256(url.encode() + b"\0" + (question or b"")).hexdigest()
        with self._finding:
            source = self._sources.get(name) or self._sources.setdefault(name, self._from_disk(name))
        kept = _readable(source, read)
        if kept is not None and source.at is not None and at < min(source.at + self._refresh, kept.until):
            return kept
        # somebody else may be asking: whoever has an answer that is not over does not wait for a better one
        if not source.asking.acquire(blocking=kept is None or at > kept.until):
            assert kept is not None
            return kept
        try:
            return self._renewed(source, name, (url, question), read, at)
        except (Unreachable, Unusable):
            if kept is None:
                raise
            return kept
        finally:
            source.asking.release()

    def _renewed(
        self, source: _Source, name: str, request: tuple[str, bytes | None], read: _Read, at: datetime
    ) -> Answer:
        came_meanwhile = source.at is not None and at < source.at + self._refresh
        if came_meanwhile and (kept := _readable(source, read)) is not None and at <= kept.until:
            return kept
        if source.failed_at is not None and at < source.failed_at + self._retry:
            raise Unreachable("failed a moment ago")
        try:
            content = self._fetch(*request)
            answer = read(content)
        except (Unreachable, Unusable) as error:
            source.failed_at = at
            log.warning("a revocation source gave nothing", kind="ocsp" if request[1] else "crl", reason=str(error))
            raise
        source.content, source.at, source.failed_at = content, at, None
        self._to_disk(name, content)
        return answer

    @property
    def _refresh(self) -> timedelta:
        return timedelta(seconds=self._pace()[0])

    @property
    def _retry(self) -> timedelta:
        return timedelta(seconds=self._pace()[1])

    def _from_disk(self, name: str) -> _Source:
        if self._folder is None:
            return _Source()
        file = self._folder / name
        try:
            at = datetime.fromtimestamp(file.stat().st_mtime, tz=UTC)
            return _Source(file.read_bytes(), at)
        except OSError:
            return _Source()

    def _to_disk(self, name: str, content: bytes) -> None:
        if self._folder is None:
            return
        try:
            self._folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            with NamedTemporaryFile(dir=self._folder, delete=False) as file:
                file.write(content)
            Path(file.name).rename(self._folder / name)
        except OSError as error:
            log.warning("a revocation answer could not be kept", error=type(error).__name__)


class ListFolder:
    """The CRLs in a folder by issuer, read again when a file there changes."""

    def __init__(self, folder: Path | None, *, look_s: float) -> None:
        self._folder, self._pause = folder, timedelta(seconds=look_s)
        self._looked_at: datetime | None = None
        self._seen: frozenset[tuple[str, int, int]] = frozenset()
        self._lists: dict[bytes, list[x509.CertificateRevocationList]] = {}
        self._reading = threading.Lock()

    def look(self, at: datetime) -> bool:
        """Whether the lists changed since the last look; looks at most once in a while."""
        before = self._looked_at
        if self._folder is None or (before is not None and before <= at < before + self._pause):
            return False
        with self._reading:
            self._looked_at = at
            files = _files(self._folder)
            seen = frozenset((file.name, *_stamp(file)) for file in files)
            if seen == self._seen:
                return False
            self._lists = _by_issuer(files)
            self._seen = seen
            return True

    def of(self, issuer: x509.Certificate) -> Sequence[x509.CertificateRevocationList]:
        """The lists of this issuer, the newest first."""
        return self._lists.get(issuer.subject.public_bytes(), ())


def lists_in(folder: Path | None) -> list[tuple[str, datetime | None]]:
    """Each file of the folder with the time at which its list is over; None when it cannot be read or has no end."""
    found: list[tuple[str, datetime | None]] = []
    for file in [] if folder is None else _files(folder):
        try:
            found.append((file.name, read_list(file.read_bytes()).next_update_utc))
        except (OSError, Unusable):
            found.append((file.name, None))
    return found


def _readable(source: _Source, read: _Read) -> Answer | None:
    if source.content is None:
        return None
    try:
        return read(source.content)
    except Unusable:
        return None


def _files(folder: Path) -> list[Path]:
    with suppress(OSError):
        return sorted(file for file in folder.iterdir() if file.suffix in ENDINGS)
    return []


def _stamp(file: Path) -> tuple[int, int]:
    with suppress(OSError):
        stat = file.stat()
        return stat.st_mtime_ns, stat.st_size
    return 0, 0


def _by_issuer(files: Sequence[Path]) -> dict[bytes, list[x509.CertificateRevocationList]]:
    found: dict[bytes, list[x509.CertificateRevocationList]] = {}
    for file in files:
        try:
            revoked = read_list(file.read_bytes())
        except (OSError, Unusable):
            log.error("a revocation list cannot be read", folder=file.name)
            continue
        found.setdefault(revoked.issuer.public_bytes(), []).append(revoked)
    for lists in found.values():
        lists.sort(key=lambda one: one.last_update_utc, reverse=True)
    return found

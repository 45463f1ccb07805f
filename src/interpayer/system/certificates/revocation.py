"""Was a certificate taken back? Asked of CRL files that lie here, of OCSP, and of CRLs by URL, in this order.

A list that somebody put here is enough while it is current. Otherwise the sources that the certificate names are asked,
and their answers kept: in memory, and in a folder over restarts. When none of them can be reached, the last answer
counts for the policy's grace and no longer; a certificate that names a source and has no answer is refused. One that
names none, and whose issuer's list does not lie here, is accepted: nobody said where to ask.
"""

import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from itertools import pairwise
from pathlib import Path
from typing import TypeAlias

from cryptography import x509

from interpayer.system.certificates.anchors import fingerprint
from interpayer.system.certificates.chain import Chain
from interpayer.system.certificates.fetching import Fetch, Unreachable
from interpayer.system.certificates.keeping import KeptAnswers, ListFolder
from interpayer.system.certificates.lists import Answer, Unusable, ask_list, list_addresses, read_list
from interpayer.system.certificates.responders import make_question, read_answer, responder_addresses
from interpayer.system.telemetry import log

MOST_REMEMBERED = 10_000
# How often the folder of lists is looked at, so that a list that is put there works within seconds.
LOOK_S = 2.0


class Standing(StrEnum):
    """What is known of a certificate: good, taken back, not to be found out now, or nobody says where to ask."""

    GOOD = "good"
    UNSOURCED = "unsourced"
    UNKNOWN = "unknown"
    REVOKED = "revoked"


_WORST = tuple(Standing)


@dataclass(frozen=True, slots=True)
class Status:
    """The answer for a certificate or a chain; `source` is `file`, `ocsp`, `crl` or `none`."""

    standing: Standing
    source: str = "none"
    good_until: datetime | None = None
    revoked_at: datetime | None = None
    is_stale: bool = False

    @property
    def is_refused(self) -> bool:
        """Whether the certificate may not be used now: taken back, or a source is named and none of them answers."""
        return self.standing in {Standing.REVOKED, Standing.UNKNOWN}


@dataclass(frozen=True, slots=True)
class Patience:
    """Seconds: how long an answer is used before it is asked for anew, the pause after a failure, and the grace."""

    refresh_s: float = 3600
    retry_s: float = 60
    grace_s: float = 86400


_Ask: TypeAlias = Callable[[bytes], Answer]


@dataclass(frozen=True, slots=True)
class _Remembered:
    status: Status
    until: datetime


class Revocations:
    """The standing of certificates, remembered between calls and, when a folder is given, over restarts."""

    def __init__(
        self,
        fetch: Fetch,
        *,
        files: Path | None = None,
        kept: Path | None = None,
        patience: Callable[[], Patience] | Patience | None = None,
    ) -> None:
        self._pace = patience if callable(patience) else lambda: patience or Patience()
        self._answers = KeptAnswers(fetch, kept, lambda: (self._pace().refresh_s, self._pace().retry_s))
        self._lists = ListFolder(files, look_s=LOOK_S)
        self._remembered: dict[str, _Remembered] = {}
        self._writing = threading.Lock()

    def status(self, chain: Chain, *, at: datetime) -> Status:
        """The worst standing of the certificates below the anchor. May fetch: call it outside of transactions."""
        if self._lists.look(at):
            self._remembered.clear()
        found = [self._of(certificate, issuer, at) for certificate, issuer in pairwise(chain.path)]
        return max(found, key=lambda one: _WORST.index(one.standing), default=Status(Standing.UNSOURCED))

    def _of(self, certificate: x509.Certificate, issuer: x509.Certificate, at: datetime) -> Status:
        name = fingerprint(certificate) + fingerprint(issuer)
        known = self._remembered.get(name)
        if known is not None and at < known.until:
            return known.status
        status = self._asked(certificate, issuer, at)
        is_settled = status.standing is not Standing.UNKNOWN and not status.is_stale
        patience = self._pace()
        until = at + timedelta(seconds=patience.refresh_s if is_settled else patience.retry_s)
        if status.good_until is not None and at < status.good_until < until:
            until = status.good_until
        with self._writing:
            if len(self._remembered) >= MOST_REMEMBERED:
                self._remembered.clear()
            self._remembered[name] = _Remembered(status, until)
        return status

    def _asked(self, certificate: x509.Certificate, issuer: x509.Certificate, at: datetime) -> Status:
        """The first source that gives a current answer; else the freshest within the grace; else unknown."""
        is_sourced, stale = False, None
        for source, answer in self._sources(certificate, issuer, at):
            is_sourced = True
            if answer is None:
                continue
            if answer.is_revoked:
                return Status(Standing.REVOKED, source, revoked_at=answer.revoked_at)
            if at <= answer.until:
                return Status(Standing.GOOD, source, answer.until)
            if stale is None or answer.until > stale[1].until:
                stale = source, answer
        if stale is not None and at <= stale[1].until + timedelta(seconds=self._pace().grace_s):
            log.warning("revocation", state="stale", kind=stale[0])
            return Status(Standing.GOOD, stale[0], stale[1].until, is_stale=True)
        if is_sourced:
            log.error("revocation", state="unknown")
        return Status(Standing.UNKNOWN if is_sourced else Standing.UNSOURCED)

    def _sources(
        self, certificate: x509.Certificate, issuer: x509.Certificate, at: datetime
    ) -> Iterator[tuple[str, Answer | None]]:
        """Each source with its answer (None: it has none), asked only when it is its turn."""
        for revoked in self._lists.of(issuer):
            try:
                yield "file", ask_list(revoked, certificate, issuer, at=at)
            except Unusable:
                yield "file", None

        def of_responder(content: bytes) -> Answer:
            return read_answer(content, certificate, issuer, at=at)

        def of_list(content: bytes) -> Answer:
            return ask_list(read_list(content), certificate, issuer, at=at)

        question = make_question(certificate, issuer)
        for url in responder_addresses(certificate):
            yield "ocsp", self._fetched(url, question, of_responder, at)
        for url in list_addresses(certificate):
            yield "crl", self._fetched(url, None, of_list, at)

    def _fetched(self, url: str, question: bytes | None, read: _Ask, at: datetime) -> Answer | None:
        try:
            return self._answers.ask(url, question, read, at=at)
        except (Unreachable, Unusable):
            return None

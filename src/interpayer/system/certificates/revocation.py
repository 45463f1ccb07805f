"""Was a certificate taken back? Asked of CRL files that lie here, of OCSP, and of CRLs by URL, in this order."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from pathlib import Path
from typing import TypeAlias

from interpayer.system.certificates.chain import Chain


class Standing(StrEnum):
    """What is known of a certificate: good, taken back, not to be found out now, or nobody says where to ask."""

    GOOD = "good"
    REVOKED = "revoked"
    UNKNOWN = "unknown"
    UNSOURCED = "unsourced"


@dataclass(frozen=True, slots=True)
class Status:
    """The answer for a chain. `is_refused`: revoked, or a source is named and no answer of it is fresh enough."""

    standing: Standing
    source: str
    good_until: datetime | None = None
    revoked_at: datetime | None = None
    is_stale: bool = False

    @property
    def is_refused(self) -> bool:
        """Whether the certificate may not be used now."""
        return self.standing in {Standing.REVOKED, Standing.UNKNOWN}


@dataclass(frozen=True, slots=True)
class Patience:
    """How long an answer is used, and how long after its end when no source can be reached (policy numbers)."""

    refresh_s: float = 3600
    retry_s: float = 60
    grace_s: float = 86400


# (url, body): GET when the body is None, else POST of an OCSP request. Raises `Unreachable`.
Fetch: TypeAlias = Callable[[str, bytes | None], bytes]


class Unreachable(Exception):
    """The source gave no usable answer; the text says the kind, never more."""


class Revocations:
    """The standing of certificates, remembered between calls and, when a folder is given, over restarts."""

    def __init__(
        self, fetch: Fetch, *, files: Path | None = None, kept: Path | None = None, patience: Patience | None = None
    ) -> None:
        self._fetch, self._files, self._kept = fetch, files, kept
        self._patience = patience or Patience()

    def status(self, chain: Chain, *, at: datetime) -> Status:
        """The worst standing of every certificate below the anchor."""
        raise NotImplementedError

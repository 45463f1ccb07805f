"""The authorities that we trust, read from a file or a folder, with the written exceptions for some of them.

RFC 5280 is asked of every certificate. A real-world authority that falls short of it in one named point is let in by
name: `exceptions.yaml` beside the anchors gives its SHA-256, the points, the reason and the day on which it ends.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from enum import StrEnum
from hashlib import sha256
from pathlib import Path
from typing import Any

import yaml
from cryptography import x509
from cryptography.hazmat.primitives import hashes

EXCEPTIONS = "exceptions.yaml"
ENDINGS = frozenset({".pem", ".crt", ".cer", ".der"})
FINGERPRINT = re.compile(r"[0-9a-f]{64}")


class Deviation(StrEnum):
    """A point of RFC 5280 that an authority may be excused from, and never more than these."""

    NO_KEY_USAGE = "no_key_usage"
    NO_AUTHORITY_KEY_ID = "no_authority_key_id"
    BASIC_CONSTRAINTS_NOT_CRITICAL = "basic_constraints_not_critical"


class AnchorsInvalid(Exception):
    """The anchors or their exceptions cannot be used; the message names the file and what does not hold."""


@dataclass(frozen=True, slots=True)
class Excused:
    """What one anchor's chains may fall short of, why, and until when (inclusive)."""

    deviations: frozenset[Deviation]
    why: str
    until: date


@dataclass(frozen=True, slots=True)
class Anchors:
    """Trusted authorities with their exceptions by SHA-256 (lower-case hex); `version` changes with any of it."""

    certificates: tuple[x509.Certificate, ...]
    excused: Mapping[str, Excused] = field(default_factory=dict)
    version: str = ""

    def excuses(self, anchor: x509.Certificate, at: datetime) -> frozenset[Deviation]:
        """The points that chains up to this anchor may fall short of at this time."""
        found = self.excused.get(fingerprint(anchor))
        return found.deviations if found is not None and at.date() <= found.until else frozenset()


def read_anchors(place: Path) -> Anchors:
    """The authorities of a PEM file, or of every certificate file of a folder; `AnchorsInvalid` when there are none."""
    try:
        files = sorted(f for f in place.iterdir() if f.suffix in ENDINGS) if place.is_dir() else [place]
        texts = {file.name: file.read_bytes() for file in files}
        written = (place if place.is_dir() else place.parent) / EXCEPTIONS
        exceptions = written.read_bytes() if written.exists() else b""
    except OSError as error:
        raise AnchorsInvalid(f"{place.name}: cannot be read ({type(error).__name__})") from error
    certificates = [one for name, text in texts.items() for one in _certificates(name, text)]
    if not certificates:
        raise AnchorsInvalid(f"{place.name}: holds no certificate")
    unique = {fingerprint(one): one for one in certificates}
    version = sha256(b"".join([*map(bytes.fromhex, sorted(unique)), exceptions])).hexdigest()[:16]
    return Anchors(tuple(unique.values()), _exceptions(exceptions), version)


def fingerprint(certificate: x509.Certificate) -> str:
    """SHA-256 of a certificate, lower-case hex."""
    return certificate.fingerprint(hashes.SHA256()).hex()


def _certificates(name: str, text: bytes) -> Iterable[x509.Certificate]:
    try:
        if b"-----BEGIN" in text:
            return x509.load_pem_x509_certificates(text)
        return [x509.load_der_x509_certificate(text)]
    except ValueError as error:
        raise AnchorsInvalid(f"{name}: is no certificate") from error


def _exceptions(text: bytes) -> dict[str, Excused]:
    try:
        rows = yaml.safe_load(text) or []
    except yaml.YAMLError as error:
        raise AnchorsInvalid(f"{EXCEPTIONS}: is no YAML") from error
    if not isinstance(rows, list):
        raise AnchorsInvalid(f"{EXCEPTIONS}: must be a list")
    return dict(_excused(row) for row in rows)


def _excused(row: Any) -> tuple[str, Excused]:
    if not isinstance(row, dict) or set(row) != {"sha256", "allow", "why", "until"}:
        raise AnchorsInvalid(f"{EXCEPTIONS}: each entry has sha256, allow, why and until")
    print_ = str(row["sha256"]).replace(":", "").lower()
    known = {one.value for one in Deviation}
    allowed = row["allow"]
    if not FINGERPRINT.fullmatch(print_):
        raise AnchorsInvalid(f"{EXCEPTIONS}: sha256 is the anchor's fingerprint in hex")
    if not isinstance(allowed, list) or not allowed or not set(map(str, allowed)) <= known:
        raise AnchorsInvalid(f"{EXCEPTIONS}: allow names some of {', '.join(sorted(known))}")
    if not str(row["why"] or "").strip() or type(row["until"]) is not date:
        raise AnchorsInvalid(f"{EXCEPTIONS}: why is a sentence and until a date")
    return print_, Excused(frozenset(Deviation(str(one)) for one in allowed), str(row["why"]), row["until"])

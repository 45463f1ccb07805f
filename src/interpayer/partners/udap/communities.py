"""Trust communities: a folder for each, with its anchors, its rules and our own certificate there.

    <setting udap_communities>/<name>/community.yaml   uri, and what is accepted there
                                      anchors/         the community's authorities (PEM or DER; exceptions.yaml)
                                      intermediates/   authorities that clients may leave out of x5c (optional)
                                      certificate.pem  our certificate there, leaf first (optional)
                                      key.pem          its private key, mode 0600
                                      certifications/  signed certifications of ours, a JWT in each *.jwt (optional)

Changed files count within a second, without a restart. A community that cannot be read is closed, and says so.
"""

import stat
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any, TypeAlias

import yaml
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from interpayer.system.certificates.anchors import ENDINGS, Anchors, AnchorsInvalid, read_anchors
from interpayer.system.certificates.chain import Broken, Chain, Use, uris_of, verify_chain
from interpayer.system.telemetry import log

LOOK_S = 1.0
RSA_BITS = range(2048, 8193)
CURVES = {"secp256r1": "ES256", "secp384r1": "ES384"}
LISTS = ("certifications_supported", "certifications_required", "purposes_of_use", "contacts")
TEXTS = ("uri", "organization_id", "organization_name", "purpose_of_use")
KNOWN = frozenset({*LISTS, *TEXTS, "default"})
# HL7 PurposeOfUse that a payer may have for asking another one: operations, payment, coverage, and the member's wish.
PURPOSES = tuple(
    f"urn:oid:2.16.840.1.113883.5.8#{code}" for code in ("HOPERAT", "HPAYMT", "COVERAGE", "ENROLLM", "PATRQT")
)


class CommunityInvalid(Exception):
    """A community's folder cannot be used; the message names the file and what does not hold."""


@dataclass(frozen=True, slots=True)
class Identity:
    """Who we are in a community: our chain, leaf first, and the key that signs for us."""

    chain: tuple[x509.Certificate, ...]
    key_pem: bytes = field(repr=False)
    algorithm: str

    @property
    def uris(self) -> tuple[str, ...]:
        """The URIs that our certificate names us by."""
        return uris_of(self.chain[0])


@dataclass(frozen=True, slots=True)
class Community:
    """One trust community as its folder says."""

    name: str
    uri: str
    anchors: Anchors
    intermediates: tuple[x509.Certificate, ...] = ()
    identity: Identity | None = None
    certifications_supported: tuple[str, ...] = ()
    certifications_required: tuple[str, ...] = ()
    purposes_of_use: tuple[str, ...] = PURPOSES
    # What we say of ourselves when we register at a partner's and ask for tokens there.
    contacts: tuple[str, ...] = ()
    certifications: tuple[str, ...] = field(default=(), repr=False)
    organization_id: str | None = None
    organization_name: str | None = None
    purpose_of_use: str = PURPOSES[0]
    is_default: bool = False

    def vouch(self, chain: Sequence[x509.Certificate], *, at: datetime) -> Chain | Broken:
        """The path of a signer's chain to an anchor of this community, or why there is none. Revocation is separate."""
        known = [one for one in self.intermediates if one not in chain]
        return verify_chain([*chain, *known], self.anchors, at=at, use=Use.SIGNING)


_Seen: TypeAlias = tuple[tuple[str, int, int], ...]


class Communities:
    """The communities of the folder as it is now; safe between threads."""

    def __init__(self, folder: Path | None, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._folder, self._clock = folder, clock
        self._looking = threading.Lock()
        self._looked_at = float("-inf")
        self._seen: _Seen | None = None
        self._current: tuple[Community, ...] = ()
        self._broken: Mapping[str, str] = {}

    def current(self) -> tuple[Community, ...]:
        """Every community that can be used now, by name; the default one first."""
        with self._looking:
            moment = self._clock()
            if self._folder is not None and moment - self._looked_at >= LOOK_S:
                self._looked_at = moment
                self._look(self._folder)
            return self._current

    def broken(self) -> Mapping[str, str]:
        """The communities that are closed because their folder cannot be used, and why."""
        self.current()
        return self._broken

    def named(self, uri: str) -> Community | None:
        """The community of this URI."""
        return next((one for one in self.current() if one.uri == uri), None)

    def _look(self, folder: Path) -> None:
        seen = _seen(folder)
        if seen == self._seen:
            return
        read, self._broken = read_communities(folder)
        self._current, self._seen = read, seen
        for name, why in self._broken.items():
            log.error("a trust community is closed", kind=name, reason=why)


def read_communities(folder: Path) -> tuple[tuple[Community, ...], dict[str, str]]:
    """Every community below the folder that can be used, and for the others why not."""
    found: list[Community] = []
    broken: dict[str, str] = {}
    for place in sorted(place for place in folder.iterdir() if place.is_dir()) if folder.is_dir() else ():
        try:
            community = read_community(place)
            if any(community.uri == other.uri for other in found):
                raise CommunityInvalid("community.yaml: another community has this uri")
            found.append(community)
        except (CommunityInvalid, AnchorsInvalid) as error:
            broken[place.name] = str(error)
        except (OSError, UnicodeDecodeError) as error:
            broken[place.name] = f"a file cannot be read ({type(error).__name__})"
    return tuple(sorted(found, key=lambda one: (not one.is_default, one.name))), broken


def read_community(place: Path) -> Community:
    """The community of one folder; `CommunityInvalid` or `AnchorsInvalid` names what does not hold."""
    rules = _rules(place / "community.yaml")
    lists: dict[str, tuple[str, ...]] = {name: _texts(rules[name], name) for name in LISTS if name in rules}
    texts: dict[str, str] = {name: _text(rules[name], name) for name in TEXTS if name in rules}
    if "uri" not in texts:
        raise CommunityInvalid("community.yaml: uri is missing")
    missing = set(lists.get("certifications_required", ())) - set(lists.get("certifications_supported", ()))
    if missing:
        raise CommunityInvalid("community.yaml: certifications_required must be among certifications_supported")
    others = place / "intermediates"
    return Community(
        name=place.name,
        anchors=read_anchors(place / "anchors"),
        intermediates=read_anchors(others).certificates if _holds_certificates(others) else (),
        identity=_identity(place),
        certifications=tuple(one.read_text("ascii").strip() for one in sorted(place.glob("certifications/*.jwt"))),
        is_default=rules.get("default") is True,
        **lists,  # type: ignore[arg-type]
        **texts,  # type: ignore[arg-type]
    )


def _identity(place: Path) -> Identity | None:
    certificate, key = place / "certificate.pem", place / "key.pem"
    if not certificate.exists() and not key.exists():
        return None
    try:
        if stat.S_IMODE(key.stat().st_mode) & 0o077:
            raise CommunityInvalid("key.pem: can be read by others; it must have mode 0600")
        chain = tuple(x509.load_pem_x509_certificates(certificate.read_bytes()))
        key_pem = key.read_bytes()
        private = load_pem_private_key(key_pem, password=None)
        is_ours = private.public_key() == chain[0].public_key()
    except (OSError, ValueError, TypeError) as error:
        raise CommunityInvalid(f"certificate.pem, key.pem: cannot be read ({type(error).__name__})") from error
    algorithm = _algorithm(private)
    if not is_ours or algorithm is None:
        raise CommunityInvalid("key.pem: is not the key of certificate.pem, or of a kind that UDAP does not know")
    if not uris_of(chain[0]):
        raise CommunityInvalid("certificate.pem: names us by no URI (subject alternative name)")
    return Identity(chain, key_pem, algorithm)


def _algorithm(key: object) -> str | None:
    """What a key of ours signs with: RS256, which every UDAP server must know, or what its curve says."""
    if isinstance(key, rsa.RSAPrivateKey):
        return "RS256" if key.key_size in RSA_BITS else None
    return CURVES.get(key.curve.name) if isinstance(key, ec.EllipticCurvePrivateKey) else None


def _rules(path: Path) -> dict[str, Any]:
    try:
        rules = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise CommunityInvalid(f"{path.name}: cannot be read ({type(error).__name__})") from error
    if not isinstance(rules, dict) or set(map(str, rules)) - KNOWN:
        raise CommunityInvalid(f"{path.name}: known are {', '.join(sorted(KNOWN))}")
    return rules


def _texts(value: object, name: str) -> tuple[str, ...]:
    if not isinstance(value, list):
        raise CommunityInvalid(f"community.yaml: {name} must be a list")
    return tuple(_text(one, name) for one in value)


def _text(value: object, name: str) -> str:
    if not isinstance(value, str) or not value.strip():
        raise CommunityInvalid(f"community.yaml: {name} must be a text")
    return value.strip()


def _holds_certificates(place: Path) -> bool:
    return place.is_dir() and any(file.suffix in ENDINGS for file in place.iterdir())


def _seen(folder: Path) -> _Seen:
    """What tells that something changed: every file's name, time and size."""
    try:
        files = sorted(path for path in folder.glob("*/**/*") if path.is_file())
        return tuple((str(path), (found := path.stat()).st_mtime_ns, found.st_size) for path in files)
    except OSError:
        return ()

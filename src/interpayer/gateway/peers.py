"""Who is at the other end: a client certificate out of TLS or out of a proxy's header, judged anew at every call.

TLS verified it once, when the connection began. A connection lives on while a certificate expires, is taken back, or
its authority is no longer trusted; and a proxy may verify less than it should. So every call asks, and what was found
is remembered for a moment.
"""

import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from hashlib import sha256
from typing import Any

from interpayer.gateway.forwarded import LEAF, REST, Proxies, forwarded
from interpayer.model.reason import Fault, FaultKind, Refusal
from interpayer.system.certificates.anchors import Anchors
from interpayer.system.certificates.chain import Broken, Chain, Trouble, read_der, thumbprint_of, verify_chain
from interpayer.system.certificates.revocation import Revocations, Standing
from interpayer.system.certificates.watched import Watched

# A chain that was verified is not verified again for so long; its standing has a memory of its own.
REMEMBERED = timedelta(seconds=60)
MOST_REMEMBERED = 4096


@dataclass(frozen=True, slots=True)
class Peer:
    """The caller's certificate: its thumbprint (RFC 8705) and its names. No thumbprint: nobody showed one."""

    thumbprint: str | None = None
    names: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Arrival:
    """What came with a call: the other end's address (None: unix socket), TLS certificates, and both headers."""

    address: str | None
    shown: tuple[bytes, ...] = ()
    leaf: tuple[str, ...] = ()
    rest: tuple[str, ...] = ()

    @property
    def has_header(self) -> bool:
        """Whether somebody says in a header whose certificate it is."""
        return bool(self.leaf or self.rest)


@dataclass(slots=True)
class Peers:
    """Judges arrivals. Without anchors nobody is ever known; without `revocations` nothing is said to be taken back."""

    anchors: Watched[Anchors] | None = None
    revocations: Revocations | None = None
    proxies: Proxies = field(default_factory=Proxies)
    _verified: dict[bytes, tuple[Chain | Broken, datetime]] = field(default_factory=dict)
    _writing: threading.Lock = field(default_factory=threading.Lock)

    def is_forged(self, arrival: Arrival) -> bool:
        """Whether a certificate came in a header from somewhere that is not listed: it does not count, and is noted."""
        return arrival.has_header and not self.proxies.has(arrival.address)

    def judge(self, arrival: Arrival, *, at: datetime) -> Peer:
        """The caller's certificate, or nobody; `Refusal` when one was shown and does not hold. May call out.

        `Fault` caller.certificate_unchecked when a source of revocation is named and none of them answers.
        """
        ders = self._ders(arrival)
        if not ders:
            return Peer()
        if self.anchors is None:
            return Peer()
        chain = self._chain(ders, self.anchors.value, at)
        if isinstance(chain, Broken):
            raise Refusal("caller.certificate_untrusted", chain.detail)
        self._check_standing(chain, at)
        return Peer(thumbprint_of(chain.leaf), chain.names)

    def look(self) -> None:
        """Read the anchors again if their files changed."""
        if self.anchors is not None and self.anchors.look():
            self._verified.clear()

    def _ders(self, arrival: Arrival) -> tuple[bytes, ...]:
        if not arrival.has_header:
            return arrival.shown
        if arrival.shown:
            # Which of them would be the caller? Whoever sends both wants to be somebody else.
            raise Refusal("caller.certificate_unexpected", "a certificate came by TLS and by a header at once")
        return forwarded(arrival.leaf, arrival.rest) if self.proxies.has(arrival.address) else ()

    def _chain(self, ders: tuple[bytes, ...], anchors: Anchors, at: datetime) -> Chain | Broken:
        name = sha256(b"".join([anchors.version.encode(), *(sha256(der).digest() for der in ders)])).digest()
        known = self._verified.get(name)
        if known is not None and at < known[1]:
            return known[0]
        chain = _verified(ders, anchors, at)
        until = at + REMEMBERED
        if isinstance(chain, Chain):
            until = min(until, *(one.not_valid_after_utc for one in chain.path))
        with self._writing:
            if len(self._verified) >= MOST_REMEMBERED:
                self._verified.clear()
            self._verified[name] = (chain, until)
        return chain

    def _check_standing(self, chain: Chain, at: datetime) -> None:
        if self.revocations is None:
            return
        standing = self.revocations.status(chain, at=at).standing
        if standing is Standing.REVOKED:
            raise Refusal("caller.certificate_revoked", "")
        if standing is Standing.UNKNOWN:
            raise Fault(FaultKind.RETRYABLE, "caller.certificate_unchecked", retry_after_s=60)


def arrival_of(scope: Mapping[str, Any]) -> Arrival:
    """What came with a call, out of its ASGI scope."""
    tls = scope.get("extensions", {}).get("tls", {})
    client = scope.get("client")
    named: dict[str, list[str]] = {LEAF: [], REST: []}
    for name, value in scope.get("headers", ()):
        if (key := name.decode("latin-1").lower()) in named:
            named[key].append(value.decode("latin-1"))
    address = str(client[0]) if client else None
    return Arrival(address, tuple(tls.get("client_cert_ders", ())), tuple(named[LEAF]), tuple(named[REST]))


def _verified(ders: tuple[bytes, ...], anchors: Anchors, at: datetime) -> Chain | Broken:
    certificates = read_der(ders)
    if isinstance(certificates, Broken):
        return certificates
    try:
        return verify_chain(certificates, anchors, at=at)
    except ValueError:
        # an extension that cannot be parsed
        return Broken(Trouble.MALFORMED, "the certificate cannot be read")

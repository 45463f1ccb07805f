"""A client certificate that a proxy hands on in headers (RFC 9440), believed only from a proxy that is listed.

A header says whatever its sender likes, so the question is who sent it: the address at the other end of the
connection, or the unix socket that only a local proxy can reach.
"""

import base64
import binascii
import ipaddress
import re
from collections.abc import Sequence
from dataclasses import dataclass

from interpayer.model.reason import Refusal
from interpayer.system.certificates.chain import MOST_CERTIFICATES

LEAF, REST = "client-cert", "client-cert-chain"
UNIX = "unix"
# A byte sequence of structured fields (RFC 8941, 3.3.5).
BYTES = re.compile(r":([A-Za-z0-9+/]*={0,2}):")
_UNREADABLE = "the header Client-Cert is not what RFC 9440 says"


class ProxiesInvalid(ValueError):
    """The list of proxies names something that is no address, no network and not `unix`."""


@dataclass(frozen=True, slots=True)
class Proxies:
    """Who may hand certificates on."""

    networks: tuple[ipaddress.IPv4Network | ipaddress.IPv6Network, ...] = ()
    is_unix_listed: bool = False

    def has(self, address: str | None) -> bool:
        """Whether the other end of a connection is listed; None is the unix socket."""
        if address is None:
            return self.is_unix_listed
        try:
            host = ipaddress.ip_address(address.partition("%")[0])
        except ValueError:
            return False
        mapped = getattr(host, "ipv4_mapped", None)
        return any((mapped or host) in network for network in self.networks)


def read_proxies(names: Sequence[str]) -> Proxies:
    """Addresses, networks (10.0.0.0/28) and the word `unix`; `ProxiesInvalid` for anything else."""
    try:
        networks = tuple(ipaddress.ip_network(name) for name in names if name != UNIX)
    except ValueError as error:
        raise ProxiesInvalid("proxies: each is an address, a network or the word unix") from error
    if any(network.prefixlen == 0 for network in networks):
        raise ProxiesInvalid("proxies: a network of every address would let anybody forge certificates")
    return Proxies(networks, UNIX in names)


def forwarded(leaf: Sequence[str], rest: Sequence[str]) -> tuple[bytes, ...]:
    """The certificates (DER, the leaf first) in the headers as they came; `Refusal` when they are not RFC 9440."""
    if not leaf and not rest:
        return ()
    if len(leaf) != 1:
        raise Refusal("caller.certificate_unexpected", _UNREADABLE)
    others = [item.strip(" \t") for line in rest for item in line.split(",")]
    if len(others) >= MOST_CERTIFICATES:
        raise Refusal("caller.certificate_unexpected", _UNREADABLE)
    return tuple(_bytes(item) for item in (leaf[0].strip(" \t"), *others))


def _bytes(item: str) -> bytes:
    found = BYTES.fullmatch(item)
    try:
        content = base64.b64decode(found[1], validate=True) if found else b""
    except (binascii.Error, ValueError):
        content = b""
    if not content:
        raise Refusal("caller.certificate_unexpected", _UNREADABLE)
    return content

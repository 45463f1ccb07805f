"""Calls to the outside: https only, no redirects, no proxies from the environment, no private addresses.

A host name is resolved once, every address of it is checked, and the connection goes to a checked address: a name that
changes its mind between check and call gains nothing.
"""

import ipaddress
import socket
import ssl
from pathlib import Path
from typing import Any

import httpcore2
import httpx2

from interpayer.system.settings import Settings

CONNECT_LIMIT_S = 10.0
MOST_CONNECTIONS = 32


class OutboundRefused(Exception):
    """The address may not be called: not https, or private and not on the list of this test environment."""


def outbound_client(
    settings: Settings,
    *,
    certificate: tuple[Path, Path] | None = None,
    ca: Path | None = None,
    timeout_s: float = 30,
    schemes: tuple[str, ...] = ("https",),
) -> httpx2.Client:
    """A client for one partner: with our certificate and key, trusting the given authority (default: the system's).

    `schemes`: http beside https only for what is signed itself (revocation lists).
    """
    context = ssl.create_default_context(cafile=str(ca) if ca is not None else None)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    if certificate is not None:
        context.load_cert_chain(*certificate)
    return httpx2.Client(
        transport=_GuardedTransport(context, frozenset(settings.allowed_private_hosts), schemes),
        timeout=httpx2.Timeout(timeout_s, connect=min(CONNECT_LIMIT_S, timeout_s)),
        follow_redirects=False,
        trust_env=False,
    )


class _GuardedTransport(httpx2.HTTPTransport):
    """The library's transport with a pool whose connections are checked before they are made."""

    def __init__(self, context: ssl.SSLContext, allowed: frozenset[str], schemes: tuple[str, ...]) -> None:
        super().__init__(verify=context, trust_env=False)
        self._schemes = schemes
        self._pool.close()
        self._pool = httpcore2.ConnectionPool(
            ssl_context=context,
            max_connections=MOST_CONNECTIONS,
            keepalive_expiry=30,
            network_backend=_GuardedNetwork(allowed),
        )

    def handle_request(self, request: httpx2.Request) -> httpx2.Response:
        if request.url.scheme not in self._schemes:
            raise OutboundRefused(f"only {' and '.join(self._schemes)} may be called")
        return super().handle_request(request)


class _GuardedNetwork(httpcore2.NetworkBackend):
    """Connects to checked addresses only."""

    def __init__(self, allowed: frozenset[str]) -> None:
        self._allowed, self._network = allowed, httpcore2.SyncBackend()

    def connect_tcp(self, host: str, port: int, *rest: Any, **options: Any) -> httpcore2.NetworkStream:
        """A connection to the first address of the host that answers; refused when any of them may not be called."""
        failure: httpcore2.ConnectError | httpcore2.ConnectTimeout | None = None
        for address in checked_addresses(host, port, self._allowed):
            try:
                return self._network.connect_tcp(address, port, *rest, **options)
            except (httpcore2.ConnectError, httpcore2.ConnectTimeout) as error:
                failure = error
        raise failure or httpcore2.ConnectError("the host has no address")


def checked_addresses(host: str, port: int, allowed: frozenset[str]) -> list[str]:
    """The addresses of a host, all of them public, or the host or address allowed; else ``OutboundRefused``."""
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError) as error:
        raise httpcore2.ConnectError("the host cannot be resolved") from error
    addresses = list(dict.fromkeys(str(entry[4][0]) for entry in found))
    if host in allowed:
        return addresses
    for address in addresses:
        if address not in allowed and not _is_public(address):
            raise OutboundRefused("the host has a private address")
    return addresses


def _is_public(text: str) -> bool:
    address = ipaddress.ip_address(text.partition("%")[0])
    mapped = getattr(address, "ipv4_mapped", None) or getattr(address, "sixtofour", None)
    if mapped is not None:
        address = mapped
    return address.is_global and not address.is_multicast

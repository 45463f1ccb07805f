"""Getting lists and status answers from where certificates say: http too, because what comes is signed.

The address stands in a certificate of an authority that we trust, and is still called like any other address of a
stranger: only public hosts, no redirects, no proxies, a few seconds, a limit of bytes.
"""

import time
from collections.abc import Callable
from typing import TypeAlias

import httpcore2
import httpx2

from interpayer.system.outbound import OutboundRefused, outbound_client
from interpayer.system.settings import Settings

LIMIT_S = 3.0
LARGEST_LIST = 16 * 1024 * 1024
LARGEST_ANSWER = 64 * 1024
QUESTION = {"Content-Type": "application/ocsp-request", "Accept": "application/ocsp-response"}


class Unreachable(Exception):
    """The source gave nothing; the text says the kind of failure and nothing else."""


# (url, question): GET of a list when the question is None, else POST of the question. Raises `Unreachable`.
Fetch: TypeAlias = Callable[[str, bytes | None], bytes]


def revocation_fetch(settings: Settings) -> Fetch:
    """A `Fetch` over the network, three seconds for a whole answer; its client is made at the first call."""
    clients: list[httpx2.Client] = []

    def fetch(url: str, question: bytes | None) -> bytes:
        if not clients:
            clients.append(outbound_client(settings, timeout_s=LIMIT_S, schemes=("http", "https")))
        try:
            return _answer(clients[0], url, question)
        except OutboundRefused as error:
            raise Unreachable("the address may not be called") from error
        except (httpx2.HTTPError, httpx2.InvalidURL, httpcore2.ConnectError, ValueError) as error:
            raise Unreachable(type(error).__name__) from error

    return fetch


def _answer(http: httpx2.Client, url: str, question: bytes | None) -> bytes:
    latest = time.monotonic() + LIMIT_S
    method, headers, most = ("GET", {}, LARGEST_LIST) if question is None else ("POST", QUESTION, LARGEST_ANSWER)
    content = bytearray()
    with http.stream(method, url, headers=headers, content=question) as response:
        if response.status_code != 200:
            raise Unreachable(f"answered with status {response.status_code}")
        for chunk in response.iter_bytes():
            content += chunk
            if len(content) > most or time.monotonic() > latest:
                raise Unreachable("the answer is too large or too slow")
    return bytes(content)

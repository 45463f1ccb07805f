"""The keys that a partner publishes, fetched once: https, no redirect, public addresses only, 64 KiB, three seconds."""

import re
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from concurrent.futures import TimeoutError as TooLate
from dataclasses import dataclass

import httpx2
import orjson

from interpayer.model.reason import Fault, FaultKind, Refusal
from interpayer.partners.jwks import check_published
from interpayer.system.outbound import OutboundRefused

LIMIT_S = 3.0
LARGEST = 64 * 1024
# How long keys count without a word of the partner; never longer than a day, whatever the partner says.
USUAL_S = 300.0
LONGEST_S = 24 * 3600.0
# Unpacked, so that a small answer cannot grow.
HEADERS = {"Accept": "application/json", "Accept-Encoding": "identity"}
MAX_AGE = re.compile(r"(?:^|[,\s])max-age\s*=\s*\"?(\d{1,10})")
# Looking up a name has no time limit of its own: whoever waits gives up, the thread ends when the resolver does.
_threads = ThreadPoolExecutor(4, thread_name_prefix="jwks")

Fetch = Callable[[str], "Fetched"]


@dataclass(frozen=True, slots=True)
class Fetched:
    """A checked key set and for how many seconds it may be kept (Cache-Control; at most a day)."""

    jwks: dict[str, object]
    keep_s: float


def fetch_jwks(http: httpx2.Client, url: str, *, limit_s: float = LIMIT_S) -> Fetched:
    """The key set behind the address. `Refusal` when a key in it must not be trusted, `Fault` when none came."""
    doing = _threads.submit(_fetch, http, url, limit_s)
    try:
        return doing.result(timeout=limit_s)
    except TooLate:
        doing.cancel()
        raise _unreachable("no answer within the limit") from None


def keep_s(cache_control: str) -> float:
    """For how long an answer may be kept: what the partner says, at most a day; five minutes when it says nothing.

    SMART App Launch 2.2, client authentication: not longer than Cache-Control says. How often a set that may not be
    kept is fetched again is bounded elsewhere, by one fetch in thirty seconds.
    """
    words = cache_control.lower()
    if "no-store" in words or "no-cache" in words:
        return 0.0
    stated = MAX_AGE.search(words)
    return min(float(stated[1]), LONGEST_S) if stated else USUAL_S


def _fetch(http: httpx2.Client, url: str, limit_s: float) -> Fetched:
    try:
        with http.stream("GET", url, headers=HEADERS, timeout=limit_s) as response:
            content = _read(response)
    except OutboundRefused:
        raise _unreachable("the address may not be called") from None
    except (httpx2.TransportError, httpx2.InvalidURL) as error:
        raise _unreachable(type(error).__name__) from None
    try:
        keys = orjson.loads(content)
    except orjson.JSONDecodeError:
        raise Refusal("request.malformed", "the address does not answer with a JWKS") from None
    return Fetched(check_published(keys), keep_s(response.headers.get("cache-control", "")))


def _read(response: httpx2.Response) -> bytes:
    if response.status_code != 200:
        raise _unreachable(f"HTTP {response.status_code}")
    if response.headers.get("content-encoding", "identity").lower() != "identity":
        raise _unreachable("packed, though we ask for it as it is")
    content = bytearray()
    for chunk in response.iter_bytes():
        content += chunk
        if len(content) > LARGEST:
            raise _unreachable("larger than 64 KiB")
    return bytes(content)


def _unreachable(detail: str) -> Fault:
    return Fault(FaultKind.RETRYABLE, "caller.keys_unreachable", detail=detail)

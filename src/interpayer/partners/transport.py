"""One call to a partner: headers, size limits, and network faults turned into ours."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

import httpx2
import orjson

from interpayer.model.reason import Fault, FaultKind
from interpayer.partners.answers import Asked, bad_answer
from interpayer.system.nesting import is_deep
from interpayer.system.outbound import OutboundRefused

LARGEST_JSON = 64 * 1024 * 1024
# Nothing of the request has reached the partner: doing it again is safe whatever it was.
NEVER_SENT = (httpx2.ConnectError, httpx2.ConnectTimeout, httpx2.PoolTimeout)


@dataclass(frozen=True, slots=True)
class Trail:
    """What every call carries, so that both sides can find it again; the key makes a repeat the same call."""

    correlation_id: str
    traceparent: str | None = None
    idempotency_key: str | None = None


@dataclass(frozen=True, slots=True)
class Reply:
    """A whole answer: its status, headers (lower case) and body, parsed when it is JSON."""

    status: int
    headers: Mapping[str, str]
    content: bytes
    body: Any


@dataclass(frozen=True, slots=True)
class Ask:
    """One request, before authorization."""

    method: str
    url: str
    headers: Mapping[str, str]
    asked: Asked
    content: bytes | None = None


def headers_of(trail: Trail, **more: str) -> dict[str, str]:
    """The headers that join both payers' records; our trace is offered, theirs is never continued (floor.md, Ids)."""
    headers = {"X-Correlation-Id": trail.correlation_id}
    if trail.traceparent:
        headers["traceparent"] = trail.traceparent
    return {**headers, **{name.replace("_", "-"): value for name, value in more.items()}}


def send(http: httpx2.Client, ask: Ask) -> Reply:
    """The whole answer, whatever its status; `Fault` when none came or it is larger than we read."""
    with streamed(http, ask) as response:
        content = bytearray()
        for chunk in response.iter_bytes():
            content += chunk
            if len(content) > LARGEST_JSON:
                raise bad_answer("the answer is larger than we read")
    headers = {name.lower(): value for name, value in response.headers.items()}
    return Reply(response.status_code, headers, bytes(content), _parsed(bytes(content)))


@contextmanager
def streamed(http: httpx2.Client, ask: Ask) -> Iterator[httpx2.Response]:
    """The answer as a stream; network errors while it is open become the same `Fault`s."""
    if urlsplit(ask.url).scheme != "https":
        raise bad_answer("an address that is not https")
    is_answered = False
    try:
        with http.stream(ask.method, ask.url, headers=dict(ask.headers), content=ask.content) as response:
            is_answered = True
            yield response
    except OutboundRefused:
        raise Fault(FaultKind.TERMINAL, "partner.unreachable", detail="the address may not be called") from None
    except NEVER_SENT as error:
        raise Fault(FaultKind.RETRYABLE, "partner.unreachable", detail=type(error).__name__) from None
    except (httpx2.InvalidURL, httpx2.UnsupportedProtocol, httpx2.DecodingError) as error:
        raise bad_answer(type(error).__name__) from None
    except httpx2.TransportError as error:
        raise _broken_off(error, ask.asked, is_answered=is_answered) from None


def same_origin(url: str, base: str) -> bool:
    """Whether our token may go there: scheme, host and port of the partner's own address."""
    try:
        ours, theirs = urlsplit(base), urlsplit(url)
        return (ours.scheme, ours.hostname, ours.port or 443) == (theirs.scheme, theirs.hostname, theirs.port or 443)
    except ValueError:
        return False


def _broken_off(error: httpx2.TransportError, asked: Asked, *, is_answered: bool) -> Fault:
    """A call that may have arrived: repeat it when that is harmless, else first find out (exchange.md section 6).

    A file that broke off on its way comes from a partner that is there; one that never began may not.
    """
    kind = FaultKind.RETRYABLE if asked.is_repeatable else FaultKind.CONDITIONAL
    if asked.about == "file" and is_answered:
        return Fault(kind, "delivery.interrupted", detail=type(error).__name__)
    is_late = isinstance(error, httpx2.TimeoutException)
    return Fault(kind, "partner.timeout" if is_late else "partner.unreachable", detail=type(error).__name__)


def _parsed(content: bytes) -> Any:
    try:
        # what is nested deeper than any resource is no answer either
        return None if is_deep(content) else orjson.loads(content)
    except orjson.JSONDecodeError:
        return None

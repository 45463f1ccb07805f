"""One call to a FHIR server: paced, within its time, and every failure as the one fault of a source that it means."""

import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from datetime import datetime
from email.utils import parsedate_to_datetime
from typing import Any, NoReturn
from urllib.parse import urlencode, urljoin, urlsplit

import httpx2
import orjson

from interpayer.model.reason import Fault, FaultKind
from interpayer.system.clock import now
from interpayer.system.outbound import OutboundRefused

JSON = "application/fhir+json"
LARGEST_ANSWER = 64 * 1024 * 1024
LONGEST_CALL_S = 30.0
MOST_TRIES = 3
UNREACHABLE, LATE, REFUSED, INVALID = "source.unreachable", "source.late", "source.refused", "source.invalid"
_NEVER_SENT = (httpx2.ConnectError, httpx2.ConnectTimeout, httpx2.PoolTimeout)


@dataclass(frozen=True, slots=True)
class Reply:
    """A whole answer; header names in small letters."""

    status: int
    headers: Mapping[str, str]
    content: bytes

    @property
    def body(self) -> Any:
        """The content as JSON; None when it is none."""
        try:
            return orjson.loads(self.content)
        except orjson.JSONDecodeError:
            return None


@dataclass(frozen=True, slots=True)
class Ask:
    """One request."""

    method: str
    url: str
    headers: Mapping[str, str]
    content: bytes = b""


class Pace:
    """So many calls a second, whoever makes them; safe between threads."""

    def __init__(self, per_second: float) -> None:
        self._gap_s = 1.0 / per_second
        self._next = 0.0
        self._lock = threading.Lock()

    def wait(self, until: datetime) -> None:
        """Wait for this call's turn. Raises Fault(source.late) when that is after `until`."""
        with self._lock:
            turn = max(self._next, time.monotonic())
            if turn - time.monotonic() > left_s(until):
                late()
            self._next = turn + self._gap_s
        time.sleep(max(0.0, turn - time.monotonic()))


class Caller:
    """Calls to one server; `token` gives an access token (a new one when asked for), or None where none is needed."""

    def __init__(self, http: httpx2.Client, base: str, *, pace: Pace, token: Callable[[bool], str] | None) -> None:
        self.base = base.rstrip("/")
        self._http, self._pace, self._token = http, pace, token

    def without_token(self) -> "Caller":
        """The same server, called by somebody whom it does not know."""
        return Caller(self._http, self.base, pace=self._pace, token=None)

    def get(self, url: str, until: datetime, *, more: Mapping[str, str] | None = None) -> Reply:
        """The answer of a success (2xx) to a GET; `url` may be relative to the server's base. Raises Fault."""
        return self._call(Ask("GET", self.absolute(url), more or {}), until)

    def post_search(self, resource_type: str, query: Mapping[str, str], until: datetime) -> Reply:
        """The answer to a search whose parameters travel in the body: what names a person stays out of addresses."""
        form = {"Content-Type": "application/x-www-form-urlencoded"}
        ask = Ask("POST", self.absolute(f"{resource_type}/_search"), form, urlencode(query).encode())
        return self._call(ask, until)

    def delete(self, url: str, until: datetime) -> None:
        """Give something up at the server; whether it minds is no matter of ours."""
        with suppress(Fault):
            self._call(Ask("DELETE", self.absolute(url), {}), until)

    def _call(self, ask: Ask, until: datetime) -> Reply:
        """The answer of a success; asked to wait, it waits and tries again while there is time."""
        for attempt in range(1, MOST_TRIES + 1):
            reply = self._send(ask, until, new_token=attempt > 1)
            if 200 <= reply.status < 300:
                return reply
            fault = failure(reply)
            wait_s = fault.retry_after_s or 0.0
            is_last = attempt == MOST_TRIES or fault.kind is FaultKind.TERMINAL or wait_s >= left_s(until)
            if is_last:
                raise fault
            time.sleep(wait_s)
        raise AssertionError("unreachable")

    def absolute(self, url: str) -> str:
        """The address, from the server's base. Raises Fault when it lies elsewhere: our token does not go there."""
        whole = urljoin(f"{self.base}/", url)
        if not same_origin(whole, self.base):
            invalid("an address leads to another server")
        return whole

    @contextmanager
    def stream(self, url: str, until: datetime, *, with_token: bool) -> Iterator[httpx2.Response]:
        """A file as it comes, whatever its status; it may lie elsewhere when it needs no token. Raises Fault."""
        absolute = self.absolute(url) if with_token else url
        self._pace.wait(until)
        with sent(self._http, Ask("GET", absolute, self._headers({}, with_token=with_token)), until) as response:
            yield response

    def _send(self, ask: Ask, until: datetime, *, new_token: bool) -> Reply:
        self._pace.wait(until)
        authorized = replace(ask, headers=self._headers(ask.headers, new_token=new_token))
        with sent(self._http, authorized, until) as response:
            return whole(response, until)

    def _headers(self, more: Mapping[str, str], *, with_token: bool = True, new_token: bool = False) -> dict[str, str]:
        token = self._token(new_token) if self._token is not None and with_token else None
        return {"Accept": JSON, **more} | ({"Authorization": f"Bearer {token}"} if token else {})


@contextmanager
def sent(http: httpx2.Client, ask: Ask, until: datetime) -> Iterator[httpx2.Response]:
    """The answer as a stream; what breaks while it is open becomes a Fault of the source."""
    timeout = min(LONGEST_CALL_S, left_s(until))
    if timeout <= 0:
        late()
    try:
        call = http.stream(ask.method, ask.url, headers=dict(ask.headers), content=ask.content or None, timeout=timeout)
        with call as response:
            yield response
    except OutboundRefused:
        raise Fault(FaultKind.TERMINAL, UNREACHABLE, detail="the address may not be called") from None
    except _NEVER_SENT as error:
        raise Fault(FaultKind.RETRYABLE, UNREACHABLE, detail=type(error).__name__) from None
    except httpx2.TimeoutException as error:
        raise Fault(FaultKind.RETRYABLE, LATE, detail=type(error).__name__) from None
    except (httpx2.InvalidURL, httpx2.UnsupportedProtocol, httpx2.DecodingError) as error:
        raise Fault(FaultKind.TERMINAL, INVALID, detail=type(error).__name__) from None
    except httpx2.TransportError as error:
        raise Fault(FaultKind.RETRYABLE, UNREACHABLE, detail=type(error).__name__) from None


def whole(response: httpx2.Response, until: datetime) -> Reply:
    """The whole answer. Raises Fault when it is larger than we read, or comes too slowly."""
    content = bytearray()
    for chunk in response.iter_bytes():
        content += chunk
        if len(content) > LARGEST_ANSWER:
            invalid("an answer is larger than we read")
        if left_s(until) <= 0:
            late()
    headers = {name.lower(): value for name, value in response.headers.items()}
    return Reply(response.status_code, headers, bytes(content))


def failure(reply: Reply) -> Fault:
    """What an answer that is no success means."""
    wait_s = retry_after_s(reply.headers.get("retry-after", ""))
    words = f"HTTP {reply.status}"
    if reply.status == 429:
        return Fault(FaultKind.RETRYABLE, LATE, retry_after_s=wait_s, detail=words)
    if reply.status >= 500:
        return Fault(FaultKind.RETRYABLE, UNREACHABLE, retry_after_s=wait_s, detail=words)
    if reply.status == 401:
        return Fault(FaultKind.CONDITIONAL, REFUSED, detail=words)
    if 300 <= reply.status < 400:
        return Fault(FaultKind.TERMINAL, INVALID, detail="the server redirects; we do not follow")
    return Fault(FaultKind.TERMINAL, REFUSED, detail=words)


def retry_after_s(text: str) -> float | None:
    """Seconds to wait, from a number or a date; None when it is absent or unreadable."""
    if text.isascii() and text.isdecimal() and len(text) < 10:
        return float(text)
    try:
        return max(0.0, (parsedate_to_datetime(text) - now()).total_seconds())
    except (ValueError, TypeError):
        return None


def left_s(until: datetime) -> float:
    """The seconds that are left."""
    return (until - now()).total_seconds()


def same_origin(url: str, base: str) -> bool:
    """Whether both are one scheme, host and port."""
    try:
        one, other = urlsplit(url), urlsplit(base)
        return (one.scheme, one.hostname, one.port or 443) == (other.scheme, other.hostname, other.port or 443)
    except ValueError:
        return False


def invalid(detail: str) -> NoReturn:
    """Say that the server's answer is not what FHIR says."""
    raise Fault(FaultKind.TERMINAL, INVALID, detail=detail)


def late() -> NoReturn:
    """Say that the time is over."""
    raise Fault(FaultKind.RETRYABLE, LATE, detail="the time for this source is over")

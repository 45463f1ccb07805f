"""One connection: deadlines and sizes, a cap for each certificate, and the client certificate handed to the app.

A bare uvicorn has none of them, so slow clients would hold connections for ever and nobody would know who calls
(security.md section 2).
"""

import asyncio
import base64
import contextlib
import hashlib
import socket
import ssl
import struct
from collections import Counter
from collections.abc import Callable
from typing import Any

import httptools
from uvicorn.config import Config
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

LARGEST_HEAD = 32 * 1024
# How long we go on reading, and dropping, the body of a request that is answered already, so that the caller can
# read the answer before the connection ends.
LINGER_S = 2.0
# How long a peer may take nothing of an answer that waits for it.
STALLED_S = 60.0
# fmt: off
PHRASES = {
    400: b"Bad Request", 408: b"Request Timeout", 429: b"Too Many Requests", 431: b"Request Header Fields Too Large",
}
# fmt: on
# What the encoding of a certificate is called inside Python's ssl (DER).
_DER = 2


class DoorConfig(Config):
    """uvicorn's settings and ours: how long a head may take, who counts what was cut, connections by certificate."""

    def __init__(
        self,
        app: Any,
        *,
        header_deadline_s: float,
        cut: Callable[[int], None] | None,
        most_of_one: Callable[[], int],
        **options: Any,
    ) -> None:
        super().__init__(app, http=DoorProtocol, **options)
        self.header_deadline_s = header_deadline_s
        self.cut = cut
        self.most_of_one = most_of_one
        self.open: Counter[str] = Counter()


class DoorProtocol(HttpToolsProtocol):
    """uvicorn's HTTP/1.1 connection with our limits. The certificate is in ``scope["extensions"]["tls"]``."""

    config: DoorConfig
    # uvicorn can use other parsers; this class is written for this one.
    parser: httptools.HttpRequestParser

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Note the certificate and start the clock: TLS is done, the head may begin."""
        super().connection_made(transport)
        self._tls = _tls_extension(transport.get_extra_info("ssl_object"))
        self._head_timer: asyncio.TimerHandle | None = None
        self._linger_timer: asyncio.TimerHandle | None = None
        self._is_head_open = True
        self._head_bytes = 0
        self._stall_timer: asyncio.TimerHandle | None = None
        self._start_head_timer()
        self._owner = str((self._tls or {}).get("client_cert_thumbprint") or "")
        if self._owner:
            self.config.open[self._owner] += 1
            if self.config.open[self._owner] > self.config.most_of_one():
                self._cut(429)

    def connection_lost(self, exc: Exception | None) -> None:
        """Stop the clocks."""
        self._stop_timers()
        if self._owner:
            self.config.open[self._owner] -= 1
            if not self.config.open[self._owner]:
                del self.config.open[self._owner]
        super().connection_lost(exc)

    def pause_writing(self) -> None:
        """The peer reads slower than we write: for a while that is its right."""
        super().pause_writing()
        self._stall_timer = self.loop.call_later(STALLED_S, self.drop)

    def resume_writing(self) -> None:
        """The peer reads on."""
        super().resume_writing()
        self._stop_stall_timer()

    def data_received(self, chunk: bytes) -> None:
        """Feed the parser, unless the head is too large; the clock runs from its first byte."""
        if self.transport.is_closing():
            return
        if self._is_head_open:
            if self._head_timer is None:
                self._start_head_timer()
            self._head_bytes += len(chunk)
        super().data_received(chunk)
        if self._is_head_open and self._head_bytes > LARGEST_HEAD and not self.transport.is_closing():
            self._cut(431)

    def on_message_begin(self) -> None:
        """A request begins: its scope gets the certificate that the TLS layer verified, and the way to end all."""
        super().on_message_begin()
        extensions: dict[str, dict[object, object]] = {"cut": {"now": self.drop}}
        self.scope["extensions"] = extensions | ({"tls": self._tls} if self._tls is not None else {})

    def on_headers_complete(self) -> None:
        """The head is whole; a head that came in one piece and is too large is refused here."""
        size = len(self.url) + sum(len(name) + len(value) for name, value in self.headers)
        if size > LARGEST_HEAD:
            self._cut(431)
            return
        self._is_head_open = False
        self._stop_head_timer()
        super().on_headers_complete()

    def on_body(self, body: bytes) -> None:
        """Body bytes for the app, or for nobody when it has answered already."""
        if not self.transport.is_closing():
            super().on_body(body)

    def on_message_complete(self) -> None:
        """The request is whole; what comes next is another head."""
        if self.transport.is_closing():
            return
        super().on_message_complete()
        self._is_head_open = True
        self._head_bytes = 0
        if self._linger_timer is not None:
            self._linger_timer.cancel()
            self._linger_timer = None

    def on_response_complete(self) -> None:
        """Answered; if the body is still coming it may for a moment, then the connection ends."""
        super().on_response_complete()
        if not self._is_head_open and not self.transport.is_closing():
            self._linger_timer = self.loop.call_later(LINGER_S, self.transport.abort)

    def drop(self) -> None:
        """End the connection now. What lies unsent in its buffers and the kernel's is thrown away (a TCP reset)."""
        raw = self.transport.get_extra_info("socket")
        if raw is not None:
            with contextlib.suppress(OSError):
                raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.transport.abort()

    def send_400_response(self, msg: str) -> None:
        """What is no HTTP is answered in our shape, once."""
        if not self.transport.is_closing():
            self._cut(400)

    def _start_head_timer(self) -> None:
        self._head_timer = self.loop.call_later(self.config.header_deadline_s, self._head_is_late)

    def _head_is_late(self) -> None:
        if self._is_head_open and not self.transport.is_closing():
            self._cut(408)

    def _cut(self, status: int) -> None:
        """Answer without the app and end the connection."""
        phrase = PHRASES[status]
        body = b'{"type":"about:blank","title":"%s","status":%d}' % (phrase, status)
        head = b"HTTP/1.1 %d %s\r\ncontent-type: application/problem+json\r\ncontent-length: %d\r\n"
        head += b"retry-after: 5\r\n" if status == 429 else b""
        self.transport.write(head % (status, phrase, len(body)) + b"connection: close\r\n\r\n" + body)
        self.transport.close()
        self._stop_timers()
        if self.config.cut is not None:
            self.config.cut(status)

    def _stop_head_timer(self) -> None:
        if self._head_timer is not None:
            self._head_timer.cancel()
            self._head_timer = None

    def _stop_stall_timer(self) -> None:
        if self._stall_timer is not None:
            self._stall_timer.cancel()
            self._stall_timer = None

    def _stop_timers(self) -> None:
        self._stop_head_timer()
        self._stop_stall_timer()
        if self._linger_timer is not None:
            self._linger_timer.cancel()
            self._linger_timer = None


def thumbprint(der: bytes) -> str:
    """The certificate's ``x5t#S256`` (RFC 8705, 3.1)."""
    return base64.urlsafe_b64encode(hashlib.sha256(der).digest()).rstrip(b"=").decode()


def _tls_extension(tls: ssl.SSLObject | None) -> dict[object, object] | None:
    """The ASGI TLS extension as far as we use it; the certificate counts only because the handshake verified it."""
    if tls is None:
        return None
    der = tls.getpeercert(binary_form=True)
    is_verified = bool(der) and tls.context.verify_mode is not ssl.CERT_NONE
    shown = _verified_path(tls, der) if der and is_verified else []
    return {
        "tls_version": tls.version(),
        "cipher_suite": (tls.cipher() or ("",))[0],
        "client_cert_thumbprint": thumbprint(der) if der and is_verified else None,
        "client_cert_chain": [ssl.DER_cert_to_PEM_cert(one) for one in shown[:1]],
        "client_cert_ders": shown,
    }


def _verified_path(tls: ssl.SSLObject, leaf: bytes) -> list[bytes]:
    """The path that the handshake verified, the leaf first; the leaf alone where Python does not tell it.

    Public from Python 3.13 on; before, it is there under another name.
    """
    public = getattr(tls, "get_verified_chain", None)
    if public is not None:
        return [bytes(one) for one in public()]
    inner = getattr(getattr(tls, "_sslobj", None), "get_verified_chain", None)
    path = [bytes(one.public_bytes(_DER)) for one in (inner() or [])] if inner is not None else []
    return path if path[:1] == [leaf] else [leaf]

"""Calls over raw connections, so that the caller's own work stays small beside what it measures."""

import socket
import ssl
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import TypeAlias

HOST = "127.0.0.1"
Line: TypeAlias = ssl.SSLSocket | socket.socket


def timed(line: Line, content: bytes) -> float:
    """Seconds that one call took."""
    began = time.perf_counter()
    call(line, content)
    return time.perf_counter() - began


def call(line: Line, content: bytes) -> None:
    """One call on an open connection; the whole answer is read. AssertionError when it is a no."""
    line.sendall(content)
    answer = b""
    while b"\r\n\r\n" not in answer:
        if not (piece := line.recv(65536)):
            raise AssertionError(f"the door hung up: {answer[:200]!r}")
        answer += piece
    head, _, body = answer.partition(b"\r\n\r\n")
    if not head.startswith(b"HTTP/1.1 200"):
        raise AssertionError(answer[:900])
    wanted = int(head.lower().partition(b"content-length:")[2].split(b"\r\n")[0])
    while len(body) < wanted:
        body += line.recv(65536)


def request(method: str, path: str, headers: Mapping[str, str], body: bytes = b"") -> bytes:
    """A request as it goes over the line."""
    lines = [f"{method} {path} HTTP/1.1", f"Host: {HOST}", f"Content-Length: {len(body)}"]
    lines += [f"{name}: {value}" for name, value in headers.items()]
    return "\r\n".join([*lines, "", ""]).encode() + body


@contextmanager
def line(port: int, context: ssl.SSLContext | None) -> Iterator[Line]:
    """An open connection, with TLS where a context is given."""
    with socket.create_connection((HOST, port), timeout=30) as plain:
        plain.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if context is None:
            yield plain
            return
        with context.wrap_socket(plain, server_hostname=HOST) as line:
            yield line

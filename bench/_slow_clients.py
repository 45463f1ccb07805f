"""An honest client among slow ones: silent, without a handshake, slow in the head, slow in the body, slow to read.

Each slow client begins again when it is cut (security.md section 2).
"""

import socket
import ssl
import statistics
import threading
import time
from collections.abc import Callable, Mapping
from contextlib import suppress

from bench._calls import HOST, Line, call, line, request, timed

HEAD = b"GET /fhir/metadata HTTP/1.1\r\nHost: x\r\nX-Slow: yyyyyyyyyyyyyyyy"
BODY_HEAD = {"Content-Type": "application/x-www-form-urlencoded"}


def honest_among_slow(port: int, context: ssl.SSLContext, asked: bytes, slow: int) -> Mapping[str, float]:
    """The honest client's times alone and among the others, in turns, so that a busy machine counts for both."""
    alone: list[float] = []
    among: list[float] = []
    with line(port, context) as mine:
        for _ in range(30):
            call(mine, asked)
        for _ in range(3):
            alone += [_paced(mine, asked) for _ in range(100)]
            stop = threading.Event()
            kinds = (_silent, _no_handshake, _slow_head, _slow_body, _slow_reader)
            threads = [
                threading.Thread(target=_again_and_again, args=(kinds[n % len(kinds)], port, context, stop))
                for n in range(slow)
            ]
            for thread in threads:
                thread.start()
            time.sleep(1.0)
            among += [_paced(mine, asked) for _ in range(100)]
            stop.set()
            for thread in threads:
                thread.join()
    idle, busy = statistics.quantiles(alone, n=100), statistics.quantiles(among, n=100)
    return {
        "slow": slow,
        "p50_alone_ms": idle[49] * 1000,
        "p99_alone_ms": idle[98] * 1000,
        "p50_among_ms": busy[49] * 1000,
        "p99_among_ms": busy[98] * 1000,
        "ratio_p99": busy[98] / idle[98],
    }


def _paced(mine: Line, content: bytes) -> float:
    time.sleep(0.005)
    return timed(mine, content)


def _again_and_again(
    kind: Callable[[int, ssl.SSLContext, threading.Event], None],
    port: int,
    context: ssl.SSLContext,
    stop: threading.Event,
) -> None:
    while not stop.is_set():
        with suppress(OSError):
            kind(port, context, stop)


def _silent(port: int, context: ssl.SSLContext, stop: threading.Event) -> None:
    with line(port, context):
        stop.wait(10)


def _no_handshake(port: int, _context: ssl.SSLContext, stop: threading.Event) -> None:
    with socket.create_connection((HOST, port), timeout=5) as plain:
        plain.sendall(b"\x16\x03\x01")
        stop.wait(10)


def _slow_head(port: int, context: ssl.SSLContext, stop: threading.Event) -> None:
    with line(port, context) as mine:
        for byte in HEAD:
            mine.sendall(bytes([byte]))
            if stop.wait(0.2):
                return


def _slow_body(port: int, context: ssl.SSLContext, stop: threading.Event) -> None:
    with line(port, context) as mine:
        mine.sendall(request("POST", "/token", BODY_HEAD, b"x" * 900)[:-899])
        while not stop.wait(0.5):
            mine.sendall(b"x")


def _slow_reader(port: int, context: ssl.SSLContext, stop: threading.Event) -> None:
    with line(port, context) as mine:
        mine.sendall(request("GET", "/fhir/metadata", {}))
        stop.wait(10)

"""Several doors in one process: sockets, TLS, and an end that lets requests in flight finish."""

import asyncio
import contextlib
import os
import signal
import socket
import ssl
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import uvicorn
import uvloop

from interpayer.gateway.protocol import DoorConfig
from interpayer.system.telemetry import log

# A peer that connects and says nothing is let go at the same time as one that sends half a head.
HANDSHAKE_S = 5.0
# How long a peer may take to say goodbye in TLS before the connection is dropped.
SHUTDOWN_S = 5.0
START_S = 15.0
MOST_OF_ONE = 200
# How often files that may change (certificates, authorities) are looked at.
LOOK_S = 2.0
UNIX = "unix:"
# What the kernel may hold for a peer that reads slowly: it cannot be called back when a member says no.
SEND_BUFFER = 256 * 1024


@dataclass(frozen=True, slots=True)
class Listener:
    """One door: its app, where it listens (host:port; port 0 takes a free one; unix:/path), its TLS.

    `look` is called every two seconds, off the loop: certificates and authorities are renewed there. `most_of_one`:
    how many connections one client certificate may hold open.
    """

    app: Any
    address: str
    tls: ssl.SSLContext | None
    header_deadline_s: float = 5.0
    most_connections: int = 2000
    most_of_one: Callable[[], int] = lambda: MOST_OF_ONE
    look: Callable[[], object] | None = None


def serve(listeners: Sequence[Listener], *, grace_s: int = 20, ready: Callable[[], None] | None = None) -> None:
    """All doors until SIGTERM or SIGINT: then no new connections, requests in flight finish within `grace_s`."""
    doors = Doors(listeners, grace_s=grace_s)

    async def until_told() -> None:
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, doors.tell_end)
        await doors.run(ready)

    uvloop.run(until_told())


class Doors:
    """The doors as an object: run in this thread's loop, or started and stopped beside it (tests, demo)."""

    def __init__(self, listeners: Sequence[Listener], *, grace_s: int = 20) -> None:
        self._listeners = tuple(listeners)
        self._sockets = [_bound(listener.address) for listener in listeners]
        self._servers = [_DoorServer(_config(listener, grace_s)) for listener in listeners]
        self._thread: threading.Thread | None = None
        self._is_open = threading.Event()
        self._failure: Exception | None = None

    @property
    def addresses(self) -> list[str]:
        """host:port of each door, with the ports that were taken."""
        return [_shown(bound) for bound in self._sockets]

    async def run(self, ready: Callable[[], None] | None = None) -> None:
        """Serve until `tell_end`."""
        opened = asyncio.create_task(self._announce(ready))
        looking = asyncio.create_task(self._look())
        pairs = zip(self._servers, self._sockets, strict=True)
        try:
            await asyncio.gather(*(server.serve(sockets=[bound]) for server, bound in pairs))
        finally:
            opened.cancel()
            looking.cancel()
            for bound in self._sockets:
                bound.close()

    def tell_end(self) -> None:
        """Begin the end: every door stops accepting; returns at once."""
        for server in self._servers:
            server.should_exit = True

    def start(self) -> "Doors":
        """Serve in a thread; returns when every door accepts."""
        self._thread = threading.Thread(target=self._run_beside, name="doors", daemon=True)
        self._thread.start()
        latest = time.monotonic() + START_S
        while not self._is_open.wait(0.05):
            if not self._thread.is_alive() or time.monotonic() > latest:
                raise RuntimeError("the doors did not open") from self._failure
        return self

    def stop(self) -> None:
        """End and wait until the last request is answered."""
        self.tell_end()
        if self._thread is not None:
            self._thread.join()
        if self._failure is not None:
            raise RuntimeError("the doors broke") from self._failure

    def _run_beside(self) -> None:
        try:
            uvloop.run(self.run())
        except Exception as error:
            self._failure = error

    async def _announce(self, ready: Callable[[], None] | None) -> None:
        while not all(server.started for server in self._servers):
            await asyncio.sleep(0.01)
        self._is_open.set()
        if ready is not None:
            ready()

    async def _look(self) -> None:
        looks = [listener.look for listener in self._listeners if listener.look is not None]
        while looks:
            await asyncio.sleep(LOOK_S)
            for look in looks:
                try:
                    await asyncio.to_thread(look)
                except Exception as error:
                    log.error("looking at changed files failed", exc_info=error)


class _DoorServer(uvicorn.Server):
    """uvicorn's server without its signals (one process has several doors) and with a deadline for the handshake."""

    def capture_signals(self) -> contextlib.AbstractContextManager[None]:  # type: ignore[override]
        return contextlib.nullcontext()

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await self.lifespan.startup()
        if self.lifespan.should_exit:
            raise RuntimeError("a door could not start")
        loop = asyncio.get_running_loop()
        config = self.config
        limits: dict[str, Any] = {}
        if config.ssl is not None:
            limits = {"ssl_handshake_timeout": HANDSHAKE_S, "ssl_shutdown_timeout": SHUTDOWN_S}
        self.servers = []
        for bound in sockets or []:
            # typed as one of them: both take the same
            make: Any = loop.create_unix_server if bound.family == socket.AF_UNIX else loop.create_server
            self.servers.append(
                await make(self._connection, sock=bound, ssl=config.ssl, backlog=config.backlog, **limits)
            )
        self.started = True

    def _connection(self) -> asyncio.Protocol:
        make: Any = self.config.http_protocol_class
        protocol: asyncio.Protocol = make(
            config=self.config, server_state=self.server_state, app_state=self.lifespan.state
        )
        return protocol


def _config(listener: Listener, grace_s: int) -> DoorConfig:
    tls = listener.tls
    return DoorConfig(
        listener.app,
        header_deadline_s=listener.header_deadline_s,
        cut=getattr(getattr(listener.app, "state", None), "cut", None),
        most_of_one=listener.most_of_one,
        interface="asgi3",
        ws="none",
        lifespan="on",
        log_config=None,
        access_log=False,
        proxy_headers=False,
        server_header=False,
        limit_concurrency=listener.most_connections,
        timeout_keep_alive=30,
        timeout_graceful_shutdown=grace_s,
        ssl_context_factory=None if tls is None else lambda _config, _default: tls,
    )


def _shown(bound: socket.socket) -> str:
    name = bound.getsockname()
    return f"{UNIX}{name}" if bound.family == socket.AF_UNIX else "{}:{}".format(*name[:2])


def _bound(address: str) -> socket.socket:
    if address.startswith(UNIX):
        return _bound_unix(Path(address.removeprefix(UNIX)))
    host, _, port = address.rpartition(":")
    host = host.strip("[]")
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    bound = socket.socket(family, socket.SOCK_STREAM)
    bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    # Handed on to every connection.
    bound.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, SEND_BUFFER)
    bound.bind((host, int(port)))
    return bound


def _bound_unix(path: Path) -> socket.socket:
    """A socket for a proxy on this machine: its user and group only (set the group of the folder to the proxy's)."""
    with contextlib.suppress(FileNotFoundError):
        if path.is_socket():
            path.unlink()
    bound = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    bound.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, SEND_BUFFER)
    before = os.umask(0o117)
    try:
        bound.bind(str(path))
    finally:
        os.umask(before)
    return bound

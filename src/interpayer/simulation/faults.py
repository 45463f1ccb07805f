"""A bad line between two payers: a TCP relay that loses, delays and cuts connections, by seed.

It moves bytes and understands none, so TLS passes through it. What happens to connection number n depends on the seed
and n only; a drill that fails can be run again.
"""

import asyncio
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from random import Random

from interpayer.simulation.names import dice

_CHUNK = 16 * 1024


@dataclass(frozen=True, slots=True)
class Weather:
    """How often a connection is lost at once, swallowed in silence, or cut on the way; how slow each chunk is."""

    lost: float = 0.0
    silent: float = 0.0
    cut: float = 0.0
    cut_after_bytes: tuple[int, int] = (200, 20_000)
    delay_s: tuple[float, float] = (0.0, 0.0)


CLEAR = Weather()


class FaultyLine:
    """Relays connections to one target; `weather` may be changed while it runs, `happened` counts what it did."""

    def __init__(self, host: str, port: int, *, seed: int, weather: Weather = CLEAR) -> None:
        self.weather = weather
        self.happened: Counter[str] = Counter()
        self.port = 0
        self._target = (host, port)
        self._seed = seed
        self._connections = 0
        self._server: asyncio.Server | None = None
        self._open: set[asyncio.StreamWriter] = set()

    async def start(self) -> None:
        """Listens on a free loopback port, then known as `port`."""
        self._server = await asyncio.start_server(self._relay, "127.0.0.1", 0)
        self.port = self._server.sockets[0].getsockname()[1]

    async def stop(self) -> None:
        """Stops listening and cuts what is still open."""
        if self._server is not None:
            self._server.close()
        for writer in list(self._open):
            writer.transport.abort()
        if self._server is not None:
            await self._server.wait_closed()

    async def _relay(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._connections += 1
        rolls = dice(self._seed, "line", self._connections)
        weather, fate = self.weather, rolls.random()
        self._open.add(writer)
        try:
            if fate < weather.lost:
                self.happened["lost"] += 1
                writer.transport.abort()
            elif fate < weather.lost + weather.silent:
                self.happened["silent"] += 1
                await _swallow(reader)
            else:
                is_cut = fate < weather.lost + weather.silent + weather.cut
                self.happened["cut" if is_cut else "relayed"] += 1
                await self._join(reader, writer, rolls, rolls.randrange(*weather.cut_after_bytes) if is_cut else None)
        except OSError:
            self.happened["target_gone"] += 1
        finally:
            self._open.discard(writer)
            writer.close()

    async def _join(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, rolls: Random, allowance: int | None
    ) -> None:
        """Both directions until both ended, or until the answer has used up its allowance of bytes."""
        far_reader, far_writer = await asyncio.open_connection(*self._target)
        self._open.add(far_writer)
        try:
            # only the answer is cut: the target has done its work by then, which is the case that needs care
            async with asyncio.TaskGroup() as both:
                both.create_task(self._carry(reader, far_writer, rolls, None))
                both.create_task(self._carry(far_reader, writer, rolls, allowance))
        except* OSError:
            writer.transport.abort()
        finally:
            self._open.discard(far_writer)
            far_writer.close()

    async def _carry(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, rolls: Random, allowance: int | None
    ) -> None:
        while chunk := await reader.read(_CHUNK):
            least, most = self.weather.delay_s
            if most > 0:
                await asyncio.sleep(rolls.uniform(least, most))
            if allowance is not None and len(chunk) >= allowance:
                writer.write(chunk[:allowance])
                await writer.drain()
                raise ConnectionAbortedError
            allowance = allowance - len(chunk) if allowance is not None else None
            writer.write(chunk)
            await writer.drain()
        if writer.can_write_eof():
            writer.write_eof()


@contextmanager
def faulty_line(host: str, port: int, *, seed: int, weather: Weather = CLEAR) -> Iterator[FaultyLine]:
    """A running line, in a thread of its own, for callers that are not asynchronous."""
    line = FaultyLine(host, port, seed=seed, weather=weather)
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, name="faulty-line", daemon=True)
    thread.start()
    try:
        asyncio.run_coroutine_threadsafe(line.start(), loop).result(10)
        yield line
    finally:
        with suppress(TimeoutError):
            asyncio.run_coroutine_threadsafe(line.stop(), loop).result(10)
        asyncio.run_coroutine_threadsafe(_settle(), loop).result(10)
        loop.call_soon_threadsafe(loop.stop)
        thread.join(10)
        loop.close()


async def _swallow(reader: asyncio.StreamReader) -> None:
    while await reader.read(_CHUNK):
        pass


async def _settle() -> None:
    """Cancels what still runs in this loop and waits for it."""
    rest = asyncio.all_tasks() - {asyncio.current_task()}
    for task in rest:
        task.cancel()
    await asyncio.gather(*rest, return_exceptions=True)

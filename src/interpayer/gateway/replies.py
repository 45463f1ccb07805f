"""An answer as HTTP: headers that every answer has, JSON or a stream, and nothing about a failure in the middle."""

import asyncio
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

import orjson
from anyio import to_thread
from starlette.responses import Response, StreamingResponse
from starlette.types import Receive, Scope, Send

from interpayer.gateway.door import Answer, Context
from interpayer.system.telemetry import log

# How often a stream's permission is asked while its bytes go out.
WATCH_S = 0.25


def reply(answer: Answer, context: Context) -> Response:
    """The HTTP response; a body that is an iterable is streamed, one piece at a time, on a thread."""
    headers = {
        "Cache-Control": "no-store",
        **answer.headers,
        "X-Correlation-Id": context.correlation_id,
        "X-Content-Type-Options": "nosniff",
    }
    body = answer.body
    if body is None:
        return Response(status_code=answer.status, headers=headers)
    if isinstance(body, bytes):
        return Response(body, answer.status, headers, answer.media_type)
    if isinstance(body, Mapping | list):
        return Response(orjson.dumps(body), answer.status, headers, answer.media_type)
    stream = _Stream(_closing(body), answer.status, headers, answer.media_type)
    stream.still_allowed = answer.still_allowed
    return stream


class _Stream(StreamingResponse):
    """A stream that breaks off is cut, so that its end is never mistaken for the whole."""

    still_allowed: Callable[[], bool] | None = None
    _cut: Callable[[], None] | None = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        self._cut = scope.get("extensions", {}).get("cut", {}).get("now")
        await super().__call__(scope, receive, send)

    async def stream_response(self, send: Send) -> None:
        watching = asyncio.create_task(self._watch())
        try:
            await super().stream_response(send)
        except Exception as error:
            log.error("a stream broke off", exc_info=error)
            self._end()
        finally:
            watching.cancel()

    async def _watch(self) -> None:
        """A peer that reads slowly leaves bytes in our buffers; when they may not go any more, they do not."""
        while self.still_allowed is not None:
            await asyncio.sleep(WATCH_S)
            if not await to_thread.run_sync(self.still_allowed):
                self._end()
                return

    def _end(self) -> None:
        if self._cut is not None:
            self._cut()


def _closing(chunks: Iterable[bytes]) -> Iterator[bytes]:
    """The chunks; a generator that nobody reads to its end is closed, so that what it holds is given back."""
    try:
        yield from chunks
    finally:
        close: Any = getattr(chunks, "close", None)
        if close is not None:
            close()

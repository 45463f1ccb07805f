"""An answer as HTTP: headers that every answer has, JSON or a stream, and nothing about a failure in the middle."""

import logging
import traceback
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import orjson
from starlette.responses import Response, StreamingResponse
from starlette.types import Send

from interpayer.gateway.door import Answer, Context

log = logging.getLogger("interpayer.gateway")


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
    return _Stream(_closing(body), answer.status, headers, answer.media_type)


def where(error: BaseException) -> str:
    """What broke and where, without the words of the error: they may hold a member's data."""
    frames = traceback.extract_tb(error.__traceback__)[-4:]
    places = [f"{frame.filename.rpartition('/')[2]}:{frame.lineno}" for frame in frames]
    return f"{type(error).__name__} at {' < '.join(reversed(places))}"


class _Stream(StreamingResponse):
    """A stream that breaks off is cut, so that its end is never mistaken for the whole."""

    async def stream_response(self, send: Send) -> None:
        try:
            await super().stream_response(send)
        except Exception as error:
            log.error("a stream broke off: %s", where(error))


def _closing(chunks: Iterable[bytes]) -> Iterator[bytes]:
    """The chunks; a generator that nobody reads to its end is closed, so that what it holds is given back."""
    try:
        yield from chunks
    finally:
        close: Any = getattr(chunks, "close", None)
        if close is not None:
            close()

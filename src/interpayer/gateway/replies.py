"""An answer as HTTP: headers that every answer has, JSON or a stream, and nothing about a failure in the middle."""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import orjson
from starlette.responses import Response, StreamingResponse
from starlette.types import Send

from interpayer.gateway.door import Answer, Context
from interpayer.system.telemetry import log


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


class _Stream(StreamingResponse):
    """A stream that breaks off is cut, so that its end is never mistaken for the whole."""

    async def stream_response(self, send: Send) -> None:
        try:
            await super().stream_response(send)
        except Exception as error:
            log.error("a stream broke off", exc_info=error)


def _closing(chunks: Iterable[bytes]) -> Iterator[bytes]:
    """The chunks; a generator that nobody reads to its end is closed, so that what it holds is given back."""
    try:
        yield from chunks
    finally:
        close: Any = getattr(chunks, "close", None)
        if close is not None:
            close()

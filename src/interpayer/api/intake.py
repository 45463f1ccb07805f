"""Reading a call without trusting it: body, media type, parameters, correlation; every no is noted."""

import asyncio
import re
from collections.abc import Collection
from typing import Any

import orjson
from fastapi import Request
from starlette.concurrency import run_in_threadpool
from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from interpayer.exchange.tools import Tools
from interpayer.model.reason import Refusal
from interpayer.operations.refusals import Refusals, Refused
from interpayer.system.clock import now
from interpayer.system.ids import new_id
from interpayer.system.telemetry import get_logger

MAXIMUM_BYTES = 1024 * 1024
# What somebody may send who has not logged in.
MAXIMUM_OPEN_BYTES = 64 * 1024
BODY_DEADLINE_S = 10.0
CORRELATION = re.compile(r"[A-Za-z0-9.-]{8,64}")
log = get_logger()


class LimitedRequest(Request):
    """A request whose body is at most 1 MiB, comes in time and is strict JSON."""

    maximum_bytes = MAXIMUM_BYTES

    async def body(self) -> bytes:
        """The whole body; `Refusal` when it is larger, comes too slowly or holds NUL."""
        kept: bytes | None = getattr(self, "_kept", None)
        if kept is None:
            try:
                async with asyncio.timeout(BODY_DEADLINE_S):
                    kept = await self._read()
            except TimeoutError:
                raise Refusal("request.malformed", "the body came too slowly") from None
            self._kept = kept
        return kept

    async def json(self) -> Any:
        """The JSON value; NaN and lone surrogates are no JSON of ours."""
        return orjson.loads(await self.body())

    async def _read(self) -> bytes:
        announced = self.headers.get("content-length", "")
        if announced.isdecimal() and int(announced) > self.maximum_bytes:
            raise Refusal("request.too_large", f"at most {self.maximum_bytes} bytes")
        content = bytearray()
        async for chunk in self.stream():
            content += chunk
            if len(content) > self.maximum_bytes:
                raise Refusal("request.too_large", f"at most {self.maximum_bytes} bytes")
        if b"\\u0000" in content:
            raise Refusal("request.malformed", "the body holds the character NUL")
        return bytes(content)


def check_media(request: Request) -> None:
    """`Refusal` when the body is not plain JSON."""
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind != "application/json":
        raise Refusal("request.unsupported_media", "the body must be application/json")
    if request.headers.get("content-encoding", "identity").strip().lower() != "identity":
        raise Refusal("request.unsupported_media", "the body must not be compressed")


def check_query(request: Request, known: Collection[str]) -> None:
    """`Refusal` when a parameter is not known here, or comes twice."""
    names = [name for name, _ in request.query_params.multi_items()]
    if set(names) - set(known) or len(names) != len(set(names)):
        raise Refusal("request.unsupported_parameter", f"known here, once each: {', '.join(sorted(known)) or 'none'}")


class Admission:
    """Around every call: a correlation id, answers that nobody caches, and an event for every no."""

    def __init__(self, app: ASGIApp, tools: Tools) -> None:
        self._app = app
        self._refusals = Refusals(tools)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one call."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        state = scope.setdefault("state", {})
        given = Headers(scope=scope).get("x-correlation-id", "")
        state["correlation_id"] = given if CORRELATION.fullmatch(given) else new_id("r")

        async def answer(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                headers["X-Correlation-Id"] = state["correlation_id"]
                headers["Cache-Control"] = "no-store"
                headers["X-Content-Type-Options"] = "nosniff"
                if 400 <= message["status"] < 500:
                    await run_in_threadpool(self._note, scope, message["status"])
            await send(message)

        await self._app(scope, receive, answer)

    def _note(self, scope: Scope, status: int) -> None:
        state = scope["state"]
        person = state.get("person")
        refused = Refused(
            reason=state.get("reason", "request.malformed"),
            # never the path as sent: it may hold anything
            route=f"{scope['method']} {getattr(scope.get('route'), 'path', 'no route')}"[:120],
            status=status,
            at=now(),
            person_id=person.id if person else None,
            person_kind=person.kind if person else "system",
            correlation_id=state["correlation_id"],
        )
        try:
            self._refusals.note(refused)
        except Exception as error:  # the no stands, even when the ledger is away
            log.error("api.refusal_not_recorded", exc_info=error)

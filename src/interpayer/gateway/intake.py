"""Reading a request without trusting it: correlation, media types, size, time and depth of its body."""

import asyncio
import re
import secrets
from collections.abc import AsyncIterator, Mapping
from datetime import datetime
from typing import Any

import orjson
from starlette.requests import ClientDisconnect

from interpayer.gateway.door import Body, Context, Operation
from interpayer.model.reason import Refusal
from interpayer.system.ids import new_id
from interpayer.system.nesting import DEEPEST, is_deep

JSON_TYPES = frozenset({"application/fhir+json", "application/json"})
# What a caller may want: every spelling of JSON and NDJSON that the guides use.
ANSWER_TYPES = frozenset(
    {*JSON_TYPES, "*/*", "application/*", "application/fhir+ndjson", "application/ndjson", "application/x-ndjson"}
)
FORMATS = frozenset({"json", *JSON_TYPES, "application/fhir json", "application/fhir+ndjson"})
BODY_DEADLINE_S = 10.0
# A large body may take longer, as long as it moves at this pace (security.md B7).
SLOWEST_BYTES_PER_S = 256 * 1024
# Also a legal FHIR id, because it becomes the id of an OperationOutcome.
CORRELATION = re.compile(r"[A-Za-z0-9.-]{8,64}")
TRACEPARENT = re.compile(r"[0-9a-f]{2}-(?P<trace>(?!0{32})[0-9a-f]{32})-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}")
RESOURCE_ID = re.compile(r"[A-Za-z0-9.-]{1,64}")


def context_of(headers: Mapping[str, str], at: datetime) -> Context:
    """What joins both payers' records: their correlation id if it is well formed, a new trace, theirs as a link."""
    theirs = headers.get("x-correlation-id", "")
    linked = TRACEPARENT.fullmatch(headers.get("traceparent", ""))
    return Context(
        correlation_id=theirs if CORRELATION.fullmatch(theirs) else new_id("r"),
        trace_id=secrets.token_hex(16),
        linked_trace=linked["trace"] if linked else None,
        received_at=at,
    )


def check_media(headers: Mapping[str, str], query: Mapping[str, tuple[str, ...]], operation: Operation) -> None:
    """`Refusal` when the body is not JSON, is packed, or only other kinds of answer are wanted."""
    if operation.body is not Body.NONE and has_body(headers):
        kind = headers.get("content-type", "").partition(";")[0].strip().lower()
        if kind not in JSON_TYPES:
            raise Refusal("request.unsupported_media", "the body must be application/fhir+json")
        if headers.get("content-encoding", "identity").strip().lower() != "identity":
            raise Refusal("request.unsupported_media", "the body must not be compressed")
    if any(value not in FORMATS for value in query.get("_format", ())):
        raise Refusal("request.unsupported_media", "_format must be json")


def wants_other(headers: Mapping[str, str]) -> bool:
    """Whether Accept names only kinds of answer that we do not have."""
    wanted = [kind.partition(";")[0].strip().lower() for kind in headers.get("accept", "*/*").split(",")]
    return not any(kind in ANSWER_TYPES for kind in wanted)


def has_body(headers: Mapping[str, str]) -> bool:
    """Whether the request announces a body."""
    return headers.get("content-length", "0") != "0" or "transfer-encoding" in headers


async def read_body(chunks: AsyncIterator[bytes], headers: Mapping[str, str], *, maximum_bytes: int) -> bytes:
    """The whole body; `Refusal` as soon as it is known to be too large, `TimeoutError` when it comes too slowly."""
    announced = headers.get("content-length", "")
    length = int(announced) if announced.isascii() and announced.isdecimal() and len(announced) < 16 else 0
    if length > maximum_bytes:
        raise Refusal("request.too_large", f"at most {maximum_bytes} bytes")
    try:
        async with asyncio.timeout(BODY_DEADLINE_S + length / SLOWEST_BYTES_PER_S):
            return await _gathered(chunks, maximum_bytes)
    except ClientDisconnect:
        # nobody reads the answer; on the ledger it is what it was, and no fault of ours
        raise Refusal("request.malformed", "the connection ended before the body") from None


async def _gathered(chunks: AsyncIterator[bytes], maximum_bytes: int) -> bytes:
    content = bytearray()
    async for chunk in chunks:
        content += chunk
        if len(content) > maximum_bytes:
            raise Refusal("request.too_large", f"at most {maximum_bytes} bytes")
    return bytes(content)


def read_object(raw: bytes) -> dict[str, Any]:
    """The JSON object in these bytes; `Refusal` when it is none, is nested too deeply or holds NUL."""
    if is_deep(raw):
        raise Refusal("request.malformed", f"the body is nested deeper than {DEEPEST} levels")
    if b"\\u0000" in raw:
        raise Refusal("request.malformed", "the body holds the character NUL")
    try:
        value = orjson.loads(raw)
    except orjson.JSONDecodeError:
        raise Refusal("request.malformed", "the body is no JSON") from None
    if not isinstance(value, dict):
        raise Refusal("request.malformed", "the body is no JSON object")
    return value


def check_ids(parameters: Mapping[str, str]) -> None:
    """`Refusal` request.not_found for what cannot be a FHIR id: nothing has it, and no store is asked."""
    if not all(RESOURCE_ID.fullmatch(value) for value in parameters.values()):
        raise Refusal("request.not_found")

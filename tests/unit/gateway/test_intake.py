"""What is read of a request before anybody trusts it."""

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as some
from starlette.requests import ClientDisconnect

from interpayer.gateway.intake import DEEPEST, context_of, read_body, read_object, wants_other
from interpayer.model.reason import Refusal

AT = datetime(2026, 11, 21, tzinfo=UTC)


@pytest.mark.parametrize(
    ("sent", "is_kept"),
    [
        ("3f2b8c1e-0d6a-4b6e-9b1e-000000000001", True),
        ("x-abcdefghijklmnopqrstuvwxyz", True),
        ("a" * 64, True),
        ("a" * 65, False),
        ("short", False),
        ("Jane Doe 1961", False),
        ("a\r\nSet-Cookie: b=c", False),
        ("", False),
    ],
)
def test_a_correlation_id_is_kept_when_it_is_one(sent: str, is_kept: bool) -> None:
    context = context_of({"x-correlation-id": sent}, AT)
    assert (context.correlation_id == sent) is is_kept
    assert len(context.correlation_id) >= 8


@pytest.mark.parametrize(
    ("sent", "linked"),
    [
        (f"00-{'a' * 32}-{'b' * 16}-01", "a" * 32),
        (f"00-{'0' * 32}-{'b' * 16}-01", None),
        (f"00-{'a' * 32}-{'0' * 16}-01", None),
        (f"00-{'A' * 32}-{'b' * 16}-01", None),
        ("nonsense", None),
    ],
)
def test_their_trace_is_linked_and_never_continued(sent: str, linked: str | None) -> None:
    context = context_of({"traceparent": sent}, AT)
    assert context.linked_trace == linked
    assert context.trace_id != "a" * 32
    assert context.trace_id != context_of({"traceparent": sent}, AT).trace_id


def nested(depth: int, kind: str) -> bytes:
    opening = {"objects": ('{"a":', "}"), "lists": ("[", "]")}[kind]
    if kind == "lists":
        return ('{"a":' + "[" * (depth - 1) + "]" * (depth - 1) + "}").encode()
    return (opening[0] * depth + "1" + opening[1] * depth).encode()


@pytest.mark.parametrize("kind", ["objects", "lists"])
def test_depth_is_counted_exactly(kind: str) -> None:
    assert read_object(nested(DEEPEST, kind))
    for depth in (DEEPEST + 1, 500, 5000):
        with pytest.raises(Refusal):
            read_object(nested(depth, kind))


def test_brackets_in_texts_are_no_depth() -> None:
    assert read_object(b'{"a": "' + b"[{" * 500 + b'", "b": "\\"' + b"]" * 500 + b'"}')


JSON_VALUES = some.recursive(
    some.none() | some.text(max_size=5),
    lambda inner: some.lists(inner) | some.dictionaries(some.text(max_size=3), inner),
    max_leaves=20,
)


@given(JSON_VALUES)
def test_what_is_json_is_read_as_it_is(value: object) -> None:
    raw = orjson.dumps({"value": value})
    if b"\\u0000" not in raw:
        assert read_object(raw) == {"value": value}


@given(some.binary(max_size=200))
def test_no_bytes_do_anything_but_be_read_or_refused(raw: bytes) -> None:
    try:
        assert isinstance(read_object(raw), dict)
    except Refusal as refusal:
        assert refusal.reason == "request.malformed"


async def chunks(*parts: bytes, wait_s: float = 0) -> AsyncIterator[bytes]:
    for part in parts:
        await asyncio.sleep(wait_s)
        yield part


@pytest.mark.parametrize(
    ("length", "parts", "is_read"),
    [
        ("4", [b"ab", b"cd"], True),
        ("", [b"ab", b"cd"], True),
        ("99", [b"ab"], False),
        ("", [b"abcd", b"e"], False),
        ("4", [b"abcde"], False),
        ("9" * 30, [b"ab"], True),
        ("\u0664", [b"ab"], True),
        ("-1", [b"ab"], True),
    ],
)
def test_a_body_is_read_up_to_its_limit(length: str, parts: list[bytes], is_read: bool) -> None:
    reading = read_body(chunks(*parts), {"content-length": length}, maximum_bytes=4)
    if is_read:
        assert asyncio.run(reading) == b"".join(parts)
    else:
        with pytest.raises(Refusal) as caught:
            asyncio.run(reading)
        assert caught.value.reason == "request.too_large"


def test_a_slow_body_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("interpayer.gateway.intake.BODY_DEADLINE_S", 0.02)
    with pytest.raises(TimeoutError):
        asyncio.run(read_body(chunks(b"a", b"b", wait_s=0.05), {}, maximum_bytes=10))


def test_a_caller_that_goes_away_is_no_fault_of_ours() -> None:
    async def gone() -> AsyncIterator[bytes]:
        yield b"half"
        raise ClientDisconnect

    with pytest.raises(Refusal) as caught:
        asyncio.run(read_body(gone(), {}, maximum_bytes=10))
    assert caught.value.reason == "request.malformed"


@pytest.mark.parametrize(
    ("accept", "is_other"),
    [
        (None, False),
        ("*/*", False),
        ("application/fhir+json; fhirVersion=4.0", False),
        ("text/html, application/json;q=0.5", False),
        ("application/fhir+ndjson", False),
        ("text/html", True),
        ("application/fhir+xml", True),
        ("", True),
    ],
)
def test_answers_that_we_do_not_have(accept: str | None, is_other: bool) -> None:
    assert wants_other({} if accept is None else {"accept": accept}) is is_other

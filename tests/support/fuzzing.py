"""A stranger that reads a description of a door and calls it in every right and wrong way (schemathesis)."""

import re
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from typing import Any

import schemathesis
from hypothesis import HealthCheck, given, settings
from hypothesis.errors import Unsatisfiable
from schemathesis import GenerationMode

from interpayer.gateway.door import Body, Operation

PARAMETER = re.compile(r"\{(\w+)(?::\w+)?\}")
# What the guides' operations understand, and what they do not.
QUERY = ("_type", "_since", "_until", "_outputFormat", "_count", "_format", "_typeFilter", "patient", "identifier",
         "code", "exportType", "_elements", "unknown")  # fmt: skip
HEADERS = ("Prefer", "Accept", "Idempotency-Key", "X-Correlation-Id", "traceparent", "Range", "If-Range", "Client-Cert")
# Depths that random objects would hardly reach.
PARAMETERS = {
    "type": "object",
    "required": ["resourceType", "parameter"],
    "properties": {
        "resourceType": {"enum": ["Parameters", "Patient", ""]},
        "parameter": {
            "type": "array",
            "maxItems": 4,
            "items": {
                "type": "object",
                "properties": {
                    "name": {"enum": ["MemberPatient", "CoverageToMatch", "CoverageToLink", "Consent", "MemberBundle",
                                      "exportType", "_type", "_since", "patient", "resource"]},
                    "resource": {
                        "type": "object",
                        "properties": {
                            "resourceType": {"enum": ["Patient", "Coverage", "Consent", "Group", None, 5]},
                            "id": {"type": ["string", "integer"]},
                            "name": {"type": ["array", "object", "string"]},
                            "birthDate": {"type": ["string", "integer"]},
                            "identifier": {"type": ["array", "object", "null"]},
                            "period": {"type": ["object", "string"]},
                            "policy": {"type": ["array", "object"]},
                            "provision": {"type": ["object", "array", "string"]},
                            "payor": {"type": ["array", "string"]},
                        },
                    },
                    "part": {"type": ["array", "object"]},
                    "valueString": {"type": ["string", "null"]},
                    "valueReference": {"type": ["object", "string"]},
                },
            },
        },
    },
}  # fmt: skip


def described(operations: Sequence[Operation], documents: Sequence[str]) -> dict[str, Any]:
    """An OpenAPI document of the partners' door: the operations, the documents, and the token endpoint."""
    paths: dict[str, Any] = {path: {"get": _call(path)} for path in documents}
    for operation in operations:
        path = PARAMETER.sub(r"{\1}", f"/fhir{operation.path}")
        paths.setdefault(path, {})[operation.method.lower()] = _call(path, operation)
    form = {"type": "object", "additionalProperties": {"type": "string"}, "properties": {
        name: {"type": "string"}
        for name in ("grant_type", "scope", "client_assertion_type", "client_assertion", "udap")
    }}  # fmt: skip
    paths["/token"] = {"post": {**_call("/token"), "requestBody": _body("application/x-www-form-urlencoded", form)}}
    anything = {"type": ["object", "array", "string", "null"]}
    paths["/register"] = {"post": {**_call("/register"), "requestBody": _body("application/json", anything)}}
    return {"openapi": "3.1.0", "info": {"title": "The partners' door", "version": "1"}, "paths": paths}


def _call(path: str, operation: Operation | None = None) -> dict[str, Any]:
    named = [{"name": name, "in": "path", "required": True, "schema": {"type": "string"}}
             for name in PARAMETER.findall(path)]  # fmt: skip
    # each call gets some of them: making all for every call would cost more than the calls
    turn = len(path)
    asked = [{"name": name, "in": "query", "schema": {"type": "string"}} for name in QUERY[turn % 3 :: 3]]
    headed = [{"name": name, "in": "header", "schema": {"type": "string"}} for name in HEADERS[turn % 3 :: 3]]
    call: dict[str, Any] = {
        "parameters": [*named, *asked, *headed],
        "responses": {"default": {"description": "anything but a fault of ours"}},
    }
    if operation is not None and operation.body is not Body.NONE:
        call["requestBody"] = _body("application/fhir+json", {"anyOf": [PARAMETERS, {"type": "object"}]})
    return call


def _body(kind: str, schema: Mapping[str, Any]) -> dict[str, Any]:
    return {"content": {kind: {"schema": schema}}}


def fuzz(document: Mapping[str, Any], call: Callable[..., None], *, calls: int) -> int:
    """About so many calls, the same number for each operation and way; how many were made. `call` judges the answer."""
    schema = schemathesis.openapi.from_dict(dict(document))
    found = [result.ok() for result in schema.get_all_operations()]
    each = max(1, calls // (2 * len(found)))
    made = 0
    for operation in found:
        for mode in GenerationMode:
            made += _fuzzed(operation, mode, call, each)
    return made


def _fuzzed(operation: Any, mode: GenerationMode, call: Callable[..., None], each: int) -> int:
    made = [0]

    @settings(
        max_examples=each, database=None, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck)
    )
    @given(operation.as_strategy(generation_mode=mode))
    def run(case: Any) -> None:
        made[0] += 1
        call(**_sendable(case.as_transport_kwargs(base_url="https://127.0.0.1")))

    # a call without parameters or body cannot be made wrongly
    with suppress(Unsatisfiable):
        run()
    return made[0]


def _sendable(given: dict[str, Any]) -> dict[str, Any]:
    """The call as an HTTP client can send it: values of the address as text, headers without what HTTP forbids."""
    content = {name: given[name] for name in ("json", "data", "content") if name in given}
    if isinstance(content.get("data"), bytes | str):
        content["content"] = content.pop("data")
    params = {str(name): _text(value) for name, value in (given.get("params") or {}).items()}
    headers = {
        name: text
        for name, value in (given.get("headers") or {}).items()
        if (text := _text(value).encode("latin-1", "replace").decode("latin-1")).isprintable()
    }
    return {"method": given["method"], "url": given["url"], "params": params, "headers": headers, **content}


def _text(value: Any) -> str:
    return str(value).encode("utf-8", "replace").decode("utf-8")

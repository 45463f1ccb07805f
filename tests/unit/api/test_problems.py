"""Errors as problem details: a reason, a remedy, a status; never a value."""

import json
from typing import Any

import pytest
from fastapi import Request
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException

from interpayer.api.problems import MEDIA_TYPE, problem_of
from interpayer.model.reason import Fault, FaultKind, Refusal
from interpayer.system.database import DatabaseGone

MARKER = "Zzyzxmarker"


def told(error: Exception) -> tuple[int, dict[str, Any], Any]:
    request = Request({"type": "http", "headers": [], "state": {}})
    response = problem_of(error, request)
    assert response.headers["content-type"] == MEDIA_TYPE
    body = json.loads(bytes(response.body))
    assert (body["status"], body["reason"]) == (response.status_code, request.state.reason)
    return response.status_code, body, response.headers


@pytest.mark.parametrize(
    ("error", "status", "reason"),
    [
        (Refusal("request.not_found"), 404, "request.not_found"),
        (Refusal("request.wrong_state", "no way"), 409, "request.wrong_state"),
        (Refusal("caller.unknown"), 401, "caller.unknown"),
        (Refusal("caller.not_permitted"), 403, "caller.not_permitted"),
        (Refusal("consent.missing"), 422, "consent.missing"),
        (Fault(FaultKind.RETRYABLE, "partner.unreachable", retry_after_s=7), 503, "partner.unreachable"),
        (Fault(FaultKind.TERMINAL, "partner.bad_answer"), 500, "partner.bad_answer"),
        (DatabaseGone(MARKER), 503, "system.storage"),
        (HTTPException(404, MARKER), 404, "request.not_found"),
        (HTTPException(405, MARKER), 405, "request.malformed"),
        (ValueError(MARKER), 500, "system.bug"),
    ],
)
def test_each_error_has_its_status_and_reason(
    capfd: pytest.CaptureFixture[str], error: Exception, status: int, reason: str
) -> None:
    code, body, headers = told(error)
    assert (code, body["reason"]) == (status, reason)
    assert body["title"] and body["remedy"] and body["retry"] in ("no", "later", "after_change")
    assert ("retry-after" in headers) == (status == 503)
    assert ("www-authenticate" in headers) == (status == 401)
    assert MARKER not in json.dumps(body) + "".join(capfd.readouterr())


def wrong(*loc: str | int, kind: str = "string_type") -> dict[str, Any]:
    return {"loc": loc, "type": kind, "msg": MARKER, "input": MARKER, "ctx": {"error": MARKER}}


def test_elements_are_named_and_values_are_not() -> None:
    errors = [
        wrong("body", "member", "names", 0, "family"),
        wrong("body", "ssn", kind="extra_forbidden"),
        wrong("body", f"{MARKER} 1980-02-29", kind="extra_forbidden"),
        wrong("body", 17, kind="json_invalid"),
    ]
    _, body, _ = told(RequestValidationError(errors))
    assert [e["element"] for e in body["elements"]] == [
        "body.member.names.0.family", "body.ssn", "body.(an unknown field)", "body",
    ]  # fmt: skip
    assert MARKER not in json.dumps(body)
    _, many, _ = told(RequestValidationError([wrong("body", "x")] * 500))
    assert len(many["elements"]) == 20


def test_an_address_that_cannot_be_an_id_belongs_to_nothing() -> None:
    assert told(RequestValidationError([wrong("path", "exchange_id")]))[0] == 404

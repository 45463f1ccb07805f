"""The only place of the JSON door that turns errors into problem details (RFC 9457); values are never echoed."""

import re
from collections.abc import Sequence
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException

from interpayer.model.reason import REASONS, Fault, FaultKind, Refusal
from interpayer.system.database import DatabaseGone
from interpayer.system.telemetry import get_logger

MEDIA_TYPE = "application/problem+json"
_STATUS = {
    "request.not_found": 404,
    "request.wrong_state": 409,
    "request.duplicate_differs": 422,
    "request.too_large": 413,
    "request.unsupported_media": 415,
    "request.unsupported_parameter": 400,
    "caller.unknown": 401,
    "caller.not_permitted": 403,
    "caller.too_many": 429,
}
_OF_STATUS = {404: "request.not_found", 401: "caller.unknown", 413: "request.too_large"}
# A name that the caller made up may hold anything; one of this shape is a field of somebody's system.
_FIELD = re.compile(r"[A-Za-z][A-Za-z_]{0,39}")
_MOST_ELEMENTS = 20
log = get_logger()


def problem(reason: str, *, status: int | None = None, detail: str = "", **more: Any) -> JSONResponse:
    """Problem details of a reason: what it means, what to do, whether a retry helps."""
    known = REASONS.get(reason, REASONS["system.bug"])
    code = status or _STATUS.get(reason, 422)
    body = {
        "type": f"urn:interpayer:reason:{reason}",
        "title": known.meaning,
        "status": code,
        "detail": detail or known.remedy,
        "reason": reason,
        "remedy": known.remedy,
        "retry": known.retry.value,
        **more,
    }
    return JSONResponse(body, status_code=code, media_type=MEDIA_TYPE)


def problem_of(error: Exception, request: Request) -> JSONResponse:
    """The problem that an error becomes; an unknown one says nothing about itself."""
    match error:
        case Refusal():
            response = problem(error.reason, detail=error.detail)
            reason = error.reason
        case RequestValidationError():
            response, reason = _invalid(error.errors())
        case HTTPException():
            reason = _OF_STATUS.get(error.status_code, "request.malformed")
            response = problem(reason, status=error.status_code)
            response.headers.update(error.headers or {})
        case Fault() | DatabaseGone():
            response, reason = _broken(error)
        case _:
            log.error("api.failed", exc_info=error)
            response, reason = problem("system.bug", status=500), "system.bug"
    if response.status_code == 401:
        response.headers["WWW-Authenticate"] = "Bearer"
    request.state.reason = reason
    return response


def install(app: FastAPI) -> None:
    """Let what no route answers, and what escapes one, come out as a problem too."""

    async def answer(request: Request, error: Exception) -> JSONResponse:
        return problem_of(error, request)

    app.add_exception_handler(HTTPException, answer)
    app.add_exception_handler(Exception, answer)


def _invalid(errors: Sequence[Any]) -> tuple[JSONResponse, str]:
    if any(e["loc"][0] == "path" for e in errors):
        # what cannot be an id belongs to nothing
        return problem("request.not_found"), "request.not_found"
    wrong = [{"element": _place(e), "rule": e["type"]} for e in errors[:_MOST_ELEMENTS]]
    response = problem("request.malformed", detail="correct the elements named", elements=wrong)
    return response, "request.malformed"


def _place(error: Any) -> str:
    """Where, in the words of the API; names that the caller made up are shown only when they look like fields."""
    parts = [str(part) for part in error["loc"]]
    if error["type"] == "json_invalid":
        return "body"
    if error["type"] == "extra_forbidden" and not _FIELD.fullmatch(parts[-1]):
        parts[-1] = "(an unknown field)"
    return ".".join(parts)


def _broken(error: Fault | DatabaseGone) -> tuple[JSONResponse, str]:
    reason, after_s, can_retry = "system.storage", 2.0, True
    if isinstance(error, Fault):
        reason, after_s, can_retry = error.reason, error.retry_after_s or 2.0, error.kind is FaultKind.RETRYABLE
    response = problem(reason, status=503 if can_retry else 500)
    if can_retry:
        response.headers["Retry-After"] = str(max(1, round(after_s)))
    return response, reason

"""The JSON door of the plan's own systems and people: `/api/v1`, its own listener, a role on every route."""

from dataclasses import asdict
from typing import Any

from fastapi import APIRouter, FastAPI, Request, Response
from fastapi.openapi.utils import get_openapi
from fastapi.responses import JSONResponse

from interpayer.api import (
    audit,
    break_glass,
    cases,
    consents,
    exchanges,
    handoffs,
    identity,
    partners,
    people,
    policies,
    problems,
    standing,
)
from interpayer.api.door import Gate, open_to_all
from interpayer.api.intake import Admission
from interpayer.exchange.tools import Tools
from interpayer.operations import health
from interpayer.system.classification import classification

ROUTERS = (exchanges, break_glass, handoffs, cases, people, identity, standing, partners, consents, policies, audit)
TITLE, VERSION = "Interpayer", "1"
_LEAD = """The plan's own door. Every call names a person or system by bearer token; every no is a problem
(RFC 9457) with a reason code. HTTP status, state, answer and clock of an exchange are four different things."""

own = APIRouter(route_class=Gate)


@own.get("/health", tags=["Health"], summary="Health, for probes")
@open_to_all
def look(request: Request) -> Response:
    """Database, workers, ledger; 503 only when nothing can be kept."""
    found = health.look(request.app.state.tools)
    told = {"status": found.status, **asdict(found)}
    return JSONResponse(told, status_code=200 if found.is_database_there else 503)


def build(tools: Tools) -> FastAPI:
    """The app; a route without a role does not come up."""
    app = _routed()
    app.state.tools = tools
    problems.install(app)
    app.add_middleware(Admission, tools=tools)
    return app


def document() -> dict[str, Any]:
    """The OpenAPI document, for the reference pages; nothing is opened."""
    return _routed().openapi()


def _routed() -> FastAPI:
    app = FastAPI(title=TITLE, version=VERSION, openapi_url="/api/v1/openapi.json", docs_url=None, redoc_url=None)
    for routed in (own, *(room.router for room in ROUTERS)):
        for route in routed.routes:
            if not isinstance(route, Gate):
                raise TypeError(f"{route} has no gate")
            app.router.routes.append(route)
    app.openapi = lambda: _described(app)  # type: ignore[method-assign]
    return app


def _described(app: FastAPI) -> dict[str, Any]:
    """The OpenAPI document: tags, roles, and one shape for every error."""
    if app.openapi_schema is None:
        told = get_openapi(title=TITLE, version=VERSION, description=_LEAD, routes=app.routes)
        components = told.setdefault("components", {})
        components["securitySchemes"] = {"bearer": {"type": "http", "scheme": "bearer"}}
        components.setdefault("schemas", {})["Problem"] = _PROBLEM
        classes = classification().routes["api"]
        for path, operations in told["paths"].items():
            for method, operation in operations.items():
                found = classes.get(f"{method.upper()} {path}")
                operation.update(found.as_extension() if found else {})
                operation["responses"].pop("422", None)
                operation["responses"]["4XX"] = _REFUSED
        app.openapi_schema = told
    return app.openapi_schema


_PROBLEM = {
    "type": "object",
    "required": ["type", "title", "status", "reason"],
    "properties": {
        "type": {"type": "string"},
        "title": {"type": "string", "description": "what the reason means"},
        "status": {"type": "integer"},
        "detail": {"type": "string"},
        "reason": {"type": "string", "description": "a code of docs/reference/reasons.md"},
        "remedy": {"type": "string"},
        "retry": {"type": "string", "enum": ["no", "later", "after_change"]},
        "elements": {"type": "array", "items": {"type": "object"}, "description": "what to correct; never values"},
    },
}
_REFUSED = {
    "description": "A no, with its reason",
    "content": {problems.MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}}},
}

"""The FHIR door: its routes, those of the operations and those that are the door's own."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

import orjson
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import Receive, Scope, Send

from interpayer.gateway import metadata
from interpayer.gateway.door import Answer, Door, Operation
from interpayer.gateway.front import Front
from interpayer.gateway.replies import reply

More: TypeAlias = Callable[[Front], list[Route]]


def build(door: Door, operations: Sequence[Operation], *, more: More | None = None) -> Starlette:
    """The app of the FHIR door, with a route for each operation below `/fhir`, and what others add to it."""
    front = Front(door)
    added = more(front) if more is not None else []
    app = Starlette(
        routes=[*_own_routes(front, operations), *added, *(_route(front, operation) for operation in operations)],
        exception_handlers={HTTPException: front.no_such_route},
        lifespan=front.lifespan,
    )
    app.router.redirect_slashes = False
    app.state.cut = front.cut
    app.state.refusals = front.refusals
    return app


@dataclass(frozen=True, slots=True)
class _Endpoint:
    """An operation as an ASGI app: the door holds the call until the last byte of its answer is gone."""

    front: Front
    operation: Operation

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await self.front.serve(scope, receive, send, operation=self.operation)


def _route(front: Front, operation: Operation) -> Route:
    return _exact(Route(f"/fhir{operation.path}", _Endpoint(front, operation), methods=[operation.method]))


def _own_routes(front: Front, operations: Sequence[Operation]) -> list[Route]:
    """Token, metadata and the well-known files; only the token needs a certificate (HRex: plain TLS for the rest)."""
    door = front.door
    documents: dict[str, Callable[[], Any]] = {
        "/fhir/metadata": lambda: metadata.capability_statement(door, operations),
        "/.well-known/smart-configuration": lambda: metadata.smart_configuration(door),
        "/.well-known/davinci-configuration": lambda: metadata.davinci_configuration(door),
        "/.well-known/jwks.json": door.jwks,
    }
    if door.identity_policy is not None:
        documents[metadata.IDENTITY_POLICY_PATH] = door.identity_policy
    # The guides say [base]/.well-known: clients differ in whether that is the server or the FHIR base.
    below = {f"/fhir{path}": make for path, make in documents.items() if path.startswith("/.well-known")}
    made = {**documents, **below}.items()
    routes = [Route(path, _document(front, path, make), methods=["GET"]) for path, make in made]
    return [_exact(Route("/token", front.token, methods=["POST"])), *routes]


def _document(front: Front, path: str, make: Callable[[], Any]) -> Callable[[Request], Awaitable[Response]]:
    kind = "application/fhir+json" if path.endswith("/metadata") else "application/json"

    async def endpoint(request: Request) -> Response:
        visit = front.visit(request, f"GET {path}")
        try:
            await front.note_forged(visit)
            body = orjson.dumps(await front.thread(make))
        except Exception as error:
            return reply(await front.refuse(error, visit), visit.context)
        headers = {"Cache-Control": "public, max-age=300"}
        return reply(Answer(body=body, headers=headers, media_type=kind), visit.context)

    return endpoint


def _exact(route: Route) -> Route:
    """Without HEAD, which would run an operation and throw its answer away."""
    route.methods = set(route.methods or ()) - {"HEAD"}
    return route

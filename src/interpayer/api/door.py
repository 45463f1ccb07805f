"""Who calls the plan's own door: a named person or own system by bearer token, with one action per route.

A call is admitted before its body is read. What it does runs in one transaction on one thread, committed before the
answer is sent: a client that reads 202 finds the row, and an error leaves nothing behind.
"""

import inspect
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from functools import wraps
from typing import Any, TypeVar

from fastapi import Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.routing import APIRoute
from pydantic import BaseModel
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException

from interpayer.api.intake import MAXIMUM_OPEN_BYTES, LimitedRequest, check_media, check_query
from interpayer.api.problems import problem_of
from interpayer.exchange.tools import Tools
from interpayer.exchange.transitions import Actor
from interpayer.model.reason import Fault, Refusal
from interpayer.operations.access import ACTIONS, Person, may, person_of, require
from interpayer.system.database import Connection, DatabaseGone

OPEN = "open"
Act = TypeVar("Act", bound=Callable[..., Any])


@dataclass(frozen=True, slots=True)
class Visit:
    """One call: the tools, its transaction, and who makes it."""

    tools: Tools
    conn: Connection
    person: Person

    @property
    def actor(self) -> Actor:
        """The person or system as the actor of what follows."""
        return self.person.actor

    def may(self, action: str) -> bool:
        """Whether the caller may do this as well."""
        return may(self.person, action)

    def require(self, action: str) -> None:
        """Refusal `caller.not_permitted` unless the caller may do this as well."""
        require(self.person, action)


def acting(action: str) -> Callable[[Act], Act]:
    """What a route does, for those whose role allows the action; its first parameter is the `Visit`."""
    if action not in ACTIONS:
        raise ValueError(f"nobody may do {action}: it is not in the table of operations/access.py")

    def wrap(act: Act) -> Act:
        @wraps(act)
        def run(request: Request, **given: Any) -> Any:
            tools: Tools = request.app.state.tools
            with tools.database.transaction() as conn:
                return act(Visit(tools, conn, request.state.person), **given)

        first, *rest = inspect.signature(act).parameters.values()
        asked = first.replace(name="request", annotation=Request)
        run.__signature__ = inspect.Signature([asked, *rest])  # type: ignore[attr-defined]
        run.action = action  # type: ignore[attr-defined]
        return run  # type: ignore[return-value]

    return wrap


def open_to_all(act: Act) -> Act:
    """Mark a route that anybody may call; without a mark a route does not start."""
    act.action = OPEN  # type: ignore[attr-defined]
    return act


class Gate(APIRoute):
    """A route that admits its caller first: (1) who, (2) may they, (3) media type, parameters and size of the call."""

    def __init__(self, path: str, endpoint: Callable[..., Any], **options: Any) -> None:
        action = getattr(endpoint, "action", None)
        if action is None:
            raise ValueError(f"{path} has no role: mark it with acting(...) or open_to_all")
        self.action: str = action
        if action != OPEN:
            told = {"security": [{"bearer": []}], "x-action": action, "x-roles": sorted(ACTIONS[action])}
            options["openapi_extra"] = told | (options.get("openapi_extra") or {})
        super().__init__(path, endpoint, **options)

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """The framework's own handling behind admission; every error comes out as a problem."""
        inner = super().get_route_handler()

        async def admitted(given: Request) -> Response:
            request = LimitedRequest(given.scope, given.receive)
            if self.action == OPEN:
                request.maximum_bytes = MAXIMUM_OPEN_BYTES
            try:
                # (1) who, (2) may they
                if self.action != OPEN:
                    request.state.person = await run_in_threadpool(_caller, request, self.action)
                # (3) is the call of a shape that we read at all
                check_query(request, self._parameters)
                if self.body_field is not None:
                    check_media(request)
                    await request.body()
                return await inner(request)
            except (Refusal, Fault, DatabaseGone, RequestValidationError, HTTPException) as error:
                return problem_of(error, request)
            except Exception as error:  # a bug of ours says nothing about itself
                return problem_of(error, request)

        return admitted

    @property
    def _parameters(self) -> frozenset[str]:
        names: set[str] = set()
        for field in self.dependant.query_params:
            model: Any = field.field_info.annotation
            is_model = isinstance(model, type) and issubclass(model, BaseModel)
            names |= set(model.model_fields) if is_model else {field.alias}
        return frozenset(names)


def _caller(request: Request, action: str) -> Person:
    scheme, _, token = request.headers.get("authorization", "").partition(" ")
    if scheme.lower() != "bearer" or not token.strip():
        raise Refusal("caller.unknown", "a bearer token of this installation is needed")
    tools: Tools = request.app.state.tools
    with tools.database.transaction() as conn:
        person = person_of(conn, token)
    if person is None:
        raise Refusal("caller.unknown", "the token is unknown or has ended")
    request.state.person = person
    require(person, action)
    return person

"""Behind every page: who is logged in, may they, did the form come from us; one transaction per call."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from interpayer.console.rendering import page, problem_page
from interpayer.console.sessions import SESSION, Sessions
from interpayer.exchange.tools import Tools
from interpayer.exchange.transitions import Actor
from interpayer.model.reason import Fault, Refusal
from interpayer.operations.access import ACTIONS, Person, may, person_of, require
from interpayer.operations.refusals import Refusals, Refused
from interpayer.system.clock import now
from interpayer.system.database import Connection, DatabaseGone
from interpayer.system.telemetry import get_logger

MAXIMUM_BYTES = 64 * 1024
log = get_logger()


@dataclass(frozen=True, slots=True)
class Desk:
    """What all pages share."""

    tools: Tools
    sessions: Sessions
    refusals: Refusals


@dataclass(frozen=True, slots=True)
class Visit:
    """One call of a page by a person who may."""

    tools: Tools
    conn: Connection
    person: Person
    mark: str
    path: Mapping[str, str]
    query: Mapping[str, str]
    form: Mapping[str, str] = field(default_factory=dict)

    @property
    def actor(self) -> Actor:
        """The person as the actor of what follows."""
        return self.person.actor

    def may(self, action: str) -> bool:
        """Whether the person may do this as well."""
        return may(self.person, action)

    def show(self, template: str, **content: Any) -> Response:
        """A page with what every page needs: who is logged in, what they may, the mark for forms."""
        allowed = frozenset(action for action in ACTIONS if may(self.person, action))
        return page(template, person=self.person, allowed=allowed, mark=self.mark, query=self.query, **content)


Act = Callable[[Visit], Response]


def route(desk: Desk, path: str, action: str, act: Act, *, method: str = "GET") -> Route:
    """A page for those whose role allows the action."""
    if action not in ACTIONS:
        raise ValueError(f"nobody may do {action}")

    async def endpoint(request: Request) -> Response:
        if any("\x00" in text for text in (*request.query_params.values(), *request.path_params.values())):
            raise Refusal("request.not_found")
        form = await read_form(request) if method == "POST" else {}
        return await run_in_threadpool(_visited, desk, request, action, act, form)

    return Route(path, guarded(desk, path, endpoint), methods=[method])


def guarded(
    desk: Desk, path: str, endpoint: Callable[[Request], Awaitable[Response]]
) -> Callable[[Request], Awaitable[Response]]:
    """The endpoint, with every error as a page and every no on the ledger."""

    async def answered(request: Request) -> Response:
        try:
            return await endpoint(request)
        except Refusal as refusal:
            response = problem_page(refusal.reason, refusal.detail)
            await run_in_threadpool(_note, desk, request, path, refusal.reason, response.status_code)
            return response
        except (Fault, DatabaseGone) as error:
            return problem_page(error.reason if isinstance(error, Fault) else "system.storage", status=503)
        except Exception as error:  # a bug of ours says nothing about itself
            log.error("console.failed", exc_info=error)
            return problem_page("system.bug", status=500)

    return answered


async def read_form(request: Request) -> dict[str, str]:
    """The fields of a form; `Refusal` when it is none, or too large."""
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind != "application/x-www-form-urlencoded":
        raise Refusal("request.unsupported_media", "forms only")
    content = bytearray()
    async for chunk in request.stream():
        content += chunk
        if len(content) > MAXIMUM_BYTES:
            raise Refusal("request.too_large", f"at most {MAXIMUM_BYTES} bytes")
    try:
        fields = dict(parse_qsl(content.decode("ascii"), keep_blank_values=True, max_num_fields=50, errors="strict"))
    except ValueError:
        raise Refusal("request.malformed", "the form cannot be read") from None
    if any("\x00" in value for value in fields.values()):
        raise Refusal("request.malformed", "the form holds the character NUL")
    return fields


def _visited(desk: Desk, request: Request, action: str, act: Act, form: Mapping[str, str]) -> Response:
    cookie = request.cookies.get(SESSION, "")
    token = desk.sessions.token(cookie) if cookie else None
    with desk.tools.database.transaction() as conn:
        person = person_of(conn, token) if token else None
        if person is None:
            return RedirectResponse("/login", status_code=303)
        request.state.person = person
        require(person, action)
        if request.method == "POST" and not desk.sessions.is_ours(cookie, form.get("mark", "")):
            raise Refusal("caller.not_permitted", "this form did not come from a page of this console; open it again")
        visit = Visit(
            tools=desk.tools,
            conn=conn,
            person=person,
            mark=desk.sessions.mark(cookie),
            path=request.path_params,
            query=dict(request.query_params),
            form=form,
        )
        return act(visit)


def _note(desk: Desk, request: Request, path: str, reason: str, status: int) -> None:
    person: Person | None = getattr(request.state, "person", None)
    refused = Refused(
        reason=reason,
        route=f"{request.method} console{path}",
        status=status,
        at=now(),
        person_id=person.id if person else None,
        person_kind=person.kind if person else "person",
    )
    try:
        desk.refusals.note(refused)
    except Exception as error:  # the no stands, even when the ledger is away
        log.error("console.refusal_not_recorded", exc_info=error)

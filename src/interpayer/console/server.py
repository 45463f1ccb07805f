"""The console: HTML for people, in their own browser, over TLS, without a script and without a foreign request."""

import secrets
from collections.abc import Awaitable, Callable
from pathlib import Path

from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.datastructures import MutableHeaders
from starlette.requests import Request
from starlette.responses import FileResponse, RedirectResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from interpayer.console import case_pages, pages
from interpayer.console.door import Desk, guarded, read_form
from interpayer.console.rendering import TEMPLATES, page
from interpayer.console.sessions import BEFORE, LONGEST_S, SESSION, open_sessions
from interpayer.exchange.tools import Tools
from interpayer.model.reason import Refusal
from interpayer.operations.access import Person, person_of
from interpayer.operations.refusals import Refusals

Endpoint = Callable[[Request], Awaitable[Response]]
HEADERS = {
    "Content-Security-Policy": "default-src 'none'; style-src 'self'; form-action 'self'; base-uri 'none'; "
    "frame-ancestors 'none'",
    "Cache-Control": "no-store",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Strict-Transport-Security": "max-age=31536000",
}


def build(tools: Tools, session_key: Path) -> Starlette:
    """The app; the key that seals sessions is made at the first start."""
    desk = Desk(tools=tools, sessions=open_sessions(session_key), refusals=Refusals(tools))
    own = [
        Route("/login", guarded(desk, "/login", _login_page(desk)), methods=["GET"]),
        Route("/login", guarded(desk, "/login", _login(desk)), methods=["POST"]),
        Route("/logout", guarded(desk, "/logout", _logout(desk)), methods=["POST"]),
        Route("/style.css", _style, methods=["GET"]),
    ]
    app = Starlette(routes=[*own, *pages.routes(desk), *case_pages.routes(desk)])
    nowhere = _no_page(desk)
    app.add_exception_handler(404, nowhere)
    app.add_exception_handler(405, nowhere)
    app.add_middleware(_Headers)
    return app


def _login_page(desk: Desk) -> Endpoint:
    async def endpoint(request: Request) -> Response:
        before = request.cookies.get(BEFORE) or secrets.token_urlsafe(16)
        response = page("login.html", mark=desk.sessions.mark(before))
        return _with_cookie(response, BEFORE, before, seconds=3600)

    return endpoint


def _login(desk: Desk) -> Endpoint:
    async def endpoint(request: Request) -> Response:
        form = await read_form(request)
        if not desk.sessions.is_ours(request.cookies.get(BEFORE, ""), form.get("mark", "")):
            raise Refusal("caller.not_permitted", "this form did not come from a page of this console; open it again")
        token = form.get("token", "").strip()
        person = await run_in_threadpool(_person, desk, token)
        if person is None:
            raise Refusal("caller.unknown", "this token is unknown or has ended")
        response = RedirectResponse("/", status_code=303)
        response.delete_cookie(BEFORE, path="/", secure=True, httponly=True, samesite="strict")
        return _with_cookie(response, SESSION, desk.sessions.begin(token), seconds=LONGEST_S)

    return endpoint


def _logout(desk: Desk) -> Endpoint:
    async def endpoint(request: Request) -> Response:
        form = await read_form(request)
        if not desk.sessions.is_ours(request.cookies.get(SESSION, ""), form.get("mark", "")):
            raise Refusal("caller.not_permitted", "this form did not come from a page of this console; open it again")
        response = RedirectResponse("/login", status_code=303)
        response.delete_cookie(SESSION, path="/", secure=True, httponly=True, samesite="strict")
        return response

    return endpoint


def _person(desk: Desk, token: str) -> Person | None:
    with desk.tools.database.transaction() as conn:
        return person_of(conn, token)


def _with_cookie(response: Response, name: str, value: str, *, seconds: int) -> Response:
    response.set_cookie(name, value, max_age=seconds, path="/", secure=True, httponly=True, samesite="strict")
    return response


async def _style(_request: Request) -> Response:
    return FileResponse(TEMPLATES / "style.css", media_type="text/css")


def _no_page(desk: Desk) -> Callable[[Request, Exception], Awaitable[Response]]:
    async def refused(_request: Request) -> Response:
        raise Refusal("request.not_found")

    noted = guarded(desk, " (no page)", refused)

    async def answered(request: Request, _error: Exception) -> Response:
        return await noted(request)

    return answered


class _Headers:
    """Puts the security headers on every answer."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def answer(message: Message) -> None:
            if message["type"] == "http.response.start":
                MutableHeaders(scope=message).update(HEADERS)
            await send(message)

        await self._app(scope, receive, answer)

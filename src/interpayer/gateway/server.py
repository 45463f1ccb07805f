"""The FHIR door: what happens to every call before and after its operation, and the routes that are the door's own."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, TypeVar

import orjson
from anyio import CapacityLimiter, to_thread
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from interpayer.gateway import intake, limits, metadata, problems, scopes, store, tokens
from interpayer.gateway.authenticate import Admitted, Denied, Presented, authenticate
from interpayer.gateway.door import Answer, Body, Call, Context, Door, Operation
from interpayer.gateway.idempotency import once
from interpayer.gateway.refusals import Refusals, Refused
from interpayer.gateway.replies import reply
from interpayer.model.reason import Fault, FaultKind, Refusal
from interpayer.system.clock import now
from interpayer.system.database import serving
from interpayer.system.telemetry import log

T = TypeVar("T")
THREADS = 32
HOUSEKEEPING_S = 30.0
FORM = "application/x-www-form-urlencoded"
NOT_FOUND = {404: "request.not_found", 405: "request.not_found"}


def build(door: Door, operations: Sequence[Operation]) -> Starlette:
    """The app of the FHIR door, with a route for each operation below `/fhir`."""
    front = _Front(door, Refusals(door.record))
    app = Starlette(
        routes=[*_own_routes(front, operations), *(_route(front, operation) for operation in operations)],
        exception_handlers={HTTPException: front.no_such_route},
        lifespan=front.lifespan,
    )
    app.router.redirect_slashes = False
    app.state.cut = front.cut
    app.state.refusals = front.refusals
    return app


@dataclass(slots=True)
class _Visit:
    """One call while it is on its way through the door."""

    route: str
    context: Context
    thumbprint: str | None
    partner_id: str | None = None


class _Front:
    """The door at work."""

    def __init__(self, door: Door, refusals: Refusals) -> None:
        self.door = door
        self.refusals = refusals
        self._threads = CapacityLimiter(THREADS)
        self._counting: set[asyncio.Task[None]] = set()

    async def answer(self, request: Request, operation: Operation) -> Response:
        """The answer to one call of an operation, whatever happens."""
        visit = _visit(request, f"{operation.method} {operation.path}")
        try:
            answer = await self._operate(request, operation, visit)
        except Exception as error:
            answer = await self.refuse(error, visit)
        return reply(answer, visit.context)

    async def token(self, request: Request) -> Response:
        """`POST /token`."""
        visit = _visit(request, "POST /token")
        try:
            if request.headers.get("content-type", "").partition(";")[0].strip().lower() != FORM:
                raise Refusal("request.unsupported_media", f"the body must be {FORM}")
            form = await intake.read_body(request.stream(), _headers(request), maximum_bytes=tokens.LARGEST_FORM)
            is_doubled = "authorization" in request.headers or bool(request.url.query)
            asked = tokens.Asked(
                form, visit.thumbprint, visit.context.received_at, visit.context.trace_id, is_doubled=is_doubled
            )
            issued = await self.thread(lambda: tokens.issue(self.door, asked))
            if issued.refused is not None:
                visit.partner_id = issued.refused.partner_id
                await self._note(issued.refused.reason, visit, status=issued.answer.status)
            answer = issued.answer
        except Exception as error:
            answer = _as_oauth(await self.refuse(error, visit))
        return reply(answer, visit.context)

    async def no_such_route(self, request: Request, error: Exception) -> Response:
        """Paths and methods that nobody serves."""
        status = error.status_code if isinstance(error, HTTPException) else 404
        visit = _visit(request, "unknown")
        await self._note("request.not_found", visit, status=status)
        answer = problems.refused("request.not_found", visit.context, status=status)
        allowed = getattr(error, "headers", None) or {}
        return reply(Answer(status, answer.body, {**answer.headers, **allowed}), visit.context)

    def cut(self, status: int) -> None:
        """Count a connection that was cut before it became a call."""
        context = intake.context_of({}, now())
        visit = _Visit(f"connection {status}", context, None)
        task = asyncio.get_running_loop().create_task(self._note("request.malformed", visit, status=status))
        self._counting.add(task)
        task.add_done_callback(self._counting.discard)

    @contextlib.asynccontextmanager
    async def lifespan(self, _app: Starlette) -> AsyncIterator[None]:
        """Housekeeping while the door is open: counts of floods, and what is over in our memory."""
        keeping = asyncio.create_task(self._keep_house())
        try:
            yield
        finally:
            keeping.cancel()
            await self._tidy(ahead=timedelta(minutes=2))

    async def _operate(self, request: Request, operation: Operation, visit: _Visit) -> Answer:
        """(1) who, how often; (2) with which scope; (3) which kinds; (4) the body; (5) the operation itself."""
        authorization = request.headers.getlist("authorization")
        presented = Presented(authorization[0] if len(authorization) == 1 else None, visit.thumbprint)
        admitted = await self.thread(lambda: self._admit(presented, operation, visit))  # (1)
        serving.set(admitted.partner.id)
        if not scopes.allows(admitted.caller.scopes, operation.scopes):  # (2)
            raise Refusal("caller.wrong_scope")
        headers, query = _headers(request), _query(request)
        intake.check_ids(request.path_params)
        intake.check_media(headers, query, operation)  # (3)
        if intake.wants_other(headers):
            await self._note("request.unsupported_media", visit, status=406)
            return problems.refused("request.unsupported_media", visit.context, status=406)
        raw = b""
        if operation.body is not Body.NONE:  # (4)
            raw = await intake.read_body(request.stream(), headers, maximum_bytes=operation.maximum_bytes)
        if operation.body is Body.JSON and not raw:
            raise Refusal("request.malformed", "the body is missing")

        def run() -> Answer:  # (5)
            call = Call(
                caller=admitted.caller,
                partner=admitted.partner,
                method=request.method,
                path=request.url.path.removeprefix("/fhir"),
                path_parameters=request.path_params,
                query=query,
                headers=headers,
                body=intake.read_object(raw) if raw else None,
                raw=raw,
                context=visit.context,
                idempotency_key=headers.get("idempotency-key") if request.method == "POST" else None,
                url=self.door.base_url + request.url.path + (f"?{request.url.query}" if request.url.query else ""),
            )
            with self.door.database.transaction() as conn:
                return once(conn, call, self.door.vault, run=operation.run)

        return await self.thread(run)

    def _admit(self, presented: Presented, operation: Operation, visit: _Visit) -> Admitted:
        with self.door.database.transaction() as conn:
            at, environment = visit.context.received_at, self.door.environment
            admitted = authenticate(conn, presented, environment=environment, at=at)
            visit.partner_id = admitted.partner_id if isinstance(admitted, Denied) else admitted.partner.id
            if isinstance(admitted, Denied):
                raise Refusal(admitted.reason, admitted.detail)
            wait_s = limits.too_many(
                conn, admitted.partner.id, route_class=operation.route_class, rates=self.door.rates
            )
        if wait_s is not None:
            raise Fault(FaultKind.RETRYABLE, "caller.too_many", retry_after_s=wait_s)
        return admitted

    async def refuse(self, error: Exception, visit: _Visit) -> Answer:
        """Whatever was raised, as an answer and as an event; a bug leaves its place in the log, never its words."""
        if isinstance(error, TimeoutError):
            detail = "the body did not arrive in time"
            answer = problems.refused("request.malformed", visit.context, detail=detail, status=408)
            reason = "request.malformed"
        else:
            answer = problems.from_exception(error, visit.context)
            reason = error.reason if isinstance(error, Refusal | Fault) else problems.shown_reason(answer)
        if not isinstance(error, Refusal | Fault | TimeoutError):
            log.error("a call failed", exc_info=error, route=visit.route, trace_id=visit.context.trace_id)
        await self._note(reason, visit, status=answer.status)
        return answer

    async def _note(self, reason: str, visit: _Visit, *, status: int) -> None:
        """Record a refusal. When the ledger cannot be written the answer stays a no, and the count is kept."""
        context = visit.context
        refused = Refused(
            reason,
            visit.route,
            context.received_at,
            partner_id=visit.partner_id,
            correlation_id=context.correlation_id,
            trace_id=context.trace_id,
            status=status,
        )
        try:
            await self.thread(lambda: self.refusals.note(refused))
        except Exception as error:
            log.error("a refusal could not be recorded yet", exc_info=error, reason=reason)

    async def _keep_house(self) -> None:
        while True:
            await asyncio.sleep(HOUSEKEEPING_S)
            await self._tidy()

    async def _tidy(self, ahead: timedelta = timedelta()) -> None:
        def tidy() -> None:
            self.refusals.flush(now() + ahead)
            with self.door.database.transaction() as conn:
                store.purge(conn, at=now())

        try:
            await self.thread(tidy)
        except Exception as error:
            log.error("housekeeping failed", exc_info=error)

    async def thread(self, work: Callable[[], T]) -> T:
        """Work that may wait, off the loop."""
        return await to_thread.run_sync(work, limiter=self._threads)


def _route(front: _Front, operation: Operation) -> Route:
    async def endpoint(request: Request) -> Response:
        return await front.answer(request, operation)

    return _exact(Route(f"/fhir{operation.path}", endpoint, methods=[operation.method]))


def _own_routes(front: _Front, operations: Sequence[Operation]) -> list[Route]:
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


def _document(front: _Front, path: str, make: Callable[[], Any]) -> Callable[[Request], Awaitable[Response]]:
    kind = "application/fhir+json" if path.endswith("/metadata") else "application/json"

    async def endpoint(request: Request) -> Response:
        visit = _visit(request, f"GET {path}")
        try:
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


def _visit(request: Request, route: str) -> _Visit:
    tls = request.scope.get("extensions", {}).get("tls", {})
    return _Visit(route, intake.context_of(_headers(request), now()), tls.get("client_cert_thumbprint"))


def _headers(request: Request) -> dict[str, str]:
    return {name.lower(): value for name, value in request.headers.items()}


def _query(request: Request) -> dict[str, tuple[str, ...]]:
    if "\x00" in request.url.query or "%00" in request.url.query:
        raise Refusal("request.malformed", "the query holds the character NUL")
    names = dict.fromkeys(request.query_params.keys())
    return {name: tuple(request.query_params.getlist(name)) for name in names}


def _as_oauth(answer: Answer) -> Answer:
    """A refusal of the token endpoint in its own shape (RFC 6749, 5.2)."""
    is_ours = answer.status >= 500
    words = "the request could not be served now" if is_ours else "the request is no form, or too large"
    error = "temporarily_unavailable" if is_ours else "invalid_request"
    shown = problems.oauth(error, words, status=answer.status)
    return Answer(shown.status, shown.body, {**answer.headers, **shown.headers}, shown.media_type)

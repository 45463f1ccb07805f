"""The door at work: every call is judged, answered and, when the answer is no, recorded; whatever happens."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from datetime import timedelta
from typing import TypeVar

from anyio import CapacityLimiter, to_thread
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from interpayer.gateway import intake, problems, store, tokens
from interpayer.gateway.admission import Admission
from interpayer.gateway.authenticate import Admitted
from interpayer.gateway.door import Answer, Body, Call, Door, Operation
from interpayer.gateway.idempotency import once
from interpayer.gateway.limits import USUAL, CallsUnderWay
from interpayer.gateway.refusals import Refusals, Refused
from interpayer.gateway.replies import reply
from interpayer.gateway.visit import Visit, headers_of, query_of, visit_of
from interpayer.gateway.watching import Watch
from interpayer.model.agreement import CallLimits
from interpayer.model.reason import Fault, Refusal
from interpayer.system.clock import now
from interpayer.system.database import serving
from interpayer.system.telemetry import log

T = TypeVar("T")
THREADS = 32
HOUSEKEEPING_S = 30.0
# How soon every process knows what another one found out about a partner.
SETTLE_S = 2.0
# Certificates whose partner is known, so that its own rate counts before it proves itself again.
MOST_REMEMBERED = 4096
FORM = "application/x-www-form-urlencoded"
_CUT = {429: "caller.too_many"}


class Front:
    """The door at work."""

    def __init__(self, door: Door) -> None:
        self.door = door
        self.refusals = Refusals(door.record)
        self.watch = Watch(door)
        self.admission = Admission(door, self.watch)
        self.calls = CallsUnderWay()
        self._threads = CapacityLimiter(THREADS)
        self._agreed: dict[str, CallLimits] = {}
        self._counting: set[asyncio.Task[None]] = set()

    async def serve(self, scope: Scope, receive: Receive, send: Send, *, operation: Operation) -> None:
        """One call of an operation, to the last byte of its answer."""
        request = Request(scope, receive, send)
        visit = visit_of(request, f"{operation.method} {operation.path}")
        with contextlib.ExitStack() as held:
            try:
                answer = await self._operate(request, operation, visit, held)
                await self._watch_misses(request, visit, answer)
            except Exception as error:
                answer = await self.refuse(error, visit)
                await self._watch_misses(request, visit, answer)
            await reply(answer, visit.context)(scope, receive, send)

    async def token(self, request: Request) -> Response:
        """`POST /token`."""
        visit = visit_of(request, "POST /token")
        try:
            await self.note_forged(visit)
            if request.headers.get("content-type", "").partition(";")[0].strip().lower() != FORM:
                raise Refusal("request.unsupported_media", f"the body must be {FORM}")
            form = await intake.read_body(request.stream(), headers_of(request), maximum_bytes=tokens.LARGEST_FORM)
            is_doubled = "authorization" in request.headers or bool(request.url.query)
            issued = await self.thread(lambda: self._issue(visit, form, is_doubled=is_doubled))
            if issued.refused is not None:
                visit.partner_id = issued.refused.partner_id
                await self.note(issued.refused.reason, visit, status=issued.answer.status)
            answer = issued.answer
        except Exception as error:
            answer = problems.as_oauth(await self.refuse(error, visit))
        return reply(answer, visit.context)

    def visit(self, request: Request, route: str) -> Visit:
        """A call that begins, at a route of somebody else."""
        return visit_of(request, route)

    async def no_such_route(self, request: Request, error: Exception) -> Response:
        """Paths and methods that nobody serves."""
        status = error.status_code if isinstance(error, HTTPException) else 404
        visit = visit_of(request, "unknown")
        await self.note("request.not_found", visit, status=status)
        answer = problems.refused("request.not_found", visit.context, status=status)
        allowed = getattr(error, "headers", None) or {}
        return reply(Answer(status, answer.body, {**answer.headers, **allowed}), visit.context)

    def cut(self, status: int) -> None:
        """Count a connection that was cut before it became a call."""
        visit = Visit(f"connection {status}", intake.context_of({}, now()))
        noting = self.note(_CUT.get(status, "request.malformed"), visit, status=status)
        task = asyncio.get_running_loop().create_task(noting)
        self._counting.add(task)
        task.add_done_callback(self._counting.discard)

    @contextlib.asynccontextmanager
    async def lifespan(self, _app: Starlette) -> AsyncIterator[None]:
        """Housekeeping while the door is open: floods, what is over in our memory, and how partners behave."""
        keeping = [asyncio.create_task(self._keep_house()), asyncio.create_task(self._keep_watch())]
        try:
            yield
        finally:
            for task in keeping:
                task.cancel()
            await self._tidy(ahead=timedelta(minutes=2))
            await self._settle()

    async def _operate(
        self, request: Request, operation: Operation, visit: Visit, held: contextlib.ExitStack
    ) -> Answer:
        """(1) who, how often; (2) may they, by which scope; (3) kinds; (4) the body; (5) the operation itself."""
        await self.note_forged(visit)
        authorization = request.headers.getlist("authorization")
        presented = authorization[0] if len(authorization) == 1 else None
        admitted = await self.thread(lambda: self.admission.admit(visit, operation, authorization=presented))  # (1)
        held.enter_context(self.calls.one_more(admitted.partner.id, most=self.admission.most_calls(admitted)))
        serving.set(admitted.partner.id)
        self.admission.permit(admitted, operation)  # (2)
        headers = headers_of(request)
        intake.check_ids(request.path_params)
        intake.check_media(headers, query_of(request), operation)  # (3)
        if intake.wants_other(headers):
            await self.note("request.unsupported_media", visit, status=406)
            return problems.refused("request.unsupported_media", visit.context, status=406)
        raw = b""
        if operation.body is not Body.NONE:  # (4)
            raw = await intake.read_body(request.stream(), headers, maximum_bytes=operation.maximum_bytes)
        if operation.body is Body.JSON and not raw:
            raise Refusal("request.malformed", "the body is missing")
        return await self.thread(lambda: self._run(request, operation, visit, (admitted, raw)))  # (5)

    def _run(
        self, request: Request, operation: Operation, visit: Visit, who_and_what: tuple[Admitted, bytes]
    ) -> Answer:
        (admitted, raw), headers = who_and_what, headers_of(request)
        call = Call(
            caller=admitted.caller,
            partner=admitted.partner,
            method=request.method,
            path=request.url.path.removeprefix("/fhir"),
            path_parameters=request.path_params,
            query=query_of(request),
            headers=headers,
            body=intake.read_object(raw) if raw else None,
            raw=raw,
            context=visit.context,
            idempotency_key=headers.get("idempotency-key") if request.method == "POST" else None,
            url=self.door.base_url + request.url.path + (f"?{request.url.query}" if request.url.query else ""),
        )
        with self.door.database.transaction() as conn:
            return once(conn, call, self.door.vault, run=operation.run)

    def _issue(self, visit: Visit, form: bytes, *, is_doubled: bool) -> tokens.Issued:
        self.admission.show_certificate(visit)
        context = visit.context
        agreed = self._agreed.get(visit.peer.thumbprint or "", USUAL)
        asked = tokens.Asked(
            form, visit.peer, context.received_at, context.trace_id, is_doubled=is_doubled, agreed=agreed
        )
        issued = tokens.issue(self.door, asked)
        if issued.agreed is not None and visit.peer.thumbprint:
            if len(self._agreed) >= MOST_REMEMBERED:
                self._agreed.clear()
            self._agreed[visit.peer.thumbprint] = issued.agreed
        return issued

    async def note_forged(self, visit: Visit) -> None:
        """A certificate in a header from somewhere that is not listed does not count, and is noted."""
        if not visit.arrival.shown and self.door.peers.is_forged(visit.arrival):
            await self.note("caller.certificate_unexpected", visit, status=0)

    async def refuse(self, error: Exception, visit: Visit) -> Answer:
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
        await self.note(reason, visit, status=answer.status)
        return answer

    async def note(self, reason: str, visit: Visit, *, status: int) -> None:
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

    async def _watch_misses(self, request: Request, visit: Visit, answer: Answer) -> None:
        """Whoever asks for what it has no part in, again and again, is looking for something."""
        partner_id, ids = visit.partner_id, tuple(request.path_params.values())
        if answer.status != 404 or partner_id is None or not ids:
            return
        if problems.shown_reason(answer) != "request.not_found":
            return
        at = visit.context.received_at
        try:
            await self.thread(lambda: self.watch.missed(partner_id, request.url.path, ids, at=at))
        except Exception as error:
            log.error("an address asked for in vain could not be counted", exc_info=error)

    async def _keep_house(self) -> None:
        while True:
            await asyncio.sleep(HOUSEKEEPING_S)
            await self._tidy()

    async def _keep_watch(self) -> None:
        while True:
            await self._settle()
            await asyncio.sleep(SETTLE_S)

    async def _settle(self) -> None:
        def settle() -> None:
            self.door.peers.look()
            self.watch.settle(at=now())

        try:
            await self.thread(settle)
        except Exception as error:
            log.error("what partners do could not be counted", exc_info=error)

    async def _tidy(self, ahead: timedelta = timedelta()) -> None:
        def tidy() -> None:
            self.refusals.flush(now() + ahead)
            with self.door.database.transaction() as conn:
                store.purge(conn, at=now())
                self.door.rulings.flush(conn)
            self.watch.forget(at=now())

        try:
            await self.thread(tidy)
        except Exception as error:
            log.error("housekeeping failed", exc_info=error)

    async def thread(self, work: Callable[[], T]) -> T:
        """Work that may wait, off the loop."""
        return await to_thread.run_sync(work, limiter=self._threads)

"""Responder, one answer: ask the live sources, side by side, within their limits and the time there is.

Each question is kept under its exchange and source before it is asked, and what came is taken in and noted in one
transaction: done again after a crash, only what is open is asked again. A source that fails leaves a gap, not a failed
exchange; what is not essential waits until what is has been asked, and is asked later when the time is over.
"""

from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

import orjson

from interpayer.adapters.base import Asked, Found
from interpayer.adapters.declaration import Declaration
from interpayer.adapters.store import declared
from interpayer.delivery import store as delivery_store
from interpayer.exchange import source_store
from interpayer.exchange.completeness import (
    ANSWERED,
    CHOSEN,
    EMPTY,
    FRESH,
    PARTIAL,
    STALE,
    STATE_OF,
    UNKNOWN,
    SourceAsked,
)
from interpayer.exchange.durability.flow import step
from interpayer.exchange.retry import QUICK
from interpayer.exchange.source_people import asked_ids
from interpayer.exchange.source_taking import Batch, take_in
from interpayer.exchange.source_translating import refinery_of
from interpayer.exchange.sources.refining import Refined
from interpayer.exchange.tools import Tools
from interpayer.model.event import JSON, Event
from interpayer.model.reason import Fault, Refusal
from interpayer.normalization.intake import Outline
from interpayer.normalization.times import times_of
from interpayer.records.loading import begin_load
from interpayer.system.clock import now
from interpayer.system.database import Connection
from interpayer.system.telemetry import get_logger

SIDE_BY_SIDE = 8
# The time that an answer has for its sources, and how much a group's members add; what is left is asked afterwards.
GATHER_S, EACH_S, LONGEST_S = 60.0, 0.3, 1_800.0
# A source that does not keep to its own limit is left behind.
GRACE_S = 1.0
# When what stayed open is asked again.
LATER_S = (60.0, 600.0, 3_600.0, 6 * 3_600.0, 24 * 3_600.0)
LATE, UNREACHABLE, DEFERRED_REASON = "source.late", "source.unreachable", "source.deferred"
log = get_logger()


@dataclass(frozen=True, slots=True)
class _Question:
    """One source, one member: what to ask, and whom."""

    open: SourceAsked
    declaration: Declaration
    asked: Asked


@dataclass(frozen=True, slots=True)
class _Reply:
    """What came of a question; `reason` when the source as a whole said nothing more."""

    found: tuple[Found, ...]
    reason: str | None = None


@step("ask_sources", policy=QUICK)
def ask_sources(tools: Tools, job_id: str) -> int:
    """Ask what an answer needs, essential sources first; how many questions stay open."""
    with tools.database.transaction() as conn:
        until = _deadline(conn, job_id)
    _ask(tools, job_id, until, states=(CHOSEN,))
    with tools.database.transaction() as conn:
        for one in source_store.open_of_job(conn, job_id, (CHOSEN,)):
            _note(tools, conn, replace(one, state=STATE_OF[DEFERRED_REASON], reason=DEFERRED_REASON))
        return len(source_store.open_of_job(conn, job_id))


@step("ask_sources_again", policy=QUICK)
def ask_again(tools: Tools, job_id: str) -> float | None:
    """After the release: ask what stayed open; when to ask again, None when nothing is open or enough was tried.

    What comes now goes with the next increment: the partner asks for what changed since.
    """
    _ask(tools, job_id, now() + timedelta(seconds=GATHER_S), states=source_store.OPEN)
    with tools.database.transaction() as conn:
        left = source_store.open_of_job(conn, job_id)
    tries = min((one.attempts for one in left), default=len(LATER_S))
    return LATER_S[max(tries - 1, 0)] if left and tries < len(LATER_S) else None


def _deadline(conn: Connection, job_id: str) -> datetime:
    """The same after a crash as before it."""
    kept = delivery_store.known_job(conn, job_id).detail.get("ask_until")
    budget_s = min(LONGEST_S, GATHER_S + EACH_S * len(source_store.open_of_job(conn, job_id, (CHOSEN,))))
    until = datetime.fromisoformat(kept) if kept else now() + timedelta(seconds=budget_s)
    delivery_store.set_detail(conn, job_id, {"ask_until": until.isoformat()})
    return until


def _ask(tools: Tools, job_id: str, until: datetime, *, states: Sequence[str]) -> None:
    with tools.database.transaction() as conn:
        questions = list(_questions(tools, conn, job_id, until, states=states))
    # threads of its own for each source: a slow one keeps nobody else waiting
    wide = {q.declaration.name: min(q.declaration.limits.at_once, SIDE_BY_SIDE) for q in questions}
    pools = {name: ThreadPoolExecutor(most, thread_name_prefix="source") for name, most in wide.items()}
    try:
        asking = {pools[q.declaration.name].submit(_read, tools, q): q for q in questions}
        while asking and (left_s := (until - now()).total_seconds() + GRACE_S) > 0:
            done, _ = wait(asking, timeout=left_s, return_when=FIRST_COMPLETED)
            for future in done:
                _settle(tools, asking.pop(future), _reply(future))
        for future, question in asking.items():
            # one that was not begun is only deferred; one that is on its way is late
            if not future.cancel():
                _settle(tools, question, _reply(future) if future.done() else _Reply((), LATE))
    finally:
        for pool in pools.values():
            pool.shutdown(wait=False, cancel_futures=True)


def _questions(
    tools: Tools, conn: Connection, job_id: str, until: datetime, *, states: Sequence[str]
) -> Iterator[_Question]:
    declarations = {one.name: one for one in declared(conn)}
    request = _request(tools, conn, job_id)
    as_of = datetime.fromisoformat(request["received_at"]).date()
    first = as_of.replace(day=min(as_of.day, 28), year=as_of.year - tools.policy().exchange.payload_years)
    for one in source_store.open_of_job(conn, job_id, states):
        declaration = declarations.get(one.source)
        if declaration is not None:
            ids = asked_ids(tools, conn, declaration, one.member_id)
            asked = Asked(ids, tuple(request["types"]), (first, None), until)
            yield _Question(one, declaration, asked)


def _request(tools: Tools, conn: Connection, job_id: str) -> dict[str, Any]:
    """What was asked; where there is no job ($everything), everything."""
    if job_id.startswith("x-"):
        return {"types": [], "received_at": now().isoformat()}
    return dict(orjson.loads(delivery_store.job_request(conn, tools.vault, job_id)))


def _read(tools: Tools, question: _Question) -> _Reply:
    """Ask one source for one member, in a thread of its own; no database is touched meanwhile."""
    if question.asked.until <= now():
        return _Reply((), DEFERRED_REASON)
    found: list[Found] = []
    try:
        limit = now() + timedelta(seconds=question.declaration.limits.budget_s)
        asked = replace(question.asked, until=min(question.asked.until, limit))
        for one in tools.workshop.live(question.declaration).read_member(asked):
            found.append(one)
        return _Reply(tuple(found))
    except Fault as fault:
        return _Reply(tuple(found), fault.reason if fault.reason in STATE_OF else UNREACHABLE)
    except Refusal as refusal:
        return _Reply(tuple(found), refusal.reason if refusal.reason in STATE_OF else "source.refused")


def _reply(future: Future[_Reply]) -> _Reply:
    error = future.exception()
    if error is None:
        return future.result()
    # an adapter must not take an answer down with it; what it failed on may be a member's, so only its kind is told
    log.error("a source's adapter failed", reason="system.bug", detail=type(error).__name__)
    return _Reply((), "source.invalid")


def _settle(tools: Tools, question: _Question, reply: _Reply) -> None:
    """Take in what came and note it, in one transaction."""
    one = question.open
    if reply.reason == DEFERRED_REASON:
        return
    refined, reply = _refined(tools, question.declaration, reply)
    missing = {found.entity: str(found.problem) for found in reply.found if _is_missing(found)}
    with tools.database.transaction() as conn:
        at = begin_load(conn)
        taken = take_in(tools, conn, Batch(question.declaration, refined, at), _Whose(question))
        answered = replace(
            one,
            types={kind: count for kind, count in taken.saved.types.items() if kind not in ("Patient", "Provenance")},
            missing=missing,
            put_aside=dict(taken.quarantined),
            attempts=one.attempts + 1,
            asked_at=one.asked_at or at,
            answered_at=at,
        )
        state, reason = _state(answered, reply.reason, bool(reply.found))
        as_of = _as_of(refined, at, is_live=reply.reason is None)
        freshness = _freshness(question.declaration, as_of, at)
        _note(tools, conn, replace(answered, state=state, reason=reason, data_as_of=as_of, freshness=freshness))


def _refined(tools: Tools, declaration: Declaration, reply: _Reply) -> tuple[list[Refined], _Reply]:
    """Every record refined; a mapping or a code map that is gone leaves a gap and takes no answer down."""
    try:
        refinery = refinery_of(tools, declaration)
    except Refusal as refusal:
        log.error("a source's rules cannot be used", reason=refusal.reason)
        return [], _Reply((), "source.invalid")
    return [refinery.refine(found) for found in reply.found if not _is_missing(found)], reply


def _is_missing(found: Found) -> bool:
    """A type that the source could not give, as told by its adapter; no record."""
    return found.content is None and not found.raw and str(found.problem).startswith("source.")


def _state(one: SourceAsked, reason: str | None, has_found: bool) -> tuple[str, str | None]:
    if reason is not None:
        return (PARTIAL if has_found else STATE_OF[reason]), reason
    if one.missing:
        return PARTIAL, next(iter(one.missing.values()))
    return (ANSWERED, None) if one.types or one.put_aside else (EMPTY, "source.empty")


def _as_of(refined: Sequence[Refined], at: datetime, *, is_live: bool) -> datetime | None:
    """A source that was asked just now says what it knows now; one that broke off, as far as its records reach."""
    if is_live:
        return at
    days = [day for one in refined for kept in one.kept if (day := times_of(kept.resource).newest)]
    return datetime.combine(max(days), at.timetz().replace(hour=0, minute=0, second=0, microsecond=0)) if days else None


def _freshness(declaration: Declaration, as_of: datetime | None, at: datetime) -> str:
    if as_of is None:
        return UNKNOWN
    return STALE if declaration.fresh_within is not None and at - as_of > declaration.fresh_within else FRESH


def _note(tools: Tools, conn: Connection, one: SourceAsked) -> None:
    """Keep what became of it, and tell the ledger."""
    source_store.note(conn, one)
    name = {ANSWERED: "source.fetched", PARTIAL: "source.fetched", EMPTY: "source.empty"}.get(
        one.state, "source.failed"
    )
    types: dict[str, JSON] = dict(one.types)
    put_aside: dict[str, JSON] = dict(one.put_aside)
    missing: dict[str, JSON] = dict(one.missing)
    facts: dict[str, JSON] = {"source": one.source, "state": one.state, "types": types, "attempt": one.attempts}
    facts |= {"put_aside": put_aside} if put_aside else {}
    facts |= {"missing": missing} if missing else {}
    tools.ledger.append(
        conn,
        Event(
            *(name, one.exchange_id, "process", "interpayer"),
            outcome="ok" if one.is_whole else "failed" if name == "source.failed" else "partial",
            reason=one.reason,
            exchange_id=one.exchange_id,
            member_id=one.member_id,
            attempt=one.attempts,
            facts=facts,
        ),
    )


class _Whose:
    """The persons that a source names when it is asked for one member: that member, as found by its number."""

    def __init__(self, question: _Question) -> None:
        self._member_id = question.open.member_id
        self._numbers = {value for _, value in question.asked.ids}

    def __call__(self, _conn: Connection, outlines: Sequence[Outline], _enrolled: Any) -> Mapping[str, str]:
        """Its Patients, and the number itself where a table has no Patient; anybody else is somebody foreign."""
        persons = {one.local_id for one in outlines if one.type == "Patient"}
        return dict.fromkeys(persons | self._numbers, self._member_id)

"""Responder, one answer: where does it live? Sources chosen by what they can give, with reasons for those not taken.

Sources of files were loaded ahead: what they told of a member is in the store, and only how fresh it is can be said.
Live sources are asked while the answer is made (``fetching``), what is essential first.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from interpayer.adapters.store import Standing, standings
from interpayer.exchange import source_store
from interpayer.exchange.completeness import ANSWERED, DEFERRED, EMPTY, FRESH, OWN, STALE, SourceAsked
from interpayer.exchange.tools import Tools
from interpayer.exchange.transitions import Move, move
from interpayer.model.event import JSON
from interpayer.model.exchange import State
from interpayer.records.store import counts_by_source
from interpayer.system.clock import now
from interpayer.system.database import Connection

NO_CAPABILITY = "route.no_capability"
NOT_READ = "source.late"
# How long what a live source said is good enough where its declaration does not say so.
LATELY = timedelta(hours=1)


def choose_sources(
    tools: Tools, conn: Connection, exchange_of: Mapping[str, str], asked: Mapping[str, Any], *, job_id: str | None
) -> None:
    """Choose for each member's exchange and move it on to gathering.

    Without a job nobody can wait: of a live source counts what it said lately, and it is asked anew after the answer.
    """
    at = now()
    said = source_store.last_said(conn, list(exchange_of)) if job_id is None else {}
    known = standings(conn)
    wanted = frozenset(asked.get("types") or ())
    chosen = [one for one in known if _can(one, wanted)]
    held = counts_by_source(conn, list(exchange_of))
    rows: list[SourceAsked] = []
    for member_id, exchange_id in exchange_of.items():
        told = held.get(member_id, {})
        base = SourceAsked(exchange_id, OWN, member_id, job_id=job_id or exchange_id, asked_at=at)
        rows += [
            _lately(planned, said.get((member_id, planned.source)), one, at=at) if job_id is None else planned
            for one in chosen
            for planned in [_planned(one, base, told, at=at)]
        ]
        own = told.get(tools.fhir_base)
        if own or not chosen:
            rows.append(replace(base, state=ANSWERED if own else EMPTY, types=own or {}, answered_at=at))
    source_store.choose(conn, rows)
    _tell(tools, conn, list(exchange_of.values()), [one.declaration.name for one in chosen], known)


def _can(one: Standing, wanted: frozenset[str]) -> bool:
    """A source that does not say what it has may have anything."""
    types = frozenset(one.declaration.types)
    return not wanted or not types or bool(types & wanted)


def _planned(one: Standing, base: SourceAsked, told: Mapping[str, Mapping[str, int]], *, at: datetime) -> SourceAsked:
    declaration = one.declaration
    named = replace(
        base, source=declaration.name, is_live=declaration.is_live, is_essential=declaration.essential, asked_at=None
    )
    if declaration.is_live:
        return named
    if one.read_at is None:
        return replace(named, state="late", reason=NOT_READ)
    types = told.get(declaration.name, {})
    freshness = one.freshness(at)
    return replace(
        named,
        state=ANSWERED if types else EMPTY,
        reason="source.stale" if freshness == STALE else None,
        answered_at=one.read_at,
        data_as_of=one.data_as_of,
        freshness=freshness,
        types=types,
    )


def _lately(planned: SourceAsked, said: SourceAsked | None, one: Standing, *, at: datetime) -> SourceAsked:
    """A live source as it can be told at once: by what it said before, as long as that is fresh."""
    if not planned.is_live:
        return planned
    good_for = one.declaration.fresh_within or LATELY
    if said is None or said.answered_at is None or at - said.answered_at > good_for:
        return replace(planned, state=DEFERRED, reason="source.deferred")
    return replace(
        planned,
        state=said.state,
        reason=said.reason,
        answered_at=said.answered_at,
        types=said.types,
        data_as_of=said.data_as_of,
        freshness=FRESH,
    )


def _tell(
    tools: Tools, conn: Connection, exchange_ids: Sequence[str], chosen: Sequence[str], known: Sequence[Standing]
) -> None:
    rejected: list[JSON] = [
        {"source": one.declaration.name, "reason": NO_CAPABILITY} for one in known if one.declaration.name not in chosen
    ]
    sources: list[JSON] = [OWN, *chosen]
    why = "what each can give" if known else "the plan's records are the only source"
    facts: dict[str, JSON] = {"sources": sources, "why": why, "rejected": rejected}
    move(conn, tools.ledger, [Move(x, State.ROUTED, facts=facts, details={"route": facts}) for x in exchange_ids])
    move(conn, tools.ledger, [Move(x, State.GATHERING, facts={"source": OWN}) for x in exchange_ids])

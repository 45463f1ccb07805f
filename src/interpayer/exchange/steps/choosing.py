"""Responder, one answer: where does it live? Sources chosen by what they can give, with reasons for those not taken.

Sources of files were loaded ahead: what they told of a member is in the store, and only how fresh it is can be said.
Live sources are asked while the answer is made (``fetching``), what is essential first.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any

from interpayer.adapters.store import Standing, standings
from interpayer.exchange import source_store
from interpayer.exchange.completeness import ANSWERED, CHOSEN, DEFERRED, EMPTY, OWN, STALE, SourceAsked
from interpayer.exchange.tools import Tools
from interpayer.exchange.transitions import Move, move
from interpayer.model.event import JSON
from interpayer.model.exchange import State
from interpayer.records.store import counts_by_source
from interpayer.system.clock import now
from interpayer.system.database import Connection

NO_CAPABILITY = "route.no_capability"
NOT_READ = "source.late"


def choose_sources(
    tools: Tools, conn: Connection, exchange_of: Mapping[str, str], asked: Mapping[str, Any], *, job_id: str | None
) -> None:
    """Choose for each member's exchange and move it on to gathering. Without a job nobody can wait: live sources are
    deferred."""
    at = now()
    known = standings(conn)
    wanted = frozenset(asked.get("types") or ())
    chosen = [one for one in known if _can(one, wanted)]
    held = counts_by_source(conn, list(exchange_of))
    rows: list[SourceAsked] = []
    for member_id, exchange_id in exchange_of.items():
        told = held.get(member_id, {})
        base = SourceAsked(exchange_id, OWN, member_id, job_id=job_id, asked_at=at)
        rows += [_planned(one, base, told, at=at) for one in chosen]
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
        is_asked = base.job_id is not None
        return replace(named, state=CHOSEN if is_asked else DEFERRED, reason=None if is_asked else "source.deferred")
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

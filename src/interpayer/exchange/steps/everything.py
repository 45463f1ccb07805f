"""Responder: `$everything` for one member under a live match grant; each call decides again."""

from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256

from interpayer.consent import store as consent_store
from interpayer.exchange import source_store
from interpayer.exchange.completeness import DEFERRED, answer_of
from interpayer.exchange.durability.store import accept
from interpayer.exchange.steps.choosing import choose_sources
from interpayer.exchange.steps.obliging import owed
from interpayer.exchange.steps.releasing import (
    by_kind,
    decide,
    exchanges_for,
    lines_of,
    refuse,
    selection_of,
    told_of_sources,
)
from interpayer.exchange.tools import Tools
from interpayer.exchange.transitions import Move, move
from interpayer.model.event import JSON
from interpayer.model.exchange import State
from interpayer.model.partner import Caller
from interpayer.model.reason import Refusal
from interpayer.records.codec import plain_of
from interpayer.records.counting import withheld as withheld_counts
from interpayer.system.clock import now
from interpayer.system.database import Connection


@dataclass(frozen=True, slots=True)
class Everything:
    """What `$everything` is narrowed to."""

    types: tuple[str, ...] = ()
    since: datetime | None = None


def everything_for(
    tools: Tools, conn: Connection, caller: Caller, *, member_id: str, wanted: Everything
) -> list[bytes]:
    """All releasable resources of one member under a live match grant, as JSON lines; each call decides again."""
    grants = consent_store.grants_for(conn, partner_id=caller.partner_id, member_ids=[member_id], at=now())
    if member_id not in grants:
        raise Refusal("request.not_found", "Patient")
    decisions = decide(tools, conn, caller.partner_id, [member_id], action="read")
    asked = {
        "received_at": now().isoformat(),
        "correlation_id": grants[member_id].exchange_id,
        "types": list(wanted.types),
    }
    since = wanted.since.isoformat() if wanted.since else None
    exchange_of = exchanges_for(tools, conn, asked, {member_id: grants[member_id].exchange_id}, caller=caller)
    if decisions[member_id].is_refused:
        refuse(tools, conn, exchange_of, decisions=decisions)
        return []
    choose_sources(tools, conn, exchange_of, {**asked, "types": list(wanted.types)}, job_id=None)
    told = source_store.of_exchanges(conn, list(exchange_of.values())).get(exchange_of[member_id], [])
    if any(one.state == DEFERRED for one in told):
        # this call cannot wait; the next one finds what is asked now
        accept(conn, "ask_deferred", exchange_of[member_id], exchange_of[member_id])
    selection = selection_of(tools, decisions, {**asked, "since": since, "until": None}, until=None)
    selection = by_kind(tools, conn, caller.partner_id, selection, decisions=decisions)
    blocks = list(lines_of(tools, conn, selection, exchange_of, decisions=decisions))
    lines = [line for block in blocks for line in plain_of(block).splitlines()]
    content = sum(block.count for block in blocks if not block.shared and block.type not in ("Patient", "Provenance"))
    exchange_id = exchange_of[member_id]
    withheld: dict[str, JSON] = {**withheld_counts(conn, selection).get(member_id, {})}
    facts: dict[str, JSON] = {"records": len(lines), "digest": sha256(b"\n".join(sorted(lines))).hexdigest()}
    moves = [
        Move(
            *(exchange_id, State.ASSEMBLING),
            facts=facts,
            answer=answer_of(content, told),
            body={"withheld": withheld},
            details={"released": facts, "withheld": withheld, **told_of_sources(told)},
        ),
        Move(exchange_id, State.RELEASED, facts=facts),
        Move(exchange_id, State.COMPLETED, facts=facts),
    ]
    for wanted_move in moves:
        move(conn, tools.ledger, [wanted_move])
    notices = owed([(exchange_id, member_id, decisions[member_id])], partner_id=caller.partner_id)
    tools.ledger.append_many(conn, [*notices])
    return lines

"""Legal holds: while one stands, nothing that it is about is purged, redacted or forgotten, whoever asks.

Purges ask `held_of` (or `operations.is_held` in SQL) and leave out what is held; the database refuses the rest.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from interpayer.delivery import store as delivery_store
from interpayer.exchange import batch_store
from interpayer.exchange import store as exchange_store
from interpayer.exchange.tools import Tools
from interpayer.exchange.transitions import Actor
from interpayer.identity import graph
from interpayer.model.event import JSON, Event
from interpayer.model.reason import Refusal
from interpayer.operations import vault_store
from interpayer.operations.access import are_two
from interpayer.operations.vault_store import Subject
from interpayer.partners import directory
from interpayer.system.clock import now
from interpayer.system.database import Connection

CHAIN = "vault"


@dataclass(frozen=True, slots=True)
class Held:
    """What is held now."""

    is_everything: bool
    members: frozenset[str]
    exchanges: frozenset[str]
    partners: frozenset[str]

    def covers(
        self, *, member_id: str | None = None, exchange_id: str | None = None, partner_id: str | None = None
    ) -> bool:
        """Whether something about these must be kept; None is not asked about."""
        named = member_id in self.members or exchange_id in self.exchanges or partner_id in self.partners
        return self.is_everything or named


NOTHING_HELD = Held(False, frozenset(), frozenset(), frozenset())


def held_of(conn: Connection) -> Held:
    """What is held now, in one query."""
    rows = vault_store.holds(conn, open_only=True)
    found = {name: frozenset(row[name] for row in rows if row[name]) for name in _NAMES}
    is_everything = any(not any(row[name] for name in _NAMES) for row in rows)
    return Held(is_everything, found["member_id"], found["exchange_id"], found["partner_id"])


def held_jobs(conn: Connection, job_ids: Sequence[str]) -> set[str]:
    """Which of these jobs' files must be kept: one of their members or exchanges is held, or their partner is."""
    held = held_of(conn)
    if held == NOTHING_HELD:
        return set()
    return {job_id for job_id in job_ids if _holds_job(conn, held, job_id)}


def place(tools: Tools, conn: Connection, subject: Subject, *, reason: str, actor: Actor) -> int:
    """Hold everything, or what is about one member, exchange or partner, until a person ends it; its number."""
    if not reason.strip():
        raise Refusal("request.malformed", "say which matter the hold is for")
    about = _known(tools, conn, subject)
    hold_id = vault_store.place_hold(conn, about, reason=reason.strip(), by=actor.id)
    if hold_id is None:
        raise Refusal("request.wrong_state", "the same is held already")
    tools.ledger.append(conn, _event("hold.placed", hold_id, about=about, why=reason, actor=actor))
    return hold_id


def release(tools: Tools, conn: Connection, hold_id: int, *, reason: str, actor: Actor) -> dict[str, Any]:
    """End a hold: another person than the one who placed it, with a reason."""
    found = vault_store.hold(conn, hold_id)
    if found is None or found["released_at"] is not None:
        raise Refusal("request.not_found", "no such open hold")
    if not reason.strip():
        raise Refusal("request.malformed", "say why the hold ends")
    if not are_two(found["placed_by"], actor.id):
        raise Refusal("caller.not_permitted", "who placed a hold does not end it; four eyes are two names")
    vault_store.release_hold(conn, hold_id, by=actor.id, reason=reason.strip(), at=now())
    about = Subject(found["member_id"], None, found["exchange_id"], found["partner_id"])
    tools.ledger.append(conn, _event("hold.released", hold_id, about=about, why=reason, actor=actor))
    return vault_store.hold(conn, hold_id) or found


def listed(conn: Connection, *, open_only: bool = True) -> Sequence[dict[str, Any]]:
    """Holds, the newest first."""
    return vault_store.holds(conn, open_only=open_only)


def _holds_job(conn: Connection, held: Held, job_id: str) -> bool:
    job = delivery_store.job(conn, job_id, None)
    within = batch_store.job_members(conn, job_id)
    return (job is not None and held.covers(partner_id=job.partner_id, exchange_id=job.exchange_id)) or any(
        held.covers(member_id=member_id, exchange_id=exchange_id) for member_id, exchange_id in within.items()
    )


_NAMES = ("member_id", "exchange_id", "partner_id")


def _known(tools: Tools, conn: Connection, subject: Subject) -> Subject:
    """The subject, which must exist: a hold on a name that was misspelled would hold nothing."""
    given = [name for name in _NAMES if getattr(subject, name)]
    if len(given) > 1:
        raise Refusal("request.malformed", "a hold is about one member, one exchange, one partner, or everything")
    member_id = subject.member_id
    missing = (
        (member_id is not None and member_id not in graph.person_members(conn, [member_id]))
        or (subject.exchange_id is not None and exchange_store.row_of(conn, subject.exchange_id) is None)
        or (subject.partner_id is not None and directory.partner(conn, subject.partner_id) is None)
    )
    if missing:
        raise Refusal("request.not_found", f"no such {given[0].removesuffix('_id')}")
    pseudonym = tools.ledger.pseudonym(member_id) if member_id else None
    return Subject(member_id, pseudonym, subject.exchange_id, subject.partner_id)


def _event(name: str, hold_id: int, *, about: Subject, why: str, actor: Actor) -> Event:
    facts: dict[str, JSON] = {"hold": hold_id, "why": why.strip(), "everything": about == Subject()}
    return Event(
        *(name, CHAIN, actor.type, actor.id),
        member_id=about.member_id,
        exchange_id=about.exchange_id,
        partner_id=about.partner_id,
        facts=facts,
    )

"""Forgetting: a member's keys are destroyed and what names the member goes; the ledger still verifies (floor).

Two people: one asks, another does it. A legal hold refuses, and so does work that is not at its end. What stays says
that something happened, to nobody: ids without meaning, codes, times, hashes.
"""

from collections.abc import Collection, Iterator, Sequence
from typing import Any

from interpayer.consent.forgetting import forget_documents
from interpayer.delivery.wrapped import forget_requests as forget_job_requests
from interpayer.exchange.forgetting import exchanges_of, forget_requests, jobs_of
from interpayer.exchange.tools import Tools
from interpayer.exchange.transitions import Actor
from interpayer.identity import graph
from interpayer.identity.forgetting import forget_identity, held_ids
from interpayer.model.event import JSON, Event
from interpayer.model.exchange import FINAL
from interpayer.model.reason import Refusal
from interpayer.operations import consents, vault_store
from interpayer.operations.access import are_two
from interpayer.operations.legal_holds import CHAIN, held_of
from interpayer.records.keys import forget_records
from interpayer.system.clock import now
from interpayer.system.database import Connection

HELD = "request.held"


def ask(tools: Tools, conn: Connection, member_id: str, *, reason: str, actor: Actor) -> str:
    """Note that a member is to be forgotten; the name under which the ledger knows the member. Nothing is lost yet."""
    if not reason.strip():
        raise Refusal("request.malformed", "say why the member is to be forgotten")
    _check(conn, member_id)
    pseudonym = tools.ledger.pseudonym(member_id)
    if not vault_store.ask_forgetting(conn, member_id, pseudonym, reason=reason.strip(), by=actor.id):
        raise Refusal("request.wrong_state", "this was asked before")
    tools.ledger.append(conn, _event("member.forgetting_asked", member_id, actor, {"why": reason.strip()}))
    return pseudonym


def forget(tools: Tools, conn: Connection, member_id: str, *, actor: Actor) -> dict[str, int]:
    """Forget a member for ever, as another person asked; what went, as counts."""
    pseudonym = tools.ledger.pseudonym(member_id)
    asked = vault_store.forgetting(conn, pseudonym)
    if asked is None or asked["done_at"] is not None:
        raise Refusal("request.wrong_state", "nobody asked for this, or it is done; somebody asks first")
    if not are_two(asked["asked_by"], actor.id):
        raise Refusal("caller.not_permitted", "who asked does not do it; four eyes are two names")
    _check(conn, member_id)
    return _forget(tools, conn, member_id, pseudonym=pseudonym, actor=actor)


def again(tools: Tools, conn: Connection, pseudonyms: Sequence[str], *, reason: str, actor: Actor) -> int:
    """After a restore: forget whoever of these the backup brought back; how many. The first time, two people agreed."""
    done = 0
    for member_id, pseudonym in list(brought_back(tools, conn, pseudonyms)):
        _check(conn, member_id)
        vault_store.ask_forgetting(conn, member_id, pseudonym, reason=reason, by=actor.id)
        _forget(tools, conn, member_id, pseudonym=pseudonym, actor=actor)
        done += 1
    return done


def brought_back(tools: Tools, conn: Connection, pseudonyms: Collection[str]) -> Iterator[tuple[str, str]]:
    """Who of these is held all the same: member id and the ledger's name."""
    forgotten = frozenset(pseudonyms)
    for member_id in held_ids(conn) if forgotten else ():
        if (pseudonym := tools.ledger.pseudonym(member_id)) in forgotten:
            yield member_id, pseudonym


def redact(tools: Tools, conn: Connection, event_id: int, field: str, *, reason: str, actor: Actor) -> None:
    """Forget one sealed field of one event for ever. Hashes and proofs stay valid; that it went is an event itself."""
    if not reason.strip():
        raise Refusal("request.malformed", "say why the field is to be forgotten")
    about = tools.ledger.about(conn, event_id)
    if about is None:
        raise Refusal("request.not_found", "no such event")
    if vault_store.is_held(conn, about["member"], about["exchange"], about["partner"]):
        raise Refusal(HELD)
    if not tools.ledger.redact(conn, event_id, field):
        raise Refusal("request.not_found", "the event has no such sealed field")
    facts: dict[str, JSON] = {"redacted": event_id, "field": field, "why": reason.strip()}
    tools.ledger.append(conn, Event("audit.redacted", CHAIN, actor.type, actor.id, facts=facts))


def listed(conn: Connection) -> list[dict[str, Any]]:
    """Who was forgotten or is to be, by the ledger's names, the newest first."""
    return vault_store.forgettings(conn)


def _check(conn: Connection, member_id: str) -> None:
    """(1) there is such a member, (2) nothing about the member is held, (3) nothing about the member is under way."""
    if member_id not in graph.person_members(conn, [member_id]):  # (1)
        raise Refusal("request.not_found", "no such member")
    held, exchanges = held_of(conn), exchanges_of(conn, member_id)
    if held.covers(member_id=member_id) or any(
        held.covers(exchange_id=one.id, partner_id=one.partner_id) for one in exchanges
    ):  # (2)
        raise Refusal(HELD)
    if running := [one.id for one in exchanges if one.state not in FINAL]:  # (3)
        raise Refusal("request.wrong_state", f"not at its end: {', '.join(running[:3])}; cancel it or wait")


def _forget(tools: Tools, conn: Connection, member_id: str, *, pseudonym: str, actor: Actor) -> dict[str, int]:
    """What rests on consent stops first; then the rooms forget, the ledger last, and says so."""
    consents.withdraw(tools, conn, member_id, proof="forgotten", actor=actor)
    counts = {
        "job_requests": forget_job_requests(conn, jobs_of(conn, member_id)),
        "requests": forget_requests(conn, member_id),
        "records": forget_records(conn, member_id),
        "consents": forget_documents(conn, member_id),
        "members": forget_identity(conn, member_id),
        "bodies": tools.ledger.shred(conn, member_id),
    }
    vault_store.end_forgetting(conn, pseudonym, by=actor.id, at=now(), counts=counts)
    facts: dict[str, JSON] = {**counts}
    tools.ledger.append(conn, _event("member.forgotten", member_id, actor, facts))
    return counts


def _event(name: str, member_id: str, actor: Actor, facts: dict[str, JSON]) -> Event:
    return Event(name, CHAIN, actor.type, actor.id, member_id=member_id, facts=facts)

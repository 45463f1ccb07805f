"""What members allow and take back: recorded, revoked, withdrawn; a no stops work and files in the same transaction."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime

from interpayer.consent import store as consent_store
from interpayer.delivery import store as delivery_store
from interpayer.delivery.withdrawal import Dropped, drop_member
from interpayer.exchange import batch_store
from interpayer.exchange import store as exchange_store
from interpayer.exchange.durability import store as durable
from interpayer.exchange.tools import Tools
from interpayer.exchange.transitions import Actor, Move, move
from interpayer.identity import graph
from interpayer.model.consent import Consent
from interpayer.model.event import Event
from interpayer.model.exchange import WITHDRAWABLE, State
from interpayer.model.reason import Refusal
from interpayer.operations import standing
from interpayer.system.clock import now
from interpayer.system.database import Connection

REVOKED = "consent.revoked"
# Jobs that hold or will hold files.
_LIVE_JOBS = ("kicked_off", "running", "ready", "fetched")
_ALL = 100_000


@dataclass(frozen=True, slots=True)
class Stopped:
    """What a no stopped: exchanges, match grants, and files that lost the member."""

    exchanges: tuple[str, ...] = ()
    grants: tuple[str, ...] = ()
    files: tuple[str, ...] = ()
    standing: tuple[str, ...] = ()


def record(tools: Tools, conn: Connection, consent: Consent, *, actor: Actor) -> Consent:
    """Keep a consent; the same one again is the one kept, and revoked stays revoked."""
    return record_many(tools, conn, [consent], actor=actor)[0]


def record_many(tools: Tools, conn: Connection, consents: Sequence[Consent], *, actor: Actor) -> list[Consent]:
    """Keep consents, each as kept; only new ones are events."""
    known = _known(conn, consents)
    kept = [known.get(_content(consent)) or consent_store.save(conn, consent) for consent in consents]
    tools.ledger.append_many(
        conn,
        [
            Event(
                *("consent.recorded", f"consent:{k.id}", actor.type, actor.id),
                member_id=k.member_id,
                facts={
                    "consent": k.id,
                    "scope": k.scope.value,
                    "sources": list(k.sources),
                    "recipients": list(k.recipients),
                    "starts_at": k.starts_at.isoformat(),
                    "ends_at": k.ends_at.isoformat(),
                    "basis": k.basis.value,
                },
            )
            for given, k in zip(consents, kept, strict=True)
            if given.id == k.id
        ],
    )
    return kept


def revoke(tools: Tools, conn: Connection, consent_id: str, *, reason: str, actor: Actor) -> Stopped:
    """Take one consent back; what rests on it stops at once. Twice is once."""
    consent = consent_store.load(conn, consent_id)
    if consent is None:
        raise Refusal("request.not_found", "no such consent")
    if consent.revoked_at is not None:
        return Stopped()
    ended = consent_store.revoke(conn, consent_id, at=now(), by=actor.id, reason=reason)
    exchanges = {grant.exchange_id for grant in ended}
    members = [consent.member_id] if consent.member_id else []
    rows = exchange_store.of_members(conn, members, WITHDRAWABLE)
    stopping = [row["id"] for row in rows if row["consent_id"] == consent_id or row["id"] in exchanges]
    jobs = [
        job.id
        for partner_id in {grant.partner_id for grant in ended}
        for job in delivery_store.list_jobs(conn, partner_id=partner_id, states=_LIVE_JOBS, limit=_ALL)
    ]
    stopped = _stop(tools, conn, stopping, dropping=[(m, job_id) for m in members for job_id in jobs], actor=actor)
    tools.ledger.append(
        conn,
        Event(
            *(REVOKED, f"consent:{consent_id}", actor.type, actor.id),
            member_id=consent.member_id,
            facts={"consent": consent_id, "why": reason, "exchanges": len(stopped.exchanges)},
        ),
    )
    return Stopped(stopped.exchanges, tuple(grant.id for grant in ended), stopped.files)


def withdraw(tools: Tools, conn: Connection, member_id: str, *, proof: str, actor: Actor) -> Stopped:
    """The member says no to this plan: it beats every consent, for every membership of the person, until lifted."""
    people = graph.person_members(conn, [member_id])
    if member_id not in people:
        raise Refusal("request.not_found", "no such member")
    at = now()
    rows = [consent_store.Withdrawal(m, at, actor.id, proof) for m in people[member_id]]
    return withdraw_many(tools, conn, rows, actor=actor)


def withdraw_many(tools: Tools, conn: Connection, rows: Sequence[consent_store.Withdrawal], *, actor: Actor) -> Stopped:
    """Many members say no; those who said it before are passed over."""
    before = consent_store.withdrawn_at(conn, [row.member_id for row in rows])
    fresh = [row for row in rows if row.member_id not in before]
    if not fresh:
        return Stopped()
    ended = consent_store.withdraw_members(conn, fresh)
    members = [row.member_id for row in fresh]
    ended_standing = standing.stop(tools, conn, member_ids=members, reason="opted out", actor=actor)
    under_way = [row["id"] for row in exchange_store.of_members(conn, members, WITHDRAWABLE)]
    stopped = _stop(tools, conn, under_way, dropping=[(m, None) for m in members], actor=actor)
    tools.ledger.append_many(
        conn,
        [
            Event(
                *(REVOKED, f"consent:{tools.ledger.pseudonym(row.member_id)}", actor.type, actor.id),
                member_id=row.member_id,
                facts={"what": "every consent at this plan", "at": row.at.isoformat()},
            )
            for row in fresh
        ],
    )
    grants = tuple(grant.id for grant in ended)
    return Stopped(stopped.exchanges, grants, stopped.files, tuple(ended_standing))


def revoke_own(tools: Tools, conn: Connection, member_ids: Sequence[str], *, actor: Actor) -> int:
    """Take back what these members allowed us to ask for: how many consents ended. Others' consents stay."""
    ours = [
        consent.id
        for known in consent_store.consents_of(conn, member_ids).values()
        for consent in known
        if consent.received_from is None and consent.revoked_at is None
    ]
    for consent_id in ours:
        revoke(tools, conn, consent_id, reason="opted out", actor=actor)
    return len(ours)


def lift(tools: Tools, conn: Connection, member_id: str, *, at: datetime, actor: Actor) -> bool:
    """The member opted in again at this plan; False when nothing was withdrawn. Ended grants stay ended."""
    lifted = consent_store.lift_withdrawal(conn, member_id, at=at, by=actor.id)
    if lifted:
        tools.ledger.append(
            conn,
            Event(
                *("consent.recorded", f"consent:{tools.ledger.pseudonym(member_id)}", actor.type, actor.id),
                member_id=member_id,
                facts={"what": "opted in again at this plan"},
            ),
        )
    return lifted


def listed(conn: Connection, member_id: str) -> tuple[list[Consent], datetime | None]:
    """A member's consents, newest first, and since when the member says no at this plan."""
    consents = consent_store.consents_of(conn, [member_id]).get(member_id, [])
    return consents, consent_store.withdrawn_at(conn, [member_id]).get(member_id)


def _known(conn: Connection, consents: Sequence[Consent]) -> dict[tuple[object, ...], Consent]:
    """What is kept already of these members, by content: a feed says the same every day."""
    members = {consent.member_id for consent in consents if consent.member_id}
    kept = consent_store.consents_of(conn, members) if members else {}
    return {_content(consent): consent for of_member in kept.values() for consent in of_member}


def _content(consent: Consent) -> tuple[object, ...]:
    """What makes two consents the same one, whatever their ids."""
    scope = (consent.scope, frozenset(consent.sources), frozenset(consent.recipients), consent.basis)
    return (
        *(consent.member_id, *scope, consent.starts_at, consent.ends_at),
        *(consent.performer, consent.proof, consent.received_from),
    )


def _stop(
    tools: Tools,
    conn: Connection,
    exchange_ids: Collection[str],
    *,
    dropping: Sequence[tuple[str, str | None]],
    actor: Actor,
) -> Stopped:
    """Exchanges end as revoked, their waiting work goes, files lose the members at once (exchange.md, section 6).

    `dropping` names members with the one job to take them out of, or None for every job.
    """
    moved = move(
        conn,
        tools.ledger,
        [Move(exchange_id, State.REVOKED, REVOKED, outcome="refused") for exchange_id in exchange_ids],
        actor=actor,
    )
    for exchange_id in moved:
        durable.cancel(conn, exchange_id)
    dropped = [(m, drop) for m, job_id in dropping for drop in drop_member(conn, m, job_id=job_id)]
    tools.ledger.append_many(conn, [_withdrawn(conn, member_id, drop, actor) for member_id, drop in dropped])
    return Stopped(exchanges=tuple(moved), files=tuple(drop.file_id for _, drop in dropped))


def _withdrawn(conn: Connection, member_id: str, drop: Dropped, actor: Actor) -> Event:
    exchange_id = drop.exchange_id or batch_store.job_members(conn, drop.job_id).get(member_id)
    return Event(
        *("answer.withdrawn", exchange_id or f"job:{drop.job_id}", actor.type, actor.id),
        reason="delivery.member_withdrawn",
        exchange_id=exchange_id,
        partner_id=drop.partner_id,
        member_id=member_id,
        facts={"job": drop.job_id, "file": drop.file_id, "fetched_before": drop.was_fetched},
    )

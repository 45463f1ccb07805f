"""A no, whoever says it: exchanges end, waiting work goes, files lose the member; all in the caller's transaction."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass

from interpayer.delivery import store as delivery_store
from interpayer.delivery.withdrawal import Dropped, drop_member
from interpayer.exchange import batch_store
from interpayer.exchange import store as exchange_store
from interpayer.exchange.durability import store as durable
from interpayer.exchange.tools import Tools
from interpayer.exchange.transitions import Actor, Move, move
from interpayer.model.consent import MatchGrant
from interpayer.model.event import Event
from interpayer.model.exchange import WITHDRAWABLE, State
from interpayer.system.database import Connection

REVOKED = "consent.revoked"
# Jobs that hold or will hold files.
_LIVE_JOBS = ("kicked_off", "running", "ready", "fetched")
_ALL = 100_000


@dataclass(frozen=True, slots=True)
class Stopped:
    """What a no stopped: exchanges, match grants, files that lost the member, standing requests.

    `continuing`: exchanges that go on, because they rest on a contract or a law and not on an opt-in.
    """

    exchanges: tuple[str, ...] = ()
    grants: tuple[str, ...] = ()
    files: tuple[str, ...] = ()
    standing: tuple[str, ...] = ()
    continuing: tuple[str, ...] = ()


def stop_under(
    tools: Tools,
    conn: Connection,
    ended: Sequence[MatchGrant],
    *,
    members: Collection[str] = (),
    consents: Collection[str] = (),
    actor: Actor,
) -> Stopped:
    """What rests on grants that ended, or of these members on these consents, stops; nothing else does."""
    about = sorted({grant.member_id for grant in ended} | set(members))
    resting, exchanges = {g.consent_id for g in ended} | set(consents), {g.exchange_id for g in ended}
    rows = exchange_store.of_members(conn, about, WITHDRAWABLE)
    # a later export is an exchange of its own, under the grant of the first
    stopping = [r["id"] for r in rows if {r["id"], r["follows"]} & exchanges or r["consent_id"] in resting]
    dropping = [
        (member_id, job.id)
        for member_id, partner_id in sorted({(grant.member_id, grant.partner_id) for grant in ended})
        for job in delivery_store.list_jobs(conn, partner_id=partner_id, states=_LIVE_JOBS, limit=_ALL)
    ]
    stopped = stop(tools, conn, stopping, dropping=dropping, actor=actor)
    return Stopped(stopped.exchanges, tuple(grant.id for grant in ended), stopped.files)


def stop(
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
    tools.ledger.append_many(conn, [_told(conn, member_id, drop, actor) for member_id, drop in dropped])
    return Stopped(exchanges=tuple(moved), files=tuple(drop.file_id for _, drop in dropped))


def _told(conn: Connection, member_id: str, drop: Dropped, actor: Actor) -> Event:
    exchange_id = drop.exchange_id or batch_store.job_members(conn, drop.job_id).get(member_id)
    return Event(
        *("answer.withdrawn", exchange_id or f"job:{drop.job_id}", actor.type, actor.id),
        reason="delivery.member_withdrawn",
        exchange_id=exchange_id,
        partner_id=drop.partner_id,
        member_id=member_id,
        facts={"job": drop.job_id, "file": drop.file_id, "fetched_before": drop.was_fetched},
    )

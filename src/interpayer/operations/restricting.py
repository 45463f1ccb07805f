"""What a member forbids or leaves out, and what changes who may speak for a member: it counts at once, everywhere."""

from collections.abc import Sequence
from dataclasses import replace

from interpayer.consent import life_events
from interpayer.consent import store as consent_store
from interpayer.consent.authority import no_authority
from interpayer.consent.combining import names_one_of
from interpayer.consent.life_events import LifeEvent
from interpayer.exchange import store as exchange_store
from interpayer.exchange.tools import Tools
from interpayer.exchange.transitions import Actor
from interpayer.identity import graph
from interpayer.identity import store as identity_store
from interpayer.model.consent import ANYONE, Consent, Effect, MatchGrant
from interpayer.model.event import Event
from interpayer.model.exchange import WITHDRAWABLE, Role
from interpayer.model.reason import Refusal
from interpayer.operations import consents, standing
from interpayer.operations.stopping import Stopped, stop, stop_under
from interpayer.partners import directory
from interpayer.system.clock import now
from interpayer.system.database import Connection
from interpayer.system.ids import new_id


def restrict(tools: Tools, conn: Connection, said: Consent, *, actor: Actor) -> tuple[Consent, Stopped]:
    """Keep a restriction or a denial, for every membership of the person; what rests on more than it leaves ends.

    A match after it gives a grant for what is left; nothing that was gathered before it is handed out any more.
    """
    if said.effect is Effect.PERMIT or said.member_id is None:
        raise Refusal("request.malformed", "a permission is recorded, not a restriction")
    others = [m for m in graph.person_members(conn, [said.member_id])[said.member_id] if m != said.member_id]
    kept, stopped = _restrict_one(tools, conn, said, actor=actor)
    for member_id in others:
        _, more = _restrict_one(tools, conn, replace(said, id=new_id("k"), member_id=member_id), actor=actor)
        stopped = _sum(stopped, more)
    return kept, stopped


def carry_over(tools: Tools, conn: Connection, members: Sequence[str], *, actor: Actor) -> int:
    """Members were joined to one person: what one of them forbade or left out, all of them did. How many statements."""
    known = consent_store.standings(conn, members)
    made = 0
    for member_id in members:
        for said in known[member_id].statements:
            if said.effect is Effect.PERMIT:
                continue
            for other in (m for m in members if m != member_id):
                copy = replace(said, id=new_id("k"), member_id=other)
                kept, _ = _restrict_one(tools, conn, copy, actor=actor)
                made += kept.id == copy.id
    return made


def _restrict_one(tools: Tools, conn: Connection, said: Consent, *, actor: Actor) -> tuple[Consent, Stopped]:
    kept = consents.record(tools, conn, said, actor=actor)
    if kept.id != said.id and kept.revoked_at is None:
        return kept, Stopped()
    ended = consent_store.withdraw_grants(
        conn, at=now(), exchange_ids=[grant.exchange_id for grant in _concerned(tools, conn, kept)]
    )
    answering = stop_under(tools, conn, ended, actor=actor)
    asking = stop(tools, conn, _asked(tools, conn, kept), dropping=[], actor=actor)
    ended_standing = _standing(tools, conn, kept, actor=actor)
    return kept, Stopped(
        (*answering.exchanges, *asking.exchanges), answering.grants, answering.files, tuple(ended_standing)
    )


def note_life_event(tools: Tools, conn: Connection, member_id: str, event: LifeEvent, *, actor: Actor) -> Stopped:
    """The member died, or is of full rights before majority: whose word ended with it, that no longer counts."""
    people = graph.person_members(conn, [member_id])
    if member_id not in people:
        raise Refusal("request.not_found", "no such member")
    if event.on > now().date():
        raise Refusal("request.malformed", "the day is in the future")
    members = list(people[member_id])
    fresh = [m for m in members if life_events.note(conn, m, event, by=actor.id)]
    _tell(tools, conn, fresh, what=event.what, actor=actor)
    grants = [g for m in fresh for g in _without_authority(tools, conn, m)]
    ended = consent_store.withdraw_grants(conn, at=now(), exchange_ids=[grant.exchange_id for grant in grants])
    stopped = stop_under(tools, conn, ended, actor=actor)
    if event.what != life_events.DIED:
        return stopped
    # nobody asks another payer for somebody who died
    asking = [r["id"] for r in exchange_store.of_members(conn, fresh, WITHDRAWABLE) if r["role"] == Role.REQUESTER]
    more = stop(tools, conn, asking, dropping=[], actor=actor)
    ended_standing = standing.stop(tools, conn, member_ids=fresh, reason="the member died", actor=actor)
    return Stopped((*stopped.exchanges, *more.exchanges), stopped.grants, stopped.files, tuple(ended_standing))


def take_back_life_event(tools: Tools, conn: Connection, member_id: str, *, what: str, actor: Actor) -> bool:
    """It was recorded wrongly: consents count again; False when nothing was recorded. What had ended stays ended."""
    people = graph.person_members(conn, [member_id]).get(member_id, ())
    undone = [m for m in people if life_events.take_back(conn, m, what=what, at=now(), by=actor.id)]
    _tell(tools, conn, undone, what=f"{what}, taken back", actor=actor)
    return bool(undone)


def _sum(one: Stopped, two: Stopped) -> Stopped:
    return Stopped(
        (*one.exchanges, *two.exchanges),
        (*one.grants, *two.grants),
        (*one.files, *two.files),
        (*one.standing, *two.standing),
        (*one.continuing, *two.continuing),
    )


def _tell(tools: Tools, conn: Connection, member_ids: Sequence[str], *, what: str, actor: Actor) -> None:
    tools.ledger.append_many(
        conn,
        [
            Event(
                *("consent.recorded", f"consent:{tools.ledger.pseudonym(m)}", actor.type, actor.id),
                member_id=m,
                body={"what": what},
            )
            for m in member_ids
        ],
    )


def _concerned(tools: Tools, conn: Connection, said: Consent) -> list[MatchGrant]:
    """The member's live grants of partners that the restriction speaks of."""
    if not _speaks_of(said.sources, tools.entity.identifiers):
        return []
    at, found = now(), []
    for grant in consent_store.grants_of(conn, member_id=said.member_id):
        partner = directory.partner(conn, grant.partner_id)
        is_live = grant.withdrawn_at is None and grant.expires_at > at
        if is_live and partner and _speaks_of(said.recipients, partner.organizations):
            found.append(grant)
    return found


def _asked(tools: Tools, conn: Connection, said: Consent) -> list[str]:
    """Our own requests under way that go to a payer of which the restriction speaks."""
    if not _speaks_of(said.recipients, tools.entity.identifiers):
        return []
    rows = exchange_store.of_members(conn, [said.member_id or ""], WITHDRAWABLE)
    mine = [row for row in rows if row["role"] == Role.REQUESTER]
    return [row["id"] for row in mine if _speaks_of(said.sources, _asked_payer(conn, row["organization"]))]


def _asked_payer(conn: Connection, organization: str | None) -> tuple[str, ...]:
    partner = directory.by_organization(conn, organization or "")
    return (*(partner.organizations if partner else ()), *([organization] if organization else []))


def _standing(tools: Tools, conn: Connection, said: Consent, *, actor: Actor) -> list[str]:
    # a denial for one payer leaves the requests to the others; each asks for permission when it is due
    if said.effect is not Effect.DENY or ANYONE not in said.sources or not said.member_id:
        return []
    return standing.stop(tools, conn, member_ids=[said.member_id], reason="denied by the member", actor=actor)


def _speaks_of(named: tuple[str, ...], organizations: tuple[str, ...]) -> bool:
    return ANYONE in named or names_one_of(named, organizations)


def _without_authority(tools: Tools, conn: Connection, member_id: str) -> list[MatchGrant]:
    """The grants that rest on the word of somebody who may no longer speak for the member."""
    grants = [g for g in consent_store.grants_of(conn, member_id=member_id) if g.withdrawn_at is None]
    known = consent_store.load_many(conn, [grant.consent_id for grant in grants])
    facts = consent_store.standings(conn, [member_id])[member_id]
    demographics = identity_store.demographics(conn, tools.vault, member_id)
    years, at = tools.policy().exchange.majority_years, now()
    lost = {
        consent.id
        for consent in known.values()
        if no_authority(
            *(consent, life_events.born(facts, demographics.birth_date if demographics else None)),
            at=at,
            majority_years=years,
        )
    }
    return [grant for grant in grants if grant.consent_id in lost]

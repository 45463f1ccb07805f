"""Responder: may the caller have these members? Each consent is kept, decided, and gives a match grant or a no."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any

from interpayer.consent import bases
from interpayer.consent import store as consent_store
from interpayer.consent.evaluate import holds_until
from interpayer.consent.reading import Unreadable, read_consent
from interpayer.exchange.entities import entity_of_member
from interpayer.exchange.steps import governing, permission
from interpayer.exchange.steps.obliging import owed
from interpayer.exchange.tools import Tools
from interpayer.exchange.transitions import move
from interpayer.model.consent import NOTHING_WITHHELD, Consent, LegalBasis, MatchGrant, Permission, Standing, Verdict
from interpayer.model.exchange import State
from interpayer.model.partner import Caller
from interpayer.system.database import Connection
from interpayer.system.ids import new_id

# Who speaks where nobody opted in: a contract or a law lets the organization ask (standards 5, row 12).
ORGANIZATION = "organization"
CANNOT_SEGMENT = "consent.cannot_segment"


@dataclass(frozen=True, slots=True)
class Sought:
    """A member that a partner asks for, certain by identity, with the Consent that came along."""

    exchange_id: str
    member_id: str
    consent: Mapping[str, Any]


def permit(
    tools: Tools, conn: Connection, caller: Caller, sought: Sequence[Sought], *, trace_id: str | None
) -> list[tuple[str, Permission]]:
    """Decide each, with its event; a yes leaves a match grant that knows what it leaves out. By exchange id.

    The consent must name a payer for which this call spoke, not just any for which the partner may act.
    """
    asking = permission.asker(tools, conn, caller.partner_id)
    asking = replace(asking, partner=replace(asking.partner, organizations=caller.organizations))
    governing.learn_lines(conn, asking, [one.member_id for one in sought])
    standings = consent_store.standings(conn, [one.member_id for one in sought])
    grounds = [_ground(tools, conn, asking, one, standing=standings[one.member_id]) for one in sought]
    decisions = _decided(tools, conn, asking, sought, grounds=grounds)
    told, moves, grants = [], [], []
    for one, ground, decision in zip(sought, grounds, decisions, strict=True):
        target = State.BLOCKED if decision.is_refused else State.PERMITTED
        moves.append(permission.moved(one.exchange_id, decision, target))
        told.append((one.exchange_id, decision))
        if isinstance(ground, permission.Ground) and not decision.is_refused:
            grants.append(_grant(tools, conn, asking, one, ground=ground, decision=decision))
    governing.keep(conn, asking, subject=sought[0].exchange_id if len(sought) == 1 else None)
    consent_store.save_grants(conn, grants)
    move(conn, tools.ledger, moves, trace_id=trace_id)
    who = {one.exchange_id: one.member_id for one in sought}
    notices = owed(((exchange_id, who[exchange_id], said) for exchange_id, said in told), partner_id=caller.partner_id)
    tools.ledger.append_many(conn, [*notices])
    return told


def to_read(
    tools: Tools, conn: Connection, partner_id: str, member_ids: Sequence[str], *, action: str = "export"
) -> dict[str, Permission]:
    """The permission of each member for this partner now: grant, consent, all else that was said, policy.

    `action`: export (a job), download (a file of it) or read (one member at once), as rules name the hop.
    Without a live grant it is a no, with the reason that ended the last one where its consent tells it.
    """
    asking = permission.asker(tools, conn, partner_id)
    grants = consent_store.grants_for(conn, partner_id=partner_id, member_ids=member_ids, at=asking.at)
    ended = consent_store.last_grants(conn, partner_id=partner_id, member_ids=set(member_ids) - set(grants))
    consents = consent_store.load_many(conn, [grant.consent_id for grant in (*grants.values(), *ended.values())])
    standings = consent_store.standings(conn, member_ids)
    governing.learn_lines(conn, asking, member_ids)
    decisions: dict[str, Permission] = {}
    for member_id in member_ids:
        grant = grants.get(member_id) or ended.get(member_id)
        ground = permission.Ground(
            consent=consents.get(grant.consent_id) if grant else None,
            standing=standings[member_id],
            limits=grant.limits if grant else NOTHING_WITHHELD,
        )
        decision = permission.to_answer(tools, conn, asking, action=action, ground=ground)
        is_over = member_id not in grants and not decision.is_refused
        decisions[member_id] = permission.refused(tools, "consent.missing") if is_over else decision
    governing.keep(conn, asking)
    return permission.segmented(tools, conn, decisions)


def _ground(
    tools: Tools, conn: Connection, asking: governing.Asker, one: Sought, *, standing: Standing
) -> permission.Ground | str:
    """What the decision rests on, or why there is nothing to rest on."""
    kept = _kept(tools, conn, asking, one)
    return kept if isinstance(kept, str) else permission.Ground(kept, standing)


def _decided(
    tools: Tools,
    conn: Connection,
    asking: governing.Asker,
    sought: Sequence[Sought],
    *,
    grounds: Sequence[permission.Ground | str],
) -> list[Permission]:
    given = [
        permission.refused(tools, ground)
        if isinstance(ground, str)
        else permission.to_answer(tools, conn, asking, action="match", ground=ground)
        for ground in grounds
    ]
    # one look at the labels of all members of whom something must stay
    needing = {one.member_id: p for one, p in zip(sought, given, strict=True) if p.limits.needs_labels}
    checked = permission.segmented(tools, conn, needing)
    blind = {m for m, p in checked.items() if p.reason == CANNOT_SEGMENT}
    return [
        replace(p, verdict=Verdict.REFUSED, reason=CANNOT_SEGMENT)
        if one.member_id in blind and p.limits.needs_labels and not p.is_refused
        else p
        for one, p in zip(sought, given, strict=True)
    ]


def _grant(
    tools: Tools,
    conn: Connection,
    asking: governing.Asker,
    one: Sought,
    *,
    ground: permission.Ground,
    decision: Permission,
) -> MatchGrant:
    """What stands between this match and every later read; it ends no later than who consented may speak."""
    assert ground.consent is not None
    ends_at = holds_until(ground.consent, permission.circumstances_of(tools, conn, asking, ground))
    return MatchGrant(
        id=new_id("g"),
        partner_id=asking.partner.id,
        member_id=one.member_id,
        consent_id=ground.consent.id,
        exchange_id=one.exchange_id,
        expires_at=min(ends_at, asking.at + timedelta(days=asking.bundle.exchange.grant_days)),
        limits=decision.limits,
    )


def _kept(tools: Tools, conn: Connection, asking: governing.Asker, one: Sought) -> Consent | str:
    """The consent as kept, or why there is none."""
    read = read_consent(one.consent, received_from=asking.partner.id)
    if isinstance(read, Unreadable):
        return read.reason
    said = replace(
        read,
        id=new_id("k"),
        member_id=one.member_id,
        # what was said cannot have been said later than now, whatever the resource tells
        given_at=min(read.given_at, asking.at) if read.given_at else None,
        issuer=next(iter(asking.partner.organizations), None),
        attested_by=asking.partner.id,
        attested_at=asking.at,
    )
    if said.performer != ORGANIZATION:
        return consent_store.save(conn, said)
    basis = _basis(tools, conn, asking, said)
    if basis is None:
        return "consent.no_basis"
    return consent_store.save(conn, bases.resting_on(said, basis), basis_id=basis.id)


def _basis(tools: Tools, conn: Connection, asking: governing.Asker, said: Consent) -> LegalBasis | None:
    return bases.basis_between(
        *(conn, entity_of_member(tools, conn, said.member_id).identifiers, asking.partner.organizations),
        at=asking.at,
        contract=said.proof,
    )

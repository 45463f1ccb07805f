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
from interpayer.model.consent import NOTHING_WITHHELD, Consent, LegalBasis, MatchGrant, Permission, Standing
from interpayer.model.exchange import State
from interpayer.system.database import Connection
from interpayer.system.ids import new_id

# Who speaks where nobody opted in: a contract or a law lets the organization ask (standards 5, row 12).
ORGANIZATION = "organization"


@dataclass(frozen=True, slots=True)
class Sought:
    """A member that a partner asks for, certain by identity, with the Consent that came along."""

    exchange_id: str
    member_id: str
    consent: Mapping[str, Any]


def permit(
    tools: Tools, conn: Connection, partner_id: str, sought: Sequence[Sought], *, trace_id: str | None
) -> list[tuple[str, Permission]]:
    """Decide each, with its event; a yes leaves a match grant that knows what it leaves out. By exchange id."""
    asking = permission.asker(tools, conn, partner_id)
    governing.learn_lines(conn, asking, [one.member_id for one in sought])
    standings = consent_store.standings(conn, [one.member_id for one in sought])
    told, moves, grants = [], [], []
    for one in sought:
        consent, decision, grant = _decided(tools, conn, asking, one, standing=standings[one.member_id])
        target = State.BLOCKED if decision.is_refused else State.PERMITTED
        moves.append(permission.moved(one.exchange_id, decision, target))
        told.append((one.exchange_id, decision))
        if consent and grant:
            grants.append(grant)
    governing.keep(conn, asking, subject=sought[0].exchange_id if len(sought) == 1 else None)
    consent_store.save_grants(conn, grants)
    move(conn, tools.ledger, moves, trace_id=trace_id)
    who = {one.exchange_id: one.member_id for one in sought}
    notices = owed(((exchange_id, who[exchange_id], said) for exchange_id, said in told), partner_id=partner_id)
    tools.ledger.append_many(conn, [*notices])
    return told


def to_read(tools: Tools, conn: Connection, partner_id: str, member_ids: Sequence[str]) -> dict[str, Permission]:
    """The permission of each member for this partner now: grant, consent, all else that was said, policy.

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
        decision = permission.to_answer(tools, conn, asking, action="export", ground=ground)
        is_over = member_id not in grants and not decision.is_refused
        decisions[member_id] = permission.refused(tools, "consent.missing") if is_over else decision
    governing.keep(conn, asking)
    return permission.segmented(tools, conn, decisions)


def _decided(
    tools: Tools, conn: Connection, asking: governing.Asker, one: Sought, *, standing: Standing
) -> tuple[Consent | None, Permission, MatchGrant | None]:
    kept = _kept(tools, conn, asking, one)
    if isinstance(kept, str):
        return None, permission.refused(tools, kept), None
    ground = permission.Ground(kept, standing)
    given = permission.to_answer(tools, conn, asking, action="match", ground=ground)
    decision = permission.segmented(tools, conn, {one.member_id: given})[one.member_id]
    if decision.is_refused:
        return kept, decision, None
    ends_at = holds_until(kept, permission.circumstances_of(tools, conn, asking, ground))
    grant = MatchGrant(
        id=new_id("g"),
        partner_id=asking.partner.id,
        member_id=one.member_id,
        consent_id=kept.id,
        exchange_id=one.exchange_id,
        expires_at=min(ends_at, asking.at + timedelta(days=asking.bundle.exchange.grant_days)),
        limits=decision.limits,
    )
    return kept, decision, grant


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

"""May they, may we? Consent and policy for both roles, decided anew at every hop, and the move that says so."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from interpayer.consent import bases
from interpayer.consent import store as consent_store
from interpayer.consent.evaluate import Circumstances, evaluate
from interpayer.exchange.asked import Asked
from interpayer.exchange.entities import entity_of_member
from interpayer.exchange.steps.governing import Asker, asker_of, keep, learn_lines, ruled
from interpayer.exchange.tools import Tools
from interpayer.exchange.transitions import Move
from interpayer.identity import store as identity_store
from interpayer.model.consent import (
    NOTHING_WITHHELD,
    UNKNOWN_STANDING,
    Basis,
    Consent,
    Limits,
    Permission,
    Standing,
    Verdict,
)
from interpayer.model.event import JSON
from interpayer.model.exchange import Exchange, State
from interpayer.model.partner import Partner
from interpayer.model.reason import Fault, FaultKind
from interpayer.partners import directory
from interpayer.policy.bundle import Bundle
from interpayer.records.limiting import members_unlabeled
from interpayer.system.clock import now
from interpayer.system.database import Connection

HELD_S = 10.0


@dataclass(frozen=True, slots=True)
class Ground:
    """What a decision about one member rests on: the consent, all else that is known, and what was agreed before."""

    consent: Consent | None
    standing: Standing = UNKNOWN_STANDING
    limits: Limits = NOTHING_WITHHELD


def asker(tools: Tools, conn: Connection, partner_id: str) -> Asker:
    """What is known of the partner now; LookupError when it is gone."""
    partner = directory.partner(conn, partner_id)
    if partner is None:
        raise LookupError("the partner is unknown")
    return asker_of(tools, conn, partner)


def to_answer(
    tools: Tools,
    conn: Connection,
    asking: Asker,
    *,
    action: str,
    ground: Ground,
) -> Permission:
    """Responder: may this partner have this member's data under this consent, now?"""
    given = evaluate(ground.consent, circumstances_of(tools, conn, asking, ground))
    consent, bounded = ground.consent, within(given, ground.limits)
    if consent is None:
        return ruled(tools, asking, action, given=bounded, member_id=None)
    learn_lines(conn, asking, [consent.member_id or ""])
    return ruled(tools, asking, action, given=bounded, member_id=consent.member_id, basis=consent.basis.value)


def circumstances_of(tools: Tools, conn: Connection, asking: Asker, ground: Ground) -> Circumstances:
    """What a partner's consent is held against at our door."""
    return Circumstances(
        at=asking.at,
        recipients=asking.partner.organizations,
        sources=entity_of_member(tools, conn, ground.consent.member_id if ground.consent else None).identifiers,
        policy_version=asking.bundle.version,
        standing=known_birth(tools, conn, ground.consent, ground.standing),
        majority_years=asking.bundle.exchange.majority_years,
        # whoever decides looks afterwards whether the member's records are labeled: `segmented`
        can_segment=True,
    )


def segmented(tools: Tools, conn: Connection, decisions: Mapping[str, Permission]) -> dict[str, Permission]:
    """The decisions, and a no where sensitive records must stay and not every record of the member is labeled."""
    needing = [m for m, decision in decisions.items() if not decision.is_refused and decision.limits.needs_labels]
    unlabeled = members_unlabeled(conn, needing, tools.sets.version) if needing else set()
    return {
        m: replace(one, verdict=Verdict.REFUSED, reason="consent.cannot_segment") if m in unlabeled else one
        for m, one in decisions.items()
    }


def within(given: Permission, limits: Limits) -> Permission:
    """The permission, narrowed by what was agreed before (a match grant): narrowing never widens."""
    both = given.limits.narrowed_by(limits)
    if given.is_refused or both == given.limits:
        return given
    return replace(given, verdict=Verdict.NARROWED, reason="policy.narrowed", limits=both)


def to_ask(tools: Tools, conn: Connection, exchange: Exchange, asked: Asked) -> Permission:
    """Requester: may we ask this payer for this member, now? Without an opt-in, a contract or a law must say so."""
    bundle = tools.policy()
    partner = directory.by_organization(conn, asked.partner or "")
    member_id = exchange.member_id or ""
    _, given = _own_consent(tools, conn, member_id, asked, partner=partner, bundle=bundle)
    if given.is_refused or partner is None:
        return given
    asking = asker_of(tools, conn, partner)
    learn_lines(conn, asking, [member_id])
    basis = asked.basis.value if asked.basis else None
    permission = ruled(tools, asking, "send", given=given, member_id=member_id, basis=basis)
    keep(conn, asking, subject=exchange.id)
    return permission


def consent_of(
    tools: Tools, conn: Connection, row: Mapping[str, Any], asked: Asked
) -> tuple[Consent | None, Permission]:
    """The consent that an outgoing request rests on, as it goes along with it, and what it lets go now."""
    partner = directory.by_organization(conn, asked.partner or "")
    return _own_consent(tools, conn, row["member_id"], asked, partner=partner, bundle=tools.policy())


def wait_while_held(tools: Tools, conn: Connection) -> None:
    """`Fault` system.restored, worth a repeat, while nothing may be released: neither a yes nor a no is decided then.

    What a restored database knows of consents may be too old; a no told on it would end what should only wait.
    """
    if tools.releases_held(conn):
        raise Fault(FaultKind.RETRYABLE, "system.restored", retry_after_s=HELD_S)


def refused(tools: Tools, reason: str) -> Permission:
    """A no for a reason that needs no evaluation."""
    return Permission(Verdict.REFUSED, reason, None, tools.policy().version)


def moved(exchange_id: str, decision: Permission, target: State) -> Move:
    """The move that says what was decided, by which consent and policy version."""
    facts: dict[str, JSON] = {"verdict": decision.verdict.value, "consent": decision.consent_id}
    told: dict[str, JSON] = {"policies": [*decision.policies], "obligations": [*decision.obligations]}
    told["decided_on"] = dict(decision.decided_on)
    name = "permission.refused" if decision.is_refused else f"permission.{decision.verdict.value}"
    if target is State.REVOKED:
        name = "consent.revoked"
    return Move(
        *(exchange_id, target, decision.reason),
        event=name,
        outcome="refused" if decision.is_refused else "ok",
        policy_version=decision.policy_version,
        consent_id=decision.consent_id,
        # all that an explanation needs stands in the ledger: the version's own files are kept under its name
        facts=facts | told,
        details={"permission": {**facts, "reason": decision.reason, "policy_version": decision.policy_version}},
    )


def known_birth(tools: Tools, conn: Connection, consent: Consent | None, standing: Standing) -> Standing:
    """With the member's birth date, looked up only where somebody else spoke: a parent's authority ends at majority."""
    said = [*standing.statements, *([consent] if consent else [])]
    by_others = [one for one in said if one.member_id and one.performer.startswith("representative")]
    if not by_others or standing.born_on is not None:
        return standing
    known = identity_store.demographics(conn, tools.vault, by_others[0].member_id or "")
    return replace(standing, born_on=known.birth_date if known else None)


def _own_consent(
    tools: Tools, conn: Connection, member_id: str, asked: Asked, *, partner: Partner | None, bundle: Bundle
) -> tuple[Consent | None, Permission]:
    sources = partner.organizations if partner else (asked.partner or "",)
    standing = consent_store.standings(conn, [member_id])[member_id]
    circumstances = Circumstances(
        at=now(),
        recipients=entity_of_member(tools, conn, member_id).identifiers,
        sources=tuple(sources),
        policy_version=bundle.version,
        standing=known_birth(tools, conn, None, standing),
        majority_years=bundle.exchange.majority_years,
        can_segment=True,
    )
    if asked.basis not in (None, Basis.OPT_IN):
        return _without_opt_in(conn, member_id, asked, circumstances)
    named = consent_store.load(conn, asked.consent_reference) if asked.consent_reference else None
    if named is not None and named.member_id == member_id:
        permission = evaluate(named, circumstances)
        if not permission.is_refused:
            return named, permission
    return consent_store.live_for(conn, member_id, circumstances)


def _without_opt_in(
    conn: Connection, member_id: str, asked: Asked, circumstances: Circumstances
) -> tuple[Consent | None, Permission]:
    """What a contract or a law on record lets us ask for; a basis that nobody recorded is none."""
    basis = bases.basis_between(
        *(conn, circumstances.sources, circumstances.recipients),
        at=circumstances.at,
        kind=asked.basis,
        contract=asked.consent_reference,
    )
    if basis is None:
        return None, Permission(Verdict.REFUSED, "consent.no_basis", None, circumstances.policy_version)
    consent = bases.consent_by(basis, member_id)
    return consent, evaluate(consent, circumstances)

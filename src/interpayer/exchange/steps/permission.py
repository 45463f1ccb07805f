"""May they, may we? Consent and policy for both roles, decided anew at every hop, and the move that says so."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from interpayer.consent import bases
from interpayer.consent import store as consent_store
from interpayer.consent.evaluate import Circumstances, evaluate
from interpayer.exchange.asked import Asked
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
from interpayer.policy.decide import decide
from interpayer.policy.facts import Decision, Facts
from interpayer.system.clock import now
from interpayer.system.database import Connection

HELD_S = 10.0


@dataclass(frozen=True, slots=True)
class Asker:
    """A partner as policy sees it, for one decision or a thousand: who it is, and what holds for all of them."""

    partner: Partner
    bundle: Bundle
    is_held: bool
    at: datetime
    decided: dict[Facts, Decision] = field(default_factory=dict)
    """What policy said to the same facts before: a thousand members seldom bring more than a few."""


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
    return Asker(partner, tools.policy(), tools.releases_held(conn), now())


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
    return _with_policy(tools, asking, action, within(given, ground.limits))


def circumstances_of(tools: Tools, conn: Connection, asking: Asker, ground: Ground) -> Circumstances:
    """What a partner's consent is held against at our door."""
    return Circumstances(
        at=asking.at,
        recipients=asking.partner.organizations,
        sources=tools.entity.identifiers,
        policy_version=asking.bundle.version,
        standing=known_birth(tools, conn, ground.consent, ground.standing),
        majority_years=asking.bundle.exchange.majority_years,
    )


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
    _, given = _own_consent(tools, conn, exchange.member_id or "", asked, partner=partner, bundle=bundle)
    if given.is_refused or partner is None:
        return given
    return _with_policy(tools, Asker(partner, bundle, tools.releases_held(conn), now()), "send", given)


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
    name = "permission.refused" if decision.is_refused else f"permission.{decision.verdict.value}"
    if target is State.REVOKED:
        name = "consent.revoked"
    return Move(
        *(exchange_id, target, decision.reason),
        event=name,
        outcome="refused" if decision.is_refused else "ok",
        policy_version=decision.policy_version,
        consent_id=decision.consent_id,
        facts=facts,
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
        recipients=tools.entity.identifiers,
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


def _with_policy(tools: Tools, asking: Asker, action: str, given: Permission) -> Permission:
    """Consent says yes first; then policy may still say no, never the other way round."""
    facts = Facts(
        action=action,
        partner_id=asking.partner.id,
        partner_status=asking.partner.status.value,
        partner_environment=asking.partner.environment,
        environment=tools.environment,
        # the door compared the token's scopes with the operation's before this was accepted
        scopes=(action,),
        scope_needed=action,
        consent=given.verdict.value,
        consent_reason=given.reason,
        attested=True,
        acts_for_recipient=True,
        releases_held=asking.is_held,
    )
    decision = asking.decided.get(facts) or decide(asking.bundle, facts)
    asking.decided[facts] = decision
    if given.is_refused or decision.allow:
        return replace(given, policy_version=decision.version)
    return Permission(Verdict.REFUSED, decision.reasons[0], given.consent_id, decision.version)

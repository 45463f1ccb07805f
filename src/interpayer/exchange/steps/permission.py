"""May they, may we? Consent and policy for both roles, decided anew at every hop, and the move that says so."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import date, datetime
from typing import Any

from interpayer.consent import store as consent_store
from interpayer.consent.evaluate import Circumstances, evaluate
from interpayer.exchange.asked import Asked
from interpayer.exchange.tools import Tools
from interpayer.exchange.transitions import Move
from interpayer.identity import store as identity_store
from interpayer.model.consent import Basis, Consent, Permission, Verdict
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
    consent: Consent | None,
    withdrawn_at: datetime | None,
) -> Permission:
    """Responder: may this partner have this member's data under this consent, now?"""
    circumstances = Circumstances(
        at=asking.at,
        recipients=asking.partner.organizations,
        sources=tools.entity.identifiers,
        policy_version=asking.bundle.version,
        withdrawn_at=withdrawn_at,
        majority_years=asking.bundle.exchange.majority_years,
        born_on=_born_on(tools, conn, consent),
    )
    return _with_policy(tools, asking, action, evaluate(consent, circumstances))


def to_ask(tools: Tools, conn: Connection, exchange: Exchange, asked: Asked) -> Permission:
    """Requester: may we ask this payer for this member, now? A basis other than opt-in needs no consent."""
    bundle = tools.policy()
    partner = directory.by_organization(conn, asked.partner or "")
    if asked.basis not in (None, Basis.OPT_IN):
        given = Permission(Verdict.GRANTED, None, None, bundle.version)
    else:
        _, given = _own_consent(tools, conn, exchange.member_id or "", asked, partner=partner, bundle=bundle)
    if given.is_refused or partner is None:
        return given
    return _with_policy(tools, Asker(partner, bundle, tools.releases_held(conn), now()), "send", given)


def consent_of(tools: Tools, conn: Connection, row: Mapping[str, Any], asked: Asked) -> Consent | None:
    """The member's consent that an outgoing request rests on, as it goes along with it."""
    partner = directory.by_organization(conn, asked.partner or "")
    consent, given = _own_consent(tools, conn, row["member_id"], asked, partner=partner, bundle=tools.policy())
    return None if given.is_refused else consent


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


def _born_on(tools: Tools, conn: Connection, consent: Consent | None) -> date | None:
    """The member's birth date, looked up only where somebody else consented: a parent's authority ends at majority."""
    if consent is None or consent.member_id is None or not consent.performer.startswith("representative"):
        return None
    known = identity_store.demographics(conn, tools.vault, consent.member_id)
    return known.birth_date if known else None


def _own_consent(
    tools: Tools, conn: Connection, member_id: str, asked: Asked, *, partner: Partner | None, bundle: Bundle
) -> tuple[Consent | None, Permission]:
    sources = partner.organizations if partner else (asked.partner or "",)
    circumstances = Circumstances(
        at=now(),
        recipients=tools.entity.identifiers,
        sources=tuple(sources),
        policy_version=bundle.version,
        majority_years=bundle.exchange.majority_years,
        can_segment=True,
    )
    named = consent_store.load(conn, asked.consent_reference) if asked.consent_reference else None
    if named is not None and named.member_id == member_id:
        withdrawn_at = consent_store.withdrawn_at(conn, [member_id]).get(member_id)
        permission = evaluate(named, replace(circumstances, withdrawn_at=withdrawn_at))
        if not permission.is_refused:
            return named, permission
    return consent_store.live_for(conn, member_id, circumstances)


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

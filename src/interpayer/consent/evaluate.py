"""May this go, by what the member allowed, and what must stay? Pure; asked again at every hop (exchange.md, section 5).

The first reason that speaks against it wins, in this order:
 (1) taken back, here or altogether   (2) outside its time            (3) other parties, another purpose
 (4) nobody with authority said it    (5) it or another contradicts   (6) less is allowed than asked, or can be told
"""

from dataclasses import dataclass
from datetime import datetime

from interpayer.consent.authority import limits_of_authority, no_authority, speaks_until
from interpayer.consent.combining import denied, in_force, names_one_of, narrowed_by_others, own_limits
from interpayer.model.consent import (
    PAYER_TO_PAYER,
    UNKNOWN_STANDING,
    Basis,
    Consent,
    Effect,
    Limits,
    Permission,
    Scope,
    Standing,
    Verdict,
)


@dataclass(frozen=True, slots=True)
class Circumstances:
    """What a consent is held against: the time, who gets, who gives, what is known of the member.

    `can_segment`: the member's records carry sensitivity labels. `wanted`, `wanted_types`: what was asked for by name.
    """

    at: datetime
    recipients: tuple[str, ...]
    sources: tuple[str, ...]
    policy_version: str
    standing: Standing = UNKNOWN_STANDING
    can_segment: bool = False
    majority_years: int = 18
    purpose: str = PAYER_TO_PAYER
    wanted: Scope | None = None
    wanted_types: frozenset[str] = frozenset()


def evaluate(consent: Consent | None, circumstances: Circumstances) -> Permission:
    """Granted, narrowed or refused, with the first reason that speaks against it and what it leaves out."""
    version = circumstances.policy_version
    if consent is None:
        is_withdrawn = _is_over(circumstances.standing.withdrawn_at, circumstances)
        return Permission(Verdict.REFUSED, "consent.revoked" if is_withdrawn else "consent.missing", None, version)
    others = _others(circumstances)
    limits = limits_now(consent, circumstances, others)
    reason = (
        _withdrawn(consent, circumstances)  # (1)
        or _out_of_period(consent, circumstances)  # (2)
        or _wrong_party(consent, circumstances)  # (3)
        or no_authority(
            consent, circumstances.standing, at=circumstances.at, majority_years=circumstances.majority_years
        )  # (4)
        or denied(consent, others)  # (5)
        or _contradicts_itself(consent, limits)
        or _out_of_scope(limits, circumstances)  # (6)
    )
    if reason:
        return Permission(Verdict.REFUSED, reason, consent.id, version)
    if limits.is_open:
        return Permission(Verdict.GRANTED, None, consent.id, version)
    return Permission(Verdict.NARROWED, "policy.narrowed", consent.id, version, limits)


def limits_now(consent: Consent, circumstances: Circumstances, others: tuple[Consent, ...] | None = None) -> Limits:
    """What this consent leaves out now, with everything else that the member said."""
    others = _others(circumstances) if others is None else others
    here = circumstances
    authority = limits_of_authority(consent, here.standing, at=here.at, majority_years=here.majority_years)
    return own_limits(consent).narrowed_by(authority).narrowed_by(narrowed_by_others(consent, others))


def holds_until(consent: Consent, circumstances: Circumstances) -> datetime:
    """When this consent ends if nobody says anything: its own end, or that of its speaker's authority."""
    ends = speaks_until(consent, circumstances.standing, majority_years=circumstances.majority_years)
    return min(consent.ends_at, ends) if ends else consent.ends_at


def _others(here: Circumstances) -> tuple[Consent, ...]:
    return in_force(
        here.standing,
        at=here.at,
        recipients=here.recipients,
        sources=here.sources,
        majority_years=here.majority_years,
    )


def _withdrawn(consent: Consent, circumstances: Circumstances) -> str | None:
    if _is_over(consent.revoked_at, circumstances):
        return "consent.revoked"
    # The member's own no at this plan beats every consent, also one that another payer received later. It takes back
    # an opt-in: what a contract or a law lets go never rested on one (a denial stops that too).
    is_withdrawn = consent.basis is Basis.OPT_IN and _is_over(circumstances.standing.withdrawn_at, circumstances)
    return "consent.revoked" if is_withdrawn else None


def _is_over(moment: datetime | None, circumstances: Circumstances) -> bool:
    return moment is not None and moment <= circumstances.at


def _out_of_period(consent: Consent, circumstances: Circumstances) -> str | None:
    if consent.starts_at >= consent.ends_at:
        return "consent.contradictory"
    if circumstances.at < consent.starts_at:
        return "consent.not_yet"
    return "consent.expired" if circumstances.at >= consent.ends_at else None


def _wrong_party(consent: Consent, circumstances: Circumstances) -> str | None:
    if not names_one_of(consent.recipients, circumstances.recipients):
        return "consent.wrong_recipient"
    if not names_one_of(consent.sources, circumstances.sources):
        return "consent.wrong_source"
    return None if consent.purpose == circumstances.purpose else "consent.scope_exceeded"


def _contradicts_itself(consent: Consent, limits: Limits) -> str | None:
    # a restriction or a denial permits nothing, whoever names it as the consent that something rests on
    return "consent.contradictory" if consent.effect is not Effect.PERMIT or limits.leaves_nothing else None


def _out_of_scope(limits: Limits, circumstances: Circumstances) -> str | None:
    if circumstances.wanted is Scope.SENSITIVE and limits.labels_withheld:
        return "consent.scope_exceeded"
    wanted = circumstances.wanted_types
    if wanted and not any(limits.allows_type(name) for name in wanted):
        return "consent.scope_exceeded"
    return "consent.cannot_segment" if limits.needs_labels and not circumstances.can_segment else None

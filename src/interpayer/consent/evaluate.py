"""May this go, by what the member allowed? Pure; asked again at every hop (HRex 1.2; exchange.md, section 5)."""

from dataclasses import dataclass
from datetime import date, datetime

from interpayer.consent.reading import same_organization
from interpayer.model.consent import Consent, Permission, Scope, Verdict

# Roles whose say over a child ends at majority; the others need their own proof of authority.
PARENTS = frozenset({"PRN", "MTH", "FTH", "NMTH", "NFTH", "ADOPTP", "STPPRN", "GUARD", "PRNFOST", "parent"})


@dataclass(frozen=True, slots=True)
class Circumstances:
    """What a consent is held against: the time, who gets, who gives, and what this payer can do.

    `withdrawn_at`: the member's own no at this plan. `can_segment`: records carry sensitivity labels.
    `born_on`: the member's birth date, for a parent's authority. `wanted`: the scope asked for, where one is named.
    """

    at: datetime
    recipients: tuple[str, ...]
    sources: tuple[str, ...]
    policy_version: str
    withdrawn_at: datetime | None = None
    can_segment: bool = False
    born_on: date | None = None
    majority_years: int = 18
    wanted: Scope | None = None


def evaluate(consent: Consent | None, circumstances: Circumstances) -> Permission:
    """Granted, narrowed or refused, with the first reason that speaks against it."""
    version = circumstances.policy_version
    if consent is None:
        is_withdrawn = circumstances.withdrawn_at is not None and circumstances.withdrawn_at <= circumstances.at
        return Permission(Verdict.REFUSED, "consent.revoked" if is_withdrawn else "consent.missing", None, version)
    reason = (
        _withdrawn(consent, circumstances)
        or _out_of_period(consent, circumstances)
        or _wrong_party(consent, circumstances)
        or _no_authority(consent, circumstances)
        or _out_of_scope(consent, circumstances)
    )
    if reason:
        return Permission(Verdict.REFUSED, reason, consent.id, version)
    if consent.scope is Scope.REGULAR:
        return Permission(Verdict.NARROWED, "policy.narrowed", consent.id, version)
    return Permission(Verdict.GRANTED, None, consent.id, version)


def _withdrawn(consent: Consent, circumstances: Circumstances) -> str | None:
    # The member's own no at this plan beats every consent, also one that another payer received later.
    moments = (consent.revoked_at, circumstances.withdrawn_at)
    return "consent.revoked" if any(moment and moment <= circumstances.at for moment in moments) else None


def _out_of_period(consent: Consent, circumstances: Circumstances) -> str | None:
    if consent.starts_at >= consent.ends_at:
        return "consent.contradictory"
    if circumstances.at < consent.starts_at:
        return "consent.not_yet"
    return "consent.expired" if circumstances.at >= consent.ends_at else None


def _wrong_party(consent: Consent, circumstances: Circumstances) -> str | None:
    if not _names_one_of(consent.recipients, circumstances.recipients):
        return "consent.wrong_recipient"
    return None if _names_one_of(consent.sources, circumstances.sources) else "consent.wrong_source"


def _no_authority(consent: Consent, circumstances: Circumstances) -> str | None:
    kind, _, role = consent.performer.partition(":")
    if kind == "member":
        return None
    if role not in PARENTS:
        # A power of attorney (DPOWATT, HPOWATT) shows in its role; a representative without a role proves nothing.
        return None if role else "consent.representative_unproven"
    if circumstances.born_on is None:
        return "consent.representative_unproven"
    return "consent.aged_out" if _is_of_age(circumstances.born_on, circumstances) else None


def _out_of_scope(consent: Consent, circumstances: Circumstances) -> str | None:
    if consent.scope is Scope.SENSITIVE:
        return None
    if circumstances.wanted is Scope.SENSITIVE:
        return "consent.scope_exceeded"
    return None if circumstances.can_segment else "consent.cannot_segment"


def _names_one_of(named: tuple[str, ...], organizations: tuple[str, ...]) -> bool:
    return any(same_organization(one, two) for one in named for two in organizations)


def _is_of_age(born_on: date, circumstances: Circumstances) -> bool:
    today = circumstances.at.date()
    years = today.year - born_on.year - ((today.month, today.day) < (born_on.month, born_on.day))
    return years >= circumstances.majority_years

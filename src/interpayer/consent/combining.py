"""Several statements of one member about the same parties: the narrower counts, and a no beats a yes. Pure."""

from datetime import datetime

from interpayer.consent.authority import no_authority
from interpayer.consent.reading import same_organization
from interpayer.model.consent import (
    ANY_LABEL,
    ANYONE,
    NOTHING_WITHHELD,
    Basis,
    Consent,
    Effect,
    Limits,
    Scope,
    Standing,
)

REGULAR_ONLY = Limits(labels_withheld=frozenset({ANY_LABEL}))


def names_one_of(named: tuple[str, ...], organizations: tuple[str, ...]) -> bool:
    """True when one of the parties named is one of these organizations."""
    return any(same_organization(one, two) for one in named for two in organizations)


def own_limits(consent: Consent) -> Limits:
    """What a statement itself leaves out: its scope word and what it says beyond it."""
    # only a permission has a scope word: a restriction says what it leaves out
    if consent.effect is Effect.PERMIT and consent.scope is Scope.REGULAR:
        return consent.limits.narrowed_by(REGULAR_ONLY)
    return consent.limits


def in_force(
    standing: Standing, *, at: datetime, recipients: tuple[str, ...], sources: tuple[str, ...], majority_years: int
) -> tuple[Consent, ...]:
    """The member's statements that count now between these parties."""
    return tuple(
        said
        for said in standing.statements
        if not (said.revoked_at and said.revoked_at <= at)
        and said.starts_at <= at < said.ends_at
        and _concerns(said, said.recipients, recipients)
        and _concerns(said, said.sources, sources)
        and no_authority(said, standing, at=at, majority_years=majority_years) is None
    )


def denied(consent: Consent, statements: tuple[Consent, ...]) -> str | None:
    """Why another statement forbids what this one lets go; None when none does.

    A denial stands until it is taken back. A later yes that another payer took down does not end it; a later yes that
    was given here contradicts it, and somebody has to ask the member.
    """
    denials = [said for said in statements if said.effect is Effect.DENY and said.purpose == consent.purpose]
    if not denials:
        return None
    is_own = consent.received_from is None and consent.basis is Basis.OPT_IN
    is_later = any(_later(consent, denial) or _same_moment(consent, denial) for denial in denials)
    return "consent.contradictory" if is_own and is_later else "consent.revoked"


def narrowed_by_others(consent: Consent, statements: tuple[Consent, ...]) -> Limits:
    """What the other statements in force leave out: every restriction, and a later permission that allows less."""
    limits = NOTHING_WITHHELD
    for said in statements:
        if said.id == consent.id or said.purpose != consent.purpose:
            continue
        is_later_word = (
            said.effect is Effect.PERMIT
            and said.basis is Basis.OPT_IN
            and consent.basis is Basis.OPT_IN
            and not _later(consent, said)
        )
        if said.effect is Effect.NARROW or is_later_word:
            limits = limits.narrowed_by(own_limits(said))
    return limits


def _concerns(said: Consent, named: tuple[str, ...], organizations: tuple[str, ...]) -> bool:
    # a permission names its parties: in it, `*` would be nobody
    return (said.effect is not Effect.PERMIT and ANYONE in named) or names_one_of(named, organizations)


def _later(one: Consent, two: Consent) -> bool:
    """True when the first was said after the second; what was not kept yet is said now."""
    if one.given_at is None or two.given_at is None:
        return one.given_at is None and two.given_at is not None
    return one.given_at > two.given_at


def _same_moment(one: Consent, two: Consent) -> bool:
    return one.given_at == two.given_at

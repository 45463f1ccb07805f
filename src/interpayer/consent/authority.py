"""Who may speak for a member, until when, and what stays the member's own. Pure.

A parent speaks for a minor and no longer (standards: authority ends at majority, or before by emancipation); a
representative by a role with a proof; after death the executor alone. What a minor may seek alone stays with the minor.
"""

from datetime import UTC, date, datetime, time

from interpayer.model.consent import NOTHING_WITHHELD, Authority, Basis, Consent, Limits, Standing
from interpayer.model.sensitivity import Category

# Roles whose say over a child ends at majority (v3-RoleCode, and the word of our own command line).
PARENTS = frozenset({"PRN", "MTH", "FTH", "NMTH", "NFTH", "ADOPTP", "STPPRN", "PRNFOST", "parent"})
# A guardian is one for a minor, or for an adult whom a court found unable: then the proof says so.
GUARDIANS = frozenset({"GUARD", "GUADLTM"})
# Only this one's say begins with the member's death.
EXECUTOR = "EXCEST"
MINORS_OWN = Limits(labels_withheld=frozenset({Category.MINOR_OWN.value}))


def is_minor(born_on: date | None, on: date, majority_years: int) -> bool:
    """True when somebody born then is a minor on this day; False when the birth date is not known."""
    return born_on is not None and on < _majority(born_on, majority_years)


def no_authority(consent: Consent, standing: Standing, *, at: datetime, majority_years: int) -> str | None:
    """Why this speaker does not decide for the member now; None when they do."""
    if consent.basis is not Basis.OPT_IN:
        # nobody speaks for the member here: a contract or a law stands behind it, in or out of force
        return None
    kind, _, role = consent.performer.partition(":")
    has_died = standing.died_on is not None and at.date() >= standing.died_on
    if has_died and role != EXECUTOR:
        return "consent.deceased"
    if kind == "member":
        return None
    if kind != "representative" or not role or (role == EXECUTOR and not has_died):
        return "consent.representative_unproven"
    if role in PARENTS or (role in GUARDIANS and not _is_of_age(standing, at, majority_years)):
        return _no_parent(standing, at, majority_years)
    return _no_representative(consent, at)


def speaks_until(consent: Consent, standing: Standing, *, majority_years: int) -> datetime | None:
    """When the speaker's authority ends, where that is known ahead: majority, emancipation, the end in the proof."""
    if not consent.performer.startswith("representative"):
        return None
    role = consent.performer.partition(":")[2]
    ends = [consent.authority.ends_at] if consent.authority and consent.authority.ends_at else []
    if role in PARENTS | GUARDIANS:
        days = [_majority(standing.born_on, majority_years)] if standing.born_on else []
        days += [standing.emancipated_on] if standing.emancipated_on else []
        # a guardian with a proof may go on for an adult
        if role in PARENTS or not _proof_of(consent.authority):
            ends += [datetime.combine(day, time(), UTC) for day in days]
    return min(ends, default=None)


def limits_of_authority(consent: Consent, standing: Standing, *, at: datetime, majority_years: int) -> Limits:
    """What the speaker cannot let go: what lies outside their authority, and what a minor controls alone."""
    if not consent.performer.startswith("representative"):
        return NOTHING_WITHHELD
    own = consent.authority.limits if consent.authority else NOTHING_WITHHELD
    is_minor = standing.born_on is not None and not _is_of_age(standing, at, majority_years)
    # a role like a power of attorney speaks for an adult; without a birth date nobody can tell, so it stays with them
    role = consent.performer.partition(":")[2]
    return own.narrowed_by(MINORS_OWN) if is_minor or role in PARENTS else own


def _no_parent(standing: Standing, at: datetime, majority_years: int) -> str | None:
    if standing.born_on is None:
        return "consent.representative_unproven"
    is_free = standing.emancipated_on is not None and at.date() >= standing.emancipated_on
    return "consent.aged_out" if is_free or _is_of_age(standing, at, majority_years) else None


def _no_representative(consent: Consent, at: datetime) -> str | None:
    authority = consent.authority
    # A partner keeps the proof of what it sends and answers for it (HRex 1.2, Consent.source); ours we must have.
    if consent.received_from is None and not _proof_of(authority):
        return "consent.representative_unproven"
    if authority and ((authority.starts_at and at < authority.starts_at) or _is_over(authority, at)):
        return "consent.representative_unproven"
    return None


def _is_over(authority: Authority, at: datetime) -> bool:
    return authority.ends_at is not None and at >= authority.ends_at


def _proof_of(authority: Authority | None) -> str | None:
    return authority.proof if authority else None


def _is_of_age(standing: Standing, at: datetime, majority_years: int) -> bool:
    # The day begins in UTC before it does anywhere in the United States: a parent's say ends early rather than late.
    return standing.born_on is not None and not is_minor(standing.born_on, at.date(), majority_years)


def _majority(born_on: date, years: int) -> date:
    try:
        return born_on.replace(year=born_on.year + years)
    except ValueError:
        # born on 29 February: of age on 1 March of a year without one
        return date(born_on.year + years, 3, 1)

"""Why a record is sensitive: the words that labels, consents and policies share."""

from enum import StrEnum


class Category(StrEnum):
    """A kind of sensitive record. A plan's own sets may add further names (letters and underscores)."""

    # Substance use disorder and its treatment; handled as 42 CFR Part 2 says, whoever the record is from.
    SUBSTANCE_USE = "substance_use"
    MENTAL_HEALTH = "mental_health"
    # Notes kept apart from the chart (45 CFR 164.501): they need an authorization of their own and never leave here.
    PSYCHOTHERAPY_NOTES = "psychotherapy_notes"
    REPRODUCTIVE = "reproductive"
    SEXUAL_HEALTH = "sexual_health"
    HIV = "hiv"
    VIOLENCE = "violence"
    GENETIC = "genetic"
    # Care that a minor of that age may seek alone: not released on a parent's word.
    MINOR_OWN = "minor_own"
    # Somebody marked it as restricted, or forbade to pass it on without the member's word, and did not say why.
    RESTRICTED = "restricted"


# In `Limits.labels_withheld`: whatever is labeled at all, a plan's own names included (HRex `#regular`).
EVERY_LABEL = "*"
# Under no consent of the payer-to-payer exchange.
NEVER_RELEASED = frozenset({Category.PSYCHOTHERAPY_NOTES.value})
# Where one of these goes, the consent's scope and the notice on redisclosure go with it (42 CFR 2.32).
WITH_NOTICE = frozenset({Category.SUBSTANCE_USE.value})
# The obligation that says so, as policies and ledgers name it.
ATTACH_NOTICE = "attach_part2_notice"

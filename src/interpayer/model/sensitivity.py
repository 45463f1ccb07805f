"""Why a record is sensitive: the words that labels, consents and policies share."""

from collections.abc import Collection
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
    # Pages or free text that nothing here can read: not known as sensitive, and not known to be harmless.
    UNSTRUCTURED = "unstructured"


# In `Limits.labels_withheld`: whatever is labeled at all, a plan's own names included (HRex `#regular`).
EVERY_LABEL = "*"
# What may be of any kind: it stays whenever one kind stays.
OF_ANY_KIND = frozenset({Category.RESTRICTED.value, Category.UNSTRUCTURED.value})
# Under no consent of the payer-to-payer exchange.
NEVER_RELEASED = frozenset({Category.PSYCHOTHERAPY_NOTES.value})
# Where one of these goes, the consent's scope and the notice on redisclosure go with it (42 CFR 2.32).
WITH_NOTICE = frozenset({Category.SUBSTANCE_USE.value})
# The obligation that says so, as policies and ledgers name it.
ATTACH_NOTICE = "attach_part2_notice"


def is_withheld(labels: Collection[str], withheld: Collection[str]) -> bool:
    """Whether a record with these labels stays where `withheld` (`Limits.labels_withheld`) may not go.

    `EVERY_LABEL` withholds whatever carries a label. A record that may be of any kind stays whenever a kind of care
    stays; what is a minor's own says itself which records it means.
    """
    if not NEVER_RELEASED.isdisjoint(labels):
        return True
    if EVERY_LABEL in withheld:
        return bool(labels)
    kinds = set(withheld) - {Category.MINOR_OWN.value}
    return not set(withheld).isdisjoint(labels) or (bool(kinds) and not OF_ANY_KIND.isdisjoint(labels))

"""What a permission leaves out, from what consent and policy say; and whether files were written under less."""

from collections.abc import Iterable, Mapping

from interpayer.model.consent import Limits, Permission
from interpayer.model.sensitivity import EVERY_LABEL

REDACT = "redact_sensitive"
_WITH_WORD = {"withhold": "labels_withheld", "withhold_type": "types_withheld", "withhold_field": "fields_withheld"}


def narrowed(limits: Limits, obligations: Iterable[str]) -> Limits:
    """The limits with what a policy obliges to leave out; obligations of other kinds change nothing."""
    said: dict[str, set[str]] = {name: set() for name in _WITH_WORD.values()}
    for obligation in obligations:
        name, colon, word = obligation.partition(":")
        if obligation == REDACT:
            said["labels_withheld"].add(EVERY_LABEL)
        elif colon and name in _WITH_WORD:
            said[_WITH_WORD[name]].add(word)
    return limits.narrowed_by(
        Limits(
            labels_withheld=frozenset(said["labels_withheld"]),
            types_withheld=frozenset(said["types_withheld"]),
            fields_withheld=frozenset(said["fields_withheld"]),
        )
    )


def outgrown(written: Mapping[str, Limits], decisions: Mapping[str, Permission]) -> set[str]:
    """Members whose lines were written under limits that leave out less than what holds now."""
    return {
        member_id
        for member_id, limits in written.items()
        if member_id in decisions and limits.narrowed_by(decisions[member_id].limits) != limits
    }

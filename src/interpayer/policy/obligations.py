"""What a yes may oblige to: names that rules carry in @obligations, each carried out in one place.

A name without a place does not load: a promise that nobody keeps would make a no into a yes.
"""

from collections.abc import Mapping

from interpayer.model.sensitivity import ATTACH_NOTICE

# Plain names, and what carries them out.
PLAIN: Mapping[str, str] = {
    "redact_sensitive": "exchange/steps/limiting.py: no record that carries any label goes",
    ATTACH_NOTICE: "delivery/notice.py: the consent's scope and the notice on redisclosure go along",
    "notify_member": "exchange/steps/obliging.py: an event that the plan's own system tells the member by",
    "notify_privacy": "exchange/steps/obliging.py: an event for the plan's privacy office",
    "tell_afterwards": "operations/break_glass.py: the second person confirms within a day what was seen",
}
# Names with a word of their own behind the colon.
WITH_WORD: Mapping[str, str] = {
    "withhold": "exchange/steps/limiting.py: records with this label stay here",
    "withhold_type": "exchange/steps/limiting.py: resources of this FHIR type stay here",
    "withhold_field": "exchange/steps/limiting.py: this element is left out of what goes",
}


def is_known(obligation: str) -> bool:
    """Whether somebody carries this obligation out."""
    name, colon, word = obligation.partition(":")
    return name in WITH_WORD and bool(word) if colon else name in PLAIN

"""What a yes may oblige to: names that rules carry in @obligations, each carried out in one place.

A name that nobody carries out for an action of the rule does not load: a promise that nobody keeps would make a no
into a yes.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass

from interpayer.model.sensitivity import ATTACH_NOTICE
from interpayer.policy.facts import ACTIONS, ANSWER, ASK, DOOR, RECORD

_RELEASES = frozenset({"match", "export", "read"})
_LOOK = frozenset({"look"})
# The groups of schema.cedarschema.
GROUPS: Mapping[str, frozenset[str]] = {"hop": DOOR | ANSWER | ASK, "door": DOOR, "answer": ANSWER, "ask": ASK}


@dataclass(frozen=True, slots=True)
class Carried:
    """For which actions somebody carries an obligation out, and where."""

    actions: frozenset[str]
    where: str


# Plain names.
PLAIN: Mapping[str, Carried] = {
    "redact_sensitive": Carried(ANSWER, "exchange/steps/limiting.py: no record that carries any label goes"),
    ATTACH_NOTICE: Carried(ANSWER | RECORD, "delivery/notice.py: the notice on redisclosure goes with the records"),
    "notify_member": Carried(_RELEASES | ASK, "exchange/steps/obliging.py: an event by which the member is told"),
    "notify_privacy": Carried(
        _RELEASES | ASK | _LOOK, "exchange/steps/obliging.py, operations/break_glass.py: an event"
    ),
    "tell_afterwards": Carried(_LOOK, "operations/break_glass.py: the second person confirms what was seen"),
}
# Names with a word of their own behind the colon.
WITH_WORD: Mapping[str, Carried] = {
    "withhold": Carried(ANSWER, "exchange/steps/limiting.py: records with this label stay here"),
    "withhold_type": Carried(ANSWER, "exchange/steps/limiting.py: resources of this FHIR type stay here"),
    "withhold_field": Carried(ANSWER, "exchange/steps/limiting.py: this element is left out of what goes"),
}


def is_known(obligation: str) -> bool:
    """Whether anybody carries out an obligation of this form."""
    return _carried(obligation) is not None


def is_carried_out(obligation: str, actions: Collection[str]) -> bool:
    """Whether somebody carries it out for every one of these actions."""
    carried = _carried(obligation)
    return carried is not None and carried.actions.issuperset(actions)


def actions_of(named: Collection[str]) -> frozenset[str]:
    """The actions that a rule speaks of, its groups spelled out; one that names none speaks of all."""
    spelled = [GROUPS.get(name, frozenset({name})) for name in named]
    return frozenset().union(*spelled) if spelled else ACTIONS


def _carried(obligation: str) -> Carried | None:
    name, colon, word = obligation.partition(":")
    if colon:
        return WITH_WORD.get(name) if word else None
    return PLAIN.get(name)

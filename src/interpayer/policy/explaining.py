"""Why a decision is as it is: the rules that made it in their own words, and what would turn a no into a yes."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

from interpayer.policy.bundle import Bundle
from interpayer.policy.decide import evaluate
from interpayer.policy.facts import Decision, Facts, KeptFacts, LookFacts, PublishFacts, Question, RecordFacts

# What could be otherwise, by class of facts: a name, and the value with which it would not stand in the way.
_WISHES: Mapping[type, Mapping[str, Any]] = {
    Facts: {
        "partner_status": "active",
        "certificate_bound": True,
        "consent": "granted",
        "attested": True,
        "acts_for_recipient": True,
        "releases_held": False,
        "lines_agreed": (),
    },
    RecordFacts: {},
    KeptFacts: {"is_held": False, "is_settled": True},
    LookFacts: {"has_reason": True, "has_second_person": True, "minutes": 1, "roles": ("analyst",)},
    PublishFacts: {"has_reason": True, "has_second_person": True, "cases_hold": True, "roles": ("admin",)},
}
MOST_CHANGES = 3


@dataclass(frozen=True, slots=True)
class Explanation:
    """A decision with the texts of its rules, and the smallest changes of facts that would make a no a yes.

    `missing` is empty for a yes, and where no change of up to three facts helps: then a rule of the plan's own forbids.
    """

    decision: Decision
    texts: Mapping[str, str]
    missing: tuple[Mapping[str, Any], ...]


def explain(bundle: Bundle, facts: Question) -> Explanation:
    """Why these facts have this answer under this version."""
    decision = evaluate(bundle, facts)
    texts = {name: rule_text(bundle.files, name) for name in decision.policies}
    return Explanation(decision, texts, () if decision.allow else tuple(_nearest(bundle, facts)))


def rule_text(files: Mapping[str, str], name: str) -> str:
    """A rule as it stands in the files of a version, with the comment above it; empty when there is none."""
    blocks = (block for file, text in files.items() if file.endswith(".cedar") for block in text.split("\n\n"))
    return next((block.strip() for block in blocks if f'@id("{name}")' in block), "")


def _nearest(bundle: Bundle, facts: Question) -> Iterator[Mapping[str, Any]]:
    """All smallest sets of changes, of one fact if one is enough."""
    wishes = [wish for wish in _wishes(facts) if any(getattr(facts, name) != value for name, value in wish.items())]
    for size in range(1, MOST_CHANGES + 1):
        found = [wish for wish in _together(wishes, size) if evaluate(bundle, replace(facts, **wish)).allow]
        if found:
            yield from found
            return


def _wishes(facts: Question) -> list[dict[str, Any]]:
    wishes = [{name: value} for name, value in _WISHES[type(facts)].items()]
    if isinstance(facts, Facts):
        wishes.append({"scopes": (*facts.scopes, facts.scope_needed)})
        wishes.append({"partner_environment": facts.environment})
    if isinstance(facts, RecordFacts):
        kind = facts.kind
        wishes += [{"kind": replace(kind, in_window=True)}, {"kind": replace(kind, excluded=None)}]
        wishes += [{"kind": replace(kind, labels=frozenset())}, {"kind": replace(kind, is_labelled=True)}]
        wishes.append({"limits": type(facts.limits)()})
    if isinstance(facts, KeptFacts):
        wishes.append({"age_days": facts.keep_days})
    return wishes


def _together(wishes: list[dict[str, Any]], size: int, begin: int = 0) -> Iterator[dict[str, Any]]:
    for at in range(begin, len(wishes)):
        if size == 1:
            yield wishes[at]
            continue
        for rest in _together(wishes, size - 1, at + 1):
            if not set(rest) & set(wishes[at]):
                yield {**wishes[at], **rest}

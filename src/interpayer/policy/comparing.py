"""What another version would have said: kept decisions asked again, and whose answer changes."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from interpayer.policy.bundle import Bundle
from interpayer.policy.decide import decide
from interpayer.policy.facts import Decision, Facts, Question, RecordFacts
from interpayer.policy.told import facts_from_json

MOST_SUBJECTS = 20


@dataclass(slots=True)
class Change:
    """Facts whose answer is another one: both answers, whom it concerns, how often it was asked, in which exchanges."""

    facts: Question
    before: Decision
    after: Decision
    times: int = 0
    subjects: list[str] = field(default_factory=list)

    @property
    def who(self) -> str:
        """Whose answer changes: the partner, the person, or what is kept."""
        if isinstance(self.facts, Facts):
            return self.facts.partner_id
        if isinstance(self.facts, RecordFacts):
            return self.facts.asker.partner_id
        return str(getattr(self.facts, "person", None) or getattr(self.facts, "what", ""))

    @property
    def what(self) -> str:
        """In one word: opened, closed, obliged (another obligation), or reasoned (a no for another reason)."""
        if self.before.allow != self.after.allow:
            return "opened" if self.after.allow else "closed"
        return "obliged" if self.after.allow else "reasoned"


@dataclass(frozen=True, slots=True)
class Difference:
    """What asking kept decisions again showed. `unreadable`: rows whose facts this release cannot read."""

    asked: int
    distinct: int
    unreadable: int
    changes: tuple[Change, ...]


def compare(kept: Iterable[Mapping[str, Any]], before: Bundle, after: Bundle) -> Difference:
    """Ask each kept row's facts under both versions. Rows have `facts`, `times` and `subject`."""
    changes: dict[Question, Change] = {}
    seen: set[Question] = set()
    asked = unreadable = 0
    for row in kept:
        asked += row["times"]
        try:
            facts = facts_from_json(row["facts"])
        except ValueError:
            unreadable += row["times"]
            continue
        seen.add(facts)
        one, other = decide(before, facts), decide(after, facts)
        if _answer(one) == _answer(other):
            continue
        change = changes.setdefault(facts, Change(facts, one, other))
        change.times += row["times"]
        if row["subject"] and len(change.subjects) < MOST_SUBJECTS and row["subject"] not in change.subjects:
            change.subjects.append(row["subject"])
    ordered = sorted(changes.values(), key=lambda change: (_ORDER[change.what], -change.times))
    return Difference(asked, len(seen), unreadable, tuple(ordered))


# What opens comes first: it is what somebody has to look at.
_ORDER = {"opened": 0, "obliged": 1, "closed": 2, "reasoned": 3}


def _answer(decision: Decision) -> tuple[object, ...]:
    return (decision.allow, decision.obligations, decision.reasons[:1])

"""The account of a read: every record is mapped, quarantined or out of scope, and each for a reason."""

import re
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from interpayer.exchange.sources.refining import MAPPED, OUT_OF_SCOPE, QUARANTINED, Kept, Refined

STATES = (MAPPED, QUARANTINED, OUT_OF_SCOPE)
# So many different words are told apart; the rest is counted together.
MOST_WORDS = 500
OTHER = "other words"
# Longer words without a digit may be names, and longer numbers somebody's.
_CODE = re.compile(r"^(?=.{1,12}$)(?:[A-Za-z]{1,4}|[A-Za-z0-9.^_/%-]*[0-9_/%][A-Za-z0-9.^_/%-]*)$")
FEWEST_DIGITS_OF_A_PERSON = 7


@dataclass(slots=True)
class Account:
    """What a source said, in numbers; holds no record and no value of one."""

    source: str
    kind: str
    declaration: str
    read: int = 0
    partly: int = 0
    states: Counter[str] = field(default_factory=Counter)
    entities: Counter[tuple[str, str]] = field(default_factory=Counter)
    files: Counter[tuple[str, str]] = field(default_factory=Counter)
    reasons: Counter[tuple[str, str, str, str]] = field(default_factory=Counter)
    resources: Counter[str] = field(default_factory=Counter)
    repeated: Counter[str] = field(default_factory=Counter)
    rejected: Counter[str] = field(default_factory=Counter)
    unmapped: Counter[str] = field(default_factory=Counter)
    left_out: Counter[str] = field(default_factory=Counter)
    not_evaluated: Counter[str] = field(default_factory=Counter)
    mappings: Counter[str] = field(default_factory=Counter)

    def add(self, refined: Refined, *, repeated: Iterable[Kept] = ()) -> None:
        """Count one record in; `repeated` are those of its resources that were told before, word by word."""
        found = refined.found
        entity = found.entity or "unreadable"
        self.read += 1
        self.states[refined.state] += 1
        self.entities[entity, refined.state] += 1
        self.files[found.file, refined.state] += 1
        self.partly += bool(refined.kept and refined.rejected)
        if refined.state != MAPPED:
            self._count_reason(refined, entity)
        again = Counter(str(kept.resource["resourceType"]) for kept in repeated)
        self.repeated.update(again)
        self.resources.subtract(again)
        for kept in refined.kept:
            self.resources[str(kept.resource["resourceType"])] += 1
            if kept.stamp.mapping:
                self.mappings[kept.stamp.mapping] += 1
        self.rejected.update(one.type or "record" for one in refined.rejected)
        for counter, words in (
            (self.unmapped, refined.unmapped),
            (self.left_out, refined.left_out),
            (self.not_evaluated, refined.not_evaluated),
        ):
            for word in words:
                _count(counter, _without_person(word) if counter is self.unmapped else word)

    @property
    def is_whole(self) -> bool:
        """True when nothing was quarantined."""
        return not self.states[QUARANTINED]

    def numbers(self) -> dict[str, int]:
        """Records: read = mapped + quarantined + out_of_scope; of the quarantined, how many went on `partly`."""
        return {"read": self.read, **{state: self.states[state] for state in STATES}, "partly": self.partly}

    def as_json(self) -> dict[str, Any]:
        """The account as `account.json` has it."""
        return {
            "schema": "source-account/1",
            "source": self.source,
            "kind": self.kind,
            "declaration": self.declaration,
            **self.numbers(),
            "resources": dict(sorted(self.resources.items())),
            "repeated": dict(sorted(self.repeated.items())),
            "rejected": dict(sorted(self.rejected.items())),
            "reasons": {state: self._reasons(state) for state in (QUARANTINED, OUT_OF_SCOPE)},
            "entities": _by_name(self.entities, "entity"),
            "files": _by_name(self.files, "file"),
            "mappings": dict(sorted(self.mappings.items())),
            "unmapped": dict(self.unmapped.most_common()),
            "left_out": dict(self.left_out.most_common()),
            "not_evaluated": dict(self.not_evaluated.most_common()),
        }

    def _count_reason(self, refined: Refined, entity: str) -> None:
        key = (refined.state, entity, refined.reason, refined.detail)
        if key not in self.reasons and len(self.reasons) >= MOST_WORDS:
            key = (refined.state, entity, refined.reason, OTHER)
        self.reasons[key] += 1

    def _reasons(self, wanted: str) -> list[dict[str, Any]]:
        return [
            {"entity": entity, "reason": reason, "detail": detail, "records": count}
            for (state, entity, reason, detail), count in self.reasons.most_common()
            if state == wanted
        ]


def _without_person(word: str) -> str:
    """An unknown code as it came, if it looks like one: feeds put telephone numbers and names where codes belong, and
    the account is kept and shown to people who may see no member's facts.
    """
    place, _, value = word.rpartition(": ")
    is_code = bool(_CODE.match(value)) and sum(map(str.isdigit, value)) < FEWEST_DIGITS_OF_A_PERSON
    return word if is_code else f"{place}: a text of {len(value)} characters"


def _count(counter: Counter[str], word: str) -> None:
    counter[word if word in counter or len(counter) < MOST_WORDS else OTHER] += 1


def _by_name(counted: Counter[tuple[str, str]], what: str) -> list[dict[str, Any]]:
    names = dict.fromkeys(name for name, _ in counted)
    rows = ({state: counted[name, state] for state in STATES} for name in names)
    return [{what: name, "read": sum(row.values()), **row} for name, row in zip(names, rows, strict=True)]

"""The rule table of the deterministic tier: read once, versioned by its content, asked per pair of people."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

import yaml

from interpayer.identity.comparison import FIELDS, Grade, Nicknames

Grades = Mapping[str, Grade]
_Condition = Mapping[str, frozenset[Grade]]
_FIELDS = frozenset(FIELDS)


class Worth(StrEnum):
    """What a rule is worth when it fits."""

    CERTAIN = "certain"
    REVIEW = "review"
    NONE = "none"


@dataclass(frozen=True, slots=True)
class Rule:
    """One row: every condition of `every`, one of `some` (if any), and nothing of `never`."""

    id: str
    title: str
    worth: Worth
    household: bool
    every: _Condition
    some: _Condition
    never: _Condition

    def fits(self, grades: Grades) -> bool:
        """True when the grades meet this rule."""
        for name, wanted in self.every.items():
            if grades[name] not in wanted:
                return False
        if self.some and not any(grades[name] in wanted for name, wanted in self.some.items()):
            return False
        return not any(grades[name] in barred for name, barred in self.never.items())


@dataclass(frozen=True, slots=True)
class RuleTable:
    """The rules in force, what counts as a conflict, and the nicknames; `version` is the hash of their text."""

    version: str
    rules: tuple[Rule, ...]
    verification: tuple[Rule, ...]
    conflicts: _Condition
    coverage_gap: bool
    largest_block: int
    nicknames: Nicknames
    # What `standing` found out under these rules, by the grades; no part of what they say.
    standings: dict[tuple[Grade, ...], Any] = field(init=False, default_factory=dict, compare=False, repr=False)

    def conflicting(self, grades: Grades) -> tuple[str, ...]:
        """The person-level fields that speak against this being the same person."""
        return tuple(name for name, barred in self.conflicts.items() if grades[name] in barred)

    def first_fit(self, grades: Grades) -> Rule | None:
        """The strongest rule in force that fits, or None."""
        for rule in self.rules:
            if rule.fits(grades):
                return rule
        return None


def read_rules(rules_text: str, nicknames_text: str) -> RuleTable:
    """The rule table out of its two files; an unknown field, grade or switch is a ValueError, never a dead rule."""
    table = yaml.safe_load(rules_text)
    if table.get("format") != 1:
        raise ValueError("rules: unknown format")
    alone = Worth(table["demographics_only"])
    if alone is Worth.CERTAIN:
        raise ValueError("rules: demographics alone are never certain (HRex 1.2)")
    if table["coverage_gap"] not in ("review", "ignore"):
        raise ValueError("rules: coverage_gap is review or ignore")
    rules = [_read_rule(row, alone) for row in table["rules"]]
    return RuleTable(
        version="d-" + hashlib.sha256(f"{rules_text}\0{nicknames_text}".encode()).hexdigest()[:16],
        rules=tuple(rule for rule in rules if table["household_shared"] is True or not rule.household),
        verification=tuple(_read_rule(row, alone) for row in table["verification"]),
        conflicts=_read_condition(table["conflicts"]),
        coverage_gap=table["coverage_gap"] == "review",
        largest_block=int(table["largest_block"]),
        nicknames=read_nicknames(nicknames_text),
    )


def read_nicknames(text: str) -> Nicknames:
    """For each name the formal names it may stand for, itself among them."""
    formal: dict[str, set[str]] = {}
    for name, short_forms in yaml.safe_load(text).items():
        formal.setdefault(name, {name})
        for short in short_forms:
            formal.setdefault(short, {short}).add(name)
    return {name: frozenset(names) for name, names in formal.items()}


def _read_rule(row: Mapping[str, Any], alone: Worth) -> Rule:
    if unknown := set(row) - {"id", "title", "disposition", "household", "all", "any", "none"}:
        raise ValueError(f"rules: unknown words in {row.get('id')}: {sorted(unknown)}")
    worth = alone if row["disposition"] == "demographics_only" else Worth(row["disposition"])
    return Rule(
        id=row["id"],
        title=row["title"],
        worth=worth,
        household=row.get("household", False),
        every=_read_condition(row["all"]),
        some=_read_condition(row.get("any", {})),
        never=_read_condition(row.get("none", {})),
    )


def _read_condition(row: Mapping[str, list[str]]) -> _Condition:
    if unknown := set(row) - _FIELDS:
        raise ValueError(f"rules: unknown fields {sorted(unknown)}")
    return {name: frozenset(Grade(grade) for grade in grades) for name, grades in row.items()}

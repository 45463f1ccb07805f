"""How long what is kept of an exchange is kept: rules as data, the most special one that fits counts."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

# What a rule may be about, and who takes it away when its time is over.
KINDS: Mapping[str, str] = {
    "request": "operations/retention.py: the sealed request of an exchange, with the consent that came with it",
    "decision": "operations/retention.py: the facts that policy decided on",
    "work": "operations/upkeep.py: what the engine keeps of finished work",
}
_SELECTORS = ("role", "basis", "purpose")


@dataclass(frozen=True, slots=True)
class RetentionRule:
    """One rule; a selector that is None fits everything."""

    name: str
    what: str
    keep_days: int
    role: str | None = None
    basis: str | None = None
    purpose: str | None = None

    @property
    def selectors(self) -> int:
        """How special the rule is."""
        return sum(value is not None for value in (self.role, self.basis, self.purpose))

    def fits(self, what: str, given: Mapping[str, str | None]) -> bool:
        """Whether the rule is about this."""
        return self.what == what and all(getattr(self, n) in (None, given.get(n)) for n in _SELECTORS)


def rule_for(
    rules: Mapping[str, RetentionRule],
    what: str,
    *,
    role: str | None = None,
    basis: str | None = None,
    purpose: str | None = None,
) -> RetentionRule:
    """The rule that counts: the most special; of equally special ones the longest, then by name."""
    given = {"role": role, "basis": basis, "purpose": purpose}
    fitting = [rule for rule in rules.values() if rule.fits(what, given)]
    return max(fitting, key=lambda rule: (rule.selectors, rule.keep_days, rule.name))


def read_retention(raw: Mapping[str, Any]) -> dict[str, RetentionRule]:
    """The rules by name; ValueError when one does not hold or a kind has none that fits everything."""
    rules = {name: _rule(name, row) for name, row in raw.items()}
    for what in KINDS:
        if not any(rule.what == what and not rule.selectors for rule in rules.values()):
            raise ValueError(f"policy: retention: {what} needs a rule without role, basis and purpose")
    return rules


def _rule(name: str, row: Any) -> RetentionRule:
    faults = list(_faults(row)) if isinstance(row, Mapping) else ["holds names and values"]
    if faults:
        raise ValueError(f"policy: retention.{name}: {faults[0]}")
    return RetentionRule(name, **row)


def _faults(row: Mapping[str, Any]) -> Iterator[str]:
    if unknown := sorted(set(row) - {"what", "keep_days", *_SELECTORS}):
        yield f"{unknown[0]} is unknown"
    if row.get("what") not in KINDS:
        yield f"what is one of {', '.join(KINDS)}"
    days = row.get("keep_days")
    if not isinstance(days, int) or isinstance(days, bool) or days <= 0:
        yield "keep_days is a number above zero"
    if not all(isinstance(row[name], str) for name in _SELECTORS if name in row):
        yield "role, basis and purpose are words"

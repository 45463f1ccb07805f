"""The cases that lie beside the rules: facts and what must be answered to them."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import yaml

from interpayer.policy.bundle import CASES, OWN_CASES, Bundle
from interpayer.policy.decide import evaluate
from interpayer.policy.facts import Decision, Question
from interpayer.policy.told import facts_from_json

_EXPECTED = {"base", "facts", "allow", "by", "reason", "obliges"}


@dataclass(frozen=True, slots=True)
class Case:
    """One question with its expected answer; what is None is not looked at."""

    name: str
    facts: Question
    allow: bool
    by: tuple[str, ...] | None = None
    reason: str | None = None
    obliges: frozenset[str] | None = None


@dataclass(frozen=True, slots=True)
class Outcome:
    """One case under one version: the decision, and in words what is not as expected (None: it holds)."""

    case: Case
    decision: Decision
    trouble: str | None


def run_cases(bundle: Bundle) -> list[Outcome]:
    """Every case of the bundle, those that do not hold first; ValueError when a case cannot be read."""
    outcomes = [_run(bundle, case) for case in read_cases(bundle)]
    return sorted(outcomes, key=lambda outcome: outcome.trouble is None)


def read_cases(bundle: Bundle) -> list[Case]:
    """The cases that ship with a plan's own instead of those of the same name."""
    shipped, own = (_file(bundle, name) for name in (CASES, OWN_CASES))
    bases = {**shipped.get("bases", {}), **own.get("bases", {})}
    rows = {**shipped.get("cases", {}), **own.get("cases", {})}
    # a case that a plan sets to nothing is left out
    return [_case(str(name), row, bases) for name, row in rows.items() if row is not None]


def _file(bundle: Bundle, name: str) -> Mapping[str, Any]:
    try:
        read = yaml.safe_load(bundle.files.get(name, "{}")) or {}
    except yaml.YAMLError as error:
        raise ValueError(f"policy: {name} is no YAML: {error}") from None
    parts = [read.get("bases", {}), read.get("cases", {})] if isinstance(read, Mapping) else [None]
    if not all(isinstance(part, Mapping) for part in parts) or set(read) - {"bases", "cases"}:
        raise ValueError(f"policy: {name} holds bases and cases")
    return read


def _case(name: str, row: Any, bases: Mapping[str, Any]) -> Case:
    try:
        if not isinstance(row, Mapping) or set(row) - _EXPECTED:
            raise ValueError(f"a case has {', '.join(sorted(_EXPECTED))}")
        if not isinstance(row.get("allow"), bool):
            raise ValueError("allow is true or false")
        if "base" in row and row["base"] not in bases:
            raise ValueError(f"base {row['base']} is unknown")
        given = {**bases.get(row.get("base", ""), {}), **row.get("facts", {})}
        return Case(
            name=name,
            facts=facts_from_json(given),
            allow=row["allow"],
            by=tuple(row["by"]) if "by" in row else None,
            reason=row.get("reason"),
            obliges=frozenset(row["obliges"]) if "obliges" in row else None,
        )
    except (ValueError, TypeError) as error:
        raise ValueError(f"policy: case {name!r}: {error}") from None


def _run(bundle: Bundle, case: Case) -> Outcome:
    decision = evaluate(bundle, case.facts)
    return Outcome(case, decision, "; ".join(_trouble(case, decision)) or None)


def _trouble(case: Case, decision: Decision) -> Iterator[str]:
    if decision.allow is not case.allow:
        told = ", ".join(decision.policies or decision.reasons)
        yield f"{'yes' if decision.allow else 'no'} by {told}, expected {'yes' if case.allow else 'no'}"
    if case.by is not None and set(case.by) - set(decision.policies):
        yield f"decided by {', '.join(decision.policies) or 'no rule'}, expected {', '.join(case.by)}"
    if case.reason is not None and case.reason not in decision.reasons[:1]:
        yield f"the reason is {', '.join(decision.reasons[:1]) or 'none'}, expected {case.reason}"
    if case.obliges is not None and case.obliges != set(decision.obligations):
        yield f"obliges to {', '.join(decision.obligations) or 'nothing'}, expected {', '.join(sorted(case.obliges))}"

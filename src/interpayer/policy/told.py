"""Facts as plain JSON and back: what is kept of a decision, and what a case or a question at the terminal says.

Only what differs from the class's defaults is told, so that a row stays small and an old row can be read by a later
release that knows more facts.
"""

from collections.abc import Mapping
from dataclasses import MISSING, fields
from typing import Any

from interpayer.model.consent import NOTHING_WITHHELD, Limits, limits_as_json, limits_from_json
from interpayer.policy.facts import (
    ANSWER,
    ASK,
    DOOR,
    KEPT,
    PEOPLE,
    RECORD,
    Facts,
    KeptFacts,
    LookFacts,
    PublishFacts,
    Question,
    RecordFacts,
    RecordKind,
)

_BY_ACTION: Mapping[frozenset[str], type[Any]] = {
    DOOR | ANSWER | ASK: Facts,
    RECORD: RecordFacts,
    KEPT: KeptFacts,
    frozenset({"look"}): LookFacts,
    PEOPLE - {"look"}: PublishFacts,
}


def kind_of(facts: Question) -> str:
    """The name of the class of facts."""
    return type(facts).__name__


def facts_as_json(facts: Question) -> dict[str, Any]:
    """The facts, without those that are as by default; `action` always."""
    return _told(facts) | {"action": facts.action}


def facts_from_json(told: Mapping[str, Any]) -> Question:
    """The facts again; ValueError for a name or a type that no such facts have, or when one is missing."""
    for actions, kind in _BY_ACTION.items():
        if told.get("action") in actions:
            read: Question = _read(kind, told)
            return read
    known = ", ".join(sorted(frozenset().union(*_BY_ACTION)))
    raise ValueError(f"action is one of {known}")


def _told(facts: Any) -> dict[str, Any]:
    found = {}
    for one in fields(facts):
        value = getattr(facts, one.name)
        if one.default is MISSING or value != one.default:
            found[one.name] = value_as_json(value)
    return found


def value_as_json(value: Any) -> Any:
    """One fact as plain JSON."""
    if isinstance(value, Limits):
        return limits_as_json(value)
    if isinstance(value, frozenset | tuple):
        return sorted(value)
    return _told(value) if isinstance(value, Facts | RecordKind) else value


def _read(kind: type[Any], told: Mapping[str, Any]) -> Any:
    if not isinstance(told, Mapping):
        raise ValueError(f"{kind.__name__} are names and values")
    known = {one.name: one for one in fields(kind)}
    if unknown := sorted(set(told) - set(known)):
        raise ValueError(f"{unknown[0]} is no fact of {kind.__name__}")
    needed = {name for name, one in known.items() if one.default is MISSING}
    if missing := sorted(needed - set(told)):
        raise ValueError(f"{missing[0]} is needed")
    return kind(**{name: _value(name, known[name].type, value) for name, value in told.items()})


def _value(name: str, wanted: Any, value: Any) -> Any:
    if wanted in (Facts, RecordKind):
        return _read(wanted, value)
    if wanted is Limits:
        return limits_from_json(value) if value else NOTHING_WITHHELD
    if wanted in (tuple[str, ...], frozenset[str]):
        if not isinstance(value, list) or not all(isinstance(word, str) for word in value):
            raise ValueError(f"{name} is a list of words")
        return frozenset(value) if wanted == frozenset[str] else tuple(value)
    plain = (str, type(None)) if wanted == (str | None) else (wanted,)
    if not isinstance(value, plain) or (wanted is int and isinstance(value, bool)):
        raise ValueError(f"{name} has the wrong type")
    return value

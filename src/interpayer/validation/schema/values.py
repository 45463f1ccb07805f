"""Fixed values, patterns, bindings and targets of references, as JSON Schema."""

from collections.abc import Sequence
from typing import Any

from interpayer.validation.codes import AllowedCodes
from interpayer.validation.schema.primitives import Schema, because, join

_TYPES = "http://hl7.org/fhir/StructureDefinition/"


def fixed(value: Any) -> Schema:
    """Exactly this value and nothing beside it (ElementDefinition.fixed[x])."""
    return because({"const": value}, "fixed", "must be exactly the value that the profile fixes")


def pattern(value: Any) -> Schema:
    """At least this value (ElementDefinition.pattern[x])."""
    return because(like(value), "pattern", "must hold the value that the profile asks for")


def like(value: Any) -> Schema:
    """What holds at least this value: every member of an object, and for every entry of an array one like it."""
    if isinstance(value, dict):
        return {"required": list(value), "properties": {name: like(one) for name, one in value.items()}}
    if isinstance(value, list):
        return join(*({"contains": like(one)} for one in value))
    return {"const": value}


def bound(code: str, allowed: AllowedCodes) -> Schema:
    """A value of the type whose code is allowed; empty when the type has no code or nothing can be said."""
    if code in ("code", "string", "uri", "url", "canonical", "id", "markdown"):
        codes = sorted({one for codes in allowed.systems.values() for one in codes or ()})
        return {"enum": codes} if allowed.is_enumerated else {}
    if code == "CodeableConcept":
        coding = _coding(allowed)
        return {"required": ["coding"], "properties": {"coding": {"contains": coding}}} if coding else {}
    if code == "Quantity":
        # A quantity need not name its unit as a code; when it does, the code is bound.
        return {"if": {"required": ["code"]}, "then": _coding(allowed)}
    return _coding(allowed) if code == "Coding" else {}


def _coding(allowed: AllowedCodes) -> Schema:
    listed: dict[frozenset[str], list[str]] = {}
    for system, codes in allowed.systems.items():
        listed.setdefault(codes if codes is not None else frozenset(), []).append(system)
    choices = [_coding_of(sorted(systems), codes) for codes, systems in listed.items()]
    return choices[0] if len(choices) == 1 else {"anyOf": choices} if choices else {}


def _coding_of(systems: list[str], codes: frozenset[str]) -> Schema:
    system: Schema = {"const": systems[0]} if len(systems) == 1 else {"enum": systems}
    if not codes:
        return {"required": ["system"], "properties": {"system": system}}
    one: Schema = {"const": min(codes)} if len(codes) == 1 else {"enum": sorted(codes)}
    return {"required": ["system", "code"], "properties": {"system": system, "code": one}}


_ID = "[A-Za-z0-9.-]{1,64}(?:/_history/[A-Za-z0-9.-]{1,64})?"


def literal(types: Sequence[str]) -> str:
    """References that name a type: `Type/id`, and addresses that end so with a type of R4."""
    return rf"(?:^[A-Za-z]+|/(?:{'|'.join(types)}))/{_ID}$|^[A-Za-z]+\?"


def reference_to(types: list[str], any_literal: Schema) -> Schema:
    """A reference whose literal, if it names a type, names one of these; `#contained` and `urn:` name none."""
    one_of = "|".join(types)
    allowed: Schema = {"pattern": rf"^(?:https?://[^\s]*/)?(?:{one_of})/{_ID}$|^(?:{one_of})\?"}
    return because(
        {
            "properties": {
                "reference": {"anyOf": [allowed, {"not": any_literal}]},
                "type": {"enum": [*types, *(f"{_TYPES}{one}" for one in types)]},
            }
        },
        "reference.target",
        "refers to a type of resource that is not allowed here",
        code="structure",
    )


def resource_of(types: list[str]) -> Schema:
    """A resource of one of these types."""
    return because(
        {"required": ["resourceType"], "properties": {"resourceType": {"enum": sorted(types)}}},
        "type",
        "is a resource of a type that is not allowed here",
        code="structure",
    )

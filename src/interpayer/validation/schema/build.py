"""A profile, or a type of R4, as one JSON Schema document."""

from dataclasses import dataclass, field
from typing import Any

from interpayer.validation.codes import ValueSets
from interpayer.validation.elements import Definitions
from interpayer.validation.invariants import KEYWORD
from interpayer.validation.packages import Found
from interpayer.validation.schema.narrowing import found_schema, narrowed
from interpayer.validation.schema.primitives import Schema, because
from interpayer.validation.schema.sheet import Sheet
from interpayer.validation.schema.structures import type_schema

DIALECT = "https://json-schema.org/draft/2020-12/schema"


@dataclass(frozen=True, slots=True)
class Built:
    """A schema and what it leaves out, each with the reason."""

    schema: dict[str, Any] = field(repr=False)
    left_out: tuple[str, ...]


def build(definitions: Definitions, value_sets: ValueSets, found: Found) -> Built:
    """What a resource must be to meet a profile (its type included), or to be of a type."""
    sheet = Sheet(definitions, value_sets)
    root = definitions.tree(found)
    narrowing = found_schema(sheet, found)
    if root.content["path"] == "Extension":
        # What holds for any extension was asked already, where the extension stands.
        return _document(sheet, [narrowing])
    return _document(sheet, [type_schema(sheet, root.content["path"]), narrowing])


def build_advice(definitions: Definitions, value_sets: ValueSets, found: Found) -> Built:
    """What a resource should be: the codes of extensible bindings, for warnings."""
    sheet = Sheet(definitions, value_sets, advice=True)
    root = definitions.tree(found)
    return _document(sheet, [found_schema(sheet, found) or narrowed(sheet, root, root)])


def without_contained(schema: dict[str, Any]) -> dict[str, Any]:
    """The same for a resource that contains none: no reference can point to one (ref-1), none is left over (dom-3)."""
    defs = {name: _without_invariant(one, "dom-3") for name, one in schema.get("$defs", {}).items()}
    if "Reference" in defs:
        text = "refers to a contained resource that is not there"
        outward = because({"properties": {"reference": {"pattern": "^[^#]"}}}, "ref-1", text, code="invariant")
        defs["Reference"] = {"allOf": [defs["Reference"], outward]}
    return {**schema, "$defs": defs} if defs else schema


def _without_invariant(schema: Schema, key: str) -> Schema:
    """A definition without one of its invariants, which are its own or those of one of its parts."""
    changed = dict(schema)
    if KEYWORD in changed:
        left = [written for written in changed.pop(KEYWORD) if written[0] != key]
        changed |= {KEYWORD: left} if left else {}
    if "allOf" in changed:
        changed["allOf"] = [_without_invariant(part, key) for part in changed["allOf"]]
    return changed


def _document(sheet: Sheet, parts: list[Schema]) -> Built:
    asked = [part for part in parts if part]
    return Built({"$schema": DIALECT, "allOf": asked, "$defs": sheet.defs} if asked else {}, tuple(sheet.left_out))

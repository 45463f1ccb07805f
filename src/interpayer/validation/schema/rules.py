"""The invariants of an element that its base and its type do not have already, as a keyword of the schema."""

from collections.abc import Iterator, Mapping
from typing import Any

from interpayer.validation.elements import Element, TypeOf
from interpayer.validation.invariants import without_expression, written_schema
from interpayer.validation.schema.primitives import Schema
from interpayer.validation.schema.sheet import Sheet

# Keys of invariants that hold whenever the schema of the type does; ref-1 is looked at beside it (checker).
PROVEN = frozenset({"ele-1", "ext-1", "qty-3", "cpt-2", "att-1", "ref-1", "dom-2", "dom-4", "dom-5"})
_BEST_PRACTICE = "http://hl7.org/fhir/StructureDefinition/elementdefinition-bestpractice"
_ANONYMOUS = {"BackboneElement", "Element"}


def rules(sheet: Sheet, element: Element, kind: TypeOf, *known: Element | None) -> Schema:
    """What must hold for each value of the element; advice on good practice (dom-6) is no rule."""
    if sheet.advice:
        return {}
    # A key is one rule: later snapshots repeat the rules of R4 with expressions that were mended since.
    before = {one["key"] for other in known if other is not None for one in other.content.get("constraint", ())}
    fresh = [one for one in _constraints(element) if one["key"] not in before]
    for left_out in without_expression(fresh):
        sheet.leave_out(f"{element.label}: {left_out}")
    # Two keys can say the same (txt-1, txt-2); it is asked once.
    once = {str(one.get("expression")): one for one in reversed(fresh)}
    return written_schema(list(once.values())[::-1], context(element, kind))


def context(element: Element, kind: TypeOf) -> str:
    """The type that the element's expressions start from; for elements without a named type, their path in R4."""
    reference = element.content.get("contentReference")
    if reference is not None:
        return str(reference).rpartition("#")[2]
    if kind.code in _ANONYMOUS and "." in element.content["path"]:
        return str(element.content.get("base", {}).get("path") or element.content["path"])
    return kind.code


def _constraints(element: Element) -> Iterator[Mapping[str, Any]]:
    for one in element.content.get("constraint", ()):
        is_advice = any(ext.get("url") == _BEST_PRACTICE for ext in one.get("extension", ()))
        if one["key"] not in PROVEN and not (is_advice and one.get("severity") == "warning"):
            yield one

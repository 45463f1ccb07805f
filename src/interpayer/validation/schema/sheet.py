"""What is written while a profile becomes a schema: its definitions, and what could not be said in one."""

import re
from collections.abc import Callable, Mapping
from typing import Any

from interpayer.validation.codes import ValueSets
from interpayer.validation.elements import Definitions, Element, TypeOf
from interpayer.validation.schema import values
from interpayer.validation.schema.primitives import Schema, because, join

MAX_VALUE_SET = "http://hl7.org/fhir/StructureDefinition/elementdefinition-maxValueSet"


class Sheet:
    """The `$defs` of one schema, each written once, and the constraints that are left out of it, with the reason."""

    def __init__(self, definitions: Definitions, value_sets: ValueSets, *, advice: bool = False) -> None:
        """With `advice`, extensible bindings are asked for as if they were required, and nothing else is."""
        self.definitions = definitions
        self.value_sets = value_sets
        self.advice = advice
        self.defs: dict[str, Schema] = {}
        self.left_out: dict[str, None] = {}
        self.numbers: dict[int, int] = {}

    def define(self, name: str, make: Callable[[], Schema]) -> Schema:
        """A reference to a definition, which is written when it is first asked for; circles end here."""
        name = re.sub(r"[^A-Za-z0-9._-]", "_", name)
        if name not in self.defs:
            self.defs[name] = {}
            self.defs[name] = make()
        return {"$ref": f"#/$defs/{name}"}

    def leave_out(self, what: str) -> Schema:
        """Note what is not evaluated; asks for nothing."""
        self.left_out[what] = None
        return {}

    def binding(self, element: Element, kind: TypeOf, base: Element | None) -> Schema:
        """The codes that a binding demands (R4 ElementDefinition.binding), unless the base demands them already."""
        bound = element.content.get("binding")
        if bound is None or (not self.advice and base is not None and base.content.get("binding") == bound):
            return {}
        if not self.advice:
            return self.required_codes(element, kind)
        return self._bound(element, kind, bound["valueSet"]) if _is(bound, "extensible") else {}

    def required_codes(self, element: Element, kind: TypeOf) -> Schema:
        """The codes of a required binding, and of the largest value set of an extensible one."""
        bound = element.content.get("binding") or {}
        asked = [bound["valueSet"]] if _is(bound, "required") else []
        asked += [ext.get("valueCanonical", "") for ext in bound.get("extension", ()) if ext["url"] == MAX_VALUE_SET]
        return join(*(self._bound(element, kind, canonical) for canonical in asked))

    def _bound(self, element: Element, kind: TypeOf, canonical: str) -> Schema:
        allowed = self.value_sets.codes(canonical, element.package)
        schema = values.bound(kind.code, allowed) if allowed is not None and allowed.systems else {}
        if not schema or allowed is None or not allowed.is_enumerated:
            self.leave_out(f"binding of {element.label}: the codes of {canonical} are not all in the packages")
        text = f"is not in the value set {canonical}"
        return because(schema, "binding", text, code="code-invalid") if schema else {}


def _is(bound: Mapping[str, Any], strength: str) -> bool:
    return bound.get("strength") == strength and "valueSet" in bound

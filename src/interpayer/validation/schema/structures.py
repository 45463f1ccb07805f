"""A type of R4 as JSON Schema: its members, how often, which types; nothing that a profile adds.

What holds for every element (ele-1, ext-1 and others of `rules.PROVEN`) is part of the schema: no expression says it.
"""

from collections.abc import Iterator, Sequence
from typing import Any

from interpayer.validation.elements import PRIMITIVES, Element, TypeOf
from interpayer.validation.extensions import KEYWORD
from interpayer.validation.schema import values
from interpayer.validation.schema.primitives import PRIMITIVE_SCHEMAS, Schema, because, in_array, join
from interpayer.validation.schema.rules import rules
from interpayer.validation.schema.sheet import Sheet

_ID_ALONE: Schema = because(
    {"if": {"maxProperties": 1}, "then": {"not": {"required": ["id"]}}},
    "ele-1",
    "must have a value or children",
    code="invariant",
)
_PAIRS = {
    "Quantity": ("code", "system", "qty-3"),
    "ContactPoint": ("value", "system", "cpt-2"),
    "Attachment": ("data", "contentType", "att-1"),
}
_ANY_RESOURCE: Schema = {"type": "object", "required": ["resourceType"]}
_CONTAINED: Schema = because(
    {
        "properties": {
            "contained": False,
            "meta": {"properties": dict.fromkeys(("versionId", "lastUpdated", "security"), False)},
        }
    },
    "dom-2",
    "a contained resource has no contained resources, version or security labels of its own (dom-2, dom-4, dom-5)",
    code="invariant",
)


def type_schema(sheet: Sheet, code: str) -> Schema:
    """Any value of a type: a reference for what has members, the lexical form of a primitive."""
    if code in PRIMITIVES:
        return PRIMITIVE_SCHEMAS[code]
    if code in ("Resource", "DomainResource"):
        return _ANY_RESOURCE
    root = sheet.definitions.type_root(code)
    if root is None:
        return sheet.leave_out(f"type {code}: it is not in the definitions of R4")
    return sheet.define(code, lambda: _object(sheet, root, code))


def _object(sheet: Sheet, element: Element, code: str) -> Schema:
    """A value with members: all of them, nothing else, something at all."""
    properties: dict[str, Schema] = {}
    asked: list[Schema] = []
    if sheet.definitions.is_resource_type(code):
        properties["resourceType"] = {"const": code}
        asked.append({"required": ["resourceType"]})
    for child in element.children.values():
        for key, kind in child.json_names().items():
            properties |= _members(sheet, child, key, kind)
        asked += _presence(child)
    asked += [*_of_every_element(element, code)]
    required = sorted({name for schema in asked if schema.keys() == {"required"} for name in schema["required"]})
    return join(
        {"type": "object", "properties": properties, "additionalProperties": False, "minProperties": 1},
        {"required": required} if required else {},
        *(schema for schema in asked if schema.keys() != {"required"}),
        rules(sheet, element, TypeOf(code)),
    )


def _members(sheet: Sheet, child: Element, key: str, kind: TypeOf) -> dict[str, Schema]:
    """The JSON members of an element: a primitive has one for its value and one (`_x`) for its extensions."""
    one = occurrence(sheet, child, kind)
    if child.name == "contained":
        one = join(one, _CONTAINED)
    if kind.code not in PRIMITIVES:
        return {key: _array(child, one) if child.is_many else one}
    beside = sheet.define("Element.beside", lambda: _beside(sheet))
    if not child.is_many:
        return {key: one, f"_{key}": beside}
    gaps = sheet.define("Element.beside-or-null", lambda: _beside(sheet, ["object", "null"]))
    return {key: _array(child, _or_null(one)), f"_{key}": _array(child, gaps)}


def _beside(sheet: Sheet, types: str | list[str] = "object") -> Schema:
    """What stands beside the value of a primitive (`_birthDate`): extensions.

    An id alone will do where there is a value; that is rare, so it is looked at only when this fails (`is_bare_id`).
    """
    members = {"id": PRIMITIVE_SCHEMAS["string"], "extension": _list_of(type_schema(sheet, "Extension"))}
    shape: Schema = {"type": types, "properties": members, "additionalProperties": False, "minProperties": 1}
    extended = because({"required": ["extension"]}, "ele-1", "must have a value or children", code="invariant")
    return join(shape, extended)


def is_bare_id(schema_path: Sequence[str | int], instance_path: Sequence[str | int], resource: Any) -> bool:
    """Whether an error is about an id beside a primitive that has its value, which is no error."""
    if schema_path[-1] != "required" or not any(str(one).startswith("Element.beside") for one in schema_path[1:2]):
        return False
    name = next(place for place in range(len(instance_path) - 1, -1, -1) if isinstance(instance_path[place], str))
    value = resource
    for key in [*instance_path[:name], str(instance_path[name])[1:], *instance_path[name + 1 :]]:
        try:
            value = value[key]
        except (KeyError, IndexError, TypeError):
            return False
    return value is not None


def _list_of(schema: Schema) -> Schema:
    return {"type": "array", "minItems": 1, "items": schema}


def _or_null(schema: Schema) -> Schema:
    if "enum" in schema:
        return {**schema, "enum": [*schema["enum"], None]}
    if "type" in schema:
        return {**schema, "type": [schema["type"], "null"]}
    return {"anyOf": [schema, {"type": "null"}]}


def _array(child: Element, one: Schema) -> Schema:
    most: Schema = {} if child.max is None else {"maxItems": child.max}
    return {"type": "array", "minItems": 1, **in_array(one), **most}


def occurrence(sheet: Sheet, child: Element, kind: TypeOf) -> Schema:
    """One value of an element of a type of R4, whatever it is."""
    reference = child.content.get("contentReference")
    if reference is not None:
        target = sheet.definitions.referred(child, reference)
        if target is None:
            return sheet.leave_out(f"{child.label}: what it repeats ({reference}) is unknown")
        return sheet.define(target.id, lambda: _object(sheet, target, "BackboneElement"))
    if child.children:
        return sheet.define(child.id, lambda: _object(sheet, child, kind.code))
    bound = sheet.binding(child, kind, None)
    own = rules(sheet, child, kind, sheet.definitions.type_root(kind.code))
    if "enum" in bound and kind.code in PRIMITIVES:
        # The codes say more than the lexical form does.
        return join(bound, own)
    targets = target_types(sheet, child, kind)
    to = reference_to(sheet, targets) if kind.code == "Reference" and targets else {}
    return join(type_schema(sheet, kind.code), bound, to, own)


def reference_to(sheet: Sheet, targets: list[str]) -> Schema:
    """A reference whose literal, if it names a type, names one of these."""
    other = sheet.define("Reference.literal", lambda: {"pattern": values.literal(sheet.definitions.resource_types())})
    return values.reference_to(targets, other)


def target_types(sheet: Sheet, element: Element, kind: TypeOf) -> list[str]:
    """The resource types that a reference may point to; empty for any."""
    types: set[str] = set()
    for canonical in kind.targets:
        found = sheet.definitions.find(canonical, element.package)
        if found is None:
            sheet.leave_out(f"targets of {element.label}: {canonical} is not among the packages")
            return []
        is_type = found.entry.defines == "resource"
        types.add(found.entry.url.rpartition("/")[2] if is_type else sheet.definitions.tree(found).content["path"])
    return [] if types & {"Resource", "DomainResource"} else sorted(types)


def _presence(child: Element) -> Iterator[Schema]:
    """How a member must be there, and that a choice is made once."""
    if child.min > 0:
        yield present(child)
    if child.is_many and child.types and child.types[0].code in PRIMITIVES:
        no_null = {"properties": {child.name: {"items": {"not": {"type": "null"}}}}}
        either: Schema = {"anyOf": [{"required": [f"_{child.name}"]}, no_null]}
        text = "an entry without a value needs extensions beside it"
        yield because({"dependentSchemas": {child.name: either}}, "null", text, code="structure", at=child.name)
    if child.is_choice and len(child.types) > 1 and child.id != "Extension.value[x]":
        keys = child.json_names()
        others = {key: {name: False for other in keys if other != key for name in (other, f"_{other}")} for key in keys}
        once = {key: {"properties": no} for key, no in others.items()} | {
            f"_{key}": {"properties": no} for key, no in others.items() if keys[key].code in PRIMITIVES
        }
        text = "must be of one type only"
        yield because({"dependentSchemas": once}, "choice", text, code="structure", at=child.name[:-3])


def present(child: Element) -> Schema:
    """The element is there; a primitive also by its extensions alone (R4 json.html, primitive elements)."""
    keys = child.json_names()
    names = [name for key, kind in keys.items() for name in ([key, f"_{key}"] if kind.code in PRIMITIVES else [key])]
    if len(names) == 1:
        return {"required": names}
    least = {"anyOf": [{"required": [name]} for name in names]}
    return because(least, "required", "is required", code="required", at=child.name.removesuffix("[x]"))


def _of_every_element(element: Element, code: str) -> Iterator[Schema]:
    """What invariants of the types say and JSON Schema can say too."""
    yield _ID_ALONE
    if code in _PAIRS:
        first, second, rule = _PAIRS[code]
        text = f"{second} must be there when {first} is"
        needs: Schema = {"anyOf": [{"required": [second]}, {"required": [f"_{second}"]}]}
        yield because({"dependentSchemas": {first: needs}}, rule, text, code="invariant")
    if code == "Extension":
        yield {KEYWORD: True}
        text = "must have either extensions or one value"
        two = {"minProperties": 2, "maxProperties": 2, "not": {"required": ["id"]}}
        yield because({"anyOf": [two, *_larger_extensions(element)]}, "ext-1", text, code="invariant")


def _larger_extensions(element: Element) -> Iterator[Schema]:
    """An extension with an id, or with a value that has extensions itself; the value is still one, of one type."""
    anything = ["id", "url", "_url"]
    values_of = {key: [key, f"_{key}"] for key in element.children["value[x]"].json_names()}
    for names in [["extension"], *values_of.values()]:
        held: Schema = {"anyOf": [{"required": [name]} for name in names]}
        yield {"propertyNames": {"enum": [*anything, *names]}, **held}

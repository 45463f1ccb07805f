"""What a profile asks beyond the type or the element it narrows, as JSON Schema.

A resource is checked against its type and against the narrowing, so nothing is said twice: fewer steps, and one issue
for one defect. Slices narrow the element that they are slices of.
"""

from interpayer.validation.elements import Element, TypeOf
from interpayer.validation.packages import Found
from interpayer.validation.schema import values
from interpayer.validation.schema.primitives import Schema, because, in_array, join
from interpayer.validation.schema.rules import rules
from interpayer.validation.schema.sheet import Sheet
from interpayer.validation.schema.slicing import slicing
from interpayer.validation.schema.structures import present, reference_to, target_types

_NO: Schema = {"not": {}}


def profile_schema(sheet: Sheet, canonical: str, element: Element) -> Schema:
    """A reference to what a profile asks beyond its type; the element that names it says in which package set."""
    found = sheet.definitions.find(canonical, element.package)
    if found is None:
        return sheet.leave_out(f"profile {canonical} of {element.label}: it is not among the packages")
    return found_schema(sheet, found)


def found_schema(sheet: Sheet, found: Found) -> Schema:
    """A reference to what a definition asks beyond its type; empty for a type itself."""
    root = sheet.definitions.tree(found)
    base = sheet.definitions.type_root(root.content["path"])
    if base is None or base is root:
        return {}
    name = f"{found.entry.url}|{found.entry.version}@{found.package.id}"
    return sheet.define(name, lambda: join(_inherited(sheet, found), _of_root(sheet, root, base)))


def _of_root(sheet: Sheet, root: Element, base: Element) -> Schema:
    kind = TypeOf(root.content["path"])
    value = {} if sheet.advice else _value(root, base)
    return join(value, rules(sheet, root, kind, base), narrowed(sheet, root, base), _named_parts(sheet, root))


def _named_parts(sheet: Sheet, root: Element) -> Schema:
    """The parts of an extension that have names, not urls of their own, are those that its definition names."""
    holder = root.children.get("extension")
    if root.content["path"] != "Extension" or holder is None or sheet.advice:
        return {}
    urls = [part.children["url"].value("fixed") for part in holder.slices.values() if "url" in part.children]
    named: Schema = {"properties": {"url": {"anyOf": [{"enum": [url for url in urls if url]}, {"pattern": ":"}]}}}
    text = "is no part of this extension"
    return {"properties": {"extension": in_array(because(named, "extension.part", text, code="extension"))}}


def _inherited(sheet: Sheet, found: Found) -> Schema:
    """What the profile's own base asks, where the profile states only its differences."""
    definition = found.package.read(found.entry)
    if "snapshot" in definition or "baseDefinition" not in definition:
        return {}
    root = sheet.definitions.tree(found)
    return profile_schema(sheet, definition["baseDefinition"], root)


def narrowed(sheet: Sheet, element: Element, base: Element) -> Schema:
    """What the children of an element ask beyond those of its base."""
    properties: dict[str, Schema] = {}
    asked: list[Schema] = []
    for name, child in element.children.items():
        before = sheet.definitions.child(base, name)
        if before is None:
            found = sheet.definitions.member(base, name)
            if found is None:
                sheet.leave_out(f"{child.label}: the type has no such element")
                continue
            before = found[0]
        for key, schema in _members(sheet, child, before).items():
            properties[key] = join(properties.get(key, {}), schema)
        asked += _presence(sheet, child, before)
    properties = {key: schema for key, schema in properties.items() if schema}
    return join({"properties": properties} if properties else {}, *asked)


def _members(sheet: Sheet, child: Element, before: Element) -> dict[str, Schema]:
    """The JSON members of one narrowed element."""
    if before.max == 0:
        return {}
    kept = child.json_names() if child.name == before.name else dict.fromkeys([child.name], child.types[0])
    kept = {} if child.max == 0 else kept
    forbidden = [] if sheet.advice else [key for key in before.json_names() if key not in kept]
    no = because(_NO, "max", "is not allowed here by the profile", code="structure")
    members = {name: no for key in forbidden for name in (key, f"_{key}")}
    kinds = before.json_names()
    for key, kind in kept.items():
        one = narrowed_one(sheet, child, before, kind=kind, base_kind=kinds.get(key))
        if child.is_choice:
            one = join(one, *(_typed(sheet, part, before, key) for part in child.slices.values()))
        members[key] = _in_place(sheet, child, before, one)
    return members


def _typed(sheet: Sheet, part: Element, before: Element, key: str) -> Schema:
    """What the slice of a choice that stands for one type asks of it (`value[x]:valueQuantity`)."""
    kinds = part.json_names() if part.is_choice else {part.name: part.types[0]}
    kind = kinds.get(key)
    if kind is None:
        return {}
    if part.max == 0:
        return because(_NO, "max", "is not allowed here by the profile", code="structure")
    return narrowed_one(sheet, part, before, kind=kind, base_kind=before.json_names().get(key))


def _in_place(sheet: Sheet, child: Element, before: Element, one: Schema) -> Schema:
    """One value, or an array of them with its limits and slices."""
    if not before.is_many:
        return one
    limits: list[Schema] = []
    if not sheet.advice and child.max is not None and child.max != before.max:
        limits.append(because({"maxItems": child.max}, "max", f"at most {child.max} allowed", code="structure"))
    if not sheet.advice and child.min > max(1, before.min):
        limits.append(because({"minItems": child.min}, "min", f"at least {child.min} required", code="required"))
    slices = slicing(sheet, child, narrow=narrowed_one) if child.slices else {}
    return join(in_array(one), *limits, slices)


def narrowed_one(
    sheet: Sheet, child: Element, before: Element, *, kind: TypeOf | None = None, base_kind: TypeOf | None = None
) -> Schema:
    """What one value of an element must be beyond what its base says."""
    kind = kind or (child.types[0] if child.types else TypeOf("Element"))
    base_kind = base_kind or next((one for one in before.types if one.code == kind.code), None)
    parts = [sheet.binding(child, kind, before)]
    if not sheet.advice:
        parts += [_value(child, before), _limits(child, before), _targets(sheet, child, before, kind)]
        parts.append(_resource_types(sheet, child, before))
    parts.append(_profiles(sheet, child, kind, base_kind))
    parts.append(rules(sheet, child, kind, before, sheet.definitions.type_root(kind.code)))
    if child.children:
        base = before if not child.is_choice or before.children else sheet.definitions.type_root(kind.code)
        parts.append(narrowed(sheet, child, base) if base is not None else {})
    parts.append(_repeated(sheet, child))
    return join(*parts)


def _value(child: Element, before: Element) -> Schema:
    exactly, least = child.value("fixed"), child.value("pattern")
    asked = []
    if exactly is not None and exactly != before.value("fixed"):
        asked.append(values.fixed(exactly))
    if least is not None and least != before.value("pattern"):
        asked.append(values.pattern(least))
    return join(*asked)


def _limits(child: Element, before: Element) -> Schema:
    """Largest and smallest values, and the length of a string."""
    found = child.content
    limits = {
        "maxLength": found.get("maxLength"),
        "minimum": child.value("minValue"),
        "maximum": child.value("maxValue"),
    }
    known = {"maxLength": before.content.get("maxLength"), "minimum": before.value("minValue")}
    asked = {
        name: limit for name, limit in limits.items() if isinstance(limit, int | float) and limit != known.get(name)
    }
    return because(asked, "limit", "is longer, larger or smaller than the profile allows") if asked else {}


def _targets(sheet: Sheet, child: Element, before: Element, kind: TypeOf) -> Schema:
    if kind.code != "Reference":
        return {}
    targets = target_types(sheet, child, kind)
    known = [target_types(sheet, before, one) for one in before.types if one.code == "Reference"]
    return reference_to(sheet, targets) if targets and targets not in known else {}


def _resource_types(sheet: Sheet, child: Element, before: Element) -> Schema:
    """Which resources may stand where R4 allows any."""
    codes = sorted({one.code for one in child.types})
    is_any = [one.code for one in before.types] == ["Resource"]
    return values.resource_of(codes) if is_any and codes and codes != ["Resource"] else {}


def _profiles(sheet: Sheet, child: Element, kind: TypeOf, base_kind: TypeOf | None) -> Schema:
    """One of the profiles that the type names."""
    if not kind.profiles or (base_kind is not None and base_kind.profiles == kind.profiles):
        return {}
    schemas = [profile_schema(sheet, canonical, child) for canonical in kind.profiles]
    if len(schemas) == 1:
        return schemas[0]
    text = "meets none of the profiles that are allowed here"
    # A profile that asks for nothing, or is unknown, is met by everything.
    return because({"anyOf": schemas}, "profile", text, code="structure") if all(schemas) else {}


def _repeated(sheet: Sheet, child: Element) -> Schema:
    """An element whose content repeats another's is narrowed as that one is in the same profile."""
    reference = child.content.get("contentReference")
    if reference is None or child.children:
        return {}
    target = sheet.definitions.referred(child, reference)
    base_root = sheet.definitions.type_root(child.root.content["path"])
    if target is None or base_root is None or target.root is base_root:
        return {}
    base: Element | None = base_root
    for name in target.content["path"].split(".")[1:]:
        base = None if base is None else base.children.get(name)
    if base is None:
        return {}
    known = base
    return sheet.define(
        f"{target.package.id} {child.root.content['path']} {_number(sheet, target.root)} {target.id}",
        lambda: narrowed(sheet, target, known),
    )


def _presence(sheet: Sheet, child: Element, before: Element) -> list[Schema]:
    """That an element, or the slice of a choice, must be there where its base lets it be left out."""
    if sheet.advice:
        return []
    asked = []
    if child.min > 0 and before.min == 0 and child.max != 0:
        asked.append(present(child))
    if child.is_choice:
        parts = (part for part in child.slices.values() if part.min > 0 and part.max != 0)
        asked += [present(part) for part in parts]
    return [schema for schema in asked if schema]


def _number(sheet: Sheet, root: Element) -> int:
    """A number for each definition of a sheet, in the order in which they are met."""
    return sheet.numbers.setdefault(id(root), len(sheet.numbers))

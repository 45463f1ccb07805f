"""How the entries of a slice are recognized: what the slice demands at the place that a discriminator names."""

import re
from collections.abc import Mapping
from typing import Any

from interpayer.validation.elements import PRIMITIVES, Element, TypeOf
from interpayer.validation.schema import values
from interpayer.validation.schema.primitives import Schema, join
from interpayer.validation.schema.sheet import Sheet

_STEP = re.compile(r"\.(?![^(]*\))")
_EXTENSION = re.compile(r"extension\(['\"](.+)['\"]\)")
_TYPED = re.compile(r"(?:ofType|as)\((\w+)\)")


def demanded(sheet: Sheet, part: Element, sliced: Element, *, discriminator: Mapping[str, Any]) -> Schema | None:
    """What an entry must hold to be of the slice by one discriminator; None when that cannot be said in a schema."""
    path = discriminator.get("path", "$this")
    steps = [step for step in _STEP.split(path) if step != "$this"]
    kind = discriminator.get("type", "value")
    if "resolve()" in steps:
        return _resolved(sheet, part, sliced, steps, kind=kind)
    return _Search(sheet, kind).at(part, sliced, steps)


def _resolved(sheet: Sheet, part: Element, sliced: Element, steps: list[str], *, kind: str) -> Schema | None:
    """By the type of what is referred to, as far as the reference itself says it."""
    if kind not in ("type", "profile") or steps[-1] != "resolve()":
        return None
    return _Search(sheet, "target").at(part, sliced, steps[:-1])


class _Search:
    """Follows the steps of a discriminator through the slice, to what it demands there."""

    def __init__(self, sheet: Sheet, kind: str) -> None:
        self.sheet = sheet
        self.kind = kind

    def at(self, element: Element, base: Element | None, steps: list[str]) -> Schema | None:
        """What the element demands at the end of the steps; None when it demands nothing there."""
        if not steps:
            return self._here(element)
        held = self._from_value(element, steps)
        if held is not None:
            return held
        step, rest = steps[0], steps[1:]
        extension = _EXTENSION.fullmatch(step)
        if extension:
            return self._in_extension(element, extension[1], rest)
        if step == "url" and not rest and element.types and element.types[0].profiles:
            return self._url_of_profile(element)
        typed = _TYPED.fullmatch(step)
        if typed:
            return self.at(element, base, rest)
        return self._in_child(element, base, step, rest)

    def _in_child(self, element: Element, base: Element | None, step: str, rest: list[str]) -> Schema | None:
        child, before = self._child(element, base, step)
        if child is None:
            return None
        if self.kind == "exists" and not rest:
            return self._existence(child)
        found = self.at(child, before, rest)
        if found is None:
            parts = [
                self.at(part, child, rest) for part in child.slices.values() if part.min > 0 or len(child.slices) == 1
            ]
            found = next((one for one in parts if one), None)
        if found is None and self.kind == "type" and child.is_choice:
            return {"anyOf": [{"required": [key]} for key in child.json_names()]}
        return None if found is None else _within(child, before, found)

    def _child(self, element: Element, base: Element | None, step: str) -> tuple[Element | None, Element | None]:
        """The child by its name; a choice is named without `[x]`. By the profile of the type, where it has one."""
        definitions = self.sheet.definitions
        before = None
        if base is not None:
            before = definitions.child(base, step) or definitions.child(base, f"{step}[x]")
        own = element.children.get(step) or element.children.get(f"{step}[x]")
        if own is None and element.types and element.types[0].profiles:
            found = definitions.find(element.types[0].profiles[0], element.package)
            root = None if found is None else definitions.tree(found)
            own = None if root is None else root.children.get(step) or root.children.get(f"{step}[x]")
        own = own or definitions.child(element, step) or definitions.child(element, f"{step}[x]")
        return own, before or own

    def _here(self, element: Element) -> Schema | None:
        if self.kind == "type":
            return self._of_type(element)
        if self.kind == "target":
            return self._of_target(element)
        if self.kind == "profile":
            return self._of_profile(element)
        if self.kind == "exists":
            return self._existence(element)
        return self._of_value(element)

    def _of_value(self, element: Element) -> Schema | None:
        """A fixed value or pattern, else a required binding, else what the children demand."""
        exactly, least = element.value("fixed"), element.value("pattern")
        if exactly is not None:
            return {"const": exactly}
        if least is not None:
            return values.like(least)
        kind = element.types[0] if element.types else TypeOf("Element")
        bound = self.sheet.required_codes(element, kind)
        if bound:
            return {name: schema for name, schema in bound.items() if name != "x"}
        found = [
            _within(child, child, held)
            for child in element.children.values()
            if child.min > 0 and (held := self.at(child, None, [])) is not None
        ]
        return join(*found) if found else None

    def _of_type(self, element: Element) -> Schema | None:
        codes = sorted({one.code for one in element.types})
        resources = [code for code in codes if self.sheet.definitions.is_resource_type(code)]
        if codes and resources == codes:
            return {"required": ["resourceType"], "properties": {"resourceType": {"enum": codes}}}
        return None

    def _of_target(self, element: Element) -> Schema | None:
        types = set()
        for canonical in (target for one in element.types for target in one.targets):
            found = self.sheet.definitions.find(canonical, element.package)
            types |= set() if found is None else {self.sheet.definitions.tree(found).content["path"]}
        if not types:
            return None
        place = rf"(?:^|/)(?:{'|'.join(sorted(types))})/[A-Za-z0-9.-]+(?:/_history/.*)?$"
        literal = {"required": ["reference"], "properties": {"reference": {"pattern": place}}}
        return {"anyOf": [literal, {"required": ["type"], "properties": {"type": {"enum": sorted(types)}}}]}

    def _of_profile(self, element: Element) -> Schema | None:
        """Whether the entry is of the profile's type and says that it meets it, where it says so at all."""
        of_type = self._of_type(element)
        canonicals = [profile for one in element.types for profile in one.profiles]
        if of_type is None or not canonicals:
            return None
        claims = [f"^{re.escape(canonical.partition('|')[0])}(?:\\|.*)?$" for canonical in canonicals]
        claim = {"properties": {"meta": {"properties": {"profile": {"contains": {"pattern": "|".join(claims)}}}}}}
        self.sheet.leave_out(f"{element.label}: slices by profile are told apart by type and claimed profile")
        return join(of_type, claim)

    def _existence(self, element: Element) -> Schema:
        names = [name for key, kind in element.json_names().items() for name in _names(key, kind)]
        there: Schema = {"anyOf": [{"required": [name]} for name in names]}
        return {"not": there} if element.max == 0 else there

    def _from_value(self, element: Element, steps: list[str]) -> Schema | None:
        """What a fixed value or pattern of an element above holds at the end of the steps."""
        value = element.value("fixed") if element.value("fixed") is not None else element.value("pattern")
        return None if value is None or self.kind == "exists" else _part_of(value, steps)

    def _url_of_profile(self, element: Element) -> Schema:
        return {"required": ["url"], "properties": {"url": {"const": element.types[0].profiles[0].partition("|")[0]}}}

    def _in_extension(self, element: Element, url: str, rest: list[str]) -> Schema | None:
        holder = element.children.get("extension")
        parts = holder.slices.values() if holder is not None else ()
        for part in parts:
            profiles = part.types[0].profiles if part.types else ()
            found = self.at(part, None, rest) if url in {one.partition("|")[0] for one in profiles} else None
            if found is not None:
                of_url = {"required": ["url"], "properties": {"url": {"const": url}}}
                return {"required": ["extension"], "properties": {"extension": {"contains": join(of_url, found)}}}
        return None


def _part_of(value: Any, steps: list[str]) -> Schema | None:
    if not steps:
        return values.like(value)
    if isinstance(value, list):
        found = next((one for entry in value if (one := _part_of(entry, steps)) is not None), None)
        return None if found is None else {"contains": found}
    if not isinstance(value, dict) or steps[0] not in value:
        return None
    held = _part_of(value[steps[0]], steps[1:])
    return None if held is None else {"required": [steps[0]], "properties": {steps[0]: held}}


def _within(child: Element, before: Element | None, held: Schema) -> Schema:
    """The schema of a child as one of what it is a child of; a choice under any of its names."""
    is_many = (before or child).is_many
    inside: Schema = {"contains": held} if is_many else held
    choices: list[Schema] = [{"required": [key], "properties": {key: inside}} for key in child.json_names()]
    return choices[0] if len(choices) == 1 else {"anyOf": choices}


def _names(key: str, kind: TypeOf) -> list[str]:
    return [key, f"_{key}"] if kind.code in PRIMITIVES else [key]

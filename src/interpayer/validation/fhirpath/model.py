"""The types of FHIR as expressions need them: which members a type has, of which types, once or many times."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias

Definition: TypeAlias = Mapping[str, Any]

# FHIR's primitives and what each is a kind of (R4, datatypes).
PRIMITIVES = {
    "boolean": "", "integer": "", "decimal": "", "string": "", "uri": "", "date": "", "dateTime": "", "instant": "",
    "time": "", "base64Binary": "", "xhtml": "", "code": "string", "id": "string", "markdown": "string",
    "canonical": "uri", "url": "uri", "oid": "uri", "uuid": "uri", "positiveInt": "integer", "unsignedInt": "integer",
}  # fmt: skip
_FHIR_TYPE = "http://hl7.org/fhir/StructureDefinition/structuredefinition-fhir-type"
_SYSTEM = "http://hl7.org/fhirpath/System."
_SYSTEM_TYPES = {"String": "string", "Boolean": "boolean", "Integer": "integer", "Decimal": "decimal", "Date": "date",
                 "DateTime": "dateTime", "Time": "time", "Quantity": "Quantity"}  # fmt: skip
# Elements whose members hang on their own path, not on a named type.
_ANONYMOUS = {"BackboneElement", "Element"}


@dataclass(frozen=True, slots=True)
class Member:
    """A member of a type: its JSON keys with the type each stands for, and whether it is an array."""

    keys: tuple[tuple[str, str], ...]
    is_many: bool


class TypeModel:
    """Members by type name (`Period`) or by path of an anonymous element (`ExplanationOfBenefit.item`)."""

    def __init__(self, find: Callable[[str], Definition | None]) -> None:
        """`find` gives the StructureDefinition (with snapshot) of a type of FHIR itself, by name; None if unknown."""
        self._find = find
        self._members: dict[str, dict[str, Member]] = {}
        self._bases: dict[str, str] = {}
        self._read: set[str] = set()

    def member(self, context: str, name: str) -> Member | None:
        """The member of a type or path; None when it has none of that name.

        The name that a choice has in JSON (`valueQuantity`) is taken, too: guides write it where FHIRPath has `value`.
        """
        members = self.members(context)
        if name in members:
            return members[name]
        for member in members.values():
            if found := [(key, kind) for key, kind in member.keys if key == name]:
                return Member(tuple(found), member.is_many)
        return None

    def members(self, context: str) -> Mapping[str, Member]:
        """All members of a type or path; empty for primitives and for what is unknown."""
        self._ensure(context.partition(".")[0])
        return self._members.get(context, {})

    def knows(self, context: str) -> bool:
        """Whether the type or path exists."""
        self._ensure(context.partition(".")[0])
        return context in self._members or context in PRIMITIVES

    def is_a(self, name: str, wanted: str) -> bool:
        """Whether a type is another or a kind of it."""
        while name and name != wanted:
            name = self._base(name)
        return bool(name)

    def is_resource(self, name: str) -> bool:
        """Whether a type is a kind of Resource."""
        return self.is_a(name, "Resource")

    def _base(self, name: str) -> str:
        if name in PRIMITIVES:
            return PRIMITIVES[name]
        if "." in name:
            return "BackboneElement"
        self._ensure(name)
        return self._bases.get(name, "")

    def _ensure(self, name: str) -> None:
        if name in self._read:
            return
        self._read.add(name)
        definition = self._find(name)
        if definition is None or name in PRIMITIVES:
            return
        self._bases[name] = str(definition.get("baseDefinition", "")).rpartition("/")[2]
        elements = definition["snapshot"]["element"]
        parents = {element["path"].rpartition(".")[0] for element in elements}
        for element in elements:
            parent, _, last = element["path"].rpartition(".")
            if parent:
                self._members.setdefault(parent, {})[last.removesuffix("[x]")] = _member(element, last, parents)
            else:
                self._members.setdefault(name, {})


def _member(element: Definition, last: str, parents: set[str]) -> Member:
    is_many = str(element.get("max", "1")) not in {"0", "1"}
    if reference := element.get("contentReference"):
        return Member(((last, str(reference).rpartition("#")[2]),), is_many)
    codes = [type_code(each) for each in element.get("type", ())]
    if last.endswith("[x]"):
        stem = last.removesuffix("[x]")
        return Member(tuple((stem + code[0].upper() + code[1:], code) for code in codes), is_many)
    code = codes[0] if codes else "Element"
    return Member(((last, element["path"] if code in _ANONYMOUS and element["path"] in parents else code),), is_many)


def type_code(type_of_element: Definition) -> str:
    """FHIR's name of an element's type; the System types of ids and values become FHIR's primitives."""
    code = str(type_of_element.get("code", ""))
    named = (one.get("valueUrl") for one in type_of_element.get("extension", ()) if one.get("url") == _FHIR_TYPE)
    if name := next(named, None):
        return str(name)
    return _SYSTEM_TYPES.get(code.removeprefix(_SYSTEM), "string") if code.startswith(_SYSTEM) else code


def plain_type(name: str) -> str:
    """A type as an expression names it (`FHIR.code`, `System.DateTime`, `Boolean`), as FHIR names it."""
    space, _, last = name.rpartition(".")
    if space == "System" or (space == "" and last in _SYSTEM_TYPES):
        return _SYSTEM_TYPES.get(last, last)
    return last

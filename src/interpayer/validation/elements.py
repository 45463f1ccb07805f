"""The elements of a StructureDefinition as a tree: children, slices and types, read from its snapshot by element id."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from interpayer.validation.packages import Definition, Found, Library, Package

_FHIR_TYPE = "http://hl7.org/fhir/StructureDefinition/structuredefinition-fhir-type"
_TYPES = "http://hl7.org/fhir/StructureDefinition/"
_SYSTEM = {"String": "string", "Boolean": "boolean", "Integer": "integer", "Decimal": "decimal", "Date": "date",
           "DateTime": "dateTime", "Time": "time"}  # fmt: skip
PRIMITIVES = frozenset(
    {"boolean", "integer", "string", "decimal", "uri", "url", "canonical", "base64Binary", "instant", "date",
     "dateTime", "time", "code", "oid", "id", "markdown", "unsignedInt", "positiveInt", "uuid", "xhtml"}
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class TypeOf:
    """One type an element may have, with the profiles it must meet and those that a reference must point to."""

    code: str
    profiles: tuple[str, ...] = ()
    targets: tuple[str, ...] = ()


class Element:
    """One element of a profile or type, with its children and slices."""

    __slots__ = ("children", "content", "id", "name", "owner", "package", "root", "slices", "types")

    def __init__(self, content: dict[str, Any], package: Package, root: "Element | None") -> None:
        """`content` is the ElementDefinition; `package` is where its canonicals resolve."""
        self.content = content
        self.package = package
        self.id: str = content.get("id") or content["path"]
        self.name: str = content["path"].rpartition(".")[2]
        self.root = root or self
        self.owner = ""
        self.children: dict[str, Element] = {}
        self.slices: dict[str, Element] = {}
        self.types = tuple(_types(content, self.id))

    @property
    def min(self) -> int:
        """How often the element must be there."""
        return int(self.content.get("min", 0))

    @property
    def max(self) -> int | None:
        """How often it may be there; None without limit."""
        most = self.content.get("max", "*")
        return None if most == "*" else int(most)

    @property
    def is_many(self) -> bool:
        """Whether JSON holds it in an array: by the definition it comes from, not by how a profile limits it."""
        return bool(self.content.get("base", {}).get("max", self.content.get("max", "1")) not in ("0", "1"))

    @property
    def is_choice(self) -> bool:
        """Whether its JSON name carries its type (`value[x]`)."""
        return self.name.endswith("[x]")

    @property
    def label(self) -> str:
        """How it is called in words: by its id; inside an extension also by the extension's name."""
        of_extension = self.root.content["path"] == "Extension" and self.root.owner
        return f"{self.id} of {self.root.owner}" if of_extension else self.id

    def value(self, kind: str) -> Any:
        """Its `fixed[x]` or `pattern[x]`; None without."""
        names = (name for name in self.content if name.startswith(kind) and name[len(kind) : len(kind) + 1].isupper())
        name = next(names, None)
        return None if name is None else self.content[name]

    def json_names(self) -> dict[str, TypeOf]:
        """The JSON names it can have, with the type that each stands for."""
        if self.is_choice:
            stem = self.name[:-3]
            return {stem + one.code[0].upper() + one.code[1:]: one for one in self.types}
        return dict.fromkeys([self.name], self.types[0] if self.types else TypeOf("Element"))


def read_tree(definition: Definition, package: Package) -> Element:
    """The root element of a StructureDefinition; elements hang below by their ids (R4 ElementDefinition, `id`)."""
    elements = (definition.get("snapshot") or definition["differential"])["element"]
    root = Element(elements[0], package, None)
    root.owner = str(definition.get("url", "")).rpartition("/")[2]
    known = {root.id: root}
    for content in elements[1:]:
        element = Element(content, package, root)
        known[element.id] = element
        _hang(element, known)
    return root


def _hang(element: Element, known: dict[str, Element]) -> None:
    """Put the element below its parent, or beside the element that it is a slice of."""
    parent_id, _, last = element.id.rpartition(".")
    stem, _, slice_name = last.partition(":")
    if slice_name:
        above, _, name = slice_name.rpartition("/")
        holder = f"{parent_id}.{stem}:{above}" if above else f"{parent_id}.{stem}"
        _known(holder, element, known).slices[name] = element
    elif parent_id:
        _known(parent_id, element, known).children[element.name] = element


def _known(element_id: str, near: Element, known: dict[str, Element]) -> Element:
    """The element of this id; differences leave out those that stay as they are."""
    if element_id not in known:
        path = ".".join(part.partition(":")[0] for part in element_id.split("."))
        known[element_id] = Element({"id": element_id, "path": path}, near.package, near.root)
        _hang(known[element_id], known)
    return known[element_id]


def completed(content: dict[str, Any], before: dict[str, Any]) -> dict[str, Any]:
    """A difference together with what it is a difference to."""
    constraints = [*before.get("constraint", ()), *content.get("constraint", ())]
    return {**before, **content, **({"constraint": constraints} if constraints else {})}


def _types(content: dict[str, Any], element_id: str) -> Iterator[TypeOf]:
    for one in content.get("type", ()):
        code = one.get("code", "Element")
        if "/System." in code:
            named = next((ext.get("valueUrl") for ext in one.get("extension", ()) if ext["url"] == _FHIR_TYPE), None)
            code = named or _SYSTEM[code.rpartition(".")[2]]
            # R4 says `string` for the id of a resource; its own text and regular expression say `id`.
            code = (
                "id" if re.fullmatch(r"[A-Z]\w+\.id", element_id) and content["base"]["path"] == "Resource.id" else code
            )
        yield TypeOf(code, tuple(one.get("profile", ())), tuple(one.get("targetProfile", ())))


class Definitions:
    """Definitions of a library as trees, each read once."""

    def __init__(self, library: Library) -> None:
        """Needs R4 itself in the library; raises LookupError without."""
        if library.core is None:
            raise LookupError("the definitions of FHIR R4 (hl7.fhir.r4.core) are not among the packages")
        self.library = library
        self.core = library.core
        self._trees: dict[tuple[str, str], Element] = {}

    def find(self, canonical: str, package: Package) -> Found | None:
        """A StructureDefinition by its canonical, in the set of a package."""
        found = self.library.find(canonical, package)
        return found if found is not None and found.entry.kind == "StructureDefinition" else None

    def tree(self, found: Found) -> Element:
        """The elements of a StructureDefinition."""
        key = (found.package.id, found.entry.url)
        if key not in self._trees:
            definition = found.package.read(found.entry)
            root = read_tree(definition, found.package)
            base = None if "snapshot" in definition else self.find(definition.get("baseDefinition", ""), found.package)
            if base is not None:
                self._complete(root, self.tree(base))
            self._trees[key] = root
        return self._trees[key]

    def _complete(self, element: Element, before: Element) -> None:
        """Add to differences what they do not say, from the elements that they are differences to."""
        element.content = completed(element.content, before.content)
        element.types = tuple(_types(element.content, element.id))
        for name, child in element.children.items():
            child_before = self.child(before, name)
            if child_before is not None:
                self._complete(child, child_before)
        for name, part in element.slices.items():
            part_before = before.slices.get(name)
            if part_before is None:
                # A new slice may be left out, and is not itself sliced.
                part.content = {"min": 0, "slicing": None, **part.content}
            self._complete(part, part_before or element)
            part.content = {key: value for key, value in part.content.items() if value is not None}

    def type_root(self, code: str) -> Element | None:
        """The elements of a type of R4 (`Patient`, `Coding`); None when there is no such type."""
        entry = self.core.entries.get(_TYPES + code)
        return None if entry is None else self.tree(Found(self.core, entry))

    def is_resource_type(self, code: str) -> bool:
        """Whether R4 has a resource of this name."""
        entry = self.core.entries.get(_TYPES + code)
        return entry is not None and entry.defines == "resource"

    def resource_types(self) -> list[str]:
        """Every resource of R4 by name."""
        return sorted(url.removeprefix(_TYPES) for url, one in self.core.entries.items() if one.defines == "resource")

    def child(self, element: Element, name: str) -> Element | None:
        """The child of this name, by the element itself or else by its type."""
        return element.children.get(name) or self.inherited(element).get(name)

    def inherited(self, element: Element) -> dict[str, Element]:
        """The children that an element has by its type alone (or by the element whose content it repeats)."""
        reference = element.content.get("contentReference")
        if reference is not None:
            target = self.referred(element, reference)
            return {} if target is None else target.children
        codes = {one.code for one in element.types}
        if element.root is element:
            # What a profile told by its differences does not mention.
            codes = {element.content["path"]}
        if len(codes) != 1:
            return {}
        code = codes.pop()
        root = self._at(element.content["base"]["path"]) if _is_anonymous(element, code) else self.type_root(code)
        return {} if root is None else root.children

    def _at(self, path: str) -> Element | None:
        """The element of R4 at a path (`Observation.component`)."""
        first, *names = path.split(".")
        element = self.type_root(first)
        for name in names:
            element = None if element is None else element.children.get(name)
        return element

    def referred(self, element: Element, reference: str) -> Element | None:
        """The element that a contentReference names: `#id` in the same definition, `url#id` in another."""
        url, _, element_id = reference.partition("#")
        root: Element | None = element.root
        if url:
            found = self.find(url, element.package)
            root = None if found is None else self.tree(found)
        for name in element_id.split(".")[1:]:
            root = None if root is None else root.children.get(name)
        return root

    def member(self, element: Element, key: str) -> tuple[Element, TypeOf] | None:
        """The child that a JSON name means, and its type: `valueQuantity` is `value[x]` as a Quantity."""
        children = {**self.inherited(element), **element.children}
        for child in children.values():
            found = child.json_names().get(key.removeprefix("_"))
            if found is not None:
                return child, found
        return None


def _is_anonymous(element: Element, code: str) -> bool:
    """An element whose members hang on its own path, not on a named type."""
    return code in ("BackboneElement", "Element") and "." in element.content.get("base", {}).get("path", "")

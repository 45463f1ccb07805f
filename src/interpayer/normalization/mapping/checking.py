"""What a mapping writes against what FHIR and its profiles allow: known elements, lists as lists, required ones there.

The tables of elements come from whoever holds the packages (validation); this room knows only their shape.
"""

from collections.abc import Callable, Iterator
from collections.abc import Mapping as Dictionary
from dataclasses import dataclass
from typing import Protocol, TypeAlias

from interpayer.normalization.mapping.language import Constant, Elements, Entries, Mapping, Node, Path, Problem, Rule
from interpayer.normalization.mapping.transforms import KINDS

PRIMITIVES_OF_JSON = {"boolean": (bool,), "integer": (int,), "positiveInt": (int,), "unsignedInt": (int,)}
_WHOLE = {"integer"}
_NUMBERS = {"decimal": {"decimal", "integer"}, "boolean": {"boolean"}} | {
    "integer": _WHOLE,
    "positiveInt": _WHOLE,
    "unsignedInt": _WHOLE,
}


class ElementRule(Protocol):
    """How often an element must and may be there, and of which types."""

    @property
    def min(self) -> int:
        """At least."""

    @property
    def max(self) -> int | None:
        """At most; None: without limit; 0: forbidden."""

    @property
    def types(self) -> tuple[str, ...]:
        """FHIR types."""


class ElementTable(Protocol):
    """What may stand directly below a path of JSON names; ``""`` is the resource."""

    def children(self, path: str) -> Dictionary[str, ElementRule]:
        """By name; a choice also as ``value[x]``, a slice as ``identifier:memberid``."""


Tables: TypeAlias = Callable[[str], "ElementTable | None"]
"""The elements of a profile (canonical) or of a type; None when it is not among the packages."""


@dataclass(frozen=True, slots=True)
class Checked:
    """What is wrong, and which profiles could not be looked at."""

    problems: tuple[Problem, ...]
    not_checked: tuple[str, ...]


def check_targets(mapping: Mapping, tables: Tables) -> Checked:
    """Every element that the mapping can write, against its type and each profile that the resource claims."""
    checking = _Checking(mapping, tables)
    for resource in _objects(mapping.to):
        checking.resource(resource)
    return Checked(tuple(dict.fromkeys(checking.problems)), tuple(dict.fromkeys(checking.not_checked)))


@dataclass(frozen=True, slots=True)
class _Held:
    """What one resource is held against: its type, and the profiles that it claims (without any, the type again)."""

    base: ElementTable
    profiles: list[ElementTable]


class _Checking:
    def __init__(self, mapping: Mapping, tables: Tables) -> None:
        self.mapping = mapping
        self.tables = tables
        self.problems: list[Problem] = []
        self.not_checked: list[str] = []
        self.kind = ""

    def resource(self, node: Elements) -> None:
        members = dict(node.members)
        kind = members.get("resourceType")
        if not isinstance(kind, Constant):
            self.wrong(node.line, "resourceType", "a resource begins with `resourceType: <type>`")
            return
        self.kind = str(kind.value)
        base = self.tables(self.kind)
        if base is None:
            self.not_checked.append(self.kind)
            return
        profiles = [self.tables(url) for url in _claimed(members)]
        self.not_checked += [url for url, found in zip(_claimed(members), profiles, strict=True) if found is None]
        self.elements(node, "", _Held(base, [one for one in profiles if one is not None] or [base]))

    def wrong(self, line: int, path: str, text: str) -> None:
        self.problems.append(Problem(self.mapping.file, line, path, text))

    def elements(self, node: Elements, path: str, held: _Held) -> None:
        """One object: its members are known, allowed and of the right shape; what is required is among them."""
        known = held.base.children(path)
        if path and not known:
            return  # what stands inside an element that may be any type is not looked at
        for key, value in node.members:
            if key == "resourceType" and not path:
                continue
            rule = known.get(key.removeprefix("_"))
            where = f"{self.kind}.{path}.{key}".replace("..", ".")
            if rule is None:
                self.wrong(node.line, where, f"is no element of FHIR; known here are {_names(known)}")
            elif not key.startswith("_"):
                self.member(value, rule, where=where, line=node.line)
                self.below(value, f"{path}.{key}".lstrip("."), held)
        for profile in held.profiles:
            self.allowed(node, path, profile)

    def allowed(self, node: Elements, path: str, profile: ElementTable) -> None:
        present = {key.removeprefix("_") for key, _ in node.members}
        for name, rule in profile.children(path).items():
            where = f"{self.kind}.{path}.{name}".replace("..", ".")
            if rule.max == 0 and name in present:
                self.wrong(node.line, where, "is forbidden by the profile")
            if rule.min > 0 and ":" not in name and not _is_covered(name, present):
                self.wrong(node.line, where, "is required and never written")

    def below(self, value: Node, path: str, held: _Held) -> None:
        for one in _objects(value):
            self.elements(one, path, held)

    def member(self, value: Node, rule: ElementRule, *, where: str, line: int) -> None:
        is_list = self.is_list(value)
        at = value.line if not isinstance(value, Constant) else line
        if is_list is True and rule.max == 1:
            self.wrong(at, where, "is one value, not a list: write it without `-`")
        if is_list is False and rule.max != 1:
            self.wrong(at, where, "is a list: begin each entry with `-`")
        for one in _values(value):
            problem = _type_problem(one, rule.types)
            if problem:
                self.wrong(one.line, where, problem)

    def is_list(self, node: Node) -> bool | None:
        """Whether the value is a list; None when only a name of `let` knows."""
        if isinstance(node, Entries):
            return True
        if not isinstance(node, Rule):
            return False
        if node.to is not None:
            return self.is_list(node.to)
        if any(isinstance(one, Path) and not one.steps and not node.transforms for one in node.sources):
            return None
        return False


def _claimed(members: Dictionary[str, Node]) -> list[str]:
    meta = members.get("meta")
    profile = dict(meta.members).get("profile") if isinstance(meta, Elements) else None
    entries = profile.entries if isinstance(profile, Entries) else ()
    return [str(one.value) for one in entries if isinstance(one, Constant)]


def _objects(node: Node | None) -> Iterator[Elements]:
    """The objects that a value may be, wherever `foreach`, `let` and `when` have put them."""
    if isinstance(node, Elements):
        yield node
    elif isinstance(node, Entries):
        for entry in node.entries:
            yield from _objects(entry)
    elif isinstance(node, Rule):
        yield from _objects(node.to)
        for source in node.sources:
            if isinstance(source, Rule):
                yield from _objects(source)


def _values(node: Node | None) -> Iterator[Constant | Rule]:
    """The constants and the rules that read, of which a value is made."""
    if isinstance(node, Constant):
        yield node
    elif isinstance(node, Entries):
        for entry in node.entries:
            yield from _values(entry)
    elif isinstance(node, Rule):
        yield from _values(node.to if node.to is not None else node.const)
        if node.sources:
            yield node


def _type_problem(value: Constant | Rule, types: tuple[str, ...]) -> str:
    """Why the value cannot be of the only type that the element has; ``""`` where it can or nobody knows."""
    if len(types) != 1:
        return ""
    kind = types[0]
    if isinstance(value, Constant):
        wanted = PRIMITIVES_OF_JSON.get(kind)
        return f"is a {kind}: `{value.value}` is none" if wanted and not isinstance(value.value, wanted) else ""
    gives = KINDS[value.transforms[-1].name].gives if value.transforms and value.transforms[-1].name in KINDS else ""
    if kind in _NUMBERS and _is_text(value):
        return "" if gives in _NUMBERS[kind] else f"is a {kind}: add `transform: {min(_NUMBERS[kind])}`"
    if kind == "Reference" and value.transforms and gives != "Reference":
        return "is a Reference: end with `transform: {reference: <type>}`"
    return ""


def _is_text(value: Rule) -> bool:
    """Whether it reads text of the record; behind a plain name may stand a `let` that is a number already."""
    paths = [one for one in value.sources if isinstance(one, Path) and not one.root.startswith("$")]
    return len(paths) == len(value.sources) and bool(value.transforms or all(one.steps for one in paths))


def _is_covered(name: str, present: set[str]) -> bool:
    if not name.endswith("[x]"):
        return name in present
    stem = name.removesuffix("[x]")
    return any(one.startswith(stem) and one[len(stem) : len(stem) + 1].isupper() for one in present)


def _names(known: Dictionary[str, ElementRule]) -> str:
    return ", ".join(sorted(name for name in known if ":" not in name and not name.startswith("_")))

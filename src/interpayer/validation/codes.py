"""Which codes a value set allows, as far as the packages say: enumerated where they can be, else by their systems."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from interpayer.validation.packages import Definition, Library, Package

# Sets of sets of sets: more than this deep is a circle.
DEPTH = 8


@dataclass(frozen=True, slots=True)
class AllowedCodes:
    """Codes by system; None for a system of which any code may be meant (its codes are not in the packages)."""

    systems: Mapping[str, frozenset[str] | None]

    @property
    def is_enumerated(self) -> bool:
        """Whether every code is known."""
        return bool(self.systems) and None not in self.systems.values()

    def allows(self, system: str | None, code: str | None) -> bool | None:
        """Whether a coding belongs; None when the packages cannot say. Without a system, any system's code will do."""
        if system is None:
            known = [codes for codes in self.systems.values() if codes is not None]
            return any(code in codes for codes in known) or (None if len(known) < len(self.systems) else False)
        if system not in self.systems:
            return False
        codes = self.systems[system]
        return None if codes is None else code in codes

    def membership(self) -> Callable[[Any], bool | None]:
        """The test of a code, Coding or CodeableConcept: one of its codings is allowed; None when nobody can say."""
        pairs = {(system, code) for system, codes in self.systems.items() for code in codes or ()}
        is_enumerated = self.is_enumerated

        def is_member(value: Any) -> bool | None:
            codings = value.get("coding") or [value] if type(value) is dict else [{"code": value}]
            for coding in codings:
                if (coding.get("system"), coding.get("code")) in pairs:
                    return True
            answers = [self.allows(coding.get("system"), coding.get("code")) for coding in codings]
            return True if True in answers else False if is_enumerated or None not in answers else None

        return is_member


class ValueSets:
    """Value sets of a library, each worked out once."""

    def __init__(self, library: Library) -> None:
        """Value sets and code systems come from the packages only."""
        self._library = library
        self._known: dict[tuple[str, str], AllowedCodes | None] = {}

    def codes(self, canonical: str, package: Package) -> AllowedCodes | None:
        """What a value set allows, named in the set of a package; None when not even its systems are known."""
        return self._codes(canonical, package, DEPTH)

    def _codes(self, canonical: str, package: Package, depth: int) -> AllowedCodes | None:
        found = self._library.find(canonical, package)
        if found is None or found.entry.kind != "ValueSet" or depth == 0:
            return None
        key = (found.package.id, found.entry.url)
        if key not in self._known:
            self._known[key] = self._work_out(found.package.read(found.entry), found.package, depth)
        return self._known[key]

    def _work_out(self, content: Definition, package: Package, depth: int) -> AllowedCodes | None:
        compose = content.get("compose")
        allowed = None if compose is None else self._composed(compose, package, depth)
        if (allowed is None or not allowed.is_enumerated) and _is_whole(content.get("expansion")):
            return AllowedCodes(_grouped(_contained(content["expansion"])))
        return allowed

    def _composed(self, compose: Mapping[str, Any], package: Package, depth: int) -> AllowedCodes | None:
        systems: dict[str, frozenset[str] | None] = {}
        for include in compose.get("include", ()):
            included = self._included(include, package, depth)
            if included is None:
                return None
            for system, codes in included.items():
                before = systems.get(system, frozenset())
                systems[system] = None if codes is None or before is None else before | codes
        for exclude in compose.get("exclude", ()):
            for system, codes in (self._included(exclude, package, depth) or {}).items():
                before = systems.get(system)
                if before is not None and codes is not None:
                    systems[system] = before - codes
        return AllowedCodes(systems)

    def _included(
        self, include: Mapping[str, Any], package: Package, depth: int
    ) -> dict[str, frozenset[str] | None] | None:
        """What one include (or exclude) names; several value sets in it are to be met at once."""
        parts: list[dict[str, frozenset[str] | None]] = []
        if "system" in include:
            parts.append({include["system"]: self._of_system(include, package)})
        for canonical in include.get("valueSet", ()):
            allowed = self._codes(canonical, package, depth - 1)
            if allowed is None:
                return None
            parts.append(dict(allowed.systems))
        if not parts:
            return None
        first, *others = parts
        for other in others:
            first = {system: _both(first[system], other[system]) for system in first if system in other}
        return first

    def _of_system(self, include: Mapping[str, Any], package: Package) -> frozenset[str] | None:
        if "concept" in include:
            return frozenset(one["code"] for one in include["concept"])
        found = self._library.find(include["system"], package)
        if found is None or found.entry.kind != "CodeSystem":
            return None
        content = found.package.read(found.entry)
        if content.get("content") != "complete":
            return None
        codes: frozenset[str] | None = frozenset(code for code, _ in _concepts(content.get("concept", ())))
        for wanted in include.get("filter", ()):
            left = _filtered(content, wanted)
            if left is None or codes is None:
                return None
            codes &= left
        return codes


def _both(one: frozenset[str] | None, other: frozenset[str] | None) -> frozenset[str] | None:
    """Codes that are in both; what is not known gives way to what is."""
    if one is None or other is None:
        return one if other is None else other
    return one & other


def _filtered(content: Definition, wanted: Mapping[str, Any]) -> frozenset[str] | None:
    """The codes that a filter leaves; None for filters that need more than the hierarchy."""
    if wanted.get("op") not in ("is-a", "descendent-of") or wanted.get("property") not in ("concept", "code"):
        return None
    root = wanted["value"]
    below = {root}
    concepts = list(_concepts(content.get("concept", ())))
    size = 0
    while size < len(below):
        size = len(below)
        below |= {code for code, parents in concepts if not parents.isdisjoint(below)}
    return frozenset(below if wanted["op"] == "is-a" else below - {root})


def _concepts(concepts: Any, parent: str | None = None) -> Iterator[tuple[str, frozenset[str]]]:
    """Every code with the codes directly above it: by nesting, or by the properties that name them."""
    for one in concepts:
        named = {
            str(value)
            for held in one.get("property", ())
            if held.get("code") in ("subsumedBy", "parent")
            for value in (held.get("valueCode"),)
        }
        yield one["code"], frozenset(named if parent is None else named | {parent})
        yield from _concepts(one.get("concept", ()), one["code"])


def _is_whole(expansion: Mapping[str, Any] | None) -> bool:
    """Whether an expansion lists everything, not a page or a sample of it."""
    if expansion is None or not expansion.get("contains"):
        return False
    total = expansion.get("total")
    return total is None or total <= sum(1 for _ in _contained(expansion))


def _contained(expansion: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    for one in expansion.get("contains", ()):
        if "code" in one and not one.get("abstract", False):
            yield one.get("system", ""), one["code"]
        yield from _contained(one)


def _grouped(codings: Iterator[tuple[str, str]]) -> dict[str, frozenset[str] | None]:
    systems: dict[str, set[str]] = {}
    for system, code in codings:
        systems.setdefault(system, set()).add(code)
    return {system: frozenset(codes) for system, codes in systems.items()}

"""The profiles of a folder of FHIR packages: what they ask of each element, and whether a resource meets them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import orjson

from interpayer.validation.checker import Checker, Keywords
from interpayer.validation.claims import claimed, holds_others, inner_resources
from interpayer.validation.codes import ValueSets
from interpayer.validation.elements import Definitions
from interpayer.validation.extensions import extension_keyword
from interpayer.validation.fhirpath.emit import Membership
from interpayer.validation.fhirpath.model import TypeModel
from interpayer.validation.invariants import Invariants
from interpayer.validation.issue import Issue, Resource, Verdict
from interpayer.validation.kept import KeptSchemas
from interpayer.validation.packages import PREFERRED, Found, Library, Package
from interpayer.validation.schema.build import build, build_advice
from interpayer.validation.table import ElementTable

_TYPES = "http://hl7.org/fhir/StructureDefinition/"


@dataclass(frozen=True, slots=True)
class _Plan:
    """What resources of one type with the same claims are checked against; each claim with its versions, best first."""

    claims: tuple[tuple[Checker, ...], ...]
    problems: tuple[Issue, ...] = ()
    unknown: tuple[str, ...] = ()


@dataclass(slots=True)
class _Gathered:
    """What several checks said together, each thing once."""

    issues: dict[Issue, None] = field(default_factory=dict)
    not_evaluated: dict[str, None] = field(default_factory=dict)
    checked_against: dict[str, None] = field(default_factory=dict)
    # Whether something was not evaluated that could be on another resource.
    is_particular: bool = False

    def add(self, checker: Checker, issues: Sequence[Issue], notes: Sequence[str]) -> None:
        """What one checker said."""
        self.issues |= dict.fromkeys(issues)
        self.not_evaluated |= dict.fromkeys([*checker.not_evaluated, *notes])
        self.checked_against[checker.name] = None
        self.is_particular |= bool(notes)


class Profiles:
    """Every profile of a library; each is compiled when it is first needed, and once."""

    def __init__(self, library: Library, cache: Path | None = None) -> None:
        """Needs R4 itself among the packages; raises LookupError without. `cache` is a folder for compiled profiles."""
        self.definitions = Definitions(library)
        self.value_sets = ValueSets(library)
        self._kept = KeptSchemas(library, cache)
        self._model = TypeModel(self._type)
        self._tables: dict[str, ElementTable] = {}
        self._checkers: dict[tuple[str, str], Checker] = {}
        self._keywords: dict[str, Keywords] = {}
        self._extensions: dict[tuple[str, str], Checker | None] = {}
        self._plans: dict[tuple[str, tuple[str, ...], bool], _Plan] = {}
        self._sound: dict[tuple[str, tuple[str, ...], bool], Verdict] = {}

    def check(self, resource: Resource, profile_urls: Sequence[str] | None = None) -> Verdict:
        """Whether a resource meets the profiles named, else those it claims, else its type; with every reason.

        A claim without a version is met by any version in the folder, unless one is preferred (`packages.PREFERRED`).
        """
        try:
            return self._check(resource, profile_urls)
        except ValueError:
            # Values that are no plain JSON (decimals kept as their digits) are nothing that a schema can explain.
            return self._check_plain(resource, profile_urls)

    def _check_plain(self, resource: Resource, profile_urls: Sequence[str] | None) -> Verdict:
        try:
            return self._check(orjson.loads(orjson.dumps(resource)), profile_urls)
        except (ValueError, TypeError):
            text = "holds text or numbers that JSON cannot carry"
            issue = Issue(str(resource.get("resourceType")), "json", text, code="structure")
            return Verdict(" ".join(profile_urls or claimed(resource)), False, (issue,))

    def _check(self, resource: Resource, profile_urls: Sequence[str] | None) -> Verdict:
        asked = tuple(profile_urls) if profile_urls is not None else claimed(resource)
        key = (str(resource.get("resourceType")), asked, profile_urls is None)
        known = self._sound.get(key)
        if known is not None and self._is_sound(resource, key):
            return known
        said = _Gathered()
        self._check_one(resource, asked, said, is_claim=profile_urls is None)
        for path, inner in inner_resources(resource):
            self._check_one(inner, claimed(inner), said, outer=resource, path=path)
        verdict = _verdict(resource, asked, said)
        if not verdict.issues and not said.is_particular and not holds_others(resource):
            self._sound[key] = verdict
        return verdict

    def _is_sound(self, resource: Resource, key: tuple[str, tuple[str, ...], bool]) -> bool:
        """Whether nothing needs to be said about this resource that is not said about every sound one of its kind."""
        if holds_others(resource):
            return False
        return not any(any(versions[0].check(resource)) for versions in self._plans[key].claims)

    def advise(self, resource: Resource, profile_urls: Sequence[str] | None = None) -> tuple[Issue, ...]:
        """Warnings beside the verdict, for resources as they are read: codes outside extensible bindings."""
        asked = tuple(profile_urls) if profile_urls is not None else claimed(resource)
        found: dict[Issue, None] = {}
        for path, one in [("", resource), *inner_resources(resource)]:
            kind = str(one.get("resourceType"))
            if self.definitions.is_resource_type(kind):
                plan = self._plan(kind, claimed(one) if path else asked, bool(path) or profile_urls is None)
                found |= dict.fromkeys(issue for versions in plan.claims for issue in versions[0].advise(one, path))
        return tuple(found)

    def element_table(self, profile_url: str) -> ElementTable:
        """What a profile (canonical) or a type of R4 (`Patient`) asks of each element; LookupError when unknown."""
        if profile_url not in self._tables:
            found = self.definitions.find(profile_url, self.definitions.core)
            root = self.definitions.type_root(profile_url) if found is None else self.definitions.tree(found)
            if root is None:
                raise LookupError(f"{profile_url} is not among the packages")
            self._tables[profile_url] = ElementTable(self.definitions, root)
        return self._tables[profile_url]

    def _check_one(
        self,
        resource: Resource,
        asked: tuple[str, ...],
        said: _Gathered,
        *,
        is_claim: bool = True,
        outer: Resource | None = None,
        path: str = "",
    ) -> None:
        """One resource against its profiles; against its type alone when none of them can be."""
        kind = resource.get("resourceType")
        if not isinstance(kind, str) or not self.definitions.is_resource_type(kind):
            text = "is no type of resource of R4"
            said.issues[Issue(path or "Resource", "type", text, code="structure")] = None
            return
        plan = self._plan(kind, asked, is_claim)
        said.issues |= dict.fromkeys(
            Issue(path or one.path, one.rule, one.text, code=one.code) for one in plan.problems
        )
        said.not_evaluated |= dict.fromkeys(f"{one} (claimed by {path or kind})" for one in plan.unknown)
        for versions in plan.claims:
            _check_versions(versions, resource, said, outer=outer, path=path)

    def _plan(self, kind: str, asked: tuple[str, ...], is_claim: bool) -> _Plan:
        key = (kind, asked, is_claim)
        if key not in self._plans:
            self._plans[key] = self._made_plan(kind, asked, is_claim)
        return self._plans[key]

    def _made_plan(self, kind: str, asked: tuple[str, ...], is_claim: bool) -> _Plan:
        claims: list[tuple[Checker, ...]] = []
        problems, unknown = [], []
        for canonical in asked:
            found = self._meant(canonical, is_claim)
            if not found:
                unknown.append(f"profile {canonical}: it is not among the packages")
            elif self._checker(found[0]).type != kind:
                text = f"the profile {canonical} is for another type of resource"
                problems.append(Issue(kind, "profile", text, code="structure"))
            else:
                claims.append(tuple(map(self._checker, found)))
        if not claims:
            claims.append((self._checker(Found(self.definitions.core, self.definitions.core.entries[_TYPES + kind])),))
        if unknown and not is_claim:
            # Who asks for a profile wants to know about that profile: without it there is no verdict.
            problems += [Issue(kind, "profile.unknown", one, code="not-found") for one in unknown]
        return _Plan(tuple(claims), tuple(problems), tuple(unknown))

    def _meant(self, canonical: str, is_claim: bool) -> list[Found]:
        """The definitions that a canonical can mean, best first: one, unless a claim leaves the version open."""
        best = self.definitions.find(canonical, self.definitions.core)
        if best is None:
            return []
        if not is_claim or "|" in canonical or best.package.name in PREFERRED:
            return [best]
        return [best, *(one for one in self.definitions.library.versions(canonical) if one != best)]

    def _checker(self, found: Found) -> Checker:
        key = (found.package.id, found.entry.url)
        if key not in self._checkers:
            self._checkers[key] = Checker(
                f"{found.entry.url}|{found.entry.version} of {found.package.id}",
                self._kept.get(found, lambda: build(self.definitions, self.value_sets, found)),
                root=self.definitions.tree(found),
                definitions=self.definitions,
                keywords=self._of_set(found.package),
                advice=lambda: build_advice(self.definitions, self.value_sets, found),
            )
        return self._checkers[key]

    def _of_set(self, package: Package) -> Keywords:
        if package.id not in self._keywords:
            invariants = Invariants(self._model, lambda url: self._membership(url, package))
            extension = extension_keyword(lambda url: self._extension(url, package))
            self._keywords[package.id] = Keywords(invariants, extension)
        return self._keywords[package.id]

    def _extension(self, url: str, package: Package) -> Checker | None:
        """The checker of an extension by its url; None when the packages lack its definition."""
        key = (package.id, url)
        if key not in self._extensions:
            found = self.definitions.find(url, package)
            is_one = found is not None and self.definitions.tree(found).content["path"] == "Extension"
            self._extensions[key] = self._checker(found) if found is not None and is_one else None
        return self._extensions[key]

    def _membership(self, canonical: str, package: Package) -> Membership | None:
        allowed = self.value_sets.codes(canonical, package)
        return None if allowed is None else allowed.membership()

    def _type(self, name: str) -> Mapping[str, Any] | None:
        entry = self.definitions.core.entries.get(_TYPES + name)
        return None if entry is None else self.definitions.core.read(entry)


def _check_versions(
    versions: tuple[Checker, ...], resource: Resource, said: _Gathered, *, outer: Resource | None, path: str
) -> None:
    """One claim: what its best version says, unless another version is met."""
    first, *others = versions
    issues, notes = first.check(resource, outer, path)
    if others and any(issue.severity == "error" for issue in issues):
        for other in others:
            if other.is_met(resource, outer):
                said.add(other, *other.check(resource, outer, path))
                text = f"meets {other.name}, not {first.name}; a claim with its version would say which is meant"
                said.issues[Issue(path or first.type, "profile.version", text, "information", "informational")] = None
                return
    said.add(first, issues, notes)


def _verdict(resource: Resource, asked: tuple[str, ...], said: _Gathered) -> Verdict:
    return Verdict(
        profile=" ".join(asked) or _TYPES + str(resource.get("resourceType")),
        is_valid=not any(issue.severity == "error" for issue in said.issues),
        issues=tuple(said.issues),
        not_evaluated=tuple(said.not_evaluated),
        checked_against=tuple(said.checked_against),
    )

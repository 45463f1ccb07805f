"""One profile, or one type, ready to check resources: a JSON Schema whose walk asks the invariants on its way."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Any

import jsonschema_rs

from interpayer.validation.contained import local_reference_issues
from interpayer.validation.elements import Definitions, Element
from interpayer.validation.extensions import KEYWORD as EXTENSION
from interpayer.validation.extensions import NotAsDefined
from interpayer.validation.invariants import KEYWORD, Broken, Invariants, Seen
from interpayer.validation.issue import Issue, Resource
from interpayer.validation.schema.build import Built, without_contained
from interpayer.validation.schema.explain import SchemaError, explain, fhir_path
from interpayer.validation.schema.structures import is_bare_id


@dataclass(frozen=True, slots=True)
class Keywords:
    """What the schemas of one package set ask on their walk."""

    invariants: Invariants
    extension: type


class Checker:
    """Says whether a resource is what the schema asks for, fast when it is, with every reason when it is not."""

    def __init__(
        self,
        name: str,
        built: Built,
        *,
        root: Element,
        definitions: Definitions,
        keywords: Keywords,
        advice: Callable[[], Built],
    ) -> None:
        """`root` is the profile's first element; `keywords` speak for its package set; `advice` is for warnings."""
        self.name = name
        self._schema = built.schema
        self._outward = without_contained(built.schema)
        self._root, self._definitions = root, definitions
        self._keywords, self._invariants = keywords, keywords.invariants
        self._validators: dict[bool, jsonschema_rs.Validator] = {}
        self._left_out = dict.fromkeys(built.left_out)
        self._advice = advice
        self._adviser: tuple[jsonschema_rs.Validator, dict[str, Any]] | None = None

    @property
    def type(self) -> str:
        """The type of resource it is for."""
        return str(self._root.content["path"])

    @property
    def not_evaluated(self) -> tuple[str, ...]:
        """What no resource is checked for, with the reason."""
        return tuple(self._left_out)

    def is_met(self, resource: Resource, outer: Resource | None = None) -> bool:
        """The verdict alone, without reasons."""
        with self._invariants.checking(outer or resource) as seen:
            seen.resource = resource
            if self._validator(seen.root).is_valid(resource):
                return True
        return not any(issue.severity == "error" for issue in self.check(resource, outer)[0])

    def advise(self, resource: Resource, path: str = "") -> list[Issue]:
        """What should be otherwise, as warnings: codes that are not of the value set of an extensible binding."""
        if self._adviser is None:
            schema = self._advice().schema
            self._adviser = (
                jsonschema_rs.Draft202012Validator(schema, pattern_options=jsonschema_rs.RegexOptions()),
                schema,
            )
        validator, schema = self._adviser
        if validator.is_valid(resource):
            return []
        errors = validator.iter_errors(resource)
        found = explain(errors, schema, definitions=self._definitions, root=self._root)
        return [replace(_moved(issue, self.type, path or self.type), severity="warning") for issue in found]

    def check(self, resource: Resource, outer: Resource | None = None, path: str = "") -> tuple[list[Issue], list[str]]:
        """Every issue, and what could not be evaluated on this resource.

        `outer` is the resource that this one is contained in, or the Bundle it is an entry of; `path` is where.
        """
        with self._invariants.checking(outer or resource) as seen:
            seen.resource = resource
            validator = self._validator(seen.root)
            is_valid = validator.is_valid(resource)
            found = [] if is_valid and not seen.has_warnings else self._issues(validator, resource, seen)
            # What is contained itself refers to its siblings: that is looked at with the resource around it.
            if seen.root.get("contained") and ".contained[" not in path:
                found += local_reference_issues(self._definitions, self._root, resource)
            return [_moved(issue, self.type, path) for issue in found] if path else found, list(seen.not_evaluated)

    def _issues(self, validator: jsonschema_rs.Validator, resource: Resource, seen: Seen) -> list[Issue]:
        seen.is_strict = True
        structural: list[SchemaError] = []
        found: list[Issue] = []
        for error in validator.iter_errors(resource):
            cause = error.__cause__
            if isinstance(cause, Broken):
                found += self._broken(cause, list(error.instance_path))
            elif isinstance(cause, NotAsDefined):
                place = fhir_path(self._definitions, self._root, list(error.instance_path))
                found += [_moved(issue, "Extension", place) for issue in cause.issues]
            elif not is_bare_id(error.schema_path, error.instance_path, resource):
                structural.append(error)
        schema = self._schema_for(seen.root)
        return [*explain(structural, schema, definitions=self._definitions, root=self._root), *found]

    def _broken(self, cause: Broken, keys: list[str | int]) -> Iterator[Issue]:
        path = fhir_path(self._definitions, self._root, keys)
        for each in cause.broken:
            yield Issue(path, each.key, each.text, severity=each.severity, code="invariant")

    def _schema_for(self, root: Resource) -> dict[str, Any]:
        return self._schema if root.get("contained") else self._outward

    def _validator(self, root: Resource) -> jsonschema_rs.Validator:
        """With contained resources a reference may point to one; without, none may, and nobody need look."""
        has_contained = bool(root.get("contained"))
        if has_contained not in self._validators:
            self._validators[has_contained] = jsonschema_rs.Draft202012Validator(
                self._schema_for(root),
                pattern_options=jsonschema_rs.RegexOptions(),
                keywords={
                    KEYWORD: self._invariants.keyword(self._left_out),
                    EXTENSION: self._keywords.extension,
                },
            )
        return self._validators[has_contained]


def _moved(issue: Issue, type_name: str, path: str) -> Issue:
    """The same issue, seen from the outer resource."""
    return Issue(path + issue.path.removeprefix(type_name), issue.rule, issue.text, issue.severity, issue.code)

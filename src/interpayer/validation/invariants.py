"""The invariants of profiles, types and data types: rules in FHIRPath that hang on elements (R4 ElementDefinition).

They travel inside the JSON Schema of a profile as the keyword `invariants`, so that the schema's own walk decides where
each applies: slices, choices, extensions and contained resources need no second walk. The keyword names expression and
context only, so a schema can be kept on disk; expressions are compiled when a validator is built, each once.
"""

import threading
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, TypeAlias

from interpayer.validation.claims import entries_of
from interpayer.validation.fhirpath.compile import Compiled, compile_expression
from interpayer.validation.fhirpath.emit import Membership
from interpayer.validation.fhirpath.model import PRIMITIVES, TypeModel
from interpayer.validation.fhirpath.runtime import CannotTell
from interpayer.validation.fhirpath.syntax import NotSupported

KEYWORD = "invariants"
# ele-1, "must have a value or children", as JSON Schema: an object is not empty and holds more than an id.
NOT_EMPTY = {"minProperties": 1, "anyOf": [{"minProperties": 2}, {"not": {"required": ["id"]}}]}
_STRUCTURAL = {"ele-1"}
_HOLDERS = {"Bundle": "entry", "Parameters": "parameter"}
# What an expression stumbles over when a resource has not the structure of its type; the schema says that itself.
_MISSHAPEN = (TypeError, AttributeError, LookupError, ValueError, ArithmeticError, RecursionError)
# A constraint as the keyword holds it: key, severity, expression, context, words.
Written: TypeAlias = list[str]


@dataclass(frozen=True, slots=True)
class Invariant:
    """One rule on one kind of element, ready to be asked."""

    key: str
    severity: str
    text: str
    compiled: Compiled


class Broken(ValueError):
    """The invariants that one element breaks; what a JSON Schema error of the keyword has as its cause."""

    def __init__(self, broken: tuple[Invariant, ...]) -> None:
        """Its message is the keys with their words."""
        super().__init__("; ".join(f"{each.key}: {each.text}" for each in broken))
        self.broken = broken


@dataclass
class Seen:
    """What is known beside the verdict once a resource was checked."""

    resource: Any
    root: Any
    is_strict: bool
    has_warnings: bool = False
    not_evaluated: dict[str, None] = field(default_factory=dict)


class Invariants:
    """The invariants of one package set; compiles each expression once for each context."""

    def __init__(self, model: TypeModel, member_of: Callable[[str], Membership | None] = lambda _: None) -> None:
        """`member_of` gives for a value set the test of a code, Coding or CodeableConcept; None if not at hand."""
        self._model = model
        self._member_of = member_of
        self._compiled: dict[tuple[str, str], Compiled | str] = {}
        self._now = threading.local()

    def keyword(self, not_evaluated: dict[str, None]) -> type:
        """The class for `jsonschema_rs.validator_for(..., keywords={KEYWORD: ...})`; one for each validator.

        What cannot be compiled is written into `not_evaluated` as `key: why` while the validator is built.
        """
        outer = self

        class Keyword:
            """Asks the invariants of one element; raises Broken."""

            def __init__(self, _parent: object, written: list[Written], _path: object) -> None:
                self._invariants = tuple(outer.compile(written, not_evaluated))

            def validate(self, node: Any) -> None:
                outer.ask(self._invariants, node)

        return Keyword

    def compile(self, written: Iterable[Written], not_evaluated: dict[str, None]) -> Iterator[Invariant]:
        """The invariants that can be evaluated; the others go into `not_evaluated`."""
        for key, severity, expression, context, text in written:
            made = self._made(expression, context)
            if isinstance(made, str):
                not_evaluated[f"{key}: {made}"] = None
            else:
                yield Invariant(key, severity, text, made)

    def _made(self, expression: str, context: str) -> Compiled | str:
        place = (expression, context)
        if place not in self._compiled:
            try:
                self._compiled[place] = compile_expression(
                    expression, model=self._model, context=context, member_of=self._member_of
                )
            except NotSupported as error:
                self._compiled[place] = str(error)
        return self._compiled[place]

    @contextmanager
    def checking(self, resource: Any, *, is_strict: bool = False) -> Iterator[Seen]:
        """The resource whose elements are asked about until the end; strict counts warnings as broken, too."""
        seen = Seen(resource, _rooted(resource), is_strict)
        around = getattr(self._now, "seen", None)
        self._now.seen = seen
        try:
            yield seen
        finally:
            self._now.seen = around

    def ask(self, invariants: tuple[Invariant, ...], node: Any) -> None:
        """Raise Broken with those that do not hold for the node of the resource being checked."""
        seen: Seen = self._now.seen
        broken = tuple(each for each in invariants if not _holds(each, node, seen))
        if broken:
            raise Broken(broken)


def _holds(invariant: Invariant, node: Any, seen: Seen) -> bool:
    resource = node if type(node) is dict and "resourceType" in node else seen.resource
    try:
        if invariant.compiled.holds(node, resource, seen.root):
            return True
    except CannotTell as reason:
        seen.not_evaluated[f"{invariant.key}: {reason}"] = None
        return True
    except _MISSHAPEN:
        seen.not_evaluated[f"{invariant.key}: the element has not the structure of its type"] = None
        return True
    if invariant.severity == "error" or seen.is_strict:
        return False
    seen.has_warnings = True
    return True


def _rooted(resource: Any) -> Any:
    """The resource with what its references may name as contained: for a Bundle, that of its entries."""
    holder = _HOLDERS.get(str(resource.get("resourceType"))) if isinstance(resource, dict) else None
    if holder is None:
        return resource
    inner = [_member(each, "resource") for each in entries_of(resource.get(holder))]
    return {**resource, "contained": [one for each in inner for one in entries_of(_member(each, "contained"))]}


def _member(node: Any, name: str) -> Any:
    return node.get(name) if isinstance(node, dict) else None


def written_schema(constraints: Iterable[Mapping[str, Any]], context: str) -> dict[str, Any]:
    """The JSON Schema of the constraints of an element, to be merged into its own; empty without any.

    `context` is the name of the element's type, or for an anonymous element (BackboneElement, Element with children)
    its path in R4 itself (`base.path`), for a contentReference the path referred to.
    """
    given = list(constraints)
    written = {
        (each["key"], each["expression"]): [
            each["key"], each.get("severity", "error"), each["expression"], context, str(each.get("human", ""))
        ]
        for each in given
        if each.get("expression") and each["key"] not in _STRUCTURAL
    }  # fmt: skip
    schema: dict[str, Any] = {}
    if context not in PRIMITIVES and any(each["key"] in _STRUCTURAL for each in given):
        schema |= NOT_EMPTY
    return schema | ({KEYWORD: list(written.values())} if written else {})


def without_expression(constraints: Iterable[Mapping[str, Any]]) -> Iterator[str]:
    """The constraints that are words only, as `key: why`, to be reported as not evaluated."""
    yield from (f"{each['key']}: no expression" for each in constraints if not each.get("expression"))

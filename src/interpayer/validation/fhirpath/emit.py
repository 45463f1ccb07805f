"""Python text for a part of an expression, what is known of its result, and where it is evaluated."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, TypeAlias

from interpayer.validation.fhirpath.model import TypeModel
from interpayer.validation.fhirpath.syntax import Node, NotSupported

# Whether a code, Coding or CodeableConcept is in a value set; None when that cannot be told.
Membership: TypeAlias = Callable[[Any], bool | None]
BOOLEAN = frozenset({"boolean"})
INTEGER = frozenset({"integer"})
STRING = frozenset({"string"})


@dataclass(frozen=True, slots=True)
class Code:
    """Python that gives one item or None; with `clauses`, the item of a comprehension over them.

    `types` are the FHIR types the item can have, None when only the item itself tells. A primitive that has
    extensions but no value is the object of its extensions.
    """

    text: str
    types: frozenset[str] | None
    clauses: tuple[str, ...] = ()
    is_sure: bool = False

    @property
    def is_many(self) -> bool:
        """Whether there can be several items."""
        return bool(self.clauses)

    @property
    def as_list(self) -> str:
        """Python that gives a list of the items."""
        if self.clauses:
            return f"[{self.text} {' '.join(self.clauses)}]"
        return f"[{self.text}]" if self.is_sure else f"as_list({self.text})"


NOTHING = Code("None", frozenset())


@dataclass(frozen=True, slots=True)
class Truth:
    """Python that is true exactly when an expression is true, and when it is false; else it is empty."""

    true: str
    false: str
    is_sure: bool = False

    @property
    def code(self) -> Code:
        """The same as a value."""
        if self.is_sure:
            return Code(f"({self.true})", BOOLEAN, is_sure=True)
        return Code(f"(True if {self.true} else False if {self.false} else None)", BOOLEAN)


def certain(text: str) -> Truth:
    """A truth that is never empty, from Python whose truth it is."""
    return Truth(f"bool({text})" if not text.startswith(("not ", "bool(")) else text, f"not ({text})", is_sure=True)


@dataclass(slots=True)
class Workshop:
    """What all parts of one expression share: the types, the value sets, constants and fresh names."""

    model: TypeModel
    member_of: Callable[[str], Membership | None]
    value: Callable[[Node, "Scope"], Code]
    truth: Callable[[Node, "Scope"], Truth]
    variables: Mapping[str, str]
    names: dict[str, Any] = field(default_factory=dict)
    made: int = 0

    def fresh(self) -> str:
        """A name not used yet."""
        self.made += 1
        return f"t{self.made}"

    def constant(self, value: object) -> str:
        """The name under which the Python sees a constant."""
        name = f"c{len(self.names)}"
        self.names[name] = value
        return name


@dataclass(frozen=True, slots=True)
class Scope:
    """Where a part is evaluated: its focus, and the position in the collection if it is asked for."""

    shop: Workshop
    this: Code
    index: str = ""
    total: Code | None = None

    def value(self, node: Node) -> Code:
        """The Python of a part as items."""
        return self.shop.value(node, self)

    def truth(self, node: Node) -> Truth:
        """The Python of a part as truth."""
        return self.shop.truth(node, self)

    def inside(self, this: Code) -> "Scope":
        """The same with another focus."""
        return replace(self, this=replace(this, clauses=(), is_sure=True))

    def each(self, code: Code) -> Code:
        """The items as a comprehension over a plain name."""
        if code.is_many and code.text.isidentifier():
            return code
        name = self.shop.fresh()
        ending = "" if code.is_sure and not code.is_many else f" if {name} is not None"
        return Code(name, code.types, (*code.clauses, f"for {name} in ({code.text},){ending}"))

    def listed(self, text: str, types: frozenset[str] | None) -> Code:
        """Items of Python that gives a list."""
        name = self.shop.fresh()
        return Code(name, types, (f"for {name} in {text}",))


def single(code: Code) -> str:
    """Python of the one item or None; more than one cannot be told at run time."""
    return f"one_of({code.as_list})" if code.is_many else code.text


def exists(code: Code) -> Truth:
    """Whether there is any item."""
    if code.text == "None":
        return Truth("False", "True", is_sure=True)
    if code.is_many:
        return certain(code.as_list)
    if code.is_sure:
        return Truth("True", "False", is_sure=True)
    return Truth(f"({code.text}) is not None", f"({code.text}) is None", is_sure=True)


def argument(arguments: tuple[Node, ...], position: int) -> Node:
    """The argument at a position; NotSupported when it is missing."""
    if position >= len(arguments):
        raise NotSupported("an argument is missing")
    return arguments[position]

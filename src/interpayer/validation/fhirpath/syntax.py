"""What an expression consists of once it is parsed."""

from dataclasses import dataclass
from typing import TypeAlias


class NotSupported(Exception):
    """An expression that this compiler does not know; said when compiling, with what it stumbled over."""


@dataclass(frozen=True, slots=True)
class Literal:
    """A constant: `type` is its System type in FHIR's spelling (string, boolean, integer, decimal, date ...)."""

    value: object
    type: str


@dataclass(frozen=True, slots=True)
class Nothing:
    """The empty collection `{}`."""


@dataclass(frozen=True, slots=True)
class Variable:
    """`$this`, `$index`, `$total`, or an environment variable such as `%resource`."""

    name: str


@dataclass(frozen=True, slots=True)
class Step:
    """A member of what stands before the dot; without a target, of the focus."""

    target: "Node | None"
    name: str


@dataclass(frozen=True, slots=True)
class Call:
    """A function on what stands before the dot; without a target, on the focus."""

    target: "Node | None"
    name: str
    arguments: tuple["Node", ...]


@dataclass(frozen=True, slots=True)
class Pick:
    """One item by position."""

    target: "Node"
    position: "Node"


@dataclass(frozen=True, slots=True)
class Negated:
    """A number with its sign turned."""

    operand: "Node"


@dataclass(frozen=True, slots=True)
class TypeTest:
    """`is` or `as` with the name of a type."""

    operator: str
    operand: "Node"
    type: str


@dataclass(frozen=True, slots=True)
class Operation:
    """Two operands and the operator between them."""

    operator: str
    left: "Node"
    right: "Node"


Node: TypeAlias = Literal | Nothing | Variable | Step | Call | Pick | Negated | TypeTest | Operation

"""What a mapping says, as plain values; `reading` makes them from YAML, `generate` makes a function of them."""

from collections.abc import Mapping as Dictionary
from dataclasses import dataclass, field
from typing import Any, TypeAlias

RULE_WORDS = frozenset({"from", "const", "table", "transform", "when", "foreach", "let", "to"})
# Given by whoever runs a mapping, for every mapping; `context:` lists what a mapping needs besides.
GIVEN = frozenset({"member", "sequence", "source", "file", "received_on"})


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing that is wrong with a mapping: where it stands, and what to do about it."""

    file: str
    line: int
    path: str
    text: str

    def __str__(self) -> str:
        where = f"{self.file}:{self.line}" if self.line else self.file
        return f"{where}: {self.path}: {self.text}" if self.path else f"{where}: {self.text}"


class MappingFault(Exception):
    """A mapping or a code table cannot be used; every problem that was found is told."""

    def __init__(self, *problems: Problem) -> None:
        super().__init__("\n".join(map(str, problems)))
        self.problems = problems


@dataclass(frozen=True, slots=True)
class Filter:
    """`[01=EI|SY]`: the entries whose `key` (steps of names) is one of the values."""

    key: tuple[str, ...]
    values: tuple[str, ...]


Step: TypeAlias = str | int | Filter


@dataclass(frozen=True, slots=True)
class Path:
    """Where a value stands: a root name (`$name` from outside) and the steps from there."""

    text: str
    root: str
    steps: tuple[Step, ...] = ()


@dataclass(frozen=True, slots=True)
class Template:
    """Text with paths in it; nothing when one of them is missing."""

    text: str
    parts: tuple[str | Path, ...]


@dataclass(frozen=True, slots=True)
class Has:
    """The path has a value."""

    path: Path


@dataclass(frozen=True, slots=True)
class Compare:
    """The value is one of these; `other` is the value of another path instead."""

    path: Path
    values: tuple[str, ...] = ()
    other: Path | None = None


@dataclass(frozen=True, slots=True)
class Not:
    """The opposite."""

    part: "Condition"


@dataclass(frozen=True, slots=True)
class Both:
    """All parts hold (`and`), or any (`or`)."""

    word: str
    parts: tuple["Condition", ...]


Condition: TypeAlias = Has | Compare | Not | Both


@dataclass(frozen=True, slots=True)
class Numbered:
    """Columns with a number in their names, read as a list: field -> template with ``{n}``."""

    columns: tuple[tuple[str, str], ...]
    first: int
    last: int


@dataclass(frozen=True, slots=True)
class Foreach:
    """Once for each entry, under this name; with `distinct`, once for each value of that path."""

    name: str
    over: Path | Numbered
    distinct: Path | None = None


@dataclass(frozen=True, slots=True)
class Transform:
    """A transform of the closed list with its argument as plain values."""

    name: str
    argument: Any = None


@dataclass(frozen=True, slots=True)
class Constant:
    """A value as it stands in the file."""

    value: str | int | float | bool
    line: int


@dataclass(frozen=True, slots=True)
class Elements:
    """An object of FHIR: its elements in the order of the file."""

    members: tuple[tuple[str, "Node"], ...]
    line: int


@dataclass(frozen=True, slots=True)
class Entries:
    """A list; an entry with `foreach` stands for as many as there are."""

    entries: tuple["Node", ...]
    line: int


@dataclass(frozen=True, slots=True)
class Rule:
    """A hole. Order: `foreach`, `lets`, `when`, then `sources`, `const` or `to`; then `table`, `transforms`."""

    line: int
    sources: tuple["Path | Template | Rule", ...] = ()
    const: Constant | None = None
    to: "Node | None" = None
    table: str = ""
    transforms: tuple[Transform, ...] = ()
    when: Condition | None = None
    when_text: str = ""
    foreach: Foreach | None = None
    lets: tuple[tuple[str, "Node"], ...] = ()


Node: TypeAlias = Constant | Elements | Entries | Rule


@dataclass(frozen=True, slots=True)
class CodeTable:
    """Codes of a source and what they mean in FHIR; what becomes of the others is always stated.

    `rows` holds (code, display) for each source code. Exactly one of `default`, `unmapped` is given.
    """

    name: str
    rows: Dictionary[str, tuple[str, str]]
    system: str = ""
    original: str = ""
    default: str | None = None
    unmapped: str = ""
    expects: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Mapping:
    """A mapping as read: of which entity, whose, and the resources it makes. `tables` are those it names."""

    id: str
    entity: str
    member: Rule | None
    to: Entries
    lets: tuple[tuple[str, Node], ...] = ()
    tables: Dictionary[str, CodeTable] = field(default_factory=dict)
    empty: tuple[str, ...] = ()
    context: tuple[str, ...] = ()
    about: str = ""
    file: str = ""
    digest: str = ""
    text: str = field(default="", repr=False, compare=False)

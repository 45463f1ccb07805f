"""The text of a generated function: lines, local names, and what is known of a value that was just written."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from interpayer.normalization.mapping.language import Foreach, Node, Problem, Rule


@dataclass(frozen=True, slots=True)
class Value:
    """An expression of the generated function.

    `always`: never None. `alive`: an expression that is true when something of the record is in it; None: never.
    """

    text: str
    always: bool = False
    alive: str | None = None


@dataclass(frozen=True, slots=True)
class Name:
    """What a name of `let` or `foreach` means: a local name, or fields that are read from numbered columns."""

    local: str
    fields: dict[str, tuple[str, str]] | None = None
    meaning: Node | Foreach | None = None


@dataclass(slots=True)
class Scope:
    """What may be named at one place: names, the list being written, the loops around, and what was read already."""

    names: dict[str, Name]
    reads: dict[str, str]
    sequence: str = ""
    loops: tuple[str, ...] = ()
    loop_names: tuple[str, ...] = ()

    def define(self, name: str, meaning: Name) -> None:
        """The name means this from here on; what was read by the name before is forgotten."""
        self.names[name] = meaning
        self.reads = {key: local for key, local in self.reads.items() if name not in key}

    def inner(self, *, sequence: str | None = None, loop: str = "", name: str = "") -> "Scope":
        """A block inside this one: it sees everything, and what it reads is not seen outside."""
        loops = (*self.loops, loop) if loop else self.loops
        names = (*self.loop_names, name) if name else self.loop_names
        sequence = self.sequence if sequence is None else sequence
        return Scope(dict(self.names), dict(self.reads), sequence, loops, names)


@dataclass(frozen=True, slots=True)
class Written:
    """A rule that writes values, where, and what the names in it mean; the number of it is in each traced value."""

    rule: Rule
    path: str
    names: dict[str, Name]
    loop_names: tuple[str, ...]


@dataclass(slots=True)
class Code:
    """The function being written."""

    file: str
    is_traced: bool = False
    lines: list[str] = field(default_factory=list)
    bound: dict[str, Any] = field(default_factory=dict)
    problems: list[Problem] = field(default_factory=list)
    depth: int = 1
    count: int = 0

    def add(self, line: str) -> None:
        """One more line in the current block."""
        self.lines.append("    " * self.depth + line)

    @contextmanager
    def block(self, head: str) -> Iterator[None]:
        """A block under `head`; `pass` where nothing was written."""
        self.add(head)
        before = len(self.lines)
        self.depth += 1
        yield
        if len(self.lines) == before:
            self.add("pass")
        self.depth -= 1

    def local(self, letter: str = "v") -> str:
        """A local name that is not used yet."""
        self.count += 1
        return f"{letter}{self.count}"

    def bind(self, letter: str, value: Any) -> str:
        """A name of the function's own constants for this value."""
        name = self.local(letter)
        self.bound[name] = value
        return name

    def wrong(self, line: int, path: str, text: str) -> None:
        """Note what is wrong with the mapping."""
        self.problems.append(Problem(self.file, line, path, text))

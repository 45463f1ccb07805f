"""A mapping as something that can be applied: compiled once, the same version always writes the same bytes."""

from collections.abc import Callable
from collections.abc import Mapping as Dictionary
from dataclasses import dataclass, field
from typing import Any, TypeAlias
from zoneinfo import ZoneInfo

from interpayer.normalization.mapping.generate import generate
from interpayer.normalization.mapping.language import Mapping, MappingFault
from interpayer.normalization.mapping.running import INVALID, MapIssue, once
from interpayer.normalization.mapping.times import zone_of

Run: TypeAlias = Callable[[Dictionary[str, Any], Dictionary[str, Any], ZoneInfo, list[MapIssue]], list[dict[str, Any]]]
# What reading a record of another shape raises inside a generated function.
SHAPE_FAULTS = (AttributeError, TypeError, ValueError, KeyError, IndexError, OverflowError, RecursionError)


@dataclass(frozen=True, slots=True)
class Context:
    """What a mapping is told besides the record. `given` holds what the declaration of the source gives."""

    source: str = ""
    file: str = ""
    received_on: str = ""
    time_zone: str = "UTC"
    given: Dictionary[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Mapped:
    """The resources of one record, and what could not be read in it."""

    resources: list[dict[str, Any]]
    issues: list[MapIssue]


@dataclass(frozen=True, slots=True)
class Compiled:
    """A mapping ready to run. `version` is `id@` and 12 hex digits of its content with its tables."""

    mapping: Mapping
    run: Run
    text: str
    # What is made of it once and only where it is asked for: the form that `lineage` runs.
    memo: dict[str, Any] = field(default_factory=dict, repr=False, compare=False)

    @property
    def id(self) -> str:
        """family/name."""
        return self.mapping.id

    @property
    def version(self) -> str:
        """What a resource's provenance names."""
        return f"{self.mapping.id}@{self.mapping.digest}"

    @property
    def entity(self) -> str:
        """Which records it reads."""
        return self.mapping.entity

    def apply(self, content: Dictionary[str, Any], context: Context = Context()) -> Mapped:
        """The resources of this record. Never raises for a record: one of another shape is an issue."""
        issues: list[MapIssue] = []
        try:
            resources = self.run(content, given_of(context), zone_of(context.time_zone), issues)
            return Mapped(once(resources), issues)
        except SHAPE_FAULTS:
            issues.append(MapIssue(INVALID, "", 0, "the record is not of the shape that the mapping reads"))
            return Mapped([], issues)


def given_of(context: Context) -> dict[str, str]:
    """The names that begin with `$`."""
    own = {"source": context.source, "file": context.file, "received_on": context.received_on}
    return {**context.given, **own}


def compile_mapping(mapping: Mapping) -> Compiled:
    """The mapping as a function. Raises MappingFault with everything that is wrong."""
    text, names, _, code = generate(mapping)
    if code.problems:
        raise MappingFault(*dict.fromkeys(code.problems))
    return Compiled(mapping, made(text, names, mapping.file), text)


def made(text: str, names: dict[str, Any], file: str) -> Run:
    """The generated function. Its text holds names of ours and quoted constants only, never code of a mapping."""
    space = {
        "__builtins__": {"len": len, "enumerate": enumerate, "str": str, "dict": dict, "list": list, "set": set},
        **names,
    }
    exec(compile(text, f"<mapping {file}>", "exec"), space)  # noqa: S102
    run: Run = space["run"]
    return run

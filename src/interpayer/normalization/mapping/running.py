"""What a generated function calls while it maps one record: steps through content, tables, what to report."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from interpayer.normalization.mapping.language import Filter, Step

INVALID = "record.invalid"
UNMAPPED = "record.unmapped"


@dataclass(frozen=True, slots=True)
class MapIssue:
    """One thing that a mapping could not read: the element, the line of the mapping, and what was read.

    `value` is the code or text itself, for the report of the source's owner; it is in no representation and no log.
    """

    reason: str
    path: str
    line: int
    source: str
    table: str = ""
    value: str = field(default="", repr=False, compare=False)


@dataclass(frozen=True, slots=True)
class Place:
    """Where a rule stands, prepared for its issues; `otherwise` is what a table writes for a code it does not hold."""

    path: str
    line: int
    source: str
    table: str = ""
    system: str = ""
    otherwise: Any = None
    keeps: bool = False


@dataclass(frozen=True, slots=True)
class Traced:
    """A value with the rule that gave it, the entries of the loops around it, and the number of the alternative."""

    value: Any
    rule: int
    loops: tuple[int, ...]
    alternative: int


def bare(value: Any) -> Any:
    """A traced value without its traces, however deep."""
    while value.__class__ is Traced:
        value = value.value
    if isinstance(value, dict):
        return {key: bare(one) for key, one in value.items()}
    return [bare(one) for one in value] if isinstance(value, list) else value


def text_of(value: Any) -> Any:
    """A value as text to compare or to look up; None stays None."""
    if value.__class__ is str:
        return value.strip()
    if value is None or isinstance(value, (dict, list)):
        return None
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value)


def step_into(value: Any, steps: Sequence[Step]) -> Any:
    """The value at the end of the steps: of a list the first entry; None where a step leads nowhere."""
    for step in steps:
        if step.__class__ is int:
            value = value[step] if isinstance(value, list) and len(value) > step else None
            continue
        if step.__class__ is Filter:
            value = next(iter(_fitting(value, step)), None)
            continue
        if isinstance(value, list):
            value = value[0] if value else None
        value = value.get(step) if isinstance(value, dict) else None
    if isinstance(value, list):
        value = value[0] if value else None
    return None if value == "" else value


def object_of(value: Any) -> dict[str, Any]:
    """The object that a step leads into: of a list the first entry; an empty one where there is none."""
    value = value[0] if isinstance(value, list) and value else value
    return value if isinstance(value, dict) else {}


def every(value: Any, steps: Sequence[Step]) -> list[Any]:
    """All entries at the end of the steps, through every list on the way."""
    found = _listed(value)
    for step in steps:
        if step.__class__ is int:
            found = found[step : step + 1]
        elif step.__class__ is Filter:
            found = list(_fitting(found, step))
        else:
            found = [one for entry in found if isinstance(entry, dict) for one in _listed(entry.get(step))]
    return [one for one in found if one not in (None, "")]


def _listed(value: Any) -> list[Any]:
    if isinstance(value, list):
        return value
    return [] if value is None else [value]


def _fitting(value: Any, by: Any) -> list[Any]:
    return [one for one in _listed(value) if text_of(step_into(one, by.key)) in by.values]


def joined(between: str, values: Iterable[Any]) -> str | None:
    """All values there are in one text; None without any."""
    texts = [text for text in map(text_of, values) if text]
    return between.join(texts) if texts else None


def invalid(issues: list[MapIssue], place: Place, value: Any) -> None:
    """Report a value that a transform cannot read."""
    issues.append(MapIssue(INVALID, place.path, place.line, place.source, value=str(text_of(value))))


def unmapped(issues: list[MapIssue], place: Place, value: Any, *, rows: Mapping[str, Any]) -> Any:
    """What is written for a code that the table does not hold as it stands; reported unless spaces were the reason."""
    code = text_of(value)
    if code in rows:
        return rows[code]
    issues.append(MapIssue(UNMAPPED, place.path, place.line, place.source, place.table, value=str(code)))
    if place.keeps:
        return {"system": place.system, "code": code} if place.system else code
    return place.otherwise


def once(resources: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The resources without those that have the type and id of an earlier one."""
    if len(resources) == 1:
        return resources
    found: dict[Any, dict[str, Any]] = {}
    for at, resource in enumerate(resources):
        local_id = resource.get("id")
        found.setdefault((resource.get("resourceType"), at if local_id is None else local_id), resource)
    return list(found.values())

"""How the segments of a message belong together, by the declared tables of messages.yaml."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any

import yaml

from interpayer.adapters.hl7v2.embedded import as_lines
from interpayer.adapters.hl7v2.parsing import Damaged, Segment


@dataclass(frozen=True, slots=True)
class Group:
    """Segments that belong together: which open a new one, which it holds besides."""

    name: str
    opens: tuple[str, ...]
    holds: frozenset[str]


@dataclass(frozen=True, slots=True)
class Structure:
    """What one kind of message is made of. ``events``: trigger events that are left out, with the reason."""

    groups: tuple[Group, ...]
    splits: str
    holds_document: bool
    events: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Tables:
    """Everything that messages.yaml declares."""

    once: frozenset[str]
    mapped: Mapping[str, Structure]
    out_of_scope: Mapping[str, str]


@cache
def declared_tables() -> Tables:
    """The tables of messages.yaml, read once."""
    raw = yaml.safe_load(files(__package__).joinpath("messages.yaml").read_text())
    mapped = {name: _structure(rule) for name, rule in raw["mapped"].items()}
    return Tables(frozenset(raw["once"]), mapped, raw["out_of_scope"])


def _structure(rule: Mapping[str, Any]) -> Structure:
    groups = tuple(
        Group(name, tuple(group["opens"]), frozenset(group["holds"])) for name, group in rule.get("groups", {}).items()
    )
    return Structure(groups, rule.get("splits", ""), rule.get("document", False), rule.get("events", {}))


def split_people(segments: Sequence[tuple[str, Segment]], by: str) -> list[Sequence[tuple[str, Segment]]]:
    """The segments of each person, each with what stands before the first person; one part when nothing splits."""
    begins = [place for place, (name, _) in enumerate(segments) if name == by] if by else []
    if len(begins) < 2:
        return [segments]
    head = segments[: begins[0]]
    return [[*head, *segments[a:b]] for a, b in zip(begins, [*begins[1:], len(segments)], strict=True)]


def group_segments(
    segments: Sequence[tuple[str, Segment]], structure: Structure, once: frozenset[str]
) -> dict[str, Any]:
    """What a mapping reads: a segment that stands once as an object, others as lists, groups as lists of objects.

    Notes (NTE) lie under ``NTE`` of the segment they follow. Raises Damaged when a single segment stands twice.
    """
    content: dict[str, Any] = {}
    group: Group | None = None
    inside: dict[str, Any] = content
    last: dict[str, Any] | None = None
    for name, read in segments:
        segment = as_lines(name, read)
        if name == "NTE" and last is not None:
            last.setdefault("NTE", []).append(segment)
            continue
        group = _group_of(name, group, structure)
        if group is None:
            inside = content
        elif inside is content or _begins_anew(name, inside, group):
            inside = {}
            content.setdefault(group.name, []).append(inside)
        last = segment
        _put(inside, name, segment, is_once=name in once if group is None else name in group.opens)
    return content


def _group_of(name: str, current: Group | None, structure: Structure) -> Group | None:
    if current is not None and (name in current.opens or name in current.holds):
        return current
    return next((group for group in structure.groups if name in group.opens), None)


def _begins_anew(name: str, inside: Mapping[str, Any], group: Group) -> bool:
    """An opening segment begins a new group unless this one still lacks it and everything that comes after it."""
    return name in group.opens and any(later in inside for later in group.opens[group.opens.index(name) :])


def _put(inside: dict[str, Any], name: str, segment: Segment, *, is_once: bool) -> None:
    if not is_once:
        inside.setdefault(name, []).append(segment)
    elif name in inside:
        raise Damaged(f"{name}: stands twice")
    else:
        inside[name] = segment

"""The open loops of a transaction set, and what is asked of the content of a record."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from interpayer.adapters.x12.elements import Elements
from interpayer.adapters.x12.loops import ByQualifier, Grammar, Loop, Open, Store


@dataclass(frozen=True, slots=True)
class Whereabouts:
    """Where a transaction set stands: file, envelope as content, and the segments before it (ISA, GS) as text."""

    file: str
    envelope: dict[str, Any]
    before: str


@dataclass(slots=True)
class Frame:
    """An open loop: its content so far, the order reached inside, its HL number, the first damage to it."""

    loop: Loop
    content: Elements
    order: int = 0
    level: str = ""
    texts: list[str] = field(default_factory=list)
    damage: str = ""
    damaged_at: int = 0
    is_told: bool = False


def move_of(loop: Loop, elements: Sequence[str]) -> Store | Open | None:
    """Where a segment goes from this loop; None when no loop around knows it, or not with this qualifier."""
    move = loop.moves.get(elements[0])
    while isinstance(move, ByQualifier):
        value = elements[move.element] if len(elements) > move.element else ""
        move = move.known.get(value) or move.otherwise
    return move


def key_of(grammar: Grammar, content: Elements) -> str:
    """What the record is called at its source, missing parts left out; a digest where the parts would name a person."""
    parts = [at_path(content, path) for path in grammar.key]
    key = "|".join(part for part in parts if isinstance(part, str))
    return hashlib.blake2b(key.encode(), digest_size=10).hexdigest() if grammar.is_key_hidden else key


def at_path(content: Any, path: Sequence[str]) -> Any:
    """What stands at a path, of a list in its first entry; None when nothing does."""
    node = content
    for name in path:
        node = node[0] if isinstance(node, list) and node else node
        node = node.get(name) if isinstance(node, dict) else None
    return node


def span_of(grammar: Grammar, content: Elements) -> Elements:
    """From which to which day the lines of a record reach: claims say it nowhere else (837P)."""
    if grammar.span is None:
        return {}
    of, by = grammar.span
    tag = by.partition("_")[0]
    days = [day for line in content.get(of, ()) for day in line.get(by, ()) if f"{tag}_from" in day]
    if not days:
        return {}
    return {"first_day": min(day[f"{tag}_from"] for day in days), "last_day": max(day[f"{tag}_to"] for day in days)}

"""The loop tables compiled: for every place in a transaction, where each segment goes next (tables/*.yaml)."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any, TypeAlias

import yaml

from interpayer.adapters.x12.elements import Shape, shapes

TABLES = Path(__file__).parent / "tables"
TRANSACTIONS = ("837p", "837i", "837d", "835", "834", "278")
LEVEL = "HL"


@dataclass(frozen=True, slots=True)
class Store:
    """A segment of an open loop: at which depth that loop stands, and how the segment is kept there.

    ``kept`` is ``flat`` (its elements lie in the loop), ``list`` (under its tag) or ``keyed`` (under tag_qualifier).
    """

    depth: int
    shape: Shape
    kept: str


@dataclass(frozen=True, slots=True)
class Open:
    """A segment that begins a loop below the one at ``depth``."""

    depth: int
    shape: Shape
    loop: "Loop"


@dataclass(frozen=True, slots=True)
class ByQualifier:
    """A segment whose place depends on one of its elements; the first one that knows the value wins."""

    element: int
    known: Mapping[str, Open]
    otherwise: "Move | None"


Move: TypeAlias = Store | Open | ByQualifier


@dataclass(slots=True)
class Loop:
    """One loop of a transaction; ``moves`` says for each segment what follows while this loop is the innermost one."""

    name: str
    order: int = 0
    is_many: bool = False
    is_record: bool = False
    is_context: bool = False
    is_level: bool = False
    is_counted: bool = False
    moves: dict[str, Move] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Grammar:
    """One transaction set: its entity, the guides it is read by, its outermost loop."""

    entity: str
    transaction: str
    versions: frozenset[str]
    record: str
    key: tuple[tuple[str, ...], ...]
    is_key_hidden: bool
    needs: tuple[tuple[str, ...], ...]
    span: tuple[str, str] | None
    root: Loop
    has_levels: bool
    # Every tag the tables know: anything else in its place may be a value, and is not told.
    tags: frozenset[str]


@cache
def grammars() -> dict[tuple[str, str], Grammar]:
    """Every grammar by transaction set and guide version."""
    elements = yaml.safe_load((TABLES / "elements.yaml").read_text())
    read = [_grammar(yaml.safe_load((TABLES / f"{name}.yaml").read_text()), elements) for name in TRANSACTIONS]
    return {(grammar.transaction, version): grammar for grammar in read for version in grammar.versions}


@cache
def read_transactions() -> frozenset[str]:
    """The transaction sets of which at least one version is read."""
    return frozenset(transaction for transaction, _ in grammars())


@cache
def out_of_scope() -> dict[str, str]:
    """Transactions that are recognized and not read, with what they are."""
    return {str(code): str(words) for code, words in yaml.safe_load((TABLES / "scope.yaml").read_text()).items()}


def _grammar(table: Mapping[str, Any], elements: Mapping[str, Any]) -> Grammar:
    record = str(table["record"])
    root = _node("", {**table, "starts": ""}, record)
    _connect(root, [], elements)
    return Grammar(
        entity=table["entity"],
        transaction=table["transaction"],
        versions=frozenset(table["versions"]),
        record=record,
        key=tuple(tuple(path.split(".")) for path in table["key"]),
        is_key_hidden=table.get("hide_key", False),
        needs=tuple(tuple(path.split(".")) for path in table["needs"]),
        span=(table["span"]["of"], table["span"]["by"]) if "span" in table else None,
        root=root.loop,
        has_levels=any(child.loop.is_level for child in root.children),
        tags=frozenset(_tags(root)),
    )


def _tags(node: "_Node") -> Iterator[str]:
    yield from node.loop.moves
    for child in node.children:
        yield from _tags(child)


@dataclass(frozen=True, slots=True)
class _Node:
    """A loop with what its table says of it."""

    loop: Loop
    starts: str
    segments: tuple[str, ...]
    trailing: tuple[str, ...]
    children: tuple["_Node", ...]


def _node(name: str, table: Mapping[str, Any], record: str) -> _Node:
    children = tuple(_node(label, one, record) for entry in table.get("loops", ()) for label, one in entry.items())
    loop = Loop(
        name,
        order=table.get("order", 0),
        is_many=table.get("many", False),
        is_record=name == record,
        is_context=any(child.loop.is_record or child.loop.is_context for child in children),
        is_level=table["starts"].startswith(f"{LEVEL}."),
        is_counted=table.get("counted", False),
    )
    segments, trailing = (tuple(table.get(name, "").split()) for name in ("segments", "trailing"))
    return _Node(loop, table["starts"], segments, trailing, children)


def _connect(node: _Node, around: list[_Node], elements: Mapping[str, Any]) -> None:
    """Fill the moves of a loop and of those below: what a loop does not know itself, the loops around it decide."""
    path = [*around, node]
    for depth, one in enumerate(path):
        for child in one.children:
            _add_start(node.loop.moves, child, depth, elements)
        # A segment never reaches back over the start of a record, or of a loop that records hang on.
        is_open = not any(deeper.loop.is_record or deeper.loop.is_context for deeper in path[depth + 1 :])
        for text in (*one.trailing, *(one.segments if is_open else ())):
            _add_segment(node.loop.moves, text, depth, elements)
    for child in node.children:
        _connect(child, path, elements)


def _add_segment(moves: dict[str, Move], text: str, depth: int, elements: Mapping[str, Any]) -> None:
    tag = text.rstrip("*=")
    kept = {"*": "list", "=": "keyed"}.get(text[len(tag) :], "flat")
    shape = shapes(elements, [tag])[tag]
    moves[tag] = Store(depth, shape, "list" if shape.unfold else kept)


def _add_start(moves: dict[str, Move], child: _Node, depth: int, elements: Mapping[str, Any]) -> None:
    """``NM1.1=85 87``: only with one of these values in element 01; ``CLM``: always."""
    head, _, values = child.starts.partition("=")
    tag, _, number = head.partition(".")
    move = Open(depth, shapes(elements, [tag])[tag], child.loop)
    if not number:
        moves[tag] = move
        return
    known, otherwise = dict.fromkeys(values.split(), move), moves.get(tag)
    if isinstance(otherwise, ByQualifier) and otherwise.element == int(number):
        known, otherwise = {**otherwise.known, **known}, otherwise.otherwise
    moves[tag] = ByQualifier(int(number), known, otherwise)

"""The rules for whose word stands, read from a versioned table; the version goes with every conflict."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import yaml

_TABLE = Path(__file__).parent / "precedence.yaml"
NEWER = "the newer word stands"
BY_NAME = "of two equal words, the source that comes first by name"


@dataclass(frozen=True, slots=True)
class Precedence:
    """Kinds of source, best first, by resource type and by element."""

    version: str
    default: tuple[str, ...]
    types: Mapping[str, tuple[str, ...]]
    elements: Mapping[str, tuple[str, ...]]

    def rank(self, role: str, resource_type: str, element: str = "") -> int:
        """The place of a kind of source for this element; the lower knows better."""
        order = self.elements.get(f"{resource_type}.{element}") or self.types.get(resource_type) or self.default
        return order.index(role) if role in order else len(order)


def read_precedence(text: str) -> Precedence:
    """The table in this text; ValueError when it is none."""
    table = yaml.safe_load(text)
    if not isinstance(table, dict) or set(table) - {"default", "types", "elements"}:
        raise ValueError("a table of precedence has default, types and elements")
    return Precedence(
        version=f"precedence@{hashlib.sha256(text.encode()).hexdigest()[:12]}",
        default=tuple(table.get("default", ())),
        types=_orders(table.get("types")),
        elements=_orders(table.get("elements")),
    )


@cache
def default_precedence() -> Precedence:
    """The table that comes with the program."""
    return read_precedence(_TABLE.read_text("utf-8"))


def _orders(table: Any) -> dict[str, tuple[str, ...]]:
    return {str(name): tuple(map(str, order)) for name, order in (table or {}).items()}

"""No description of a licensed list is shipped: codes are facts, words about them are somebody's."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

from interpayer.normalization.mapping.library import SHIPPED
from interpayer.terminology.forms import LICENSED


def _displays(node: Any, system: str) -> Iterator[str]:
    """Systems of LICENSED that stand beside a display written down, in a table or in a coding."""
    if isinstance(node, list):
        for entry in node:
            yield from _displays(entry, system)
    elif isinstance(node, dict):
        own = node.get("system", system)
        system = own if isinstance(own, str) else system
        if isinstance(node.get("display"), str) and system in LICENSED:
            yield system
        for value in node.values():
            yield from _displays(value, system)


def _files() -> list[Path]:
    return [path for path in SHIPPED.rglob("*.yaml") if ".fixtures" not in str(path)]


def test_mappings_and_tables_write_no_licensed_description() -> None:
    assert len(_files()) > 20
    found = {path.name: set(_displays(yaml.safe_load(path.read_text("utf-8")), "")) for path in _files()}
    assert {name: systems for name, systems in found.items() if systems} == {}


def test_the_test_can_fail() -> None:
    table = {"system": "http://www.ama-assn.org/go/cpt", "codes": {"1": {"code": "1", "display": "words"}}}
    assert set(_displays(table, "")) == {"http://www.ama-assn.org/go/cpt"}

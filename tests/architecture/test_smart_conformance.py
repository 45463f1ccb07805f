"""The page that maps SMART Backend Services to tests names tests that exist, or says why a row does not apply."""

import ast
import re

from tests.architecture.tree import DOCS, ROOT, parsed

ROW = re.compile(r"^\| ([BCK]\d+) \| (.+) \| (.+) \|$", re.M)
TEST = re.compile(r"`(tests/[\w/]+\.py)::(\w+)`")
ROWS = ROW.findall((DOCS / "reference" / "smart-conformance.md").read_text("utf-8"))


def _tests_of(path: str) -> set[str]:
    tree = parsed(ROOT / path)
    return {node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)}


def test_every_row_is_shown_by_a_test_or_does_not_apply() -> None:
    unproven = [
        number
        for number, _, shown in ROWS
        if not (
            any((ROOT / path).exists() and name in _tests_of(path) for path, name in TEST.findall(shown))
            or shown.startswith("does not apply, because ")
        )
    ]
    assert len(ROWS) >= 30
    assert not unproven


def test_every_row_has_a_number_of_its_own() -> None:
    numbers = [number for number, _, _ in ROWS]
    assert len(set(numbers)) == len(numbers)

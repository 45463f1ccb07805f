"""The tests stand where the house puts them, and none of them replaces our own parts."""

import ast
import re

from tests.architecture.tree import PACKAGE, ROOT, parsed

TESTS = ROOT / "tests"
KINDS = {
    "architecture", "conformance", "drills", "golden", "properties", "spec", "store", "stories", "support", "unit",
}  # fmt: skip


def test_every_folder_of_tests_is_of_a_known_kind() -> None:
    found = {path.relative_to(TESTS).parts[0] for path in TESTS.rglob("*.py") if path.parent != TESTS}
    assert found <= KINDS


def test_unit_and_store_tests_mirror_the_rooms() -> None:
    rooms = {path.parent.name for path in PACKAGE.glob("*/__init__.py")}
    found = {
        path.relative_to(TESTS / kind).parts[0]
        for kind in ("unit", "store")
        for path in (TESTS / kind).rglob("test_*.py")
    }
    assert found <= rooms, f"no such room: {sorted(found - rooms)}"


def test_no_test_replaces_a_part_of_ours() -> None:
    """A limit written in capitals may be lowered for a test; a function may not be replaced."""
    replaced = re.compile(r"unittest\.mock|mocker\b|monkeypatch\.setattr\(\s*[\"']interpayer[\w.]*\.[a-z_]\w*[\"']")
    here = TESTS / "architecture"
    found = [
        str(path) for path in TESTS.rglob("*.py") if path.parent != here and replaced.search(path.read_text("utf-8"))
    ]
    assert not found


def test_every_test_can_fail() -> None:
    """A test without an assertion, an expected exception or a called checker shows nothing."""
    empty = []
    for path in TESTS.rglob("test_*.py"):
        for node in ast.walk(parsed(path)):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.name.startswith("test_"):
                empty += [] if _checks_something(node) else [f"{path.relative_to(ROOT)}::{node.name}"]
    assert not empty


def _checks_something(function: ast.FunctionDef | ast.AsyncFunctionDef) -> bool:
    for node in ast.walk(function):
        if isinstance(node, ast.Assert):
            return True
        if isinstance(node, ast.Call):
            name = getattr(node.func, "attr", getattr(node.func, "id", ""))
            if name in {"raises", "fail"} or re.match(r"_?(assert|check|expect)", name):
                return True
    return False

"""The tests stand where the house puts them, and none of them replaces our own parts."""

import ast
import re
from pathlib import Path

from tests.architecture.tree import PACKAGE, ROOT, Function, functions

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
    """A test without an assertion, an expected exception or a function that has one shows nothing."""
    shared = _checkers(*(TESTS / "support").rglob("*.py"))
    empty = []
    for path in TESTS.rglob("test_*.py"):
        checkers = shared | _checkers(path)
        tests = (f for _, f in functions(path) if f.name.startswith("test_"))
        empty += [f"{path.relative_to(ROOT)}::{test.name}" for test in tests if not _checks(test, checkers)]
    assert not empty


def test_a_test_that_cannot_fail_would_be_found() -> None:
    idle, busy = ast.parse("def test_a():\n    look()\ndef test_b():\n    assert look()").body
    assert isinstance(idle, Function)
    assert isinstance(busy, Function)
    assert not _checks(idle, set())
    assert _checks(idle, {"look"})
    assert _checks(busy, set())


def _checkers(*paths: Path) -> set[str]:
    """The functions of these files that can fail, the ones that call them included."""
    found: set[str] = set()
    while True:
        more = {f.name for path in paths for _, f in functions(path) if _checks(f, found)} - found
        if not more:
            return found
        found |= more


def _checks(function: Function, checkers: set[str]) -> bool:
    for node in ast.walk(function):
        if isinstance(node, ast.Assert):
            return True
        if isinstance(node, ast.Call):
            name = getattr(node.func, "attr", getattr(node.func, "id", ""))
            if name in {"raises", "fail"} | checkers:
                return True
    return False

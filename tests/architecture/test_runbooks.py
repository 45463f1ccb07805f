"""Each drill names its runbook, and each runbook the drill that shows it."""

import ast
import re
from pathlib import Path

from tests.architecture.tree import ROOT, parsed

DRILLS = sorted((ROOT / "tests" / "drills").glob("test_*.py"))
RUNBOOK = re.compile(r"docs/how-to/[a-z-]+\.md")


def _runbooks(path: Path) -> set[str]:
    return set(RUNBOOK.findall(ast.get_docstring(parsed(path)) or ""))


def test_each_drill_is_marked_and_names_a_runbook_that_exists() -> None:
    broken = []
    for path in DRILLS:
        text = path.read_text("utf-8")
        named = _runbooks(path)
        if "pytest.mark.drill" not in text or not named or not all((ROOT / page).exists() for page in named):
            broken.append(path.name)
    assert DRILLS
    assert not broken


def test_each_runbook_names_its_drill() -> None:
    silent = [
        f"{page} does not name {path.name}"
        for path in DRILLS
        for page in _runbooks(path)
        if path.name not in (ROOT / page).read_text("utf-8")
    ]
    assert not silent

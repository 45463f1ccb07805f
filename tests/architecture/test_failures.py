"""The table of what follows when something fails is the policy's own, and each row names tests that exist."""

import ast
import re

from interpayer.policy.composing import shipped
from interpayer.policy.failures import Then
from tests.architecture.tree import ROOT, parsed

PAGE = ROOT / "docs" / "explanation" / "when-something-fails.md"
ROW = re.compile(r"^\| (\w+) \| ([^|]+) \| ([^|]+) \| ([^|]+) \|$", re.M)
TEST = re.compile(r"`(tests/[\w/]+\.py)::(test_\w+)`")
NEVER_OPEN = ("database", "ledger", "identity", "consent", "policy_engine", "policy_published", "legal_hold")


def _rows() -> dict[str, tuple[str, str, str]]:
    return {what: (then, because, by) for what, then, because, by in ROW.findall(PAGE.read_text("utf-8"))}


def test_the_page_says_what_the_policy_says() -> None:
    told = {
        one.what: (one.then + (f" (or {', '.join(sorted(one.may_be))})" if one.may_be else ""), one.because)
        for one in shipped().failures.values()
    }
    assert {what: row[:2] for what, row in _rows().items()} == told


def test_each_row_names_tests_that_exist() -> None:
    for what, (_, _, by) in _rows().items():
        named = TEST.findall(by)
        assert named, f"{what} is shown by nothing"
        for path, name in named:
            functions = {node.name for node in ast.walk(parsed(ROOT / path)) if isinstance(node, ast.FunctionDef)}
            assert name in functions, f"{what}: {path} has no {name}"


def test_what_protects_members_is_closed_and_no_plan_can_change_it() -> None:
    table = shipped().failures
    for what in NEVER_OPEN:
        assert (table[what].then, table[what].may_be) == (Then.CLOSED, frozenset())
    assert {one.what for one in table.values() if one.then is Then.OPEN} == {"telemetry", "witness_folder"}
    assert not any(Then.OPEN in one.may_be for one in table.values())

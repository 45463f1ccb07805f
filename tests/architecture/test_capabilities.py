"""docs/capabilities.md holds every row, and what it calls shown is shown by something that exists."""

import re

import pytest

from tests.architecture import commands
from tests.architecture.tree import DOCS, ROOT, rows

ROWS = [row for row in rows((DOCS / "capabilities.md").read_text("utf-8")) if re.fullmatch(r"C\d+", row[0])]
SHOWN = [row for row in ROWS if row[2] != "not yet"]
TARGETS = set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text("utf-8"), re.M))


def exists(proof: str) -> bool:
    words = proof.split()
    if words[0] == "make":
        return words[1] in TARGETS
    if words[0] == "interpayer":
        return commands.exists(words[1:])
    name, _, test = proof.partition("::")
    path = ROOT / name
    if not test:
        return path.exists()
    return (
        path.is_file()
        and re.search(rf"^\s*(async )?def {re.escape(test)}\b", path.read_text("utf-8"), re.M) is not None
    )


def test_every_row_stands_once_and_in_order() -> None:
    assert [row[0] for row in ROWS] == [f"C{number}" for number in range(1, 240)]


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row[0])
def test_a_row_is_complete(row: list[str]) -> None:
    assert len(row) == 4, "number, words, state, shown by"
    assert row[1]
    assert row[2] in {"done", "thin", "not yet"}
    if row[2] == "thin":
        assert "missing:" in row[3], "a thin row says what is missing"
    if row[2] == "not yet":
        assert "`" not in row[3], "what is not yet there is shown by nothing"


@pytest.mark.parametrize("row", SHOWN, ids=lambda row: row[0])
def test_what_shows_a_row_exists(row: list[str]) -> None:
    proofs = re.findall(r"`([^`]+)`", row[3].partition("missing:")[0])
    assert proofs, f"{row[0]} is called {row[2]} but names no test and no command"
    gone = [proof for proof in proofs if not exists(proof)]
    assert not gone, f"{row[0]} names what is gone: {gone}"

"""Each word of the glossary is a type, a field or a table; one that is gone fails here."""

import ast
import re
from collections.abc import Iterator

import pytest

from tests.architecture.tree import DOCS, PACKAGE, modules, parsed, rows

TABLE = [row for row in rows((DOCS / "glossary.md").read_text("utf-8")) if len(row) == 4 and row[0] != "word"]
PLACES = [(row[0], place) for row in TABLE for place in re.findall(r"`([^`]+)`", row[2])]


def _members(body: list[ast.stmt]) -> Iterator[tuple[str, list[ast.stmt]]]:
    for node in body:
        if isinstance(node, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            yield node.name, node.body
        elif isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name):
            yield node.target.id, []
        elif isinstance(node, ast.Assign):
            yield from ((target.id, []) for target in node.targets if isinstance(target, ast.Name))


def _is_code(place: str) -> bool:
    parts = place.split(".")
    for cut in range(len(parts), 0, -1):
        path = modules().get(".".join(parts[:cut]))
        if path is None:
            continue
        body = parsed(path).body
        for name in parts[cut:]:
            found = dict(_members(body))
            if name not in found:
                return False
            body = found[name]
        return True
    return False


def _is_table(place: str) -> bool:
    migrations = "\n".join(path.read_text("utf-8") for path in PACKAGE.rglob("*.sql"))
    return re.search(rf"create (unlogged )?table (if not exists )?{re.escape(place)}\b", migrations, re.I) is not None


def test_the_glossary_is_read() -> None:
    assert len(TABLE) >= 20
    assert all(re.search("`[^`]+`", row[2]) for row in TABLE), "every word names its place in the code"


def test_no_word_stands_twice() -> None:
    words = [word.strip() for row in TABLE for word in row[0].split(",")]
    assert len(words) == len(set(words))


@pytest.mark.parametrize(("word", "place"), PLACES, ids=[f"{word}-{place}" for word, place in PLACES])
def test_a_word_is_a_type_a_field_or_a_table(word: str, place: str) -> None:
    found = _is_table(place.removeprefix("table ")) if place.startswith("table ") else _is_code(place)
    assert found, f"docs/glossary.md says that {word!r} is {place}, which is gone"

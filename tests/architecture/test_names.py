"""Names say what a thing is for; the ones below say nothing."""

import ast
import re
from collections.abc import Iterator

import pytest

from tests.architecture.tree import functions, modules, parsed

EMPTY_MODULE = re.compile(
    r"utils?|helpers?|common|misc|base_\w+|\w*_(utils?|helpers?)|managers?|services?|handlers?|processors?"
)
EMPTY_CLASS = re.compile(r"Base\w*|\w*(Manager|Service|Handler|Processor|Util|Utils|Helper|Helpers)")
EMPTY_FUNCTION = {"process", "handle"}
EMPTY_VALUE = {"data", "info", "obj"}


def _values(tree: ast.Module) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.arg):
            yield node.arg
        elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            yield node.id


@pytest.mark.parametrize("name", [name for name in modules() if name != "__init__"])
def test_the_names_of_a_module_say_something(name: str) -> None:
    tree = parsed(modules()[name])
    classes = {node.name for node in ast.walk(tree) if isinstance(node, ast.ClassDef)}
    empty = [part for part in name.split(".") if EMPTY_MODULE.fullmatch(part)]
    empty += [class_name for class_name in classes if EMPTY_CLASS.fullmatch(class_name)]
    empty += [node.name for _, node in functions(modules()[name]) if node.name.strip("_") in EMPTY_FUNCTION]
    empty += sorted(set(_values(tree)) & EMPTY_VALUE)
    assert not empty, f"{name}: {empty}"


def test_the_patterns_can_find_something() -> None:
    assert all(EMPTY_MODULE.fullmatch(name) for name in ("utils", "base_store", "match_helpers", "manager"))
    assert all(EMPTY_CLASS.fullmatch(name) for name in ("BaseStore", "MatchService", "EventHandler"))
    assert not any(EMPTY_MODULE.fullmatch(name) for name in ("base", "database", "resolve", "ledger"))

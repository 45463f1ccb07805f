"""Nothing grows past what a person can hold in the head (ceilings and exceptions: budgets.toml)."""

import ast
import tomllib
from pathlib import Path
from typing import Any

import pytest

from tests.architecture.tree import Function, functions, modules

BUDGETS: dict[str, Any] = tomllib.loads((Path(__file__).parent / "budgets.toml").read_text("utf-8"))
CEILINGS: dict[str, int] = BUDGETS["ceilings"]
UNCOUNTED = {"self", "cls", "conn"}


def _is_decorated(function: Function, name: str) -> bool:
    named = (node.func if isinstance(node, ast.Call) else node for node in function.decorator_list)
    return any(getattr(node, "id", getattr(node, "attr", "")) == name for node in named)


def _measure(function: Function) -> dict[str, int]:
    assert function.end_lineno is not None
    places = [a.arg for a in (*function.args.posonlyargs, *function.args.args) if a.arg not in UNCOUNTED]
    return {
        "lines": function.end_lineno - function.lineno + 1,
        "arguments": len(places) + len(function.args.kwonlyargs),
        "positional": 0 if function.name.startswith("_") else len(places),
    }


def _allowed(name: str, function: Function) -> dict[str, int]:
    exception = BUDGETS["functions"].get(name, {})
    ceiling = CEILINGS["workflow"] if _is_decorated(function, "workflow") else CEILINGS["function"]
    # The arguments of a command are words that a person types, each with its name; no code calls it by place.
    is_command = name.startswith("cli.") and _is_decorated(function, "command")
    arguments = CEILINGS["options"] if is_command else CEILINGS["arguments"]
    return {
        "lines": exception.get("lines", ceiling),
        "arguments": exception.get("arguments", arguments),
        "positional": exception.get("positional", arguments if is_command else CEILINGS["positional"]),
    }


@pytest.mark.parametrize("name", modules())
def test_a_module_fits_its_budget(name: str) -> None:
    lines = len(modules()[name].read_text("utf-8").splitlines())
    allowed = BUDGETS["modules"].get(name, {}).get("lines", CEILINGS["module"])
    assert lines <= allowed, f"{name} has {lines} lines, {allowed} allowed: split it along what it decides"


@pytest.mark.parametrize("name", modules())
def test_every_function_fits_its_budget(name: str) -> None:
    over = []
    for function_name, function in functions(modules()[name]):
        measured, allowed = _measure(function), _allowed(f"{name}:{function_name}", function)
        over += [
            f"{function_name}: {measured[k]} {k}, {allowed[k]} allowed" for k in measured if measured[k] > allowed[k]
        ]
    assert not over, f"{name}: " + "; ".join(over)


def test_every_exception_has_a_reason_and_is_needed() -> None:
    stale = []
    for name, exception in BUDGETS["modules"].items():
        path = modules().get(name)
        needed = path is not None and len(path.read_text("utf-8").splitlines()) > CEILINGS["module"]
        stale += [] if needed and exception.get("reason") else [name]
    measured = {f"{name}:{f}": _measure(node) for name, path in modules().items() for f, node in functions(path)}
    default = {"lines": CEILINGS["function"], "arguments": CEILINGS["arguments"], "positional": CEILINGS["positional"]}
    for name, exception in BUDGETS["functions"].items():
        needed = any(measured.get(name, {}).get(key, 0) > default[key] for key in exception if key != "reason")
        stale += [] if needed and exception.get("reason") else [name]
    assert not stale, f"these exceptions are not needed, or give no reason: {stale}"

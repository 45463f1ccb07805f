"""What the classification says is what there is: facts of events, fields of bodies, who may be shown what."""

import ast
from collections.abc import Iterator
from functools import cache
from typing import Any

import pytest

from interpayer.api import server
from interpayer.operations.access import ACTIONS, ROLES
from interpayer.system.classification import PLAIN_ON_THE_LEDGER, classification
from tests.architecture.tree import modules, parsed


def keys_of(node: ast.expr) -> Iterator[str]:
    """The constant keys of a dictionary that is written down, those of dictionaries joined to it too."""
    for found in ast.walk(node):
        if isinstance(found, ast.Dict):
            yield from (key.value for key in found.keys if isinstance(key, ast.Constant) and isinstance(key.value, str))


def is_typed_json(node: ast.AST) -> bool:
    """`facts: dict[str, JSON] = {...}`, as events get theirs."""
    if not isinstance(node, ast.AnnAssign) or node.value is None:
        return False
    return "facts" in ast.unparse(node.target) and "JSON" in ast.unparse(node.annotation)


@cache
def facts() -> dict[str, set[str]]:
    """Every fact that an event is written with, and where."""
    found: dict[str, set[str]] = {}
    for name, path in modules().items():
        for node in ast.walk(parsed(path)) if "facts" in path.read_text("utf-8") else ():
            given = node.value if isinstance(node, ast.keyword) and node.arg == "facts" else None
            given = node.value if is_typed_json(node) else given  # type: ignore[attr-defined]
            for key in keys_of(given) if given is not None else ():
                found.setdefault(key, set()).add(name)
    return found


def test_every_fact_of_an_event_may_stand_on_the_ledger_unsealed() -> None:
    read = classification()
    classes = {key: read.of_field(key, place="event") for key in facts()}
    wrong = {key: (found, sorted(facts()[key])) for key, found in classes.items() if found not in PLAIN_ON_THE_LEDGER}
    assert wrong == {}, "class it in classification.toml, or put it into the sealed body of the event"
    assert len(classes) > 50


def fields(schema: Any) -> Iterator[str]:
    if isinstance(schema, dict):
        properties = schema.get("properties")
        yield from properties if isinstance(properties, dict) else ()
        for part in schema.values():
            yield from fields(part)
    elif isinstance(schema, list):
        for part in schema:
            yield from fields(part)


@cache
def document() -> dict[str, Any]:
    """What our own door says of itself."""
    return server.document()


def test_every_field_of_a_body_has_a_class() -> None:
    read = classification()
    missing = sorted({name for name in fields(document()) if read.of_field(name, place="api") is None})
    assert missing == [], "class it in classification.toml"


def test_every_field_of_an_answer_has_a_class() -> None:
    """Answers of our own door are written down as dictionaries in these modules."""
    answering = [name for name in modules() if name.startswith("api.") or name == "operations.answers"]
    read = classification()
    missing = {
        (name, key)
        for name in answering
        for node in ast.walk(parsed(modules()[name]))
        if isinstance(node, ast.Dict)
        for key in keys_of(node)
        if key.isidentifier() and key.islower() and read.of_field(key, place="answer") is None
    }
    assert sorted(missing) == [], "class it in classification.toml"


@cache
def acts() -> dict[str, list[str]]:
    """The routes of our own door with the roles that they are for."""
    return {
        f"{method.upper()} {path}": act.get("x-roles", [])
        for path, methods in document()["paths"].items()
        for method, act in methods.items()
    }


@pytest.mark.parametrize("route", sorted(acts()))
def test_nobody_is_shown_more_than_the_role_may_see(route: str) -> None:
    """exchange.md, section 9: an operator sees states and counts, never names; bodies are for an analyst's look."""
    read = classification()
    shown = read.routes["api"].get(route)
    if shown is None:
        pytest.skip("has no class: the door itself refuses to start with it")
    able = [role for role in acts()[route] if shown.shows not in read.roles[role]]
    assert able == [], f"{route} shows {shown.shows}"
    # a partner that was invited brings a secret instead of a role
    assert (shown.audience in ("anyone", "partner")) == (acts()[route] == [])


@cache
def pages() -> dict[str, str]:
    """The pages of the console with the action that each is for."""
    found = {}
    for name in (name for name in modules() if name.startswith("console.")):
        for node in ast.walk(parsed(modules()[name])):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "route":
                path, action = (arg.value for arg in node.args[1:3] if isinstance(arg, ast.Constant))
                method = next((k.value.value for k in node.keywords if isinstance(k.value, ast.Constant)), "GET")
                found[f"{method} {path}"] = str(action)
    return found


@pytest.mark.parametrize("page", sorted(pages()))
def test_no_page_shows_a_role_more_than_it_may_see(page: str) -> None:
    read = classification()
    shown = read.routes["console"][page]
    assert [role for role in ACTIONS[pages()[page]] if shown.shows not in read.roles[role]] == []


def test_every_role_is_in_the_table_and_nobody_is_shown_secrets() -> None:
    roles = classification().roles
    assert set(roles) == set(ROLES)
    assert not any("secret" in levels for levels in roles.values())
    assert "identity" not in roles["operator"] | roles["admin"]
    assert "health" not in roles["operator"] | roles["admin"] | roles["steward"]

"""Every constraint of the packages gives on real and on damaged resources what an independent engine gives."""

import copy
import random
from pathlib import Path
from typing import Any

import pytest

from interpayer.validation.fhirpath.compile import compile_expression
from tests.support.definitions import constraints, examples, nodes, type_model

fhirpathpy = pytest.importorskip("fhirpathpy", reason="the oracle is a test requirement")
models = pytest.importorskip("fhirpathpy.models")

# What the oracle has not: it raises on these functions and on conditions that are no boolean.
UNKNOWN_THERE = (
    "resolve",
    "memberOf",
    "hasValue",
    "htmlChecks",
    "%rootResource",
    "telecom or",
    "practitioner or",
    "as(",
)
ODD = ["#", "#x", "x", "2020", "final", "active", "completed", "http://snomed.info/sct", "1", "1234567890"]
ROUNDS = 3


def test_the_same_answers_as_the_oracle(test_data: Path) -> None:
    model, found = type_model(test_data), _nodes_by_context(test_data)
    choose = random.Random(20261121)
    compared = untrue = 0
    for context, expressions in constraints(test_data).items():
        for expression, key in expressions.items():
            if key == "ele-1" or any(word in expression for word in UNKNOWN_THERE) or context not in found:
                continue
            ours = compile_expression(expression, model=model, context=context)
            asked = {"base": context, "expression": expression}
            for node, root in choose.sample(found[context], min(ROUNDS, len(found[context]))):
                damaged = _damaged(node, choose)
                root = damaged if node is root else root
                expected = fhirpathpy.evaluate(
                    damaged, asked, {"resource": root, "rootResource": root}, models.models["r4"]
                )
                assert ours.values(damaged, root, root) == expected, (key, context, expression)
                assert ours.holds(damaged, root, root) is (expected == [True]), (key, context, expression)
                compared, untrue = compared + 1, untrue + (expected != [True])
    assert compared > 500
    assert untrue > 100


def _nodes_by_context(test_data: Path) -> dict[str, list[tuple[Any, Any]]]:
    found: dict[str, list[tuple[Any, Any]]] = {}
    for resource in examples(test_data):
        for context, node in nodes(resource, type_model(test_data)):
            found.setdefault(context, []).append((node, resource))
    return found


def _damaged(node: dict[str, Any], choose: random.Random) -> dict[str, Any]:
    """A copy with some members gone, doubled or changed."""
    node = copy.deepcopy(node)
    for _ in range(choose.randint(0, 3)):
        at = node
        for _ in range(choose.randint(0, 3)):
            inner = [one for one in at.values() if isinstance(one, dict)]
            inner += [one for each in at.values() if isinstance(each, list) for one in each if isinstance(one, dict)]
            at = choose.choice(inner) if inner else at
        keys = [key for key in at if key != "resourceType"]
        if keys:
            _damage(at, choose.choice(keys), choose)
    return node


def _damage(at: dict[str, Any], key: str, choose: random.Random) -> None:
    value = at[key]
    if choose.random() < 0.5:
        del at[key]
    elif isinstance(value, list):
        at[key] = value * 2
    elif isinstance(value, str):
        at[key] = choose.choice(ODD)
    elif isinstance(value, int | float) and not isinstance(value, bool):
        at[key] = -value

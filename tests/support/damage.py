"""Examples damaged at random: a member gone, doubled, unknown or of another kind, one place at a time."""

import copy
import random
from collections.abc import Iterator
from typing import Any

WORDS = ["x", "", "2020-13-01", "2020-02-30", "2020", "http://x.example/y", "Patient/zz", "#zz", "active", "final"]
# Read as a whole by every validator; damaging them says nothing about profiles.
LEFT_ALONE = {"resourceType", "text", "profile"}


def damaged(resource: dict[str, Any], choose: random.Random) -> tuple[dict[str, Any], str]:
    """A copy with one damage, and which it is."""
    broken = copy.deepcopy(resource)
    holder, key, path = choose.choice(list(_places(broken, "")))
    value, kind = holder[key], choose.random()
    if kind < 0.4:
        del holder[key]
        return broken, f"without {path}"
    if kind < 0.5 and isinstance(holder, list):
        holder.append(copy.deepcopy(value))
        return broken, f"{path} twice"
    if kind < 0.6 and isinstance(value, dict):
        value["bogus"] = "x"
        return broken, f"unknown member in {path}"
    holder[key] = _other(value, choose)
    return broken, f"{path} = {str(holder[key])[:60]!r}"


def _other(value: Any, choose: random.Random) -> Any:
    if isinstance(value, bool):
        return choose.choice(["true", 1, not value])
    if isinstance(value, str):
        odd = [5, True, {"a": 1}, [value]]
        return choose.choice(odd) if choose.random() < 0.25 else choose.choice([*WORDS, value + "x", value.upper()])
    if isinstance(value, int | float):
        return choose.choice([-value, 0, value + 0.5, str(value), value * 1000])
    if isinstance(value, list):
        return choose.choice([[], value * 2, value[0], [*value, None]])
    return choose.choice([{}, "x", [value]])


def _places(node: Any, path: str) -> Iterator[tuple[Any, Any, str]]:
    steps: list[tuple[Any, str]] = []
    if isinstance(node, dict):
        steps = [(key, f"{path}.{key}") for key in node if key not in LEFT_ALONE]
    elif isinstance(node, list):
        steps = [(position, f"{path}[{position}]") for position in range(len(node))]
    for key, place in steps:
        yield node, key, place
        yield from _places(node[key], place)

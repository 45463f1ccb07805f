"""Equality, order, sets and arithmetic of FHIRPath on parsed JSON (FHIRPath N1, operations)."""

import json
import math
import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from interpayer.validation.fhirpath.moments import compare_moments
from interpayer.validation.fhirpath.runtime import CannotTell

_MOMENT = re.compile(r"\d{4}-\d\d|\d{4}-\d\d-\d\d|\d\d:\d\d")


def compare(left: Any, right: Any) -> int | None:
    """-1, 0 or 1; None when there is nothing on one side or the two cannot be ordered."""
    if isinstance(left, dict) and isinstance(right, dict):
        return _compare_quantities(left, right)
    if isinstance(left, str) and isinstance(right, str):
        if _MOMENT.match(left) and _MOMENT.match(right):
            return compare_moments(left, right)
        return (left > right) - (left < right)
    if isinstance(left, int | float) and isinstance(right, int | float):
        return (left > right) - (left < right)
    return None


def compare_dates(left: Any, right: Any) -> int | None:
    """The same for what is known to be dates or times."""
    return compare_moments(left, right) if isinstance(left, str) and isinstance(right, str) else None


def _compare_quantities(left: dict[str, Any], right: dict[str, Any]) -> int | None:
    if left.get("value") is None or right.get("value") is None:
        return None
    if _unit(left) != _unit(right):
        return None
    return compare(left["value"], right["value"])


def _unit(quantity: dict[str, Any]) -> object:
    return quantity.get("code") or quantity.get("unit")


def equal(left: Sequence[Any], right: Sequence[Any]) -> bool | None:
    """Whether two collections are the same, item by item; None when one is empty."""
    if not left or not right:
        return None
    return len(left) == len(right) and all(_same(a, b) for a, b in zip(left, right, strict=True))


def _same(left: Any, right: Any) -> bool:
    # JSON's true is Python's 1.
    return left == right and isinstance(left, bool) == isinstance(right, bool)


def equivalent(left: Sequence[Any], right: Sequence[Any]) -> bool:
    """Whether two collections mean the same: order, case and blanks aside."""
    if len(left) != len(right):
        return False
    rest = [_loose(each) for each in right]
    for each in left:
        key = _loose(each)
        if key not in rest:
            return False
        rest.remove(key)
    return True


def _loose(item: Any) -> object:
    if isinstance(item, str):
        return " ".join(item.lower().split())
    if isinstance(item, dict) and "system" in item and "code" in item:
        return (item["system"], item["code"])
    return _key(item)


def _key(item: Any) -> object:
    if isinstance(item, dict | list):
        return json.dumps(item, sort_keys=True)
    return (isinstance(item, bool), item)


def distinct(items: Sequence[Any]) -> list[Any]:
    """Each item once."""
    return list({_key(item): item for item in items}.values())


def union(left: Sequence[Any], right: Sequence[Any]) -> list[Any]:
    """Each item of both once."""
    return distinct([*left, *right])


def intersect(left: Sequence[Any], right: Sequence[Any]) -> list[Any]:
    """Each item that both have."""
    there = {_key(item) for item in right}
    return [item for item in distinct(left) if _key(item) in there]


def exclude(left: Sequence[Any], right: Sequence[Any]) -> list[Any]:
    """The items of the first that the second does not have."""
    there = {_key(item) for item in right}
    return [item for item in left if _key(item) not in there]


def is_subset(left: Sequence[Any], right: Sequence[Any]) -> bool:
    """Whether all items of the first are in the second."""
    return not exclude(left, right)


def is_in(left: Sequence[Any], right: Sequence[Any]) -> bool | None:
    """Whether the one item is in the collection; None without an item."""
    if len(left) > 1:
        raise CannotTell("one item expected, several found")
    return is_subset(left, right) if left else None


def is_true(items: Sequence[Any]) -> bool:
    """Whether a collection counts as true: the one item is true, or is there and is no boolean."""
    if len(items) > 1:
        raise CannotTell("one item expected, several found")
    return bool(items) and items[0] is not False


def is_false(items: Sequence[Any]) -> bool:
    """Whether a collection counts as false."""
    if len(items) > 1:
        raise CannotTell("one item expected, several found")
    return bool(items) and items[0] is False


def calculate(operator: str, left: Any, right: Any) -> Any:
    """The result of an arithmetic operation; None without an operand, or where there is no result."""
    if left is None or right is None or isinstance(left, dict) or isinstance(right, dict):
        return None
    if isinstance(left, str) or isinstance(right, str):
        return left + right if operator == "+" and isinstance(left, str) and isinstance(right, str) else None
    if operator in {"/", "div", "mod"} and right == 0:
        return None
    return _ARITHMETIC[operator](left, right)


_ARITHMETIC: Mapping[str, Callable[[Any, Any], Any]] = {
    "+": lambda a, b: a + b,
    "-": lambda a, b: a - b,
    "*": lambda a, b: a * b,
    "/": lambda a, b: a / b,
    "div": lambda a, b: math.trunc(a / b) if isinstance(a, float) or isinstance(b, float) else _divide(a, b),
    "mod": lambda a, b: math.fmod(a, b) if isinstance(a, float) or isinstance(b, float) else a - b * _divide(a, b),
}


def _divide(a: int, b: int) -> int:
    quotient = abs(a) // abs(b)
    return quotient if (a < 0) == (b < 0) else -quotient


def join(left: Any, right: Any) -> str:
    """Two strings as one, nothing as the empty one (`&`)."""
    return f"{left if isinstance(left, str) else ''}{right if isinstance(right, str) else ''}"

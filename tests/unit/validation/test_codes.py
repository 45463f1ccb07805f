"""Which codes a value set allows: listed, of a whole system, below a code, both of two sets, or as far as is known."""

from pathlib import Path
from typing import Any

import pytest

from interpayer.validation.codes import AllowedCodes, ValueSets
from interpayer.validation.packages import Library, Package, read_package
from tests.support.guide import a_package, a_value_set

COLORS = "https://guide.example/CodeSystem/colors"
SYSTEM = {
    "resourceType": "CodeSystem",
    "url": COLORS,
    "content": "complete",
    "concept": [
        {"code": "red", "concept": [{"code": "dark-red"}, {"code": "pink"}]},
        {"code": "blue"},
        {"code": "navy", "property": [{"code": "subsumedBy", "valueCode": "blue"}]},
    ],
}
UNKNOWN = "https://licensed.example/codes"


def _set(name: str, *include: dict[str, Any], **more: Any) -> dict[str, Any]:
    url = f"https://guide.example/ValueSet/{name}"
    return {"resourceType": "ValueSet", "url": url, "compose": {"include": list(include), **more}}


def _filtered(op: str, value: str) -> dict[str, Any]:
    return {"system": COLORS, "filter": [{"property": "concept", "op": op, "value": value}]}


def _named(*names: str) -> dict[str, Any]:
    return {"valueSet": [f"https://guide.example/ValueSet/{name}" for name in names]}


SETS = (
    a_value_set("some", COLORS, "red", "blue"),
    _set("all", {"system": COLORS}),
    _set("below", _filtered("descendent-of", "red")),
    _set("blue", _filtered("is-a", "blue")),
    _set("less", {"system": COLORS}, exclude=[_filtered("is-a", "red")]),
    _set("both", _named("some", "blue")),
    _set("either", _named("below"), _named("blue")),
    _set("licensed", {"system": UNKNOWN}),
    _set("mixed", {"system": COLORS}, {"system": UNKNOWN}),
    _set("odd", {"system": COLORS, "filter": [{"property": "hue", "op": "=", "value": "1"}]}),
    _set("lost", _named("nowhere")),
    _set("circle", _named("circle")),
)


@pytest.fixture
def guide(tmp_path: Path) -> Package:
    return read_package(a_package(tmp_path, SYSTEM, *SETS))


def _codes(guide: Package, name: str) -> AllowedCodes | None:
    return ValueSets(Library([guide])).codes(f"https://guide.example/ValueSet/{name}", guide)


@pytest.mark.parametrize(
    ("name", "codes"),
    [
        ("some", {"red", "blue"}),
        ("all", {"red", "dark-red", "pink", "blue", "navy"}),
        ("below", {"dark-red", "pink"}),
        ("blue", {"blue", "navy"}),
        ("less", {"blue", "navy"}),
        ("both", {"blue"}),
        ("either", {"dark-red", "pink", "blue", "navy"}),
    ],
)
def test_codes_that_can_be_listed(guide: Package, name: str, codes: set[str]) -> None:
    allowed = _codes(guide, name)
    assert allowed is not None and allowed.is_enumerated
    assert allowed.systems == {COLORS: codes}


@pytest.mark.parametrize("name", ["lost", "circle", "nowhere"])
def test_what_is_not_there_allows_nothing_to_be_said(guide: Package, name: str) -> None:
    assert _codes(guide, name) is None


def test_a_filter_that_needs_more_than_the_hierarchy_is_not_guessed(guide: Package) -> None:
    odd = _codes(guide, "odd")
    assert odd is not None and odd.systems == {COLORS: None}


@pytest.mark.parametrize(
    ("value", "answer"),
    [
        ({"system": COLORS, "code": "red"}, True),
        ({"system": COLORS, "code": "green"}, False),
        ({"system": UNKNOWN, "code": "1"}, None),
        ({"system": "https://other.example", "code": "red"}, False),
        ({"coding": [{"system": COLORS, "code": "green"}, {"system": COLORS, "code": "red"}]}, True),
        ({"coding": [{"system": COLORS, "code": "green"}, {"system": UNKNOWN, "code": "1"}]}, None),
        ("red", True),
        ("green", None),
    ],
)
def test_membership_says_when_nobody_can_say(guide: Package, value: Any, answer: bool | None) -> None:
    mixed = _codes(guide, "mixed")
    assert mixed is not None and not mixed.is_enumerated
    assert mixed.membership()(value) is answer

"""Invariants inside a JSON Schema: asked where the schema's walk reaches them, told apart by severity."""

from pathlib import Path
from typing import Any

import jsonschema_rs
import pytest

from interpayer.validation.invariants import KEYWORD, Broken, Invariants, without_expression, written_schema
from tests.support.definitions import type_model

PERIOD = {"key": "per-1", "severity": "error", "human": "Start before end", "expression": "start <= end"}
MOOD = {"key": "m-1", "severity": "warning", "human": "Better with an end", "expression": "end.exists()"}
ELE = {"key": "ele-1", "severity": "error", "human": "Not empty", "expression": "hasValue() or children().exists()"}
UNKNOWN = {"key": "x-1", "severity": "error", "human": "Odd", "expression": "conformsTo('x')"}
FAR = {"key": "f-1", "severity": "error", "human": "Far", "expression": "%resource.subject.resolve().name.exists()"}
WORDS = {"key": "w-1", "severity": "error", "human": "Only words"}


class Checked:
    """A schema with these constraints on `period` of a resource."""

    def __init__(self, test_data: Path, *constraints: dict[str, Any]) -> None:
        self.not_evaluated: dict[str, None] = {}
        self.invariants = Invariants(type_model(test_data))
        schema = {"properties": {"period": written_schema(constraints, "Period")}}
        keywords = {KEYWORD: self.invariants.keyword(self.not_evaluated)}
        self.validator = jsonschema_rs.Draft202012Validator(schema, keywords=keywords)

    def broken(self, resource: Any, *, is_strict: bool = False) -> list[str]:
        with self.invariants.checking(resource, is_strict=is_strict):
            causes = [error.__cause__ for error in self.validator.iter_errors(resource)]
        return [each.key for cause in causes if isinstance(cause, Broken) for each in cause.broken]


def encounter(**period: Any) -> dict[str, Any]:
    return {"resourceType": "Encounter", "period": period}


def test_an_error_breaks_and_a_warning_is_noted(test_data: Path) -> None:
    checked = Checked(test_data, PERIOD, MOOD)
    assert checked.broken(encounter(start="2020", end="2021")) == []
    assert checked.broken(encounter(start="2021", end="2020")) == ["per-1"]
    with checked.invariants.checking(encounter(start="2021")) as seen:
        assert checked.validator.is_valid(encounter(start="2021")) is False
        assert seen.has_warnings
    assert checked.broken(encounter(start="2021"), is_strict=True) == ["per-1", "m-1"]


def test_the_error_says_where_and_what_without_the_value(test_data: Path) -> None:
    checked = Checked(test_data, PERIOD)
    resource = encounter(start="2021", end="2020")
    with checked.invariants.checking(resource):
        (error,) = checked.validator.iter_errors(resource)
    assert error.instance_path == ["period"]
    assert str(error.__cause__) == "per-1: Start before end"


def test_an_empty_element_is_said_in_json_schema(test_data: Path) -> None:
    schema = written_schema([ELE], "Period")
    assert KEYWORD not in schema
    validator = jsonschema_rs.Draft202012Validator(schema)
    assert [validator.is_valid(one) for one in ({}, {"id": "a"}, {"start": "2020"}, {"id": "a", "end": "2020"})] == [
        False, False, True, True,
    ]  # fmt: skip
    assert written_schema([ELE], "string") == {}


def test_what_cannot_be_compiled_is_named(test_data: Path) -> None:
    checked = Checked(test_data, UNKNOWN, PERIOD)
    assert list(checked.not_evaluated) == ["x-1: function conformsTo()"]
    assert checked.broken(encounter(start="2021", end="2020")) == ["per-1"]
    assert list(without_expression([WORDS, PERIOD])) == ["w-1: no expression"]
    assert written_schema([WORDS], "Period") == {}


@pytest.mark.parametrize(
    ("resource", "reason"),
    [
        (
            {**encounter(end="2020"), "subject": {"reference": "Patient/1"}},
            "f-1: the resource referred to is not at hand",
        ),
        ({**encounter(end="2020"), "subject": 7}, None),
        ({"resourceType": "Encounter", "period": 7}, None),
        ({"resourceType": "Encounter", "period": ["2020"]}, "per-1: the element has not the structure of its type"),
    ],
)
def test_what_cannot_be_told_of_a_resource_is_named(test_data: Path, resource: Any, reason: str | None) -> None:
    checked = Checked(test_data, FAR, PERIOD)
    with checked.invariants.checking(resource) as seen:
        checked.validator.is_valid(resource)
    assert reason is None or reason in seen.not_evaluated


def test_contained_of_the_entries_of_a_bundle_can_be_referred_to(test_data: Path) -> None:
    inner = {"resourceType": "Encounter", "contained": [{"resourceType": "Patient", "id": "p"}]}
    with Invariants(type_model(test_data)).checking(
        {"resourceType": "Bundle", "entry": [{"resource": inner}, {}]}
    ) as seen:
        assert [one["id"] for one in seen.root["contained"]] == ["p"]
    for odd in (
        {"resourceType": "Bundle", "entry": 7},
        {"resourceType": "Bundle", "entry": [{"resource": "x"}]},
        [],
        7,
    ):
        with Invariants(type_model(test_data)).checking(odd) as seen:
            assert seen.resource == odd

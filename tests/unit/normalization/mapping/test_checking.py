"""A mapping against the elements of a type and its profile: what is unknown, forbidden, missing or of another shape."""

from collections.abc import Mapping
from dataclasses import dataclass

import pytest

from interpayer.normalization.mapping.checking import check_targets
from interpayer.normalization.mapping.reading import read_mapping


@dataclass(frozen=True)
class Rule:
    min: int
    max: int | None
    types: tuple[str, ...]


@dataclass(frozen=True)
class Table:
    rules: Mapping[str, Mapping[str, Rule]]

    def children(self, path: str) -> Mapping[str, Rule]:
        return self.rules.get(path, {})


ONE, MANY = 1, None
BASE = Table({
    "": {
        "id": Rule(0, ONE, ("id",)), "meta": Rule(0, ONE, ("Meta",)), "active": Rule(0, ONE, ("boolean",)),
        "name": Rule(0, MANY, ("HumanName",)), "subject": Rule(0, ONE, ("Reference",)),
        "value[x]": Rule(0, ONE, ("string", "decimal")), "valueDecimal": Rule(0, ONE, ("decimal",)),
        "valueString": Rule(0, ONE, ("string",)), "status": Rule(1, ONE, ("code",)),
    },
    "meta": {"profile": Rule(0, MANY, ("canonical",))},
    "name": {"text": Rule(0, ONE, ("string",)), "given": Rule(0, MANY, ("string",))},
})  # fmt: skip
PROFILE = Table({
    "": {
        "status": Rule(1, ONE, ("code",)), "name": Rule(1, ONE, ("HumanName",)), "name:official": Rule(1, ONE, ()),
        "value[x]": Rule(1, ONE, ("decimal",)), "active": Rule(0, 0, ("boolean",)),
    },
    "name": {"text": Rule(1, ONE, ("string",))},
})  # fmt: skip
SOUND = "status: {from: S}, name: [{text: {from: N}}], valueDecimal: {from: V, transform: decimal}"


def problems(members: str, *, profile: str = "http://p") -> list[str]:
    meta = f"meta: {{profile: ['{profile}']}}, " if profile else ""
    text = f"entity: r\nto:\n  - when: A\n    to: {{resourceType: Thing, {meta}{members}}}\n"
    tables = {"Thing": BASE, "http://p": PROFILE}
    checked = check_targets(read_mapping(text, name="my/rows"), tables.get)
    return [f"{one.path}: {one.text}" for one in checked.problems]


def test_what_fits_has_no_problem() -> None:
    assert problems(SOUND) == []
    assert problems(SOUND + ", _status: {extension: [{url: x}]}, subject: {from: R, transform: {reference: A}}") == []


@pytest.mark.parametrize(
    ("members", "words"),
    [
        (SOUND + ", nmae: x", "Thing.nmae: is no element"),
        (SOUND.replace("text:", "txet:"), "Thing.name.txet: is no element"),
        (SOUND.replace("status: {from: S}, ", ""), "Thing.status: is required"),
        (SOUND.replace("valueDecimal: {from: V, transform: decimal}", "id: x"), "Thing.value[x]: is required"),
        (SOUND.replace("text: {from: N}", "given: [{from: N}]"), "Thing.name.text: is required"),
        (SOUND + ", active: true", "Thing.active: is forbidden"),
        (SOUND.replace("[{text: {from: N}}]", "{text: {from: N}}"), "Thing.name: is a list"),
        (SOUND.replace("{from: S}", "[{from: S}]"), "Thing.status: is one value"),
        (SOUND.replace("from: V, transform: decimal", "from: V, transform: trim"), "add `transform: decimal`"),
        (SOUND.replace("valueDecimal: {from: V, transform: decimal}", "valueDecimal: {from: v.x}"), "is a decimal"),
        (SOUND + ", subject: {from: R, transform: id}", "end with `transform: {reference: <type>}`"),
    ],
)
def test_what_does_not_fit_is_named(members: str, words: str) -> None:
    assert any(words in one for one in problems(members)), problems(members)


def test_a_constant_of_another_type_is_named() -> None:
    assert problems(SOUND.replace("active", "x") + ", active: 'yes'", profile="") == [
        "Thing.active: is a boolean: `yes` is none"
    ]


def test_a_profile_that_is_not_there_is_said_and_not_passed_over() -> None:
    text = """
entity: r
to:
  - {resourceType: Thing, meta: {profile: ['http://q']}, status: x}
  - {resourceType: Gone, id: x}
"""
    checked = check_targets(read_mapping(text, name="my/rows"), {"Thing": BASE}.get)
    assert checked.not_checked == ("http://q", "Gone")
    assert checked.problems == ()


def test_a_resource_names_its_type() -> None:
    checked = check_targets(read_mapping("entity: r\nto:\n  - {id: x}\n", name="my/rows"), {"Thing": BASE}.get)
    assert [one.path for one in checked.problems] == ["resourceType"]

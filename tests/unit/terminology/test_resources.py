from datetime import date

import pytest

from interpayer.terminology.content import CodeSystem, ConceptMap, ContentFault, Inclusion, ValueSet
from interpayer.terminology.resources import read_resource


def test_a_code_system_is_read_with_the_codes_below_others() -> None:
    found = read_resource(
        {
            "resourceType": "CodeSystem", "url": "urn:s", "version": "1", "content": "complete",
            "concept": [
                {"code": "a", "display": "A", "concept": [{"code": "b"}, {"code": "c"}]},
                {"code": "d", "property": [{"code": "inactive", "valueBoolean": True}]},
                {"code": "e", "property": [{"code": "retirementDate", "valueDateTime": "2020-01-31"}]},
            ],
        }
    )  # fmt: skip
    assert isinstance(found, CodeSystem)
    assert found.is_complete
    assert [concept.code for concept in found.concepts] == ["a", "b", "c", "d", "e"]
    assert [concept.is_active for concept in found.concepts] == [True, True, True, False, True]
    assert not found.concepts[4].holds_on(date(2020, 2, 1))
    assert found.concepts[4].holds_on(date(2020, 1, 31))


def test_a_fragment_is_not_complete() -> None:
    found = read_resource({"resourceType": "CodeSystem", "url": "urn:s", "content": "fragment"})
    assert isinstance(found, CodeSystem)
    assert not found.is_complete


def test_a_value_set_keeps_what_it_includes_and_excludes() -> None:
    compose = {
        "include": [
            {"system": "urn:s", "concept": [{"code": "a"}]},
            {"system": "urn:t"},
            {"valueSet": ["urn:vs|2"]},
            {"system": "urn:u", "filter": [{"property": "concept", "op": "is-a", "value": "x"}]},
            {"system": "urn:u", "valueSet": ["urn:vs"]},
        ],
        "exclude": [{"system": "urn:t", "concept": [{"code": "z"}]}],
    }
    found = read_resource({"resourceType": "ValueSet", "url": "urn:v", "compose": compose})
    assert isinstance(found, ValueSet)
    assert found.inclusions == (
        Inclusion("urn:s", "a"),
        Inclusion("urn:t"),
        Inclusion(value_set="urn:vs"),
        Inclusion("urn:u", rule="concept is-a x"),
        Inclusion("urn:u", rule="codes that are in several value sets"),
        Inclusion("urn:t", "z", is_excluded=True),
    )


def test_an_expansion_counts_where_there_is_no_definition() -> None:
    contains = [{"system": "urn:s", "code": "a", "contains": [{"system": "urn:s", "code": "b"}]},
                {"system": "urn:s", "code": "g", "abstract": True}]  # fmt: skip
    found = read_resource({"resourceType": "ValueSet", "url": "urn:v", "expansion": {"contains": contains}})
    assert isinstance(found, ValueSet)
    assert [entry.code for entry in found.inclusions] == ["a", "b"]


def test_a_concept_map_says_also_what_has_no_target() -> None:
    elements = [
        {"code": "a", "target": [{"code": "x", "equivalence": "equivalent"}, {"code": "y", "equivalence": "wider"}]},
        {"code": "b", "target": [{"equivalence": "unmatched"}]},
        {"code": "c"},
        {"target": [{"code": "x", "equivalence": "equivalent"}]},
    ]
    group = [{"source": "urn:s", "target": "urn:t", "element": elements}]
    found = read_resource({"resourceType": "ConceptMap", "url": "urn:m", "version": "2", "group": group})
    assert isinstance(found, ConceptMap)
    assert [(t.from_code, t.code, t.equivalence) for t in found.targets] == [
        ("a", "x", "equivalent"), ("a", "y", "wider"), ("b", None, "unmatched"), ("c", None, "unmatched"),
    ]  # fmt: skip


@pytest.mark.parametrize(
    "resource",
    [
        {"resourceType": "CodeSystem"},
        {"resourceType": "CodeSystem", "url": "urn:s", "concept": [{"display": "no code"}]},
        {"resourceType": "ConceptMap", "url": "urn:m", "group": [{"target": "urn:t"}]},
        {"resourceType": "ValueSet", "url": "urn:v", "compose": {"include": ["x"]}},
    ],
)
def test_what_is_not_shaped_as_it_must_be_is_refused(resource: dict[str, object]) -> None:
    with pytest.raises(ContentFault, match=r"CodeSystem|ConceptMap|ValueSet"):
        read_resource(resource)


def test_other_resources_are_no_terminology() -> None:
    assert read_resource({"resourceType": "Patient"}) is None

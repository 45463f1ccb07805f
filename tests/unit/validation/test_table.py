"""What a profile asks of each element, by JSON path: as a mapping is checked against it."""

from pathlib import Path

import pytest

from interpayer.validation.packages import Package, read_package
from interpayer.validation.profiles import Profiles
from interpayer.validation.table import ElementRule
from tests.support.guide import a_library, a_profile, sliced


@pytest.fixture(scope="module")
def core(test_data: Path) -> Package:
    return read_package(next((test_data / "fhir-packages").glob("hl7.fhir.r4.core-*.tgz")))


@pytest.fixture
def profiles(core: Package, tmp_path: Path) -> Profiles:
    profile = a_profile(
        "Observation",
        {"id": "Observation.subject", "min": 1},
        {"id": "Observation.device", "max": "0"},
        {"id": "Observation.value[x]", "min": 1, "type": [{"code": "Quantity"}, {"code": "string"}]},
        sliced("Observation.category", ("value", "$this")),
        {"id": "Observation.category:lab", "min": 1, "max": "1"},
    )
    return Profiles(a_library(core, tmp_path, profile))


@pytest.mark.parametrize(
    ("path", "rule"),
    [
        ("status", ElementRule(1, 1, ("code",))),
        ("subject", ElementRule(1, 1, ("Reference",))),
        ("device", ElementRule(0, 0, ("Reference",))),
        ("value[x]", ElementRule(1, 1, ("Quantity", "string"))),
        ("valueQuantity", ElementRule(0, 1, ("Quantity",))),
        ("valueQuantity.value", ElementRule(0, 1, ("decimal",))),
        ("category", ElementRule(0, None, ("CodeableConcept",))),
        ("category:lab", ElementRule(1, 1, ("CodeableConcept",))),
        ("code.coding.system", ElementRule(0, 1, ("uri",))),
        ("component.code", ElementRule(1, 1, ("CodeableConcept",))),
        ("subject.identifier.assigner.identifier.value", ElementRule(0, 1, ("string",))),
        ("extension.valueCodeableConcept.coding.code", ElementRule(0, 1, ("code",))),
    ],
)
def test_the_rule_of_a_path(profiles: Profiles, path: str, rule: ElementRule) -> None:
    assert profiles.element_table("https://guide.example/StructureDefinition/observation")[path] == rule


def test_what_there_is_not(profiles: Profiles) -> None:
    table = profiles.element_table("https://guide.example/StructureDefinition/observation")
    for path in ("valueBoolean", "statuss", "status.code", "subject.nothing", "valueQuantity.system.x"):
        assert path not in table
    with pytest.raises(LookupError):
        profiles.element_table("https://nobody.example/profile")


def test_children_and_iteration(profiles: Profiles) -> None:
    table = profiles.element_table("Observation")
    assert {"status", "code", "valueQuantity", "value[x]"} <= set(table.children(""))
    assert set(table.children("referenceRange.low")) >= {"value", "unit", "system", "code"}
    assert table.children("status") == {}
    paths = list(table)
    assert len(paths) == len(table) == len(set(paths))
    assert "component.valueQuantity.value" in paths
    assert all(path in table for path in paths)

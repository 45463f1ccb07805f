"""Laws of the check: it never fails on anything, says the same cold and warm, and finds every element torn out."""

import copy
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from interpayer.validation.check import check
from interpayer.validation.packages import Library, read_package
from interpayer.validation.profiles import Profiles

QUICK = settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
ODD: tuple[Any, ...] = (
    None, True, 0, -1, 1.5, "", " ", "x", "2020-13-01", [], {}, [[]], [{}], [None], {"a": 1}, {"reference": 5},
    {"reference": "#x"}, {"coding": "x"}, {"coding": [None]}, {"extension": [{"url": 3}]}, 10**40, "\ud800",
    float("inf"),
)  # fmt: skip
EXAMPLES = (
    "carin-bb-2.0.0/ExplanationOfBenefit-EOBPharmacy1.json",
    "us-core-6.1.0/Patient-example.json",
    "us-core-6.1.0/Observation-blood-pressure.json",
    "pdex-2.0.0/Bundle-2000002.json",
)


@pytest.fixture(scope="module")
def library(test_data: Path) -> Library:
    names = ("r4.core-4", "us.core-6", "us.carin-bb-2.0.0", "us.davinci-pdex-2.0.0")
    return Library(read_package(next((test_data / "fhir-packages").glob(f"hl7.fhir.{name}*.tgz"))) for name in names)


@pytest.fixture(scope="module")
def profiles(library: Library) -> Profiles:
    return Profiles(library)


@pytest.fixture(scope="module")
def examples(test_data: Path) -> list[dict[str, Any]]:
    folder = test_data / "sample-data" / "fhir" / "ig-examples"
    return [json.loads((folder / name).read_text("utf-8")) for name in EXAMPLES]


def _places(node: Any, above: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    entries = node.items() if isinstance(node, dict) else enumerate(node) if isinstance(node, list) else ()
    for key, value in entries:
        yield (*above, key)
        yield from _places(value, (*above, key))


def _changed(resource: dict[str, Any], place: tuple[Any, ...], value: Any) -> dict[str, Any]:
    changed = copy.deepcopy(resource)
    holder: Any = changed
    for key in place[:-1]:
        holder = holder[key]
    holder[place[-1]] = copy.deepcopy(value)
    return changed


@QUICK
@given(choices=st.data())
def test_nothing_makes_it_fail(profiles: Profiles, examples: list[dict[str, Any]], choices: st.DataObject) -> None:
    resource = choices.draw(st.sampled_from(examples))
    place = choices.draw(st.sampled_from(list(_places(resource))))
    damaged = _changed(resource, place, choices.draw(st.sampled_from(ODD)))
    verdict = profiles.check(damaged)
    assert verdict.is_valid == (not any(issue.severity == "error" for issue in verdict.issues))
    assert all(issue.path and issue.rule and issue.text for issue in verdict.issues)
    assert isinstance(check(damaged), tuple)


@settings(QUICK, max_examples=25)
@given(choices=st.data())
def test_what_was_seen_before_changes_no_verdict(
    library: Library, profiles: Profiles, examples: list[dict[str, Any]], choices: st.DataObject
) -> None:
    """A verdict given at once, for a kind of resource that was sound before, is the verdict with all its reasons."""
    resource = choices.draw(st.sampled_from(examples[:3]))
    place = choices.draw(st.sampled_from(list(_places(resource))))
    damaged = _changed(resource, place, choices.draw(st.sampled_from(["x", [], 5, {"a": 1}])))
    assert profiles.check(resource).is_valid
    warm = profiles.check(damaged)
    cold = Profiles(library).check(damaged)
    assert (warm.is_valid, warm.issues, warm.checked_against) == (cold.is_valid, cold.issues, cold.checked_against)


@pytest.mark.parametrize(
    ("example", "element"),
    [(0, "status"), (0, "patient"), (0, "insurance"), (1, "name"), (1, "identifier"), (2, "category"), (2, "subject")],
)
def test_what_must_be_there_is_missed(
    profiles: Profiles, examples: list[dict[str, Any]], example: int, element: str
) -> None:
    sound = examples[example]
    torn = {key: value for key, value in sound.items() if key != element}
    kind = sound["resourceType"]
    assert profiles.check(sound).is_valid
    issues = profiles.check(torn).issues
    assert f"{kind}.{element}" in {issue.path for issue in issues if issue.code == "required"}

"""Records hold what their profiles require, claims also after their money is gone (C4BB Basis, PDex, US Core)."""

import json
import os
from collections import defaultdict
from collections.abc import Iterator
from copy import deepcopy
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from interpayer.simulation.feed import views as enrollments
from interpayer.simulation.history import member_records
from interpayer.simulation.payers import World
from interpayer.simulation.providers import organizations, practitioners

WORLD = World(7)
CHECKOUT = Path(__file__).resolve().parents[3]
BASIS = "C4BB-ExplanationOfBenefit-"
CLAIM = (
    "meta.lastUpdated meta.profile identifier.type identifier.value status type use patient billablePeriod.start "
    "created insurer provider outcome insurance.focal insurance.coverage item.productOrService"
)
# standards in words, so that something is checked where the machine-readable facts are not at hand
REQUIRED = {
    "us-core-patient": "identifier.system identifier.value name gender",
    "C4BB-Coverage": "meta.lastUpdated meta.profile status subscriberId beneficiary relationship payor",
    BASIS + "Inpatient-Institutional-Basis": CLAIM + " supportingInfo diagnosis.type item.revenue adjudication.reason",
    BASIS + "Outpatient-Institutional-Basis": CLAIM + " diagnosis.type item.servicedDate adjudication.reason",
    BASIS + "Professional-NonClinician-Basis": CLAIM + " diagnosis item.servicedDate item.locationCodeableConcept",
    BASIS + "Oral-Basis": CLAIM + " item.servicedDate item.locationCodeableConcept adjudication.reason",
    BASIS + "Pharmacy-Basis": CLAIM + " supportingInfo item.servicedDate adjudication.reason",
    "pdex-priorauthorization": "status type use patient created insurer provider outcome insurance.focal",
}


@cache
def _by_profile() -> dict[str, list[dict[str, Any]]]:
    """Every simulated record under each profile it claims."""
    found: dict[str, list[dict[str, Any]]] = defaultdict(list)
    for plan in WORLD.plans:
        records = [*organizations(WORLD, plan), *practitioners(WORLD)]
        for view in enrollments(WORLD, plan.id, 44):
            records += member_records(WORLD, view)
        for record in records:
            for profile in record["meta"]["profile"]:
                found[profile.rsplit("/", 1)[1].split("|")[0]].append(record)
    return found


def _without_money(record: dict[str, Any]) -> dict[str, Any]:
    """What is left when every amount is taken away, as the law wants it."""
    left = deepcopy(record)
    for name in ("total", "benefitBalance"):
        left.pop(name, None)
    left.get("payment", {}).pop("amount", None)
    for part in [left, *left.get("item", [])]:
        for name in ("net", "unitPrice"):
            part.pop(name, None)
        if "adjudication" in part:
            part["adjudication"] = [entry for entry in part["adjudication"] if "amount" not in entry]
    return left


def _at(value: object, path: list[str]) -> Iterator[object]:
    if isinstance(value, list):
        for child in value:
            yield from _at(child, path)
    elif not path:
        yield value
    elif isinstance(value, dict) and path[0] in value:
        yield from _at(value[path[0]], path[1:])


@pytest.mark.parametrize("profile", sorted(REQUIRED))
def test_required_elements_are_there(profile: str) -> None:
    records = _by_profile()[profile]
    assert records
    for record in records:
        for path in REQUIRED[profile].split():
            assert any(True for _ in _at(_without_money(record), path.split("."))), (record["id"], path)


# ---- the same by the facts of the StructureDefinitions, for every profile that a record claims


@cache
def _facts() -> dict[str, Any]:
    path = Path(os.environ.get("INTERPAYER_TEST_DATA") or CHECKOUT.parent / "shared") / "profiles.json"
    if not path.is_file():
        pytest.skip("profiles.json is not at hand (INTERPAYER_TEST_DATA)")
    facts: dict[str, Any] = json.loads(path.read_text())
    return facts


def _fits(value: object, pattern: object) -> bool:
    """FHIR pattern: everything of the pattern is in the value."""
    if isinstance(pattern, dict):
        return isinstance(value, dict) and all(_fits(value.get(key), part) for key, part in pattern.items())
    if isinstance(pattern, list):
        return isinstance(value, list) and all(any(_fits(item, part) for item in value) for part in pattern)
    return value == pattern


def _children(value: dict[str, Any], name: str) -> list[Any]:
    """The values of one element; `value[x]` finds `valueString` and its like."""
    if name.endswith("[x]"):
        stem = name[:-3]
        return [
            child for key, child in value.items() if key.startswith(stem) and key[len(stem) : len(stem) + 1].isupper()
        ]
    child = value.get(name, [])
    return child if isinstance(child, list) else [child]


def _instances(record: dict[str, Any], path: list[str], elements: dict[str, Any], prefix: str) -> list[Any]:
    """All values at a path of element ids; a slice is told by what is fixed in it, and [] if nothing is."""
    values: list[Any] = [record]
    for step in path:
        prefix += "." + step
        name, _, slice_name = step.partition(":")
        values = [child for value in values if isinstance(value, dict) for child in _children(value, name)]
        if slice_name and not name.endswith("[x]"):
            rules = {
                key[len(prefix) :].strip("."): element["fixed"]
                for key, element in elements.items()
                if (key == prefix or key.startswith(prefix + "."))
                and "fixed" in element
                and ":" not in key[len(prefix) :]
            }
            if not rules:
                return []
            values = [value for value in values if all(_holds(value, rule, fixed) for rule, fixed in rules.items())]
    return values


def _holds(value: object, path: str, fixed: object) -> bool:
    return any(_fits(found, fixed) for found in (_at(value, path.split(".")) if path else [value]))


def _faults(record: dict[str, Any], profile: dict[str, Any]) -> list[str]:
    """Paths whose least number is not reached, or that do not hold what is fixed, or that are prohibited."""
    elements = {element["path"]: element for element in profile["elements"]}
    kind, faults = profile["type"], []
    for path, element in elements.items():
        steps = path.split(".")[1:]
        for parent in _instances(record, steps[:-1], elements, kind):
            if not isinstance(parent, dict):
                continue
            inner = {key: value for key, value in elements.items() if key.startswith(path)}
            found = _instances(parent, steps[-1:], inner, path.rsplit(".", 1)[0])
            is_told_apart = ":" not in steps[-1] or bool(found) or any("fixed" in value for value in inner.values())
            if is_told_apart and len(found) < element["min"]:
                faults.append(f"{path}: {len(found)} < {element['min']}")
            if element["max"].isdigit() and len(found) > int(element["max"]):
                faults.append(f"{path}: {len(found)} > {element['max']}")
            if ":" not in path and "fixed" in element and not all(_fits(value, element["fixed"]) for value in found):
                faults.append(f"{path}: not as fixed")
    return faults


def _unbound(record: dict[str, Any], profile: dict[str, Any], codes: dict[str, Any]) -> list[str]:
    """Values outside a required value set that is known in full."""
    elements = {element["path"]: element for element in profile["elements"]}
    faults = []
    for path, element in elements.items():
        strength, _, value_set = element.get("binding", "").partition(" ")
        allowed = codes.get(value_set.split("|")[0])
        if strength != "required" or not allowed:
            continue
        for value in _instances(record, path.split(".")[1:], elements, profile["type"]):
            pairs = [(None, value)]
            if isinstance(value, dict):
                pairs = [(coding.get("system"), coding["code"]) for coding in value.get("coding", [value])]
            if not any(
                code in known and system in (None, name) for system, code in pairs for name, known in allowed.items()
            ):
                faults.append(f"{path}: {pairs}")
    return faults


def test_records_hold_what_their_profiles_require() -> None:
    facts = _facts()
    versions = {"us-core": "6.1.0"}
    checked = 0
    for profile in facts["profiles"]:
        if profile["id"].startswith("us-core") and profile["version"] != versions["us-core"]:
            continue
        for record in _by_profile().get(profile["id"], []):
            checked += 1
            forms = [record, _without_money(record)] if record.get("use") == "claim" else [record]
            for form in forms:
                assert _faults(form, profile) == [], (profile["id"], record["id"])
                assert _unbound(form, profile, facts["valueSetCodes"]) == [], (profile["id"], record["id"])
    assert checked > 1000


def test_the_check_can_find_something() -> None:
    facts = _facts()
    profile = next(profile for profile in facts["profiles"] if profile["id"] == BASIS + "Pharmacy-Basis")
    record = deepcopy(_by_profile()[BASIS + "Pharmacy-Basis"][0])
    record["supportingInfo"] = [entry for entry in record["supportingInfo"] if entry["sequence"] != 2]
    record["insurance"][0].pop("focal")
    record["use"] = "predetermination"
    assert _faults(record, profile) == [
        "ExplanationOfBenefit.use: not as fixed",
        "ExplanationOfBenefit.supportingInfo:dawcode: 0 < 1",
        "ExplanationOfBenefit.insurance.focal: 0 < 1",
    ]
    record["outcome"] = "fine"
    assert _unbound(record, profile, facts["valueSetCodes"]) != []


def test_every_claimed_profile_is_known() -> None:
    known = {profile["id"] for profile in _facts()["profiles"]}
    assert set(_by_profile()) - known <= {"us-core-blood-pressure"}

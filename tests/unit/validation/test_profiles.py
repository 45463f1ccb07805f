"""What a profile may ask, each on a small guide of its own: the defect is found at its place, and nothing else is."""

import copy
from collections.abc import Callable
from pathlib import Path
from typing import Any

import orjson
import pytest

from interpayer.validation.packages import Package, read_package
from interpayer.validation.profiles import Profiles
from tests.support.guide import BASE, TYPES, a_library, a_package, a_profile, a_value_set, sliced

Json = dict[str, Any]
Checked = Callable[..., list[tuple[str, str]]]
LOINC, LOCAL = "http://loinc.org", "https://guide.example/codes"
OBSERVATION: Json = {
    "resourceType": "Observation",
    "status": "final",
    "code": {"coding": [{"system": LOINC, "code": "85354-9"}]},
    "subject": {"reference": "Patient/1"},
    "component": [
        {"code": {"coding": [{"system": LOINC, "code": "8480-6"}]}, "valueQuantity": {"value": 120}},
        {"code": {"coding": [{"system": LOINC, "code": "8462-4"}]}, "valueQuantity": {"value": 80}},
    ],
}


@pytest.fixture(scope="session")
def core(test_data: Path) -> Package:
    return read_package(next((test_data / "fhir-packages").glob("hl7.fhir.r4.core-*.tgz")))


@pytest.fixture
def profiles(core: Package, tmp_path: Path) -> Callable[..., Profiles]:
    return lambda *definitions: Profiles(a_library(core, tmp_path, *definitions))


@pytest.fixture
def checked(profiles: Callable[..., Profiles]) -> Checked:
    """Rules broken by a resource under the first profile given, with where."""

    def check(resource: Json, *definitions: Json) -> list[tuple[str, str]]:
        asked = [definitions[0]["url"]] if definitions else None
        verdict = profiles(*definitions).check(resource, asked)
        assert verdict.is_valid == (not verdict.issues)
        return [(issue.rule, issue.path) for issue in verdict.issues]

    return check


def _with(resource: Json, **changes: Any) -> Json:
    changed = copy.deepcopy(resource) | changes
    return {key: value for key, value in changed.items() if value is not None}


def _parts(*parts: Json, rules: str = "open", by: tuple[str, str] = ("pattern", "code")) -> Json:
    return a_profile("Observation", sliced("Observation.component", by, rules=rules), *parts)


def _part(name: str, code: str, **more: Any) -> tuple[Json, Json]:
    at = f"Observation.component:{name}"
    pattern = {"coding": [{"system": LOINC, "code": code}]}
    return {"id": at, **more}, {"id": f"{at}.code", "patternCodeableConcept": pattern}


SYSTOLIC = _part("systolic", "8480-6", min=1, max="1")
DIASTOLIC = _part("diastolic", "8462-4", min=0, max="1")


@pytest.mark.parametrize(
    ("change", "broken"),
    [
        ({}, []),
        ({"status": None}, [("required", "Observation.status")]),
        ({"status": "done"}, [("binding", "Observation.status")]),
        ({"satus": "final"}, [("unknown", "Observation.satus")]),
        ({"issued": "2020-02-31T00:00:00Z"}, [("format", "Observation.issued")]),
        (
            {"effectiveDateTime": "2020", "effectiveInstant": "2020-01-01T00:00:00Z"},
            [("choice", "Observation.effective")],
        ),
        ({"category": []}, [("min", "Observation.category")]),
        ({"category": {"text": "x"}}, [("type", "Observation.category")]),
        ({"category": [{}]}, [("empty", "Observation.category[0]")]),
        ({"category": [{"id": "x"}]}, [("ele-1", "Observation.category[0]")]),
        ({"subject": {"reference": "Medication/1"}}, [("reference.target", "Observation.subject")]),
        (
            {"subject": {"reference": "https://a.example/fhir/Medication/1"}},
            [("reference.target", "Observation.subject")],
        ),
        ({"subject": {"reference": "https://a.example/some/page"}}, []),
        ({"subject": {"reference": "urn:uuid:c757873d-ec9a-4326-a141-556f43239520"}}, []),
        ({"subject": {"display": "somebody"}}, []),
        ({"subject": {"reference": "#p"}}, [("ref-1", "Observation.subject")]),
        ({"subject": {"reference": "#p"}, "contained": [{"resourceType": "Patient", "id": "p"}]}, []),
        (
            {"subject": {"reference": "#p"}, "contained": [{"resourceType": "Patient", "id": "p", "gender": "m"}]},
            [("binding", "Observation.contained[0].gender")],
        ),
        (
            {"subject": {"reference": "#p"}, "contained": [{"resourceType": "Medication", "id": "p"}]},
            [("reference.target", "Observation.subject")],
        ),
        (
            {"hasMember": [{"reference": "#q"}], "contained": [{"resourceType": "Patient", "id": "p"}]},
            [("dom-3", "Observation"), ("ref-1", "Observation.hasMember[0]")],
        ),
        ({"valueQuantity": {"value": 1, "code": "mg"}}, [("qty-3", "Observation.value")]),
        ({"extension": [{"url": "https://a.example/x"}]}, [("ext-1", "Observation.extension[0]")]),
        (
            {"extension": [{"url": "https://a.example/x", "valueString": "a", "valueCode": "a"}]},
            [("ext-1", "Observation.extension[0]")],
        ),
        ({"extension": [{"url": "https://a.example/x", "id": "1", "valueString": "a"}]}, []),
        ({"_status": {"id": "s"}}, []),
        ({"status": None, "_status": {"extension": [{"url": "https://a.example/x", "valueCode": "a"}]}}, []),
        ({"status": None, "_status": {"id": "s"}}, [("ele-1", "Observation.status")]),
        ({"effectivePeriod": {"start": "2021", "end": "2020"}}, [("per-1", "Observation.effective")]),
    ],
)  # fmt: skip
def test_the_type_itself(checked: Checked, change: Json, broken: list[tuple[str, str]]) -> None:
    assert checked(_with(OBSERVATION, **change)) == broken


@pytest.mark.parametrize("given", [["a", None], ["a", "b"]])
def test_an_entry_without_value_needs_extensions_beside(checked: Checked, given: list[str | None]) -> None:
    empty = {"url": "https://a.example/x", "valueCode": "unknown"}
    patient = {"resourceType": "Patient", "name": [{"given": given}]}
    broken = [] if None not in given else [("null", "Patient.name[0].given")]
    assert checked(patient) == broken
    patient["name"][0]["_given"] = [{"id": "g"}, {"extension": [empty]}]  # type: ignore[index]
    assert checked(patient) == []
    patient["name"][0]["_given"] = [None, {"id": "g"}]  # type: ignore[index]
    assert checked(patient) == ([] if None not in given else [("ele-1", "Patient.name[0].given[1]")])


@pytest.mark.parametrize(
    ("element", "change", "broken"),
    [
        ({"id": "Observation.subject", "min": 1}, {"subject": None}, [("required", "Observation.subject")]),
        ({"id": "Observation.subject", "max": "0"}, {}, [("max", "Observation.subject")]),
        ({"id": "Observation.component", "max": "1"}, {}, [("max", "Observation.component")]),
        ({"id": "Observation.component", "min": 3}, {}, [("min", "Observation.component")]),
        ({"id": "Observation.status", "fixedCode": "amended"}, {}, [("fixed", "Observation.status")]),
        (
            {"id": "Observation.code", "patternCodeableConcept": {"coding": [{"code": "other"}]}},
            {},
            [("pattern", "Observation.code")],
        ),
        (
            {"id": "Observation.value[x]", "type": [{"code": "string"}]},
            {"valueQuantity": {"value": 1}},
            [("max", "Observation.value")],
        ),
        ({"id": "Observation.value[x]", "min": 1}, {}, [("required", "Observation.value")]),
        (
            {"id": "Observation.subject", "type": [{"code": "Reference", "targetProfile": [TYPES + "Group"]}]},
            {},
            [("reference.target", "Observation.subject")],
        ),
        (
            {"id": "Observation.code", "binding": {"strength": "required", "valueSet": "https://guide.example/ValueSet/v"}},
            {"code": {"coding": [{"system": LOCAL, "code": "z"}]}},
            [("binding", "Observation.code")],
        ),
        (
            {"id": "Observation.code", "binding": {"strength": "required", "valueSet": "https://guide.example/ValueSet/v"}},
            {"code": {"text": "words only"}},
            [("binding", "Observation.code")],
        ),
        (
            {"id": "Observation.code", "constraint": [
                {"key": "own-1", "severity": "error", "human": "needs a text", "expression": "text.exists()"}]},
            {},
            [("own-1", "Observation.code")],
        ),
        ({"id": "Observation.component.value[x]", "min": 1}, {"component": [{"code": {"text": "x"}}]},
         [("required", "Observation.component[0].value")]),
    ],
)  # fmt: skip
def test_what_a_profile_adds(checked: Checked, element: Json, change: Json, broken: list[tuple[str, str]]) -> None:
    profile = a_profile("Observation", element)
    assert checked(_with(OBSERVATION, **change), profile, a_value_set("v", LOCAL, "a")) == broken
    assert checked(_with(OBSERVATION, **change)) == []


def test_slices_by_pattern_are_counted_and_looked_into(checked: Checked) -> None:
    quantity = {"id": "Observation.component:systolic.value[x]", "min": 1, "type": [{"code": "Quantity"}]}
    profile = _parts(*SYSTOLIC, quantity, *DIASTOLIC)
    first, second = OBSERVATION["component"]
    assert checked(OBSERVATION, profile) == []
    assert checked(_with(OBSERVATION, component=[second]), profile) == [("slice.min", "Observation.component")]
    assert checked(_with(OBSERVATION, component=[first, first]), profile) == [("slice.max", "Observation.component")]
    words = {**first, "valueQuantity": None, "valueString": "high"}
    words = {key: value for key, value in words.items() if value is not None}
    broken = [("max", "Observation.component[1].value"), ("required", "Observation.component[1].value")]
    assert sorted(checked(_with(OBSERVATION, component=[second, words]), profile)) == broken


def test_closed_slices_let_nothing_else_in(checked: Checked) -> None:
    other = {"code": {"coding": [{"system": LOINC, "code": "8867-4"}]}}
    with_other = _with(OBSERVATION, component=[*OBSERVATION["component"], other])
    assert checked(with_other, _parts(*SYSTOLIC, *DIASTOLIC)) == []
    closed = _parts(*SYSTOLIC, *DIASTOLIC, rules="closed")
    assert checked(with_other, closed) == [("slice.closed", "Observation.component[2]")]


def test_slices_of_slices_are_recognized_by_both(checked: Checked) -> None:
    at = "Observation.component:systolic"
    standing = {"coding": [{"system": LOCAL, "code": "standing"}]}
    profile = _parts(
        {"id": at, "slicing": {"discriminator": [{"type": "pattern", "path": "interpretation"}], "rules": "open"}},
        SYSTOLIC[1],
        {"id": f"{at}/standing", "min": 1, "max": "1"},
        {"id": f"{at}/standing.interpretation", "min": 1, "patternCodeableConcept": standing},
    )
    first, second = OBSERVATION["component"]
    assert checked(OBSERVATION, profile) == [("slice.min", "Observation.component")]
    # A diastolic pressure taken standing is of no slice.
    wrong = _with(OBSERVATION, component=[first, {**second, "interpretation": [standing]}])
    assert checked(wrong, profile) == [("slice.min", "Observation.component")]
    right = _with(OBSERVATION, component=[{**first, "interpretation": [standing]}, second])
    assert checked(right, profile) == []


def test_slices_by_value_in_a_coding(checked: Checked) -> None:
    profile = a_profile(
        "Observation",
        sliced("Observation.code.coding", ("value", "system")),
        {"id": "Observation.code.coding:local", "min": 1, "max": "1"},
        {"id": "Observation.code.coding:local.system", "min": 1, "fixedUri": LOCAL},
    )
    assert checked(OBSERVATION, profile) == [("slice.min", "Observation.code.coding")]
    local = {"coding": [{"system": LOINC, "code": "1"}, {"system": LOCAL, "code": "2"}]}
    assert checked(_with(OBSERVATION, code=local), profile) == []


def test_slices_by_a_binding(checked: Checked) -> None:
    binding = {"strength": "required", "valueSet": "https://guide.example/ValueSet/v"}
    profile = a_profile(
        "Observation",
        sliced("Observation.category", ("value", "$this")),
        {"id": "Observation.category:own", "min": 1, "binding": binding},
    )
    allowed = a_value_set("v", LOCAL, "a", "b")
    assert checked(OBSERVATION, profile, allowed) == []
    mine = _with(OBSERVATION, category=[{"coding": [{"system": LOCAL, "code": "b"}]}])
    assert checked(mine, profile, allowed) == []
    other = _with(OBSERVATION, category=[{"coding": [{"system": LOCAL, "code": "c"}]}])
    assert checked(other, profile, allowed) == [("slice.min", "Observation.category")]


def test_slices_by_existence(checked: Checked) -> None:
    profile = _parts(
        {"id": "Observation.component:absent", "max": "0"},
        {"id": "Observation.component:absent.dataAbsentReason", "min": 1},
        by=("exists", "dataAbsentReason"),
    )
    assert checked(OBSERVATION, profile) == []
    absent = {"code": {"text": "x"}, "dataAbsentReason": {"text": "not asked"}}
    assert checked(_with(OBSERVATION, component=[absent]), profile) == [("slice.max", "Observation.component")]


def test_slices_by_the_type_of_a_resource_and_of_what_is_referred_to(checked: Checked) -> None:
    bundle = {"resourceType": "Bundle", "type": "collection", "entry": [{"resource": OBSERVATION}]}
    by_type = a_profile(
        "Bundle",
        sliced("Bundle.entry", ("type", "resource")),
        {"id": "Bundle.entry:patient", "min": 1},
        {"id": "Bundle.entry:patient.resource", "min": 1, "type": [{"code": "Patient"}]},
    )
    assert checked(bundle, by_type) == [("slice.min", "Bundle.entry")]
    bundle["entry"].append({"resource": {"resourceType": "Patient"}})  # type: ignore[attr-defined]
    assert checked(bundle, by_type) == []
    by_target = a_profile(
        "Observation",
        sliced("Observation.performer", ("type", "resolve()")),
        {"id": "Observation.performer:lab", "min": 1,
         "type": [{"code": "Reference", "targetProfile": [TYPES + "Organization"]}]},
    )  # fmt: skip
    by_person = _with(OBSERVATION, performer=[{"reference": "Practitioner/1"}])
    assert checked(by_person, by_target) == [("slice.min", "Observation.performer")]
    assert checked(_with(OBSERVATION, performer=[{"reference": "Organization/1"}]), by_target) == []


def test_entries_of_a_bundle_have_their_own_contained_resources(checked: Checked) -> None:
    inner = {"resourceType": "Patient", "id": "p"}
    sound = _with(OBSERVATION, subject={"reference": "#p"}, contained=[inner])
    lost = _with(OBSERVATION, subject={"reference": "#p"})
    entries = [{"fullUrl": f"urn:uuid:c757873d-ec9a-4326-a141-556f4323952{n}", "resource": one}
               for n, one in enumerate([sound, lost])]  # fmt: skip
    bundle = {"resourceType": "Bundle", "type": "collection", "entry": entries}
    assert checked(bundle) == [("ref-1", "Bundle.entry[1].resource.subject")]


def test_a_choice_is_narrowed_by_the_slice_of_its_type(checked: Checked) -> None:
    profile = a_profile(
        "Observation",
        sliced("Observation.value[x]", ("type", "$this")),
        {"id": "Observation.value[x]:valueQuantity", "min": 1, "type": [{"code": "Quantity"}]},
        {"id": "Observation.value[x]:valueQuantity.unit", "min": 1},
    )
    assert checked(OBSERVATION, profile) == [("required", "Observation.value")]
    bare = _with(OBSERVATION, valueQuantity={"value": 1})
    assert checked(bare, profile) == [("required", "Observation.value.unit")]
    assert checked(_with(OBSERVATION, valueQuantity={"value": 1, "unit": "mg"}), profile) == []


def test_an_extension_is_what_its_definition_says_wherever_it_stands(checked: Checked) -> None:
    url = BASE + "color"
    extension = a_profile(
        "Extension",
        {"id": "Extension.url", "fixedUri": url},
        {"id": "Extension.value[x]", "min": 1, "type": [{"code": "Coding"}]},
        name="color",
    )
    anything = a_profile("Observation", name="anything")
    right = _with(OBSERVATION, extension=[{"url": url, "valueCoding": {"code": "red"}}])
    assert checked(right, anything, extension) == []
    wrong = _with(OBSERVATION, bodySite={"extension": [{"url": url, "valueString": "red"}], "text": "arm"})
    broken = [
        ("max", "Observation.bodySite.extension[0].value"),
        ("required", "Observation.bodySite.extension[0].value"),
    ]
    assert sorted(checked(wrong, anything, extension)) == broken


def test_a_profile_of_a_profile_asks_for_both(checked: Checked) -> None:
    first = a_profile("Observation", {"id": "Observation.subject", "min": 1}, name="first")
    second = a_profile("Observation", {"id": "Observation.issued", "min": 1}, name="second", base=BASE + "first")
    broken = [("required", "Observation.issued"), ("required", "Observation.subject")]
    assert sorted(checked(_with(OBSERVATION, subject=None), second, first)) == broken


def test_what_cannot_be_evaluated_is_said(profiles: Callable[..., Profiles]) -> None:
    binding = {"strength": "required", "valueSet": "https://licensed.example/ValueSet/v"}
    profile = a_profile(
        "Observation",
        {"id": "Observation.code", "binding": binding},
        sliced("Observation.category", ("value", "text")),
        {"id": "Observation.category:odd", "min": 1},
        {"id": "Observation.method", "constraint": [
            {"key": "odd-1", "severity": "error", "human": "x", "expression": "frobnicate()"}]},
    )  # fmt: skip
    verdict = profiles(profile).check(OBSERVATION, [profile["url"]])
    said = " ".join(verdict.not_evaluated)
    assert verdict.is_valid
    for word in ("https://licensed.example/ValueSet/v", "slice Observation.category:odd", "odd-1"):
        assert word in said


def test_claims_are_checked_and_unknown_ones_are_named(profiles: Callable[..., Profiles]) -> None:
    profile = a_profile("Observation", {"id": "Observation.issued", "min": 1})
    engine = profiles(profile)
    unknown = "https://nobody.example/profile"
    claim = _with(OBSERVATION, meta={"profile": [profile["url"], unknown]})
    verdict = engine.check(claim)
    assert [issue.rule for issue in verdict.issues] == ["required"]
    assert verdict.profile == f"{profile['url']} {unknown}"
    assert any(unknown in note for note in verdict.not_evaluated)
    # Who asks for an unknown profile gets no false yes.
    asked = engine.check(OBSERVATION, [unknown])
    assert [(issue.rule, issue.code) for issue in asked.issues] == [("profile.unknown", "not-found")]
    other = engine.check({"resourceType": "Patient"}, [profile["url"]])
    assert [issue.rule for issue in other.issues] == ["profile"]


@pytest.mark.parametrize(
    "resource", [{}, {"resourceType": "Observations"}, {"resourceType": ["x"]}, {"resourceType": 1}]
)
def test_what_is_no_resource_is_not_valid(profiles: Callable[..., Profiles], resource: Json) -> None:
    verdict = profiles().check(resource)
    assert [issue.rule for issue in verdict.issues] == ["type"]


def test_decimals_kept_as_digits_are_numbers(checked: Checked) -> None:
    quantity = {"value": orjson.Fragment(b"72.50"), "unit": "kg"}
    assert checked(_with(OBSERVATION, valueQuantity=quantity)) == []
    assert checked(_with(OBSERVATION, valueQuantity={**quantity, "unit": 1})) == [("type", "Observation.value.unit")]


def test_no_value_of_the_resource_is_in_the_words(profiles: Callable[..., Profiles]) -> None:
    name = "Featherstonehaugh"
    wrong: Json = {
        "resourceType": "Patient",
        "gender": name,
        "birthDate": name,
        "active": name,
        "link": [{"type": name}],
    }
    verdict = profiles().check(wrong)
    assert len(verdict.issues) >= 5
    assert name not in str(verdict)


def test_a_claim_without_version_is_met_by_any_version(core: Package, tmp_path: Path) -> None:
    loose, strict = a_profile("Observation"), a_profile("Observation", {"id": "Observation.issued", "min": 1})
    from_files = [read_package(a_package(tmp_path, one, version=v)) for one, v in ((loose, "1.0.0"), (strict, "2.0.0"))]
    engine = Profiles(a_library(core, tmp_path).__class__([core, *from_files]))
    url = loose["url"]
    verdicts = [
        engine.check(_with(OBSERVATION, meta={"profile": [claim]})) for claim in (url, f"{url}|1.0.0", f"{url}|2.0.0")
    ]
    assert [one.is_valid for one in verdicts] == [True, True, False]
    assert [issue.rule for issue in verdicts[0].issues] == ["profile.version"]
    assert not engine.check(OBSERVATION, [url]).is_valid

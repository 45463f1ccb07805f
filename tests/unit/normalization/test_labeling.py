"""Which labels a resource gets, and which not; what senders said; what is said onward; a plan's own sets."""

from collections.abc import Mapping
from datetime import date
from pathlib import Path
from typing import Any

import orjson
import pytest

from interpayer.normalization.labeling.applying import labeled
from interpayer.normalization.labeling.finding import findings, labels_of, minors_own
from interpayer.normalization.labeling.security import labeled_meta, told_of
from interpayer.normalization.labeling.sets import default_sets, load_sets

SETS = default_sets()
ICD10, ICD9 = "http://hl7.org/fhir/sid/icd-10-cm", "http://hl7.org/fhir/sid/icd-9-cm"
SNOMED, LOINC = "http://snomed.info/sct", "http://loinc.org"
HCPCS = "https://www.cms.gov/Medicare/Coding/HCPCSReleaseCodeSets"
CONFIDENTIALITY = "http://terminology.hl7.org/CodeSystem/v3-Confidentiality"
ACT = "http://terminology.hl7.org/CodeSystem/v3-ActCode"


def coded(code: str, system: str | None = ICD10, kind: str = "Condition", **more: Any) -> dict[str, Any]:
    """A resource with this code."""
    coding = {"code": code} | ({"system": system} if system else {})
    return {"resourceType": kind, "id": "r", "code": {"coding": [coding]}, **more}


def found(resource: Mapping[str, Any]) -> set[str]:
    return set(labels_of(resource, orjson.dumps(resource), SETS))


@pytest.mark.parametrize(
    ("code", "system", "category"),
    [
        ("F10.20", ICD10, "substance_use"),
        ("F1020", ICD10, "substance_use"),
        ("f11.20", ICD10, "substance_use"),
        ("303.91", ICD9, "substance_use"),
        ("94.45", ICD9, "substance_use"),
        ("HZ2ZZZZ", "http://www.cms.gov/Medicare/Coding/ICD10", "substance_use"),
        ("H0015", HCPCS, "substance_use"),
        ("99408", "http://www.ama-assn.org/go/cpt", "substance_use"),
        ("906", "https://www.nubc.org/CodeSystem/RevenueCodes", "substance_use"),
        ("12496-1208-03", "http://hl7.org/fhir/sid/ndc", "substance_use"),
        ("F32.9", ICD10, "mental_health"),
        ("44261-6", LOINC, "mental_health"),
        ("370143000", SNOMED, "mental_health"),
        ("O04.5", ICD10, "reproductive"),
        ("Z30.011", ICD10, "reproductive"),
        ("A54.9", ICD10, "sexual_health"),
        ("B20", ICD10, "hiv"),
        ("86701", "http://www.ama-assn.org/go/cpt", "hiv"),
        ("T74.11XA", ICD10, "violence"),
        ("81162", "http://www.ama-assn.org/go/cpt", "genetic"),
        ("F10.20", None, "substance_use"),
        ("F10.20", "https://plan.example/own-diagnoses", "substance_use"),
    ],
)
def test_codes_that_are_sensitive(code: str, system: str | None, category: str) -> None:
    assert category in found(coded(code, system))


@pytest.mark.parametrize(
    ("code", "system"),
    [
        ("E11.9", ICD10),
        ("F17.210", ICD10),
        ("F03.90", ICD10),
        # a burn of the hand, which has the digits of a procedure of drug counseling
        ("944.5", ICD9),
        # a place of service or a type of bill is no DRG, a local code of three digits no diagnosis
        ("896", "https://plan.example/reasons"),
        ("55", "https://plan.example/rooms"),
        ("F10.20", SNOMED),
        ("H0015", LOINC),
        ("305.1", ICD9),
    ],
)
def test_codes_that_are_not(code: str, system: str) -> None:
    assert found(coded(code, system)) == set()


@pytest.mark.parametrize(
    ("text", "labels"),
    [
        ("Alcohol use disorder, severe", {"substance_use"}),
        ("HIV-1 RNA", {"hiv"}),
        ("Shivering; archived; chives", set()),
        ("Recurrent DEPRESSIVE disorder", {"mental_health"}),
        ("Pregnancy test", {"reproductive"}),
        ("A grape", set()),
        ("Rape kit collected", {"violence"}),
    ],
)
def test_words_of_people(text: str, labels: set[str]) -> None:
    assert found({"resourceType": "Condition", "id": "r", "code": {"text": text}}) == labels
    assert found({"resourceType": "Condition", "id": "r", "note": [{"text": text}]}) == labels


def test_names_and_coverages_are_no_words_of_medicine() -> None:
    assert found({"resourceType": "Patient", "id": "p", "name": [{"text": "Rape, John"}]}) == set()
    assert found({"resourceType": "Practitioner", "id": "p", "name": [{"text": "Dr. Rape"}]}) == set()
    assert found({"resourceType": "Organization", "id": "o", "name": "Center for Psychiatry"}) == {"mental_health"}


def test_pages_that_nobody_reads_are_not_known_to_be_harmless() -> None:
    pages = {"resourceType": "DocumentReference", "id": "d", "content": [{"attachment": {"data": "AAAA"}}]}
    report = {"resourceType": "DiagnosticReport", "id": "d", "presentedForm": [{"url": "Binary/1"}]}
    assert found(pages) == found(report) == {"unstructured"}
    assert found({"resourceType": "DiagnosticReport", "id": "d"}) == set()


@pytest.mark.parametrize(
    ("codings", "labels"),
    [
        ([{"system": CONFIDENTIALITY, "code": "N"}], set()),
        ([{"system": CONFIDENTIALITY, "code": "R"}], {"restricted"}),
        ([{"code": "v"}], {"restricted"}),
        ([{"system": CONFIDENTIALITY, "code": "R"}, {"system": ACT, "code": "ETH"}], {"substance_use"}),
        ([{"system": ACT, "code": "42CFRPart2"}], {"substance_use"}),
        ([{"system": ACT, "code": "BH"}], {"substance_use", "mental_health"}),
        ([{"system": ACT, "code": "PSYTHPN"}], {"psychotherapy_notes"}),
        ([{"system": ACT, "code": "NORDSCLCD"}], {"restricted"}),
        ([{"system": "http://terminology.hl7.org/CodeSystem/v3-ActReason", "code": "HTEST"}], set()),
        ("no list", set()),
        ([None, "R", {"code": 5}], set()),
    ],
)
def test_what_a_sender_said(codings: Any, labels: set[str]) -> None:
    assert told_of({"security": codings}) == labels


def test_labels_are_said_onward_once_and_nothing_of_the_senders_is_lost() -> None:
    theirs = {"security": [{"system": ACT, "code": "ETH"}, {"system": "urn:theirs", "code": "x"}], "profile": ["p"]}
    said = labeled_meta(theirs, {"substance_use"})
    codes = [coding["code"] for coding in said["security"]]
    assert codes == ["ETH", "x", "R", "SUD", "42CFRPart2"] and said["profile"] == ["p"]
    assert labeled_meta(said, {"substance_use"}) == said
    normal = {"security": [{"system": CONFIDENTIALITY, "code": "N"}]}
    assert [c["code"] for c in labeled_meta(normal, {"hiv"})["security"]] == ["R", "HIV"]
    assert labeled_meta({}, {"unstructured"}) == {} and told_of(said) == {"substance_use"}


def test_the_given_resource_is_not_changed_and_the_bytes_say_the_labels() -> None:
    resource = coded("B20")
    result = labeled(resource, SETS, served_on=[date(2026, 1, 1)], born_on=lambda: None)
    assert "meta" not in resource and result.labels == {"hiv"} and result.body
    assert [c["code"] for c in orjson.loads(result.body)["meta"]["security"]] == ["R", "HIV"]
    plain = labeled(coded("E11.9"), SETS, served_on=[], born_on=_never_asked)
    assert plain.body == orjson.dumps(coded("E11.9")) and plain.labels == frozenset()


def _never_asked() -> date | None:
    raise AssertionError("nobody's age matters here")


def test_notes_of_a_session_never_leave() -> None:
    note = {"resourceType": "DocumentReference", "id": "d", "description": "Psychotherapy note"}
    result = labeled(note, SETS, served_on=[], born_on=lambda: None)
    assert result.body is None and "psychotherapy_notes" in result.labels


@pytest.mark.parametrize(
    ("labels", "day", "is_own"),
    [
        ({"hiv"}, date(2022, 3, 13), False),
        ({"hiv"}, date(2022, 3, 14), True),
        ({"hiv"}, date(2028, 3, 13), True),
        ({"hiv"}, date(2028, 3, 14), False),
        ({"reproductive"}, date(2012, 1, 1), True),
        ({"genetic"}, date(2025, 1, 1), False),
        (set(), date(2025, 1, 1), False),
        ({"unstructured"}, date(2025, 1, 1), True),
    ],
)
def test_what_a_minor_may_have_sought_alone(labels: set[str], day: date, is_own: bool) -> None:
    assert minors_own(frozenset(labels), SETS, served_on=day, born_on=date(2010, 3, 14)) is is_own
    assert not minors_own(frozenset(labels), SETS, served_on=day, born_on=None)


def test_a_plans_own_folder_adds_and_replaces(tmp_path: Path) -> None:
    own = 'format: 1\nkind: set\nversion: "1"\ncategory: plan_vip\ncodes: {icd-10-cm: ["E11*"]}\n'
    (tmp_path / "vip.yaml").write_text(own)
    (tmp_path / "hiv.yaml").write_text('format: 1\nkind: set\nversion: "1"\ncategory: hiv\ncodes: {icd-10-cm: [B21]}\n')
    sets = load_sets(tmp_path)
    assert sets.version != SETS.version and "plan_vip" in sets.categories
    for code, wanted in (("E11.9", {"plan_vip"}), ("B20", set()), ("B21", {"hiv"}), ("F10.1", {"substance_use"})):
        resource = coded(code)
        assert labels_of(resource, orjson.dumps(resource), sets) == wanted
    said = labeled_meta({}, {"plan_vip"})
    assert [coding["code"] for coding in said["security"]] == ["R"]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("a: [", "no YAML"),
        ("format: 2\nkind: set", "format 1"),
        ("format: 1\nkind: set\ncategory: x", "version"),
        ("format: 1\nkind: set\nversion: a\ncategory: Bad Name", "category"),
        ("format: 1\nkind: set\nversion: a\ncategory: x\ncodez: {}", "codez"),
        ("format: 1\nkind: set\nversion: a\ncategory: x\ncodes: {icd-11: [A]}", "icd-11"),
        ('format: 1\nkind: set\nversion: a\ncategory: x\ncodes: {hcpcs: ["*"]}', "every code"),
        ("format: 1\nkind: set\nversion: a\ncategory: x\ncodes: {hcpcs: [H0005..H15]}", "no range"),
        ("format: 1\nkind: set\nversion: a\ncategory: x\nwords: [it]", "too short"),
    ],
)
def test_a_set_that_does_not_hold_is_named(tmp_path: Path, text: str, words: str) -> None:
    (tmp_path / "mine.yaml").write_text(text)
    with pytest.raises(ValueError, match=r"mine\.yaml") as raised:
        load_sets(tmp_path)
    assert words in str(raised.value)


def test_why_names_the_file_and_the_code_or_word() -> None:
    resource = coded("F10.20", note=[{"text": "alcohol dependence"}], meta={"security": [{"code": "HIV"}]})
    told = {(one.category, one.by, one.what) for one in findings(resource, orjson.dumps(resource), SETS)}
    assert told == {
        ("hiv", "meta.security", "its sender said so"),
        ("substance_use", "substance-use.yaml", "code F10.20 (icd-10-cm)"),
        ("substance_use", "substance-use.yaml", "word 'alcohol dependence'"),
    }


def test_every_category_of_the_built_in_sets_is_a_word_of_ours_with_a_file() -> None:
    assert {"substance_use", "mental_health", "reproductive", "hiv"} <= SETS.categories
    assert set(SETS.minor_from) <= SETS.categories | {"restricted", "unstructured"}

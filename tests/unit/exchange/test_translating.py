"""Codes get company, and none is lost."""

from copy import deepcopy
from pathlib import Path
from typing import Any

import orjson

from interpayer.adapters.base import Found
from interpayer.adapters.declaration import parse_declaration
from interpayer.exchange.sources.refining import Checked, Refinery
from interpayer.exchange.sources.translating import Translator
from interpayer.terminology.translate import Code, CodeMap

LAB, LOINC = "urn:lab", "http://loinc.org"
MAP = CodeMap("urn:map", "1", {Code(LAB, "GLU"): ((Code(LOINC, "2345-7"), "equivalent"),), Code(LAB, "OLD"): ()})
GLUCOSE = {"coding": [{"system": LAB, "code": "GLU"}], "text": "Sugar"}


def _observation(code: dict[str, Any]) -> dict[str, Any]:
    component = [{"code": deepcopy(GLUCOSE), "valueString": "x"}, {"code": {"text": "no code"}}]
    return {"resourceType": "Observation", "id": "1", "code": code, "component": component, "note": [{"text": "GLU"}]}


def test_every_concept_is_translated_wherever_it_stands() -> None:
    resource = _observation(deepcopy(GLUCOSE))
    before = deepcopy(resource)
    translated, unmapped = Translator((MAP,))(resource)
    both = [{"system": LAB, "code": "GLU"}, {"system": LOINC, "code": "2345-7"}]
    assert translated["code"] == {"coding": both, "text": "Sugar"}
    assert [one["code"].get("coding") for one in translated["component"]] == [both, None]
    assert resource == before
    assert unmapped == []
    assert Translator((MAP,))(translated)[0] is translated


def test_a_code_without_a_target_is_named_and_stays() -> None:
    resource = {"resourceType": "Observation", "code": {"coding": [{"system": LAB, "code": "XYZ"}]}}
    translated, unmapped = Translator((MAP,))(resource)
    assert translated is resource
    assert unmapped == ["urn:map: XYZ"]


def test_other_systems_are_nobody_s_business() -> None:
    resource = {"resourceType": "Observation", "code": {"coding": [{"system": LOINC, "code": "1-8"}]}}
    assert Translator((MAP,))(resource) == (resource, [])


def test_maps_follow_each_other() -> None:
    second = CodeMap("urn:second", "1", {Code(LOINC, "2345-7"): ((Code("urn:group", "sugar"), "wider"),)})
    translated, _ = Translator((MAP, second))({"resourceType": "Observation", "code": deepcopy(GLUCOSE)})
    assert [coding["code"] for coding in translated["code"]["coding"]] == ["GLU", "2345-7", "sugar"]


def test_a_refinery_translates_what_comes_as_fhir_and_keeps_the_bytes_of_the_rest(tmp_path: Path) -> None:
    declared = parse_declaration(b"source: s\nkind: fhir_files\nwhere: {path: x}\n", folder=tmp_path, file="S.yaml")
    refinery = Refinery(declared, lambda entity: (), lambda resource, raw: Checked(), Translator((MAP,)))
    for code, kept_as_it_was in ((GLUCOSE, False), ({"text": "Sugar"}, True)):
        raw = b" " + orjson.dumps({"resourceType": "Observation", "id": "1", "code": code})
        refined = refinery.refine(Found("Observation", orjson.loads(raw), raw, "f", 1))
        (kept,) = refined.kept
        assert (kept.raw == raw) is kept_as_it_was
        assert orjson.loads(kept.raw) == kept.resource

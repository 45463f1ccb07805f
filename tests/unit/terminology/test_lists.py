import io
from datetime import date

import pytest

from interpayer.terminology.content import CodeSystem, Concept, ConceptMap, ContentFault, Inclusion, ValueSet
from interpayer.terminology.lists import ListSpec, read_list

SYSTEM = ListSpec("code_system", "urn:s", "1")


def _read(text: str, spec: ListSpec) -> object:
    return read_list(io.StringIO(text), spec, name="list.csv")


def test_a_list_of_codes_is_read_by_its_header() -> None:
    found = _read('Code,Display,valid_from,active\na,"Alpha, first",2020-01-01,Y\n\nb,Beta,,N\n', SYSTEM)
    assert isinstance(found, CodeSystem)
    assert found.concepts == (Concept("a", "Alpha, first", date(2020, 1, 1)), Concept("b", "Beta", is_active=False))


def test_columns_may_be_named_or_numbered() -> None:
    named = ListSpec("code_system", "urn:s", columns=(("code", "NUM"), ("display", "LONG NAME")))
    assert _read("OTHER,NUM,LONG NAME\nx,1-8,Acyclovir\n", named).concepts == (Concept("1-8", "Acyclovir"),)  # type: ignore[attr-defined]
    numbered = ListSpec("code_system", "urn:s", delimiter="|", columns=(("code", "1"), ("display", "3")))
    assert _read('03|MMR|meas"les\n', numbered).concepts == (Concept("03", 'meas"les'),)  # type: ignore[attr-defined]


def test_columns_may_be_places_of_a_line() -> None:
    spec = ListSpec("code_system", "urn:s", columns=(("code", "7-13"), ("display", "16-")))
    found = _read("00001 A000    1 Long words, with more\n00002 A00     0 Header\n\n", spec)
    assert isinstance(found, CodeSystem)
    assert found.concepts == (Concept("A000", "Long words, with more"), Concept("A00", "Header"))


def test_a_list_of_pairs_is_a_map() -> None:
    spec = ListSpec("concept_map", "urn:m", from_system="urn:lab", to_system="http://loinc.org")
    found = _read("from_code,to_code,equivalence\nGLU,2345-7,equivalent\nXYZ,,\n", spec)
    assert isinstance(found, ConceptMap)
    assert [(t.from_system, t.from_code, t.system, t.code, t.equivalence) for t in found.targets] == [
        ("urn:lab", "GLU", "http://loinc.org", "2345-7", "equivalent"),
        ("urn:lab", "XYZ", "http://loinc.org", None, "unmatched"),
    ]


def test_a_list_may_be_a_value_set() -> None:
    found = _read("system,code\nurn:s,a\nurn:s,a\nurn:t,b\n", ListSpec("value_set", "urn:v"))
    assert isinstance(found, ValueSet)
    assert found.inclusions == (Inclusion("urn:s", "a"), Inclusion("urn:t", "b"))


@pytest.mark.parametrize(
    ("text", "spec", "words"),
    [
        ("display\nx\n", SYSTEM, "line 1: no column code"),
        ("code,display\n,x\n", SYSTEM, "row 1: code is empty"),
        ("code,valid_from\na,soon\n", SYSTEM, "row 1: valid_from is no date"),
        ("code\n", SYSTEM, "no line holds a code"),
        ("code\na\n", ListSpec("code_system", "urn:s", delimiter="||"), "one character"),
        ("a\n", ListSpec("code_system", "urn:s", columns=(("display", "1"),)), "row 1: code is empty"),
        ("code\na\n", ListSpec("code_system", ""), "which system"),
        ("code\na\n", ListSpec("code_system", "urn:s", columns=(("name", "x"),)), "there is no column name"),
        ("code\na\n", ListSpec("code_system", "urn:s", columns=(("code", "NUM"),)), "no column NUM"),
        ("from_code,to_code\na,b\n", ListSpec("concept_map", "urn:m"), "row 1: from_system is empty"),
        ("from_code,equivalence\na,same\n", ListSpec("concept_map", "urn:m", from_system="a", to_system="b"),
         "row 1: equivalence is none of"),
    ],
)  # fmt: skip
def test_what_cannot_be_read_is_named_by_its_place(text: str, spec: ListSpec, words: str) -> None:
    with pytest.raises(ContentFault, match=words):
        _read(text, spec)

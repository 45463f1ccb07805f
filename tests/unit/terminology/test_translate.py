"""Every target is given; a code without one is unmapped, never lost."""

from interpayer.terminology.forms import ICD10CM, canonical
from interpayer.terminology.translate import Code, CodeMap, translate, translate_concept

LOCAL, LOINC = Code("urn:lab", "GLU"), Code("http://loinc.org", "2345-7")
MAP = CodeMap("lab", "3", {LOCAL: ((LOINC, "equivalent"), (Code("http://loinc.org", "2339-0"), "inexact"))})


def test_every_target_comes_with_its_equivalence_and_the_map_s_version() -> None:
    translation = translate(LOCAL, MAP)
    assert [equivalence for _, equivalence in translation.targets] == ["equivalent", "inexact"]
    assert (translation.map_version, translation.reason, translation.state) == ("lab|3", None, "mapped")


def test_an_unmapped_code_keeps_its_original() -> None:
    unknown = Code("urn:lab", "XYZ")
    translation = translate(unknown, MAP)
    assert (translation.original, translation.targets, translation.reason) == (unknown, (), "record.unmapped")
    assert translation.state == "unmapped"


def test_a_map_with_one_spelling_translates_every_spelling() -> None:
    target = Code("urn:group", "diabetes")
    by = CodeMap("groups", "1", {Code(ICD10CM, "E11.9"): ((target, "wider"),)}, canonical)
    for text in ("E119", "E11.9", "e11.9"):
        found = translate(Code(ICD10CM, text), by)
        assert found.targets == ((target, "wider"),)
        assert found.original.code == text
    assert translate(Code(ICD10CM, "no code"), by).reason == "record.unmapped"


def test_a_concept_keeps_its_codings_first_and_gets_the_targets_behind() -> None:
    concept = {"coding": [{"system": "urn:lab", "code": "GLU", "display": "Sugar"}, {"system": "urn:x", "code": "1"}],
               "text": "Sugar"}  # fmt: skip
    made, told = translate_concept(concept, MAP)
    assert made["coding"][:2] == concept["coding"]
    assert [coding["code"] for coding in made["coding"][2:]] == ["2345-7", "2339-0"]
    assert made["text"] == "Sugar"
    assert [translation.original for translation in told] == [LOCAL]
    assert translate_concept(made, MAP)[0] == made


def test_a_concept_without_a_target_stays_as_it_is_and_says_so() -> None:
    concept = {"coding": [{"system": "urn:lab", "code": "XYZ"}, {"code": "no system"}]}
    made, told = translate_concept(concept, MAP)
    assert made == concept
    assert [translation.reason for translation in told] == ["record.unmapped"]
    assert translate_concept({"text": "only words"}, MAP) == ({"text": "only words"}, ())

"""Every target is given; a code without one is unmapped, never lost."""

from interpayer.terminology.translate import Code, CodeMap, translate

LOCAL, LOINC = Code("urn:lab", "GLU"), Code("http://loinc.org", "2345-7")
MAP = CodeMap("lab", "3", {LOCAL: ((LOINC, "equivalent"), (Code("http://loinc.org", "2339-0"), "inexact"))})


def test_every_target_comes_with_its_equivalence_and_the_map_s_version() -> None:
    translation = translate(LOCAL, MAP)
    assert [equivalence for _, equivalence in translation.targets] == ["equivalent", "inexact"]
    assert (translation.map_version, translation.reason) == ("lab|3", None)


def test_an_unmapped_code_keeps_its_original() -> None:
    unknown = Code("urn:lab", "XYZ")
    translation = translate(unknown, MAP)
    assert (translation.original, translation.targets, translation.reason) == (unknown, (), "record.unmapped")

"""What is wrong with a mapping is said with its line and what to do."""

import re

import pytest

from interpayer.normalization.mapping.compiler import compile_mapping
from interpayer.normalization.mapping.language import MappingFault
from interpayer.normalization.mapping.reading import read_mapping
from interpayer.normalization.mapping.tables import read_table
from tests.architecture.tree import DOCS

HEAD = "entity: row\nto:\n  - resourceType: Patient\n    id: {from: ID}\n"
WRONG = [
    ("to: []\n", "`entity` is missing"),
    ("entity: row\n", "`to` is missing"),
    ("- a\n", "an object with names"),
    ("entity: [\n", "no YAML"),
    ("entity: r\nto:\n  - &a\n    resourceType: X\n    x: [*a]\n", "within itself"),
    ("entity: r\nto: " + "[" * 300 + "]" * 300, "nested too deeply"),
    (HEAD + "enity: x\n", "`enity` is unknown here"),
    (HEAD + "    gender: {from: SEX, table: sex}\n", "the table sex is not there"),
    (HEAD + "    gender: {from: SEX, when: }\n", "ends too early"),
    (HEAD + "    gender: {from: SEX, birthDate: x}\n", "stands beside elements of FHIR"),
    (HEAD + "    gender: {const: x, from: y}\n", "exactly one of"),
    (HEAD + "    gender: {const: x, table: y}\n", "belong to `from`"),
    (HEAD + "    gender: {from: 'A..B'}\n", "cannot be read from"),
    (HEAD + "    gender: {from: 'a-{B'}\n", "bracket without its pair"),
    (HEAD + "    gender: {from: A, when: 'B == \"x\"'}\n", "write one `=`"),
    (HEAD + "    gender: {from: A, when: 'B = '}\n", "ends too early"),
    (HEAD + "    gender: {from: A, when: 'B in [x]'}\n", "stands in quotes"),
    (HEAD + "    gender: {from: A, when: 'B and'}\n", "ends too early"),
    (HEAD + "    gender: {from: A, when: 'B C'}\n", "nothing may follow"),
    (HEAD + "    gender:\n", "nothing stands here"),
    (HEAD + "    id: x\n", "stands twice"),
    (HEAD + "    name: [{foreach: {d: {code: CODE}, n: 1..3}, to: {text: {from: d.code}}}]\n", "`{n}`"),
    (HEAD + "    name: [{foreach: {d: {code: 'C{n}'}}, to: {text: {from: d.code}}}]\n", "from where to where"),
    (HEAD + "tables:\n  sex: {codes: {M: male}}\n", None),
]
COMPILED_WRONG = [
    (HEAD + "    gender: {from: SEX, transform: lowercase}\n", "the transform lowercase is unknown"),
    (HEAD + "    gender: {from: SEX, transform: {date: XX}}\n", "no date format"),
    (HEAD + "    gender: {from: SEX, transform: {upper: 3}}\n", "takes no argument"),
    (HEAD + "    gender: {from: $payer}\n", "is not given: list it"),
    (HEAD + "    gender: {foreach: {x: list}, to: {text: {from: x}}}\n", "stands in a list"),
    (HEAD + "let: {at: {from: $sequence}}\n", "stands inside a list"),
    (HEAD + "    gender: {from: [{const: male}, SEX]}\n", "never reached"),
    (HEAD + "    name: [{foreach: {d: {code: 'C{n}'}, n: 1..3}, to: {text: {from: d.cod}}}]\n", "have the fields"),
]


@pytest.mark.parametrize(("text", "words"), WRONG)
def test_what_cannot_be_read_says_why(text: str, words: str | None) -> None:
    if words is None:
        # A table that no rule names is looked at all the same.
        words = "say what becomes of other codes"
        text = text.replace("id: {from: ID}", "id: {from: ID}\n    gender: {from: SEX, table: sex}")
    with pytest.raises(MappingFault) as fault:
        read_mapping(text, name="my/rows")
    assert words in str(fault.value)
    assert str(fault.value).startswith("my/rows.yaml:")


@pytest.mark.parametrize(("text", "words"), COMPILED_WRONG)
def test_what_cannot_be_compiled_says_why(text: str, words: str) -> None:
    with pytest.raises(MappingFault, match=re.escape(words)):
        compile_mapping(read_mapping(text, name="my/rows"))


def test_every_problem_is_told_at_once() -> None:
    with pytest.raises(MappingFault) as fault:
        read_mapping(HEAD + "    gender: {from: 'A..B'}\n    active: {const: 1, from: y}\n", name="my/rows")
    assert [problem.line for problem in fault.value.problems] == [5, 6]


def test_the_examples_of_the_page_compile() -> None:
    page = (DOCS / "reference" / "mapping-language.md").read_text("utf-8")
    blocks = [b for b in re.findall(r"```yaml\n(.*?)```", page, re.S) if "\nentity:" in b and "$payer_name" not in b]
    assert len(blocks) >= 3
    for block in blocks:
        compile_mapping(read_mapping(block, name="page/example"))


def test_keys_and_codes_are_text_as_written() -> None:
    table = read_table("codes: {01: NO, N: yes, 0x1: 007}\ndefault: off\n", name="odd")
    assert table.rows == {"01": ("NO", ""), "N": ("yes", ""), "0x1": ("007", "")}
    assert table.default == "off"


def test_rows_of_a_table_may_stand_in_a_csv_file() -> None:
    rows = {"long.csv": "from,code,display\n1,a,First\n2,b,\n"}
    table = read_table("codes: long.csv\nunmapped: omit\n", name="long", rows=rows)
    assert table.rows == {"1": ("a", "First"), "2": ("b", "")}
    with pytest.raises(MappingFault, match="stands twice"):
        read_table("codes: l.csv\nunmapped: omit\n", name="l", rows={"l.csv": "from,code\n1,a\n1,b\n"})
    with pytest.raises(MappingFault, match="not beside"):
        read_table("codes: other.csv\nunmapped: omit\n", name="l", rows={})


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("codes: {A: b}\n", "say what becomes"),
        ("codes: {A: b}\ndefault: x\nunmapped: keep\n", "say what becomes"),
        ("codes: {A: b}\nunmapped: drop\n", "`keep` or `omit`"),
        ("codes: {A: b}\nsystem: http://s\nunmapped: keep\n", "name their system"),
        ("codes: {A: b}\ndefault: x\nexpects: [A, B]\n", "have no row: B"),
        ("default: x\n", "missing or empty"),
        ("codes: {A: {kode: b}}\ndefault: x\n", "a row is a code"),
    ],
)
def test_a_table_is_complete_or_says_what_becomes_of_the_rest(text: str, words: str) -> None:
    with pytest.raises(MappingFault, match=re.escape(words)):
        read_table(text, name="sex")


def test_the_version_follows_what_is_said_and_not_how() -> None:
    def version(text: str) -> str:
        return compile_mapping(read_mapping(text, name="my/rows")).version

    assert version(HEAD) == version("about: words\n" + HEAD.replace("id: {from: ID}", "id:   {from:  ID}   # why"))
    assert version(HEAD) != version(HEAD.replace("from: ID", "from: NO"))
    tables = "tables: {sex: {codes: {M: male}, default: unknown}}\n" + HEAD + "    gender: {from: SEX, table: sex}\n"
    assert version(tables) != version(tables.replace("default: unknown", "default: other"))

"""Every field tells its place in the record and its rule; what changed between two versions is told the same way."""

from pathlib import Path

import orjson
import pytest

from interpayer.normalization.mapping.compiler import Compiled, Context, compile_mapping
from interpayer.normalization.mapping.difference import Change, changes_between
from interpayer.normalization.mapping.fixtures import differences_of, outcome_of
from interpayer.normalization.mapping.keeping import from_kept_form, kept_form
from interpayer.normalization.mapping.language import MappingFault
from interpayer.normalization.mapping.library import Library
from interpayer.normalization.mapping.lineage import CONSTANT, explain, fields_of, replay
from interpayer.normalization.mapping.reading import read_mapping

MAP = """
entity: claim
member: BENE
tables:
  kind: {system: "http://k", original: "http://o", codes: {"1": a}, unmapped: keep}
let:
  period: {to: {start: {from: F, transform: date}}}
  name: {from: [LAST, FIRST], transform: {join: ", "}}
to:
  - resourceType: Claim
    id: {from: "c-{ID}"}
    status: {from: [{const: cancelled, when: 'X = "1"'}, {from: STATE, transform: lower}, {const: active}]}
    type: {coding: [{from: KIND, table: kind}]}
    billablePeriod: {from: period}
    patient: {display: {from: name}}
    diagnosis:
      - foreach: {d: {code: "DX{n}"}, n: 1..4}
        when: d.code
        to: {sequence: {from: $sequence}, code: {from: d.code, transform: icd10cm}}
    item:
      - foreach: {line: lines}
        to:
          detail: [{foreach: {part: line.parts}, to: {text: {from: part.t}}}]
"""
RECORD = {
    "BENE": "5", "ID": "9", "STATE": "OPEN", "KIND": "1", "F": "20240102", "LAST": "Doe", "FIRST": "Al",
    "DX2": "A021", "DX4": "B05", "lines": [{"parts": [{"t": ""}, {"t": "x"}]}, {"parts": {"t": "y"}}],
}  # fmt: skip


def compiled(text: str = MAP) -> Compiled:
    return compile_mapping(read_mapping(text, name="my/claim"))


@pytest.mark.parametrize(
    ("field", "sources", "value"),
    [
        ("id", ("ID",), "c-9"),
        ("status", ("STATE",), "open"),
        ("type.coding[0].code", ("KIND",), "a"),
        ("billablePeriod.start", ("F",), "2024-01-02"),
        ("patient.display", ("LAST", "FIRST"), "Doe, Al"),
        ("diagnosis[0].code", ("DX2",), "A02.1"),
        ("diagnosis[1].code", ("DX4",), "B05"),
        ("item[0].detail[0].text", ("lines[0].parts[1].t",), "x"),
        ("item[1].detail[0].text", ("lines[1].parts[0].t",), "y"),
        ("resourceType", (CONSTANT,), "Claim"),
    ],
)
def test_a_field_tells_what_it_was_read_from(field: str, sources: tuple[str, ...], value: str) -> None:
    [explained] = explain(compiled(), RECORD, Context(), field=field)
    assert (explained.resource, explained.field, explained.sources, explained.value) == (
        "Claim/c-9",
        field,
        sources,
        value,
    )
    assert explained.version == compiled().version


def test_an_alternative_tells_which_one_was_taken() -> None:
    [explained] = explain(compiled(), {**RECORD, "X": "1"}, Context(), field="status")
    assert (explained.sources, explained.when, explained.value) == ((CONSTANT,), 'X = "1"', "cancelled")
    [explained] = explain(compiled(), {"ID": "1"}, Context(), field="status")
    assert (explained.sources, explained.when, explained.value) == ((CONSTANT,), "", "active")


def test_a_part_of_a_resource_is_explained_with_what_is_below() -> None:
    assert [one.field for one in explain(compiled(), RECORD, Context(), field="diagnosis[1]")] == [
        "diagnosis[1].sequence",
        "diagnosis[1].code",
    ]
    assert explain(compiled(), RECORD, Context(), field="diagnosis[2]") == []


def test_the_replay_writes_what_apply_wrote() -> None:
    written = compiled().apply(RECORD).resources
    assert orjson.dumps(replay(compiled(), RECORD, Context())) == orjson.dumps(written)


def test_the_static_table_names_every_field_that_reads() -> None:
    told = {one.field: one.sources for one in fields_of(compiled().mapping)}
    assert told["item[].detail[].text"] == ("lines[].parts[].t",)
    assert told["diagnosis[].code"] == ("DX{n}",)
    assert told["status"] == (CONSTANT, "STATE")


def test_a_change_is_told_by_field_and_by_code() -> None:
    other = MAP.replace("from: F,", "from: G,").replace('"1": a', '"1": b, "2": c').replace("id: {from", "ident: {from")
    assert changes_between(compiled(), compiled(other)) == [
        Change("let period.start", "changed", "F > date", "G > date"),
        Change("id", "removed", "ID", ""),
        Change("billablePeriod", "changed", "F", "G"),
        Change("ident", "added", "", "ID"),
        Change("table kind 1", "changed", "a", "b"),
        Change("table kind 2", "added", "", "c"),
    ]
    assert changes_between(compiled(), compiled()) == []


def test_examples_beside_a_mapping_are_held_to_the_letter(tmp_path: Path) -> None:
    (tmp_path / "my").mkdir()
    (tmp_path / "my" / "claim.yaml").write_text(MAP)
    case = tmp_path / "my" / "claim.fixtures" / "two-lines"
    case.mkdir(parents=True)
    (case / "in.json").write_bytes(orjson.dumps(RECORD))
    library = Library((tmp_path,))
    assert library.fixtures("my/claim") == [case]
    assert differences_of(library.compiled("my/claim"), case)[0].found == "nothing"
    (case / "out.json").write_bytes(outcome_of(library.compiled("my/claim"), case))
    assert differences_of(library.compiled("my/claim"), case) == []
    (case / "in.json").write_bytes(orjson.dumps({**RECORD, "STATE": "SHUT"}))
    [difference] = differences_of(library.compiled("my/claim"), case)
    assert (difference.path, difference.expected, difference.found) == ("resources[0].status", "open", "shut")


def test_a_plans_own_mapping_wins_and_one_that_is_not_there_is_named(tmp_path: Path) -> None:
    for folder, about in ((tmp_path / "own", "ours"), (tmp_path / "shipped", "theirs")):
        (folder / "my").mkdir(parents=True)
        (folder / "tables").mkdir()
        (folder / "my" / "claim.yaml").write_text(f"about: {about}\n{MAP}")
    library = Library((tmp_path / "own", tmp_path / "shipped"))
    assert library.mapping("my/claim").about == "ours"
    assert [one.id for one in library.reading("claim", family="my")] == ["my/claim"]
    with pytest.raises(MappingFault, match="known: my/claim"):
        library.compiled("my/other")


def test_a_kept_version_is_read_again_as_the_same(tmp_path: Path) -> None:
    again = from_kept_form(kept_form(compiled()))
    assert again.version == compiled().version
    assert again.apply(RECORD) == compiled().apply(RECORD)
    with pytest.raises(MappingFault, match="another version"):
        from_kept_form(kept_form(compiled()).replace("LAST", "LATE"))

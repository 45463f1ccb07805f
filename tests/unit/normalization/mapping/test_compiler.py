"""What a compiled mapping writes for a record."""

from typing import Any

import orjson
import pytest

from interpayer.normalization.mapping.compiler import Context, compile_mapping
from interpayer.normalization.mapping.reading import read_mapping
from interpayer.normalization.mapping.running import MapIssue


def mapped(body: str, content: dict[str, Any], *, head: str = "", context: Context | None = None) -> Any:
    text = f"entity: row\nmember: ID\n{head}to:\n  - resourceType: Basic\n    id: {{from: ID}}\n{_indented(body)}"
    result = compile_mapping(read_mapping(text, name="my/rows")).apply({"ID": "1", **content}, context or Context())
    assert len(result.resources) == 1, result.issues
    written = orjson.loads(orjson.dumps(result.resources[0]))
    assert (written.pop("resourceType"), written.pop("id")) == ("Basic", "1")
    return written, result.issues


def _indented(body: str) -> str:
    return "".join(f"    {line}\n" for line in body.strip("\n").splitlines())


@pytest.mark.parametrize("nothing", [{}, {"A": ""}, {"A": None}, {"A": "~"}])
def test_nothing_is_written_for_nothing(nothing: dict[str, Any]) -> None:
    body = "a: {system: 'http://s', code: {from: A}}\nb: [{use: old, text: {from: A}}]\nc: {fixed: true}"
    assert mapped(body, nothing, head="empty: ['~']\n") == ({"c": {"fixed": True}}, [])


def test_zero_and_false_are_values() -> None:
    assert mapped("a: {from: A}\nb: {from: B}", {"A": 0, "B": False}) == ({"a": 0, "b": False}, [])


def test_a_list_that_ends_in_a_constant_always_has_a_value() -> None:
    body = "a: {kind: {from: [{const: x, when: 'A = \"1\"'}, {const: y}]}}"
    assert mapped(body, {"A": "1"})[0] == {"a": {"kind": "x"}}
    assert mapped(body, {})[0] == {"a": {"kind": "y"}}


def test_a_constant_fallback_does_not_keep_an_entry_alive_but_the_record_does() -> None:
    body = "a: [{on: {from: B}, kind: {from: [A, {const: y}]}}]"
    assert mapped(body, {})[0] == {}
    assert mapped(body, {"A": "x"})[0] == {"a": [{"kind": "x"}]}
    assert mapped(body, {"B": "z"})[0] == {"a": [{"on": "z", "kind": "y"}]}


def test_numbers_count_written_entries_only() -> None:
    body = """
a:
  - {n: {from: $sequence}, v: {from: A}}
  - foreach: {x: list}
    to: {n: {from: $sequence}, v: {from: x.v}}
"""
    found = mapped(body, {"list": [{"v": "p"}, {"v": ""}, {}, {"v": "q"}]})[0]
    assert found == {"a": [{"n": 1, "v": "p"}, {"n": 2, "v": "q"}]}
    assert mapped(body, {"A": "first", "list": {"v": "only"}})[0]["a"] == [
        {"n": 1, "v": "first"},
        {"n": 2, "v": "only"},
    ]


def test_numbered_columns_are_a_list() -> None:
    body = """
a:
  - foreach: {d: {code: 'C{n}', kind: 'K{n}'}, n: 1..3}
    when: d.code
    to: {at: {from: d.n}, c: {from: d.code}, k: {from: d.kind}}
"""
    found = mapped(body, {"C1": "x", "K2": "lost", "C3": "z", "K3": "k"})[0]
    assert found == {"a": [{"at": 1, "c": "x"}, {"at": 3, "c": "z", "k": "k"}]}


def test_loops_stand_in_loops_and_skip_what_was_met() -> None:
    body = """
a:
  - foreach: {g: groups}
    to:
      foreach: {x: g.items, distinct: x.v}
      when: 'x.v != "no"'
      to: {v: {from: x.v}, of: {from: g.name}}
"""
    groups = [{"name": "1", "items": [{"v": "p"}, {"v": "p"}, {"v": "no"}]}, {"name": "2", "items": [{"v": "p"}]}]
    assert mapped(body, {"groups": groups})[0] == {"a": [{"v": "p", "of": "1"}, {"v": "p", "of": "2"}]}


def test_a_loop_goes_through_every_list_on_the_way() -> None:
    body = "a: [{foreach: {x: 'results.OBX[3=A|B].5'}, to: {from: x}}]"
    obx = [{"3": "A", "5": ["1", "2"]}, {"3": "C", "5": "no"}, {"3": "B", "5": "3"}]
    assert mapped(body, {"results": [{"OBX": obx}, {"OBX": {"3": "A", "5": "4"}}]})[0] == {"a": ["1", "2", "3", "4"]}


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("PID.5.1", "Doe"),
        ("'PID.5[1].1'", "Maid"),
        ("'PID.3[5=MR].1'", "77"),
        ("'PID.3[5=XX|SS].1'", "88"),
        ("PID.9.1", None),
        ("'PID.5[7].1'", None),
        ("none.at.all", None),
    ],
)
def test_a_path_steps_into_lists_and_objects(path: str, value: str | None) -> None:
    pid = {"5": [{"1": "Doe"}, {"1": "Maid"}], "3": [{"1": "88", "5": "SS"}, {"1": "77", "5": "MR"}]}
    assert mapped(f"a: {{from: {path}}}", {"PID": [pid]})[0].get("a") == value


@pytest.mark.parametrize(
    ("when", "holds"),
    [
        ('A = "x"', True), ('A = "X"', False), ("A = B", True), ("A != B", False), ("A = C", False), ("C = C", False),
        ("C = D", False), ('C != "x"', True), ("N = 7", True), ('N in ["6", "7"]', True), ('N not in ["6", 7]', False),
        ("C", False), ("not C", True), ('A and not C', True), ('C or A', True), ('(C or A) and C', False),
        ("T = 'true'", True),
    ],
)  # fmt: skip
def test_conditions(when: str, holds: bool) -> None:
    body = f"a:\n  const: yes\n  when: {orjson.dumps(when).decode()}"
    assert (mapped(body, {"A": "x", "B": " x ", "N": 7, "T": True})[0] == {"a": "yes"}) is holds


def test_templates_need_all_their_parts() -> None:
    assert mapped('a: {from: "n-{A}-{B.x}"}', {"A": "1", "B": {"x": '"2"'}})[0] == {"a": 'n-1-"2"'}
    assert mapped('a: {from: "n-{A}-{B}"}', {"A": "1"})[0] == {}


def test_text_of_a_mapping_is_never_code() -> None:
    evil = """a: {from: "{ID}\\"+__import__('os').name+\\"", when: 'ID != "''); raise SystemExit #"'}"""
    assert mapped(evil, {})[0] == {"a": "1\"+__import__('os').name+\""}


def test_many_alternatives_are_tried_in_order() -> None:
    body = f"a: {{from: [{', '.join(f'A{n}' for n in range(150))}, {{const: none}}]}}"
    assert mapped(body, {"A149": "last"})[0] == {"a": "last"}
    assert mapped(body, {"A149": "last", "A7": "first"})[0] == {"a": "first"}
    assert mapped(body, {})[0] == {"a": "none"}


def test_a_let_is_made_once_and_read_anywhere() -> None:
    head = "let:\n  p: {to: {start: {from: F, transform: date}}}\n  n: {from: F, transform: {slice: '0:4'}}\n"
    body = "a: {from: p}\nb: [{period: {from: p}, year: {from: n}}]\nc: {from: p.start}"
    found = mapped(body, {"F": "20240131"}, head=head)[0]
    period = {"start": "2024-01-31"}
    assert found == {"a": period, "b": [{"period": period, "year": "2024"}], "c": "2024-01-31"}


def test_tables_keep_default_or_omit_and_always_report() -> None:
    head = (
        "tables:\n"
        "  k: {system: 'http://s', original: 'http://o', codes: {'1': {code: a, display: A}}, unmapped: keep}\n"
        "  d: {system: 'http://s', codes: {'1': a}, default: z}\n  o: {codes: {'1': a}, unmapped: omit}\n"
        "  t: {codes: {'1': a}, unmapped: keep}\n"
    )
    tables = {"k": "k", "d": "d", "o": "o", "t": "t", "c": "k.code"}
    body = "\n".join(f"{name}: {{from: A, table: {table}}}" for name, table in tables.items())
    known, issues = mapped(body, {"A": " 1 "}, head=head)
    coding = {"system": "http://s", "code": "a"}
    assert known == {"k": coding | {"display": "A"}, "d": coding, "o": "a", "t": "a", "c": "a"}
    assert issues == []
    other, issues = mapped(body, {"A": "9"}, head=head)
    kept = {"system": "http://o", "code": "9"}
    assert other == {"k": kept, "d": {"system": "http://s", "code": "z"}, "t": "9", "c": "9"}
    assert [(one.reason, one.path, one.source, one.value) for one in issues] == [
        ("record.unmapped", path, "A", "9") for path in "kdotc"
    ]
    assert "9" not in repr(issues[0]).replace("line=", ""), "a code may be anything: it is in no representation"


def test_a_value_that_cannot_be_read_is_left_out_and_reported() -> None:
    found, issues = mapped("a: {from: A, transform: date}\nb: {from: B}", {"A": "20240231", "B": "1"})
    assert found == {"b": "1"}
    assert issues == [MapIssue("record.invalid", "a", 6, "A")]


def test_an_open_end_is_nothing_and_no_issue() -> None:
    assert mapped("a: {from: A, transform: date}", {"A": "9999-12-31"}) == ({}, [])


@pytest.mark.parametrize("content", [{"ID": {"x": 1}, "A": ["y"]}, {"list": 7, "A": object()}])
def test_a_record_of_another_shape_never_raises(content: dict[str, Any]) -> None:
    text = (
        'entity: r\nto:\n  - resourceType: Basic\n    id: {from: ID, transform: id}\n    a: {from: "{A}", table: t}\n'
    )
    text += "    b: [{foreach: {x: list.y}, to: {from: x.z}}]\ntables: {t: {codes: {a: b}, default: c}}\n"
    mapped = compile_mapping(read_mapping(text, name="my/rows")).apply(content)
    assert mapped.resources or mapped.issues


def test_the_same_resource_is_given_once() -> None:
    text = """
entity: r
to:
  - foreach: {x: list}
    to:
      - {resourceType: Basic, id: {from: x.id}}
      - {resourceType: Flag, id: {from: x.id}}
"""
    compiled = compile_mapping(read_mapping(text, name="my/rows"))
    found = compiled.apply({"list": [{"id": "1"}, {"id": "1"}, {"id": "2"}, {}]}).resources
    kinds = [(one["resourceType"], one.get("id")) for one in found]
    assert kinds == [("Basic", "1"), ("Flag", "1"), ("Basic", "2"), ("Flag", "2")]


def test_what_is_given_is_read_by_its_name() -> None:
    context = Context(source="s", file="f", received_on="2026-11-21", given={"payer": "P"})
    body = 'a: {from: "{$source} {$file} {$received_on} {$payer} {$member}"}'
    assert mapped(body, {}, head="context: [payer]\n", context=context)[0] == {"a": "s f 2026-11-21 P 1"}
    assert mapped("a: {from: $payer}", {}, head="context: [payer]\n")[0] == {}


def test_times_take_the_zone_of_the_source_only_where_they_name_none() -> None:
    body = "a: {from: A, transform: dateTime}\nb: {from: B, transform: dateTime}\nc: {from: C, transform: instant}"
    content = {"A": "202401021530", "B": "20240702153000+0200", "C": "20240102"}
    found, issues = mapped(body, content, context=Context(time_zone="America/Chicago"))
    assert found == {"a": "2024-01-02T15:30:00-06:00", "b": "2024-07-02T15:30:00+02:00"}
    assert [one.path for one in issues] == ["c"]

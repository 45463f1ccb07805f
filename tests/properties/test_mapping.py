"""Laws of mapping: any record is mapped without a crash, twice the same bytes, and its replay writes them again."""

from collections.abc import Iterator
from typing import Any
from zoneinfo import ZoneInfo

import orjson
from hypothesis import given, settings
from hypothesis import strategies as st

from interpayer.normalization.mapping.compiler import Compiled, Context, compile_mapping
from interpayer.normalization.mapping.language import MappingFault
from interpayer.normalization.mapping.library import Library
from interpayer.normalization.mapping.lineage import explain, replay
from interpayer.normalization.mapping.reading import read_mapping
from interpayer.normalization.mapping.transforms import KINDS

MAP = """
entity: any
member: M
empty: ["~"]
context: [plan]
tables:
  keep: {system: "http://s", original: "http://o", codes: {A: a, "1": {code: one, display: One}}, unmapped: keep}
  omit: {codes: {A: a}, unmapped: omit}
let:
  shared: {to: {v: {from: B}, list: [{from: C}, {from: x.y}]}}
  early: {from: [B, C], transform: [{join: "/"}, upper]}
to:
  - resourceType: Basic
    id: {from: A, transform: id}
    one: {from: shared}
    two: [{n: {from: $sequence}, s: {from: shared}}, {from: early}]
    code: {coding: [{from: A, table: keep}, {from: B, table: omit}]}
    kind: {from: [{const: yes, when: A = B and not C}, {from: C, transform: date}, {const: no}]}
    text: {from: "{A}-{$plan}-{$member}"}
    list:
      - foreach: {e: list, distinct: e.k}
        let: {k: {from: e.k, transform: decimal}}
        when: e.k != "0" or e.v
        to:
          n: {from: $sequence}
          k: {from: k}
          inner: [{foreach: {i: 'e.inner[t=A|B]'}, to: {v: {from: i.v}, of: {from: e.k}}}]
      - foreach: {c: {code: "X{n}", more: "Y{n}"}, n: 1..3}
        when: c.code
        to: {n: {from: $sequence}, at: {from: c.n}, code: {from: c.code}, more: {from: c.more, transform: integer}}
  - foreach: {e: list}
    to: {resourceType: Flag, id: {from: e.k}, note: {from: e.v}}
"""
NAMES = ["A", "B", "C", "M", "X1", "X3", "Y1", "Y2", "list", "inner", "k", "v", "t", "x", "y"]
TEXTS = st.one_of(
    st.sampled_from(["", " ", "~", "A", "B", "1", "0", "20240131", "9999-12-31", "1.50", "1e99", "1e400"]),
    st.text(max_size=8),
)
SCALARS = st.one_of(TEXTS, st.none(), st.booleans(), st.integers(-(2**40), 2**40), st.floats(-1e9, 1e9))
CONTENT = st.dictionaries(
    st.sampled_from(NAMES),
    st.recursive(
        SCALARS,
        lambda inner: st.one_of(
            st.lists(inner, max_size=3), st.dictionaries(st.sampled_from(NAMES), inner, max_size=4)
        ),
        max_leaves=12,
    ),
    max_size=10,
)
ROW = st.dictionaries(st.sampled_from(NAMES), TEXTS, max_size=10)
CONTEXT = Context(source="s", given={"plan": "P"})
COMPILED = compile_mapping(read_mapping(MAP, name="my/any"))
LIBRARY = Library()


def written(compiled: Compiled, content: dict[str, Any]) -> bytes:
    return orjson.dumps(compiled.apply(content, CONTEXT).resources)


@settings(max_examples=80, deadline=None)
@given(CONTENT)
def test_any_record_is_mapped_and_twice_the_same(content: dict[str, Any]) -> None:
    assert written(COMPILED, content) == written(compile_mapping(read_mapping(MAP, name="my/any")), content)


@settings(max_examples=80, deadline=None)
@given(CONTENT)
def test_the_replay_writes_the_same_bytes(content: dict[str, Any]) -> None:
    assert orjson.dumps(replay(COMPILED, content, CONTEXT)) == written(COMPILED, content)


@settings(max_examples=60, deadline=None)
@given(CONTENT)
def test_every_field_that_is_written_is_explained(content: dict[str, Any]) -> None:
    resources = orjson.loads(written(COMPILED, content))
    fields = {path for resource in resources for path in _leaves(resource, "")}
    assert {one.field for one in explain(COMPILED, content, CONTEXT)} == fields


@settings(max_examples=60, deadline=None)
@given(CONTENT, st.sampled_from(list(LIBRARY.files)))
def test_no_record_makes_a_shipped_mapping_fail(content: dict[str, Any], name: str) -> None:
    compiled = LIBRARY.compiled(name)
    assert orjson.dumps(replay(compiled, content, CONTEXT)) == written(compiled, content)


@settings(max_examples=60, deadline=None)
@given(ROW)
def test_what_is_added_to_a_row_changes_nothing_that_does_not_read_it(row: dict[str, Any]) -> None:
    assert written(COMPILED, row | {"UNREAD": "x"}) == written(COMPILED, row)


@settings(max_examples=300, deadline=None)
@given(st.sampled_from(sorted(KINDS)), TEXTS)
def test_a_transform_gives_a_value_or_says_no_and_never_raises(name: str, text: str) -> None:
    kind = KINDS[name]
    arguments = {"pad": "11", "slice": "0:5", "join": "-", "prefix": "x", "suffix": "x", "reference": "Patient"}
    others: dict[str, Any] = {"split": {"by": "^", "at": 0}, "replace": {"a": "b"}}
    made = kind.make(arguments.get(name, others.get(name)))
    zone = ZoneInfo("America/New_York")
    given_ = made([text]) if kind.takes_list else made(text, zone) if kind.needs_zone else made(text)
    orjson.loads(orjson.dumps(given_))


def _leaves(value: Any, path: str) -> Iterator[str]:
    if isinstance(value, dict):
        for key, one in value.items():
            yield from _leaves(one, f"{path}.{key}".lstrip("."))
    elif isinstance(value, list):
        for at, one in enumerate(value):
            yield from _leaves(one, f"{path}[{at}]")
    else:
        yield path


@settings(max_examples=120, deadline=None)
@given(st.data())
def test_a_damaged_mapping_is_refused_in_words_or_still_works(data: st.DataObject) -> None:
    lines = MAP.splitlines(keepends=True)
    for _ in range(data.draw(st.integers(1, 3))):
        at = data.draw(st.integers(0, len(lines) - 1))
        line, cut = lines[at], data.draw(st.integers(0, len(lines[at])))
        piece = data.draw(
            st.sampled_from(["", "{", "}", "[", "]", ":", "- ", "'", '"', "from: ", "when: ", "&a ", "*a", "\\", "\0"])
        )
        lines[at] = data.draw(st.sampled_from([line[:cut] + piece + line[cut:], line[:cut], "", line * 2, f"  {line}"]))
    try:
        compiled = compile_mapping(read_mapping("".join(lines), name="my/any"))
    except MappingFault as fault:
        assert all(problem.text for problem in fault.problems)
        return
    assert written(compiled, {"A": "1"}) == orjson.dumps(replay(compiled, {"A": "1"}, CONTEXT))

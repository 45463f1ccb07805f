"""Delimited files as they come: ends of lines, quotes, encodings, uneven rows, groups; nothing is lost silently."""

import gzip
from io import BytesIO
from typing import Any

import pytest

from interpayer.adapters.base import Found
from interpayer.adapters.tables import lines
from interpayer.adapters.tables.reading import read_delimited
from interpayer.adapters.tables.spec import table_spec
from interpayer.model.reason import Refusal


def read(raw: bytes, **options: Any) -> list[Found]:
    return list(read_delimited(BytesIO(raw), "rows.csv", table_spec("row", options)))


def contents(raw: bytes, **options: Any) -> list[dict[str, Any] | None]:
    return [one.content for one in read(raw, **options)]


@pytest.mark.parametrize("end", [b"\n", b"\r\n", b"\r"])
@pytest.mark.parametrize("last", [True, False])
def test_any_end_of_line(end: bytes, last: bool) -> None:
    raw = end.join([b"A,B", b"1,2", b"", b"3,4"]) + (end if last else b"")
    assert contents(raw) == [{"A": "1", "B": "2"}, {"A": "3", "B": "4"}]


def test_positions_are_lines_of_the_file() -> None:
    assert [(one.position, one.key) for one in read(b"A,B\n\n1,2\n3,4\n", key="B")] == [(3, "2"), (4, "4")]


@pytest.mark.parametrize(
    ("raw", "encoding"),
    [
        (b"\xef\xbb\xbfN\nJos\xc3\xa9\n", "utf-8"),
        (b"N\nJos\xe9\n", "cp1252"),
        ("\ufeffN\r\nJosé\r\n".encode("utf-16-le"), "utf-16"),
    ],
)
def test_encodings(raw: bytes, encoding: str) -> None:
    assert contents(raw, encoding=encoding) == [{"N": "José"}]


def test_a_row_of_another_encoding_is_refused_and_the_next_is_read() -> None:
    found = read(b"N\nJos\xe9\nAnn\n")
    assert [(one.problem, one.detail) for one in found] == [("record.invalid", "the row is not utf-8"), (None, "")]
    assert found[0].raw == b"Jos\xe9"


def test_quotes_hold_delimiters_quotes_and_ends_of_lines() -> None:
    found = read(b'A,B\n"x, ""y""","two\nlines"\n1,2\n')
    assert [one.content for one in found] == [{"A": 'x, "y"', "B": "two\nlines"}, {"A": "1", "B": "2"}]
    assert [one.position for one in found] == [2, 4]


def test_pipe_files_quote_nothing() -> None:
    assert contents(b'A|B\n5" pipe|"x\n', delimiter="|") == [{"A": '5" pipe', "B": '"x'}]


def test_a_quote_that_never_ends_costs_no_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lines, "LONGEST", 1000)
    found = read(b'A,B\n"x,1\n' + b"1,2\n" * 2000)
    assert found[0].problem == "record.invalid"
    assert max(len(one.raw) for one in found) <= 1010


def test_uneven_rows_are_refused_unless_declared() -> None:
    raw = b"A,B\n1\n1,2,3\n1,2,\n1,2\n"
    assert [one.detail for one in read(raw)] == ["1 fields for 2 columns", "3 fields for 2 columns", "", ""]
    assert contents(raw, short="fill", extra="keep") == [
        {"A": "1"},
        {"A": "1", "B": "2", "+1": "3"},
        {"A": "1", "B": "2"},
        {"A": "1", "B": "2"},
    ]


def test_columns_may_be_named_by_the_declaration_and_changed_in_case() -> None:
    assert contents(b"1;2\n", delimiter=";", header=["a", "b"], names="upper") == [{"A": "1", "B": "2"}]
    assert contents(b"a,,a\n1,2,3\n") == [{"a": "1", "column_2": "2", "a_2": "3"}]


def test_a_first_line_that_stands_again_is_no_record() -> None:
    assert len(read(b"A,B\n1,2\nA,B\n3,4\n")) == 2


def test_what_says_nothing_is_empty_and_spaces_are_cut() -> None:
    assert contents(b"A,B,C\n~, x ,~x\n", missing=["~"]) == [{"A": "", "B": "x", "C": "~x"}]


def test_rows_of_a_group_are_one_record() -> None:
    [one, other] = read(b"ID,L\n1,a\n1,b\n2,c\n", group_by="ID")
    assert one.content == {"ID": "1", "L": "a", "lines": [{"ID": "1", "L": "a"}, {"ID": "1", "L": "b"}]}
    assert (one.key, one.raw, other.position) == ("1", b"1,a\n1,b", 4)


def test_a_group_that_stands_apart_is_refused_or_gathered() -> None:
    raw = b"ID,L\n1,a\n2,b\n1,c\n"
    found = read(raw, group_by="ID")
    assert [one.problem for one in found] == [None, None, "record.invalid"]
    assert "grouping: whole" in found[2].detail
    whole = read(raw, group_by="ID", grouping="whole")
    assert [len((one.content or {})["lines"]) for one in whole] == [2, 1]


def test_a_file_without_the_columns_that_are_needed_says_so() -> None:
    [found] = read(b"A,B\n1,2\n", group_by="ID")
    assert found.detail == "the column ID is not in the first line of the file"


@pytest.mark.parametrize(
    "raw", [b"", b"\n\n", b"\x00\xff\xfe", gzip.compress(b"A", mtime=0), b'"', b",,,\n,,,\n", b"A\r\rB\n\r"]
)
def test_anything_is_read_without_a_crash(raw: bytes) -> None:
    assert all(one.content is not None or one.problem for one in read(raw) + read(raw, group_by="A"))


@pytest.mark.parametrize(
    ("options", "place"),
    [
        ({"delimitr": "|"}, "`delimitr` is unknown"),
        ({"delimiter": "||"}, "entities.row.delimiter"),
        ({"quote": "x"}, "entities.row.quote"),
        ({"encoding": "utf-99"}, "entities.row.encoding"),
        ({"short": "drop"}, "must be one of refuse, fill"),
        ({"join": {"l": {"by": ["A"]}}}, "entities.row.join.l.file"),
        ({"join": {"l": {"file": "x"}}}, "entities.row.join.l.by"),
        ({"join": {"l": {"file": "x", "by": ["A"], "group_by": "B"}}}, "`group_by` is unknown"),
    ],
)
def test_an_option_that_cannot_be_meant_is_refused_with_its_place(options: dict[str, Any], place: str) -> None:
    with pytest.raises(Refusal) as refusal:
        table_spec("row", options)
    assert place in refusal.value.detail

"""The enrollment feed as rows of our own words; faults name row and column, never a value."""

from pathlib import Path

import pytest

from interpayer.model.member import Enrollment, IdKind
from interpayer.operations.feed import COLUMNS, FeedFault, RowFault, read_feed

HEADER = ",".join(COLUMNS)
CELLS = {
    "member_id": "BL100001", "subscriber_id": "BL100000", "family": "Quarrel", "given": "Ines", "middle": "Ada",
    "previous_family": "Marsh", "birth_date": "1980-02-03", "sex": "female", "ssn_last4": "1234",
    "coverage_start": "2026-06-01", "as_of": "2026-11-01", "opt_in": "yes", "opt_in_on": "2026-06-05",
}  # fmt: skip


def read(tmp_path: Path, text: str) -> list[Enrollment | RowFault]:
    path = tmp_path / "feed.csv"
    path.write_text(text, encoding="utf-8")
    return list(read_feed(path, "payer-b"))


def line(**changes: str) -> str:
    cells = CELLS | changes
    return ",".join(cells.get(column, "") for column in COLUMNS)


def test_a_row_becomes_our_own_words(tmp_path: Path) -> None:
    (row,) = read(tmp_path, f"{HEADER}\n{line()}\n")
    assert isinstance(row, Enrollment)
    assert [(i.kind, i.value, i.issuer) for i in row.demographics.identifiers] == [
        (IdKind.MEMBER, "BL100001", "payer-b"),
        (IdKind.SUBSCRIBER, "BL100000", "payer-b"),
        (IdKind.SSN_LAST4, "1234", None),
    ]
    assert [(n.family, n.given, n.used_until is not None) for n in row.demographics.names] == [
        ("Quarrel", ("Ines", "Ada"), False),
        ("Marsh", ("Ines", "Ada"), True),
    ]
    assert (row.coverage.payer, row.coverage.status) == ("payer-b", "active")


def test_a_byte_order_mark_and_missing_optional_columns_are_fine(tmp_path: Path) -> None:
    wanted = ("member_id", "family", "given", "birth_date", "coverage_start", "as_of")
    text = "\ufeff" + ",".join(wanted) + "\n" + ",".join(CELLS[column] for column in wanted) + "\n"
    (row,) = read(tmp_path, text)
    assert isinstance(row, Enrollment)
    assert row.opt_in is None


@pytest.mark.parametrize(
    ("changes", "column"),
    [
        ({"member_id": ""}, "member_id"),
        ({"birth_date": "03/02/1980"}, "birth_date"),
        ({"coverage_end": "2026-02-30"}, "coverage_end"),
        ({"opt_in": "maybe"}, "opt_in"),
        ({"status": "gone"}, "status"),
        ({"prior_relation": "cousin"}, "prior_relation"),
        ({"sex": "F"}, "sex"),
        ({"opt_in_scope": "all"}, "opt_in_scope"),
    ],
)
def test_a_fault_names_row_and_column(tmp_path: Path, changes: dict[str, str], column: str) -> None:
    good, fault = read(tmp_path, f"{HEADER}\n{line()}\n{line(**changes)}\n")
    assert isinstance(good, Enrollment)
    assert isinstance(fault, RowFault)
    assert (fault.row, fault.column) == (3, column)
    assert not any(value and value in fault.detail for value in changes.values())


@pytest.mark.parametrize(("header", "word"), [("member_id,family", "missing"), (f"{HEADER},shoe_size", "shoe_size")])
def test_another_file_is_refused_as_a_whole(tmp_path: Path, header: str, word: str) -> None:
    with pytest.raises(FeedFault, match=word):
        read(tmp_path, f"{header}\n")

"""members.csv and queries.csv in our own words: what cannot be read is missing."""

from datetime import date

import pytest

from interpayer.identity.bulk.columns import (
    LONGEST_CELL,
    MEMBER,
    QUERY,
    REQUIRED_OF_MEMBER,
    REQUIRED_OF_QUERY,
    missing_columns,
    read_day,
    read_member,
    read_query,
)
from interpayer.identity.bulk.files import as_row
from interpayer.identity.standardize import standardize
from interpayer.model.member import IdKind

DAY = date(2026, 11, 1)
TODD = {
    "member_key": "m000000000", "member_id": "W81961648200", "subscriber_id": "W819616482", "relationship": "self",
    "first_name": "TODD", "middle_name": "LEE", "last_name": "ONEAL", "suffix": "JR", "previous_last_name": "NEAL",
    "birth_date": "1976-03-06", "sex": "M", "ssn4": "9310", "address": "374 COLLEGE DR APT 37", "city": "CINCINNATI",
    "state": "OH", "zip": "45015", "phone": "5139607309", "email": "todd@post.example", "coverage_start": "2022-07-01",
    "coverage_end": "", "merged_into": "",
}  # fmt: skip


def test_a_member_with_everything():
    row = read_member(TODD, 2, payer="payer", as_of=DAY)
    one = standardize(row.demographics, [row.coverage], payer="payer")
    assert one.given == (("TODD", "LEE"),)
    assert one.families == ("ONEAL", "NEAL")
    assert one.suffixes == {"JR"}
    assert (one.birth_date, one.sex, one.ssn4) == (date(1976, 3, 6), "M", "9310")
    assert (one.member_ids, one.subscriber_ids) == ({"W81961648200"}, {"W819616482"})
    assert [i.value for i in row.demographics.identifiers if i.kind is IdKind.OWN] == ["m000000000"]
    assert row.coverage.starts_on == date(2022, 7, 1)
    assert row.demographics.names[1].used_until == date(2022, 7, 1)


def test_the_same_row_on_another_day_is_the_same_person():
    one, two = (read_member(TODD, 2, payer="payer", as_of=day) for day in (DAY, date(2026, 12, 1)))
    assert one.demographics == two.demographics


def test_a_query_with_everything_and_one_with_nothing():
    row = {**TODD, "query_id": "q1", "coverage_member_id": "W81961648200", "coverage_subscriber_id": ""}
    query = read_query(row, payer="payer")
    assert (query.coverage.member_id, query.coverage.subscriber_id) == ("W81961648200", None)
    empty = read_query({"query_id": "q2"}, payer="payer")
    assert standardize(empty.demographics, [empty.coverage], payer="payer") == standardize(empty.demographics)
    assert not empty.demographics.names


@pytest.mark.parametrize("text", ["", None, "2000-13-01", "01/02/2000", "2000", "x"])
def test_a_day_that_cannot_be_read_is_missing(text):
    assert read_day(text) is None


def test_columns_that_a_file_must_have():
    assert missing_columns(MEMBER, REQUIRED_OF_MEMBER) == missing_columns(QUERY, REQUIRED_OF_QUERY) == []
    assert missing_columns(["query_id"], REQUIRED_OF_QUERY) == ["first_name", "last_name", "birth_date"]


def test_what_nobody_filled_in_by_hand_is_empty():
    assert as_row(["a", "b"], ["x" * (LONGEST_CELL + 1), " y "]) == {"a": "", "b": "y"}
    assert as_row(["a", "b"], ["short"]) == {"a": "short"}

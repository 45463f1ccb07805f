"""SQL databases as sources: PostgreSQL for real, and a file of SQLite; every failure is a fault of the source."""

import sqlite3
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from interpayer.adapters.base import Asked
from interpayer.adapters.declaration import parse_declaration
from interpayer.adapters.tables.sql import TableDatabase, open_table_database
from interpayer.adapters.tables.store import read_query
from interpayer.model.reason import Fault, Refusal
from interpayer.system.database import connect
from tests.support.databases import ScratchDatabase

CLAIMS = """
create table claims (id integer, member text, line integer, paid numeric(8, 2), served date, seen timestamptz,
  final boolean, note jsonb, at_night time, photo bytea)
"""
ROWS = """
insert into claims values
  (1, 'M1', 1, 10.50, '2024-01-02', '2024-01-02T03:04:05Z', true, '{"a": [1, "x"]}', '23:00', '\\x00ff'),
  (1, 'M1', 2, null, '2024-01-03', null, false, null, null, null),
  (2, 'M2', 1, 7, '2023-05-06', null, null, null, null, null)
"""
DECLARED = """
source: warehouse
kind: tables
where: {database: "env:WAREHOUSE"}
members: {system: "https://plan.example/ids"}
entities:
  claim:
    group_by: id
    query: "select * from claims order by id, line"
    member_query: >-
      select id, member, line, '50%' as share, served::text from claims
      where member = :member and served between :from::date and :to::date order by id, line
"""


@pytest.fixture
def warehouse(make_database: Callable[..., ScratchDatabase]) -> str:
    url = make_database(template=None).url("owner")
    with connect(url) as conn:
        conn.execute(CLAIMS.encode())
        conn.execute(ROWS.encode())
    return url


def opened(url: str, declared: str = DECLARED) -> TableDatabase:
    declaration = parse_declaration(declared.encode(), folder=Path(), file="SOURCE.yaml")
    return open_table_database(declaration, {"WAREHOUSE": url})


def asked(*ids: tuple[str, str], **window: date | None) -> Asked:
    span = (window.get("first"), window.get("last"))
    return Asked(ids, (), span, datetime.now(UTC) + timedelta(seconds=20))


def test_a_database_is_read_whole_with_its_rows_as_text(warehouse: str) -> None:
    [first, second] = opened(warehouse).read()
    content: Any = first.content
    assert (first.entity, first.key, first.position, second.key) == ("claim", "1", 1, "2")
    assert content["lines"][0] == {
        "id": "1", "member": "M1", "line": "1", "paid": "10.50", "served": "2024-01-02",
        "seen": "2024-01-02T03:04:05+00:00", "final": "true", "note": {"a": [1, "x"]}, "at_night": "23:00:00",
        "photo": "00ff",
    }  # fmt: skip
    assert content["lines"][1]["paid"] == ""
    assert content["lines"][1]["final"] == "false"


def test_one_member_is_asked_for_by_the_declared_id_and_window(warehouse: str) -> None:
    ids = (("https://plan.example/ids", "M1"), ("https://elsewhere.example", "M2"))
    [found] = opened(warehouse).read_member(asked(*ids))
    assert (found.content or {})["member"] == "M1"
    assert (found.content or {})["share"] == "50%"
    assert list(opened(warehouse).read_member(asked(*ids, last=date(2023, 1, 1)))) == []
    assert list(opened(warehouse).read_member(asked(("https://elsewhere.example", "M2")))) == []


def test_a_value_is_never_part_of_the_statement(warehouse: str) -> None:
    evil = ("https://plan.example/ids", "M1' or '1'='1")
    assert list(opened(warehouse).read_member(asked(evil))) == []


def test_a_source_is_never_written_to(warehouse: str) -> None:
    with pytest.raises(Fault) as fault:
        list(read_query(warehouse, "delete from claims returning id", {}))
    assert fault.value.reason == "source.invalid"
    assert len(list(opened(warehouse).read())) == 2


@pytest.mark.parametrize(
    ("query", "reason"),
    [
        ("select * from nowhere", "source.invalid"),
        ("select pg_sleep(20)", "source.late"),
        ("select pg_sleep(0.0008) from generate_series(1, 100000)", "source.late"),
        ("selec", "source.invalid"),
    ],
)
def test_a_query_that_fails_or_takes_too_long_is_a_fault(warehouse: str, query: str, reason: str) -> None:
    with pytest.raises(Fault) as fault:
        list(read_query(warehouse, query, {}, until=datetime.now(UTC) + timedelta(seconds=1)))
    assert fault.value.reason == reason
    assert "nowhere" not in fault.value.detail


def test_a_database_that_is_not_there_is_unreachable() -> None:
    with pytest.raises(Fault) as fault:
        list(read_query("postgresql://nobody@127.0.0.1:9/none", "select 1", {}))
    assert fault.value.reason == "source.unreachable"


def test_a_file_of_sqlite_is_read_and_never_made(tmp_path: Path) -> None:
    path = tmp_path / "plan data.sqlite"
    with sqlite3.connect(path) as base:
        base.execute("create table m (id text, n real)")
        base.execute("insert into m values ('M1', 1.5), ('M2', null)")
    base.close()
    url = f"sqlite:///{path}".replace(" ", "%20").replace("sqlite:////", "sqlite:///")
    rows = list(read_query(url, "select id, n from m where id = :member", {"member": "M1"}))
    assert rows == [{"id": "M1", "n": "1.5"}]
    with pytest.raises(Fault) as fault:
        list(read_query(f"sqlite:///{tmp_path}/none.sqlite", "select 1", {}))
    assert fault.value.reason == "source.unreachable"
    slow = "with recursive n(x) as (select 1 union all select x + 1 from n) select count(*) from n"
    with pytest.raises(Fault) as fault:
        list(read_query(url, slow, {}, until=datetime.now(UTC) + timedelta(seconds=0.2)))
    assert fault.value.reason == "source.late"


@pytest.mark.parametrize(
    ("declared", "words"),
    [
        (DECLARED.replace("env:WAREHOUSE", "env:OTHER"), "OTHER is not set"),
        (DECLARED.replace("= :member", "= '1'"), "must ask by `:member`"),
        ("source: w\nkind: tables\nwhere: {database: 'env:WAREHOUSE'}\nentities: {a: {key: x}}\n", "needs `query`"),
    ],
)
def test_a_declaration_that_cannot_work_is_refused(declared: str, words: str) -> None:
    with pytest.raises(Refusal) as refusal:
        opened("postgresql://nowhere", declared)
    assert words in refusal.value.detail

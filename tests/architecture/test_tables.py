"""A table belongs to one room: no SQL outside it names the table, and every table lies in a known zone."""

import re
from functools import cache

import pytest

from tests.architecture.tree import PACKAGE, modules

# `gateway` keeps what lives for minutes (tokens, used assertions, rates); `policy` keeps published bundles.
ZONES = {
    "audit", "consent", "delivery", "engine", "exchange", "gateway", "identity", "operations", "partners", "policy",
    "records", "routing", "sources", "terminology",
}  # fmt: skip
# The floor makes and grants what the rooms own.
FLOOR = "system"


@cache
def _tables() -> tuple[str, ...]:
    sql = "\n".join(path.read_text("utf-8") for path in sorted(PACKAGE.rglob("*.sql")))
    return tuple(
        sorted(set(re.findall(r"^\s*create (?:unlogged )?table (?:if not exists )?(\w+\.\w+)", sql, re.I | re.M)))
    )


@cache
def _rooms_by_table() -> dict[str, set[str]]:
    named = re.compile(r"\b(?:from|join|into|update|table|using|copy)\s+(?:only\s+)?(\w+\.\w+)\b", re.I)
    found: dict[str, set[str]] = {}
    for name, path in modules().items():
        for table in set(named.findall(path.read_text("utf-8"))):
            found.setdefault(table, set()).add(name.split(".")[0])
    return found


def _rooms_that_name(table: str) -> set[str]:
    return _rooms_by_table().get(table, set()) - {FLOOR}


def test_every_table_lies_in_a_known_zone() -> None:
    strays = [table for table in _tables() if table.split(".")[0] not in ZONES]
    assert not strays


def test_the_tables_are_found() -> None:
    assert sum(bool(_rooms_that_name(table)) for table in _tables()) > len(_tables()) // 2


@pytest.mark.parametrize("table", _tables())
def test_one_room_names_a_table(table: str) -> None:
    rooms = _rooms_that_name(table)
    assert len(rooms) <= 1, f"{table} is named in SQL of {sorted(rooms)}: ask the room that owns it"

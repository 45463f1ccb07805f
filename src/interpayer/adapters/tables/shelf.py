"""Rows laid on disk while other rows are read, so that memory stays flat: groups that stand apart, and joins.

A file of SQLite in the folder for temporary files, gone when it is closed; it holds members' data for that long, so
only this process's user can read it.
"""

import sqlite3
import tempfile
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType

import orjson

from interpayer.adapters.tables.lines import Line
from interpayer.adapters.tables.rows import Row

_TABLES = """
create table rows (name text, key text, file text, number integer, raw blob, content blob);
create table seen (key text primary key) without rowid;
create table used (name text, key text, primary key (name, key)) without rowid;
"""
_BATCH = 2000
# What separates the columns of a key: no text of a file holds it.
_BETWEEN = "\x1f"


class Shelf:
    """A place on disk for rows; use it in a `with` block."""

    def __init__(self) -> None:
        self._folder = tempfile.TemporaryDirectory(prefix="interpayer-")
        self._base = sqlite3.connect(Path(self._folder.name) / "rows.sqlite", isolation_level=None)
        self._base.executescript("pragma journal_mode=off; pragma synchronous=off; pragma cache_size=-16000;" + _TABLES)
        self._base.execute("begin")
        self._waiting: list[tuple[object, ...]] = []
        self._is_indexed = False

    def __enter__(self) -> "Shelf":
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._base.close()
        self._folder.cleanup()

    def remember(self, key: tuple[str, ...]) -> bool:
        """Whether this key was remembered before."""
        text = _BETWEEN.join(key)
        return self._base.execute("insert or ignore into seen values (?)", (text,)).rowcount == 0

    def put(self, name: str, key: tuple[str, ...], row: Row, *, file: str) -> None:
        """Lay a row down under a name and a key."""
        values = (name, _BETWEEN.join(key), file, row.line.number, row.line.raw, orjson.dumps(row.values))
        self._waiting.append(values)
        if len(self._waiting) >= _BATCH:
            self._write()

    def take(self, name: str, key: tuple[str, ...]) -> list[Row]:
        """The rows under this name and key, in the order they came; they are no orphans from now on."""
        self._index()
        text = _BETWEEN.join(key)
        found = self._base.execute(
            "select number, raw, content from rows where name = ? and key = ? order by rowid", (name, text)
        ).fetchall()
        if found:
            self._base.execute("insert or ignore into used values (?, ?)", (name, text))
        return [_row(*one) for one in found]

    def orphans(self, name: str) -> Iterator[tuple[Row, str]]:
        """The rows under this name that were never taken, with their files."""
        self._index()
        query = (
            "select number, raw, content, file from rows r where name = ?"
            " and not exists (select 1 from used u where u.name = r.name and u.key = r.key) order by rowid"
        )
        for number, raw, content, file in self._base.execute(query, (name,)):
            yield _row(number, raw, content), file

    def groups(self, name: str) -> Iterator[list[tuple[Row, str]]]:
        """The rows under this name by their keys, in the order of their first rows."""
        self._index()
        query = (
            "select r.key, r.number, r.raw, r.content, r.file from rows r"
            " join (select key, min(rowid) as first from rows where name = ? group by key) g on g.key = r.key"
            " where r.name = ? order by g.first, r.rowid"
        )
        group: list[tuple[Row, str]] = []
        at = None
        for key, number, raw, content, file in self._base.execute(query, (name, name)):
            if group and key != at:
                yield group
                group = []
            at = key
            group.append((_row(number, raw, content), file))
        if group:
            yield group

    def _write(self) -> None:
        self._base.executemany("insert into rows values (?, ?, ?, ?, ?, ?)", self._waiting)
        self._waiting = []

    def _index(self) -> None:
        if self._waiting:
            self._write()
        if not self._is_indexed:
            self._base.execute("create index if not exists by_key on rows (name, key)")
            self._is_indexed = True


def _row(number: int, raw: bytes, content: bytes) -> Row:
    return Row(Line(number, raw), orjson.loads(content))

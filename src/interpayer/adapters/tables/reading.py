"""Delimited files as records: one for each row, or one for each group of rows."""

from collections.abc import Callable, Iterable, Iterator
from typing import Any, BinaryIO, TypeAlias

from interpayer.adapters.base import Found
from interpayer.adapters.tables.lines import read_lines
from interpayer.adapters.tables.rows import Row, RowReader
from interpayer.adapters.tables.shelf import Shelf
from interpayer.adapters.tables.spec import TableSpec

INVALID = "record.invalid"
Extend: TypeAlias = Callable[[Row], tuple[dict[str, Any], list[bytes]]]
"""What is joined to a row: content by name, and the rows as they came."""


def read_delimited(opened: BinaryIO, file: str, spec: TableSpec) -> Iterator[Found]:
    """The records of one opened file, streamed; joins are left to `files`."""
    return records(read_rows(opened, spec), file, spec)


def read_rows(opened: BinaryIO, spec: TableSpec) -> Iterator[Row]:
    """The rows of one opened file. A first line that names no columns is a row without values, and the only one."""
    reader = RowReader(spec)
    for line in read_lines(opened, quote=spec.quote.encode(), encoding=spec.encoding):
        if not reader.columns:
            problem = reader.head(line)
            if problem:
                yield Row(line, None, f"the line with the names of the columns: {problem}")
                return
            missing = [one for one in (*spec.key, *spec.group_by) if one not in reader.columns]
            if missing:
                yield Row(line, None, f"the column {missing[0]} is not in the first line of the file")
                return
        elif not reader.is_head(line):
            yield reader.row(line)


def records(rows: Iterable[Row], file: str, spec: TableSpec, *, extend: Extend | None = None) -> Iterator[Found]:
    """Rows as records, grouped where the spec says so."""
    if not spec.group_by:
        for row in rows:
            yield _unreadable(row, file, spec) if row.values is None else _record([row], file, spec, extend)
    elif spec.grouping == "whole":
        yield from _grouped_anywhere(rows, file, spec, extend)
    else:
        yield from _grouped(rows, file, spec, extend)


def _grouped(rows: Iterable[Row], file: str, spec: TableSpec, extend: Extend | None) -> Iterator[Found]:
    """Rows of a group stand together; a group that comes again later would be half a record, and is refused."""
    group: list[Row] = []
    key: tuple[str, ...] = ()
    with Shelf() as seen:
        for row in rows:
            if row.values is None:
                yield _unreadable(row, file, spec)
                continue
            its = row.text(spec.group_by)
            if group and its != key:
                yield _whole(group, file, spec, extend, is_again=seen.remember(key))
                group = []
            key = its
            group.append(row)
        if group:
            yield _whole(group, file, spec, extend, is_again=seen.remember(key))


def _whole(group: list[Row], file: str, spec: TableSpec, extend: Extend | None, *, is_again: bool) -> Found:
    if not is_again:
        return _record(group, file, spec, extend)
    detail = f"rows of one {', '.join(spec.group_by)} stand apart: declare `grouping: whole`"
    return _refused(group, file, spec, detail)


def _grouped_anywhere(rows: Iterable[Row], file: str, spec: TableSpec, extend: Extend | None) -> Iterator[Found]:
    """Rows of a group stand anywhere in the file: they are laid on disk first, and given in the order of first rows."""
    with Shelf() as shelf:
        for row in rows:
            if row.values is None:
                yield _unreadable(row, file, spec)
            else:
                shelf.put(spec.entity, row.text(spec.group_by), row, file=file)
        for group in shelf.groups(spec.entity):
            yield _record([row for row, _ in group], file, spec, extend)


def _record(group: list[Row], file: str, spec: TableSpec, extend: Extend | None) -> Found:
    first = group[0]
    raws = [row.line.raw for row in group]
    content: dict[str, Any] = dict(first.values or {})
    if extend is not None:
        parts, more = extend(first)
        content |= parts
        raws += more
    if spec.group_by:
        content[spec.lines] = [row.values for row in group]
    key = "-".join(first.text(spec.key))
    return Found(spec.entity, content, b"\n".join(raws), file, first.line.number, key=key)


def _unreadable(row: Row, file: str, spec: TableSpec) -> Found:
    return _refused([row], file, spec, row.problem)


def _refused(rows: list[Row], file: str, spec: TableSpec, detail: str) -> Found:
    raw = b"\n".join(row.line.raw for row in rows)
    return Found(spec.entity, None, raw, file, rows[0].line.number, problem=INVALID, detail=detail)

"""A declared source of delimited files: which file is whose, and the rows that belong to other rows.

Joined files are laid on disk first; then the files with the records are streamed, each row taking what is its own.
"""

from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from fnmatch import fnmatch
from pathlib import Path
from typing import Any, BinaryIO

from interpayer.adapters.base import Found
from interpayer.adapters.declaration import Declaration
from interpayer.adapters.files import Reader, files_below, plain_name, read_files
from interpayer.adapters.tables.reading import INVALID, Extend, read_rows, records
from interpayer.adapters.tables.rows import Row
from interpayer.adapters.tables.shelf import Shelf
from interpayer.adapters.tables.spec import Join, TableSpec, table_spec
from interpayer.model.reason import Refusal

UNATTRIBUTED = "record.unattributed"


@dataclass(frozen=True, slots=True)
class TableFiles:
    """Delimited files as a source: `read` gives every record, every row that cannot be read, and every orphan."""

    declaration: Declaration
    specs: tuple[TableSpec, ...]

    @property
    def name(self) -> str:
        """The declared name."""
        return self.declaration.name

    def read(self) -> Iterator[Found]:
        """Entity by entity in the order of the declaration, file by file."""
        for spec in self.specs:
            yield from self._entity(spec)

    def files(self) -> list[tuple[Path, str]]:
        """The files that hold records or are joined to them."""
        return [one for one in self._all() if any(_fits(one[0], pattern) for pattern in self._patterns())]

    def passed_over(self) -> list[str]:
        """The names of the files that no entity reads."""
        read = {name for _, name in self.files()}
        return [name for _, name in files_below(self.declaration.path) if name not in read]

    def _all(self) -> list[tuple[Path, str]]:
        pattern = self.declaration.where.get("pattern")
        return files_below(self.declaration.path, (str(pattern),) if pattern else ("*",))

    def _patterns(self) -> list[str]:
        return [one.file for spec in self.specs for one in (spec, *(join.table for join in joins_below(spec)))]

    def _files_of(self, spec: TableSpec) -> list[tuple[Path, str]]:
        return [one for one in self._all() if _fits(one[0], spec.file)]

    def _entity(self, spec: TableSpec) -> Iterator[Found]:
        with ExitStack() as ends:
            shelf = ends.enter_context(Shelf()) if spec.joins else None
            extend = None
            if shelf is not None:
                yield from self._lay_down(spec, shelf)
                extend = extension(spec, shelf)
            yield from read_files(self._files_of(spec), _reader(spec, extend))
            if shelf is not None:
                yield from self._orphans(spec, shelf)

    def _lay_down(self, spec: TableSpec, shelf: Shelf) -> Iterator[Found]:
        """Put every row of every joined file on the shelf; a row that cannot be read is found as such."""
        for join in joins_below(spec):
            yield from read_files(self._files_of(join.table), _layer(join, shelf))

    @staticmethod
    def _orphans(spec: TableSpec, shelf: Shelf) -> Iterator[Found]:
        for join in joins_below(spec):
            if not join.is_lookup:
                for row, file in shelf.orphans(join.table.entity):
                    detail = f"a row of {join.name} that no row of {spec.entity} asks for"
                    yield _refused(row, file, join.table, UNATTRIBUTED, detail)


def open_table_files(declaration: Declaration) -> TableFiles:
    """The source of this declaration. Raises Refusal(request.malformed) when an entity cannot be read so."""
    if not declaration.entities:
        raise Refusal("request.malformed", "`entities`: tables are named one by one, each with its file and mapping")
    specs = tuple(table_spec(name, rule.options) for name, rule in declaration.entities.items())
    return TableFiles(declaration, specs)


def joins_below(spec: TableSpec) -> Iterator[Join]:
    """Every join of a table, those of its joins included."""
    for join in spec.joins:
        yield join
        yield from joins_below(join.table)


def extension(spec: TableSpec, shelf: Shelf) -> Extend:
    """A function from a row to what is joined to it."""

    def extend(row: Row) -> tuple[dict[str, Any], list[bytes]]:
        parts: dict[str, Any] = {}
        raws: list[bytes] = []
        for join in spec.joins:
            rows = shelf.take(join.table.entity, row.text(tuple(column for column, _ in join.on)))
            contents = []
            for one in rows:
                below, more = extension(join.table, shelf)(one) if join.table.joins else ({}, [])
                contents.append({**(one.values or {}), **below})
                raws += [one.line.raw, *more]
            parts[join.name] = contents if join.is_many else contents[0] if contents else {}
        return parts, raws

    return extend


def _reader(spec: TableSpec, extend: Extend | None) -> Reader:
    return lambda opened, file: records(read_rows(opened, spec), file, spec, extend=extend)


def _layer(join: Join, shelf: Shelf) -> Reader:
    """A reader that finds only what cannot be read, and lays the rest on the shelf."""
    theirs = tuple(column for _, column in join.on)

    def lay(opened: BinaryIO, file: str) -> Iterator[Found]:
        for row in read_rows(opened, join.table):
            if row.values is None:
                yield _refused(row, file, join.table, INVALID, row.problem)
            else:
                shelf.put(join.table.entity, row.text(theirs), row, file=file)

    return lay


def _fits(path: Path, pattern: str) -> bool:
    return fnmatch(plain_name(path), pattern.lower()) or fnmatch(path.name.lower(), pattern.lower())


def _refused(row: Row, file: str, spec: TableSpec, problem: str, detail: str) -> Found:
    return Found(spec.entity, None, row.line.raw, file, row.line.number, problem=problem, detail=detail)

"""From one row of bytes to columns and values."""

import csv
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from interpayer.adapters.tables.lines import Line
from interpayer.adapters.tables.spec import TableSpec

_CHANGES: Mapping[str, Callable[[str], str]] = {"upper": str.upper, "lower": str.lower, "as_is": str}


@dataclass(frozen=True, slots=True)
class Row:
    """The values of one row by their columns, or (values None) why it cannot be read, in words without a value."""

    line: Line
    values: dict[str, str] | None
    problem: str = ""

    def text(self, columns: tuple[str, ...]) -> tuple[str, ...]:
        """The values of these columns; a column that is not there is empty."""
        values = self.values or {}
        return tuple(values.get(column, "") for column in columns)


class RowReader:
    """Reads the rows of one file; the first line names the columns unless the spec does."""

    def __init__(self, spec: TableSpec) -> None:
        self._spec = spec
        self._encoding = "utf-8" if spec.encoding.lower().startswith(("utf-16", "utf_16")) else spec.encoding
        self._missing = frozenset(spec.missing)
        self.columns: tuple[str, ...] = self._named(spec.header) if spec.header else ()
        self._repeated = b""

    def head(self, line: Line) -> str:
        """Take the columns from this line; why it cannot be, or ``""``."""
        cells = self._cells(line)
        if isinstance(cells, str):
            return cells
        self.columns, self._repeated = self._named(tuple(cells)), line.raw
        return ""

    def is_head(self, line: Line) -> bool:
        """Whether the line repeats the first one, as files do that were put together from several."""
        return line.raw == self._repeated

    def row(self, line: Line) -> Row:
        """The row of this line."""
        cells = self._cells(line)
        if isinstance(cells, str):
            return Row(line, None, cells)
        surplus = len(cells) - len(self.columns)
        if surplus:
            return self._uneven(line, cells, surplus)
        return Row(line, self._values(dict(zip(self.columns, cells, strict=True))))

    def _uneven(self, line: Line, cells: list[str], surplus: int) -> Row:
        """A row with more or fewer fields than there are columns; a delimiter at the end adds nothing."""
        if surplus < 0 and self._spec.short == "refuse":
            return Row(line, None, f"{len(cells)} fields for {len(self.columns)} columns")
        values = dict(zip(self.columns, cells, strict=False))
        more = {f"+{at}": cell for at, cell in enumerate(cells[len(self.columns) :], start=1) if cell.strip()}
        if more and self._spec.extra == "refuse":
            return Row(line, None, f"{len(cells)} fields for {len(self.columns)} columns")
        return Row(line, self._values(values | more))

    def _values(self, values: dict[str, str]) -> dict[str, str]:
        if self._missing:
            return {column: "" if value in self._missing else value for column, value in values.items()}
        return values

    def _cells(self, line: Line) -> list[str] | str:
        if not line.is_whole:
            return "the row does not end: a quote is not closed, or it is too long"
        try:
            text = line.raw.decode(self._encoding)
        except UnicodeDecodeError:
            return f"the row is not {self._encoding}"
        delimiter, quote = self._spec.delimiter, self._spec.quote
        if quote and quote in text:
            return self._quoted(text)
        cells = text.split(delimiter)
        return [cell.strip() for cell in cells] if " " in text else cells

    def _quoted(self, text: str) -> list[str] | str:
        try:
            rows = list(csv.reader([text], delimiter=self._spec.delimiter, quotechar=self._spec.quote, strict=True))
        except csv.Error as error:
            return f"quotes are not closed as they should be ({error})"
        return [cell.strip() for cell in rows[0]] if len(rows) == 1 else "the row holds several rows"

    def _named(self, names: tuple[str, ...]) -> tuple[str, ...]:
        """Columns by their names; one without a name gets its number, one that stands twice its count."""
        change = _CHANGES[self._spec.names]
        found: dict[str, int] = {}
        columns = []
        for at, raw in enumerate(names, start=1):
            name = change(raw.strip().strip("\ufeff")) or f"column_{at}"
            found[name] = found.get(name, 0) + 1
            columns.append(name if found[name] == 1 else f"{name}_{found[name]}")
        return tuple(columns)

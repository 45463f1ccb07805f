"""CSV files in pieces: the header is checked once, the rows travel as plain cells."""

import csv
import hashlib
from collections.abc import Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import IO

from interpayer.identity.bulk.columns import LONGEST_CELL, Row, missing_columns
from interpayer.model.reason import Refusal

Cells = list[str]
# csv's own limit of a field is a fault of the whole file; ours empties one cell.
csv.field_size_limit(1 << 20)


def open_table(file: IO[str], required: Sequence[str]) -> tuple[Cells, Iterator[Cells]]:
    """The header and the rows; `Refusal` names the columns that are missing."""
    reader = csv.reader(file)
    header = [column.strip() for column in next(reader, [])]
    if absent := missing_columns(header, required):
        raise Refusal("request.malformed", f"columns are missing: {', '.join(absent)}")
    return header, (cells for cells in reader if cells)


def check_columns(path: Path, required: Sequence[str]) -> None:
    """`Refusal` when the file lacks a column, or cannot be read as text; before anything is done with it."""
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:
            open_table(file, required)
    except (UnicodeDecodeError, csv.Error):
        raise Refusal("request.malformed", "the file is no CSV in UTF-8") from None


def as_row(header: Sequence[str], cells: Sequence[str], *, is_query: bool = False) -> Row:
    """A row by column. A cell that nobody could have filled in by hand is empty in a record; in a query it stays, cut
    short, because the resolver refuses such a query and names the field.
    """
    if max(map(len, cells)) > LONGEST_CELL:
        rest = LONGEST_CELL if is_query else 0
        cells = [cell if len(cell) <= LONGEST_CELL else cell[:rest] for cell in cells]
    return {column: cell.strip() for column, cell in zip(header, cells, strict=False)}


def pieces_of(rows: Iterator[Cells], size: int) -> Iterator[list[Cells]]:
    """The rows in lists of `size`."""
    while piece := list(islice(rows, size)):
        yield piece


def digest_of(path: Path, *also: str) -> str:
    """What a file is recognized by, together with what else its answers depend on."""
    with path.open("rb") as file:
        found = hashlib.file_digest(file, "sha256")
    for text in also:
        found.update(f"\0{text}".encode())
    return found.hexdigest()

"""`index.csv` beside documents: whose each one is and what it is, as the document store knows it."""

import csv
import io
from dataclasses import dataclass
from pathlib import PurePosixPath

NAME = "index.csv"
COLUMNS = ("file", "member", "id", "type", "type_system", "type_name", "title", "date", "author", "status")
_NEEDED = ("file", "member")


@dataclass(frozen=True, slots=True)
class Row:
    """One line of an index: the file it speaks of, by its name from the folder of the source, and what it says."""

    index: str
    position: int
    file: str
    told: dict[str, str]
    problem: str = ""


def is_index(file: str) -> bool:
    """Whether the file of this name is an index."""
    return PurePosixPath(file).name.lower() == NAME


def read_index(raw: bytes, file: str) -> list[Row]:
    """Every line of the index; one that cannot be used says why."""
    try:
        text = raw.decode("utf-8-sig")
    except UnicodeDecodeError:
        return [Row(file, 1, "", {}, "the index is no UTF-8")]
    lines = csv.DictReader(io.StringIO(text, newline=""))
    header = [name.strip().lower() for name in lines.fieldnames or ()]
    lines.fieldnames = header
    if lacking := [name for name in _NEEDED if name not in header]:
        return [Row(file, 1, "", {}, f"the index has no column {lacking[0]}")]
    try:
        return [_row(line, file, number) for number, line in enumerate(lines, start=1)]
    except csv.Error:
        return [Row(file, 1, "", {}, "the index is no CSV")]


def _row(line: dict[str, str | None], file: str, number: int) -> Row:
    told = {name: text.strip() for name in COLUMNS if (text := line.get(name) or "").strip()}
    named = told.pop("file", "")
    if not named:
        return Row(file, number, "", told, "the line names no file")
    return Row(file, number, str(PurePosixPath(file).parent / PurePosixPath(named)), told)

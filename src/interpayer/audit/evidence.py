"""What verification works on: rows of the ledger, from the database or from the lines of an export (no database)."""

import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

EVENTS_FILE = "events.ndjson"
CHECKPOINTS_FILE = "checkpoints.ndjson"
TIPS_FILE = "tips.ndjson"
KEY_FILE = "ledger.vkey"

Row = TypeVar("Row")


class BrokenExport(Exception):
    """A line of an export is not what an export writes; the message names file and line."""


@dataclass(frozen=True, slots=True)
class Entry:
    """One event as stored, without its id in the database.

    `at_us` is microseconds since 1970, None where the stored time is no time.
    """

    chain: str
    seq: int
    at_us: int | None
    prev: bytes
    header: bytes
    hash: bytes
    name: str
    partner: str | None
    member: str | None
    exchange: str | None
    body: Mapping[str, str] | None
    position: int | None
    checkpoint: int | None


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """One sealed head as stored; `frontier` has the roots of the full subtrees."""

    number: int
    size: int
    root: bytes
    at_us: int | None
    frontier: tuple[bytes, ...]
    note: str


@dataclass(frozen=True, slots=True)
class Tip:
    """The stored end of one chain."""

    chain: str
    seq: int
    hash: bytes
    at_us: int | None


@dataclass(frozen=True, slots=True)
class Source:
    """A ledger to verify: events by position and then, unsealed ones, by id; each part is read once."""

    entries: Iterable[Entry]
    checkpoints: Iterable[Checkpoint]
    tips: Iterable[Tip]


def entry_line(entry: Entry) -> str:
    """One line of an export; the header's exact bytes survive, whatever they are."""
    return _line({name: getattr(entry, name) for name in Entry.__slots__})


def checkpoint_line(checkpoint: Checkpoint) -> str:
    """One checkpoint as a line of an export."""
    return _line({name: getattr(checkpoint, name) for name in Checkpoint.__slots__})


def tip_line(tip: Tip) -> str:
    """One chain's end as a line of an export."""
    return _line({name: getattr(tip, name) for name in Tip.__slots__})


def read_export(folder: Path) -> Source:
    """The ledger in an export folder, read line by line. Missing files raise OSError, broken lines BrokenExport."""
    for name in (EVENTS_FILE, CHECKPOINTS_FILE, TIPS_FILE):
        (folder / name).stat()
    return Source(
        entries=_read(folder / EVENTS_FILE, _entry, entry_line),
        checkpoints=_read(folder / CHECKPOINTS_FILE, _checkpoint, checkpoint_line),
        tips=_read(folder / TIPS_FILE, _tip, tip_line),
    )


def read_notes(folder: Path) -> list[str]:
    """The notes that a witness kept in a folder, in the order of their names; OSError when there is none."""
    if not folder.is_dir():
        raise NotADirectoryError(folder)
    return [path.read_text(encoding="utf-8", errors="replace") for path in sorted(folder.glob("*.note"))]


def _line(fields: dict[str, Any]) -> str:
    for name, value in fields.items():
        if isinstance(value, bytes):
            fields[name] = value.decode("utf-8", "surrogateescape") if name == "header" else value.hex()
        elif isinstance(value, tuple):
            fields[name] = [item.hex() for item in value]
    return json.dumps(fields, separators=(",", ":")) + "\n"


def _read(path: Path, build: Callable[[dict[str, Any]], Row], spell: Callable[[Row], str]) -> Iterator[Row]:
    """The rows of a file; a line must be spelled as an export spells it, so that no byte can change unseen."""
    with path.open("rb") as file:
        for number, line in enumerate(file, 1):
            try:
                row = build(json.loads(line))
                is_exact = spell(row).encode() == line
            except (ValueError, TypeError, KeyError, AttributeError, RecursionError):
                row, is_exact = None, False
            if row is None or not is_exact:
                raise BrokenExport(f"{path.name}, line {number}, is not what an export writes")
            yield row


def _entry(fields: dict[str, Any]) -> Entry:
    fields["prev"], fields["hash"] = bytes.fromhex(fields["prev"]), bytes.fromhex(fields["hash"])
    fields["header"] = fields["header"].encode("utf-8", "surrogateescape")
    return _checked(Entry(**fields), ("seq",), ("at_us", "position", "checkpoint"))


def _checkpoint(fields: dict[str, Any]) -> Checkpoint:
    fields["frontier"] = tuple(bytes.fromhex(item) for item in fields["frontier"])
    fields["root"] = bytes.fromhex(fields["root"])
    return _checked(Checkpoint(**fields), ("number", "size"), ("at_us",))


def _tip(fields: dict[str, Any]) -> Tip:
    fields["hash"] = bytes.fromhex(fields["hash"])
    return _checked(Tip(**fields), ("seq",), ("at_us",))


def _checked(row: Row, whole: tuple[str, ...], maybe: tuple[str, ...]) -> Row:
    """The row, if its numbers are numbers and its names are text; comparing needs no more."""
    numbers = [getattr(row, name) for name in whole]
    numbers += [value for name in maybe if (value := getattr(row, name)) is not None]
    texts = [getattr(row, name) for name in ("chain", "note", "name") if hasattr(row, name)]
    if not all(type(value) is int for value in numbers) or not all(type(value) is str for value in texts):
        raise ValueError("a field of another type")
    return row

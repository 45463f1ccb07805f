"""What verification works on: rows of the ledger, from the database or from the lines of an export (no database)."""

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

EVENTS_FILE = "events.ndjson"
CHECKPOINTS_FILE = "checkpoints.ndjson"
TIPS_FILE = "tips.ndjson"
KEY_FILE = "ledger.vkey"


@dataclass(frozen=True, slots=True)
class Entry:
    """One event as stored. `at_us` is microseconds since 1970, None where the time is not one."""

    id: int
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


def entry_of(row: Mapping[str, Any]) -> Entry:
    """A row of `audit.evidence` as an entry."""
    return Entry(**row)


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
    """The ledger in an export folder, read line by line. Missing files raise OSError, broken lines ValueError."""
    for name in (EVENTS_FILE, CHECKPOINTS_FILE, TIPS_FILE):
        (folder / name).stat()
    return Source(
        entries=(_entry(fields) for fields in _lines(folder / EVENTS_FILE)),
        checkpoints=(_checkpoint(fields) for fields in _lines(folder / CHECKPOINTS_FILE)),
        tips=(_tip(fields) for fields in _lines(folder / TIPS_FILE)),
    )


def _line(fields: dict[str, Any]) -> str:
    for name, value in fields.items():
        if isinstance(value, bytes):
            fields[name] = value.decode("utf-8", "surrogateescape") if name == "header" else value.hex()
        elif isinstance(value, tuple):
            fields[name] = [item.hex() for item in value]
    return json.dumps(fields, separators=(",", ":")) + "\n"


def _lines(path: Path) -> Iterator[dict[str, Any]]:
    with path.open(encoding="utf-8") as file:
        for number, line in enumerate(file, 1):
            try:
                yield json.loads(line)
            except ValueError:
                raise ValueError(f"{path.name}, line {number}: not JSON") from None


def _entry(fields: dict[str, Any]) -> Entry:
    for name in ("prev", "hash"):
        fields[name] = bytes.fromhex(fields[name])
    fields["header"] = fields["header"].encode("utf-8", "surrogateescape")
    return Entry(**fields)


def _checkpoint(fields: dict[str, Any]) -> Checkpoint:
    frontier = tuple(bytes.fromhex(item) for item in fields.pop("frontier"))
    return Checkpoint(**fields | {"root": bytes.fromhex(fields["root"]), "frontier": frontier})


def _tip(fields: dict[str, Any]) -> Tip:
    return Tip(**fields | {"hash": bytes.fromhex(fields["hash"])})

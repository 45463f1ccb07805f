"""What a command says: data to standard output, the rest to standard error, and an exit code a script can read."""

import csv
import json
import os
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, is_dataclass
from datetime import date, datetime
from enum import Enum
from typing import Annotated, Any, NoReturn

import typer
from rich.console import Console
from rich.progress import BarColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn
from rich.table import Table
from rich.text import Text

from interpayer.model.reason import REASONS, Fault, Refusal, Retry
from interpayer.system.cluster import ClusterUnusable
from interpayer.system.database import DatabaseGone, DatabaseTooOld
from interpayer.system.keys import KeyFileUnsafe
from interpayer.system.settings import SettingsInvalid

DONE, FAILED, USAGE, PARTIAL, REFUSED, NOT_FOUND, REVIEW, TRY_AGAIN = 0, 1, 2, 3, 4, 5, 6, 75

AsJson = Annotated[bool, typer.Option("--json", help="One JSON document on standard output.")]
AsFormat = Annotated[str, typer.Option("--format", help="table, json, ndjson or csv.", metavar="FORMAT")]

_NOT_FOUND = ("request.not_found", "identity.not_enrolled", "route.payer_unknown", "partner.not_found")
_REVIEW = ("identity.ambiguous", "identity.weak", "partner.multiple")
_USAGE = ("request.malformed", "request.too_large", "request.duplicate_differs", "request.unsupported_parameter")
# Reason codes speak to partners; a person at this terminal is told what it means here.
_HERE = {
    "caller.unknown": ("You are not logged in", "interpayer access login, or set INTERPAYER_TOKEN"),
    "caller.not_permitted": ("Your roles do not allow this", "ask somebody who has the role"),
    "request.not_found": ("There is nothing of this name or id", "look at the list"),
    "request.malformed": ("This cannot be read as it is", "correct what is named and try again"),
}
_POLICY = ("consent.", "policy.", "caller.", "system.restored", "request.held")


@dataclass(slots=True)
class Manners:
    """How this run speaks; set once by the global options."""

    quiet: bool = False
    color: bool = True


MANNERS = Manners()


def exit_code(reason: str) -> int:
    """The exit code of a reason code."""
    if reason in _NOT_FOUND:
        return NOT_FOUND
    if reason in _REVIEW:
        return REVIEW
    if reason in _USAGE:
        return USAGE
    if reason.startswith(_POLICY):
        return REFUSED
    known = REASONS.get(reason)
    return TRY_AGAIN if known is not None and known.retry is Retry.LATER else FAILED


def say(text: str) -> None:
    """A word to the person, not part of the result; nothing with --quiet."""
    if not MANNERS.quiet:
        _console(sys.stderr).print(Text(text), soft_wrap=True)


def tell_json(schema: str, content: Mapping[str, Any]) -> None:
    """One JSON document; `schema` names its shape and version, so that a script can hold us to it."""
    print(json.dumps({"schema": schema, **{key: plain(value) for key, value in content.items()}}, ensure_ascii=False))


def tell_result(schema: str, content: Mapping[str, Any], *, as_json: bool) -> None:
    """What a writing command made: the bare values, one line each, or one JSON document."""
    if as_json:
        tell_json(schema, content)
        return
    for value in content.values():
        for one in value if isinstance(value, list | tuple) else [value]:
            print(_cell(one))


def tell_fields(fields: Mapping[str, Any]) -> None:
    """Names and values, one line each; what is not there is left out."""
    rows = {name: _cell(value) for name, value in fields.items() if value not in (None, "", (), [], {})}
    if not _is_terminal():
        for name, text in rows.items():
            print(f"{name}: {text}")
        return
    table = Table.grid(padding=(0, 2))
    for name, text in rows.items():
        table.add_row(Text(name, style="dim"), Text(text))
    _console(sys.stdout).print(table)


def tell_rows(
    schema: str, name: str, rows: Sequence[Mapping[str, Any]], *, columns: Sequence[str], form: str = "table"
) -> None:
    """A list: a table, or with `form` one JSON document, one JSON line per row, or CSV."""
    if form == "json":
        tell_json(schema, {name: list(rows)})
    elif form == "ndjson":
        for row in rows:
            print(json.dumps(plain(row), ensure_ascii=False))
    elif form == "csv":
        writer = csv.writer(sys.stdout, lineterminator="\n")
        writer.writerow(columns)
        writer.writerows([_cell(row.get(column)) for column in columns] for row in rows)
    elif form == "table":
        _tell_table(rows, columns)
    else:
        fail("this format is unknown", "table, json, ndjson and csv are known", code=USAGE)


def chosen(form: str, *, as_json: bool) -> str:
    """The format of a list: `--json` is short for `--format json`."""
    return "json" if as_json else form


def fail(what: str, why: str = "", *, next_step: str = "", code: int = FAILED, reason: str | None = None) -> NoReturn:
    """Say what went wrong, why and what helps, on standard error, and end with the code."""
    console = _console(sys.stderr)
    console.print(Text("Error: ", style="bold red") + Text(what), soft_wrap=True)
    for name, text in (("Why", why), ("Next", next_step), ("Code", reason or "")):
        if text:
            console.print(Text(f"{name}: ", style="dim") + Text(text), soft_wrap=True)
    raise typer.Exit(code)


@contextmanager
def failures() -> Iterator[None]:
    """Every no and every fault of the block in words, with its exit code."""
    try:
        yield
    except Refusal as refusal:
        _fail_by(refusal.reason, refusal.detail)
    except Fault as fault:
        _fail_by(fault.reason, fault.detail)
    except SettingsInvalid as error:
        fail("the settings cannot be used", str(error), code=USAGE)
    except DatabaseGone as error:
        step = "start it: `interpayer db run` or `interpayer up`; `interpayer doctor` looks further"
        fail("the database does not answer", str(error), next_step=step, code=TRY_AGAIN)
    except (ClusterUnusable, DatabaseTooOld, KeyFileUnsafe) as error:
        fail("this installation cannot be used as it is", str(error), next_step="interpayer doctor")
    except FileNotFoundError as error:
        fail("there is no such file or folder", str(error.filename), code=USAGE)
    except OSError as error:
        fail("a file cannot be used", f"{error.strerror or error}: {error.filename or ''}")


@contextmanager
def progress(what: str, *, unit: str = "") -> Iterator["Tracker"]:
    """Progress on a terminal, nothing elsewhere."""
    console = _console(sys.stderr)
    columns = (SpinnerColumn(), TextColumn("{task.description}"), BarColumn(), TextColumn("{task.fields[words]}"))
    shown = Progress(*columns, TimeElapsedColumn(), console=console, transient=True)
    shown.disable = MANNERS.quiet or not console.is_terminal
    with shown:
        yield Tracker(shown, shown.add_task(what, total=None, words=""), unit)


@dataclass(slots=True)
class Tracker:
    """Where progress is told to."""

    _shown: Progress
    _task: Any
    _unit: str

    def at(self, count: int, *, total: int | None = None, what: str | None = None) -> None:
        """So many are done; `what` names the part of the work."""
        words = f"{count:,} {self._unit}".strip()
        self._shown.update(self._task, completed=count, total=total, words=words, description=what)

    def tell(self, what: str, count: int) -> None:
        """The same for work that names its parts."""
        self.at(count, what=what)


def plain(value: Any) -> Any:
    """The value as JSON knows it; times in UTC with a Z."""
    if isinstance(value, Mapping):
        return {str(key): plain(entry) for key, entry in value.items()}
    if isinstance(value, Enum):
        return value.value
    if isinstance(value, datetime):
        return value.isoformat().replace("+00:00", "Z")
    if isinstance(value, date):
        return value.isoformat()
    if is_dataclass(value) and not isinstance(value, type):
        return plain(asdict(value))
    if isinstance(value, list | tuple | set | frozenset):
        return [plain(entry) for entry in value]
    return value


def _tell_table(rows: Sequence[Mapping[str, Any]], columns: Sequence[str]) -> None:
    if not _is_terminal():
        print("\t".join(columns))
        for row in rows:
            print("\t".join(_cell(row.get(column)) for column in columns))
        return
    table = Table(box=None, header_style="bold", pad_edge=False)
    for column in columns:
        table.add_column(column.replace("_", " "), overflow="fold")
    for row in rows:
        table.add_row(*(Text(_cell(row.get(column))) for column in columns))
    _console(sys.stdout).print(table)


def _fail_by(reason: str, detail: str) -> NoReturn:
    known = REASONS.get(reason)
    what, step = (known.meaning.rstrip("."), known.remedy) if known else (reason, "")
    what, step = _HERE.get(reason, (what, step))
    fail(what, detail, next_step=step, code=exit_code(reason), reason=reason)


def _cell(value: Any) -> str:
    found = plain(value)
    if found is None:
        return ""
    if isinstance(found, bool):
        return "yes" if found else "no"
    if isinstance(found, list):
        return ", ".join(map(_cell, found))
    if isinstance(found, dict):
        return ", ".join(f"{key} {told}" for key, entry in found.items() if (told := _cell(entry)))
    if isinstance(value, datetime):
        return f"{value:%Y-%m-%d %H:%M:%SZ}"
    # what partners sent must not move a terminal's cursor
    return "".join(character if character.isprintable() else " " for character in str(found))


def _is_terminal() -> bool:
    return sys.stdout.isatty()


def _console(stream: Any) -> Console:
    colorless = not MANNERS.color or "NO_COLOR" in os.environ
    return Console(file=stream, no_color=colorless, highlight=False, emoji=False, markup=False)

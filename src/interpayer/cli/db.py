"""`interpayer db`: the embedded database, migrations, backup and restore."""

import json
import os
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext, suppress
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any, NoReturn

import typer

from interpayer.app.floor import migrate_all
from interpayer.system.backup import BackupUnusable, backup, missing_keys, restore
from interpayer.system.cluster import ClusterUnusable
from interpayer.system.database import DatabaseGone, DatabaseTooOld, connect, role_url
from interpayer.system.grants import GrantsInvalid
from interpayer.system.migrate import MigrationFailed, pending
from interpayer.system.postgres import EmbeddedPostgres, ServerFailed, ServerRunning, server_status
from interpayer.system.settings import Settings, SettingsInvalid, read_settings

HELP = """The database: run the embedded one, migrate, back up, restore.

Without INTERPAYER_DATABASE_URL, Interpayer brings its own PostgreSQL 18, for evaluation and small sites:

    interpayer db run                    (leave it running)
    interpayer db migrate                (in another terminal, after each upgrade)

With INTERPAYER_DATABASE_URL it uses your PostgreSQL 16 or newer, and `db run` is not needed.
"""

app = typer.Typer(help=HELP, no_args_is_help=True)

DONE, FAILED, USAGE, TRY_AGAIN = 0, 1, 2, 75

AsJson = Annotated[bool, typer.Option("--json", help="One JSON document on standard output.")]
Folder = Annotated[Path, typer.Argument(help="The folder of the backup.")]


@app.command()
def run(
    run_as: Annotated[
        str | None, typer.Option(help="As root: the account PostgreSQL runs as (default: nobody).", show_default=False)
    ] = None,
) -> None:
    """Run the embedded PostgreSQL until stopped (Ctrl-C or SIGTERM); if it dies, it is started again.

    It listens on a private socket under INTERPAYER_HOME only, every login needs its password, and it ends with this
    process, however that ends.
    """
    with _failures():
        settings = read_settings(os.environ)
        if settings.database_url is not None:
            _fail("INTERPAYER_DATABASE_URL names a database of your own; `db run` is for the embedded one", USAGE)
        stop = threading.Event()
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: stop.set())
        _say("This PostgreSQL is for evaluation and small sites; for more, set INTERPAYER_DATABASE_URL.")
        server = EmbeddedPostgres(settings.home, run_as or settings.run_as, say=_say)
        server.run(stop, ready=lambda: _say(f"PostgreSQL is ready; its files are in {server.status().folder}"))


@app.command()
def migrate(as_json: AsJson = False) -> None:
    """Bring schema, engine and rights to this version. Doing it again does nothing.

    Run it after each upgrade and before the new processes start; it waits at most 3 s for a table in use, then stops
    and changes nothing. With your own PostgreSQL, the owner named by the address must be able to create roles.
    """
    with _failures():
        settings = read_settings(os.environ)
        with _running(settings):
            done = migrate_all(settings)
    rights = [line for line in done if line.startswith(("grant ", "revoke "))]
    lines = [line for line in done if line not in rights]
    lines += [f"rights given or taken back: {len(rights)}"] if rights else []
    _tell({"done": done}, as_json=as_json, lines=[*lines, "The database is up to date."])


@app.command("backup")
def backup_(folder: Folder, as_json: AsJson = False) -> None:
    """Dump the database into a new folder while it is in use.

    The keys under INTERPAYER_HOME/keys are NOT in it: without them nobody can read the backup, you neither. Keep a copy
    of them elsewhere, apart from the backups. The manifest says which ones belong to it.
    """
    with _failures():
        settings = read_settings(os.environ)
        with _running(settings):
            made = backup(settings, folder, say=_progress())
    lines = [
        f"Backed up {made.dump_bytes:,} bytes into {folder}.",
        f"Keep apart from it: {settings.kek} (id {made.kek_id}) and what else is in {settings.home / 'keys'}.",
    ]
    _tell(asdict(made), as_json=as_json, lines=lines)


@app.command("restore")
def restore_(folder: Folder, as_json: AsJson = False) -> None:
    """Fill a fresh, empty database from a backup; all or nothing.

    Bring the keys first (INTERPAYER_HOME/keys). Afterwards nothing is released until a named person says that consents,
    revocations and recalls were loaded again: the backup does not know what was withdrawn since.
    """
    with _failures():
        settings = read_settings(os.environ)
        with _running(settings):
            made = restore(settings, folder, say=_progress())
            done = migrate_all(settings)
    missing = missing_keys(settings, made)
    lines = [
        f"Restored the backup of {made.made_at}.",
        "Releases are HELD until consents, revocations and recalls are loaded again and a person says so.",
        *(f"Missing or other key file: {name}" for name in missing),
    ]
    _tell({"manifest": asdict(made), "held": True, "missing_keys": missing, "done": done}, as_json=as_json, lines=lines)


@app.command()
def status(as_json: AsJson = False) -> None:
    """Say whether the database answers and which migrations are pending; exit 75 when it does not answer."""
    with _failures():
        settings = read_settings(os.environ)
        found = _look(settings)
    where = f", in {found['folder']}" if found["folder"] else ""
    lines = [f"{found['database']} PostgreSQL {found['version'] or ''}: {found['state']}{where}"]
    if found["ready"]:
        lines.append(f"pending migrations: {', '.join(found['pending']) or 'none'}")
    else:
        lines.append(
            "Start it with `interpayer db run`." if settings.database_url is None else "Is it up, is the address right?"
        )
    _tell(found, as_json=as_json, lines=lines)
    raise typer.Exit(DONE if found["ready"] else TRY_AGAIN)


def _look(settings: Settings) -> dict[str, Any]:
    found: dict[str, Any] = {"database": "external", "state": "running", "ready": True, "folder": None, "pid": None}
    found |= {"version": None, "pending": []}
    if settings.database_url is None:
        server = server_status(settings.home)
        found |= {"database": "embedded", "state": server.state, "folder": str(server.folder), "pid": server.pid}
        found |= {"version": server.version, "ready": server.state == "running"}
    if not found["ready"]:
        return found
    try:
        with connect(role_url(settings, "owner")) as conn:
            return found | {"version": str(conn.info.server_version // 10000), "pending": pending(conn)}
    except DatabaseGone as error:
        return found | {"state": str(error), "ready": False}


@contextmanager
def _running(settings: Settings) -> Iterator[None]:
    """The database, running: as it is, or for an embedded one that does not run, for as long as this command takes."""
    idle = settings.database_url is None and server_status(settings.home).state != "running"
    with EmbeddedPostgres(settings.home, settings.run_as, say=_say) if idle else nullcontext():
        yield


@contextmanager
def _failures() -> Iterator[None]:
    """What went wrong, why and what helps, on standard error, with its exit code."""
    try:
        yield
    except SettingsInvalid as error:
        _fail(str(error), USAGE)
    except (BackupUnusable, ClusterUnusable, DatabaseTooOld, GrantsInvalid, MigrationFailed, ServerFailed) as error:
        _fail(str(error), FAILED)
    except (DatabaseGone, ServerRunning) as error:
        _fail(str(error), TRY_AGAIN)


def _fail(text: str, code: int) -> NoReturn:
    print(f"Error: {text}", file=sys.stderr)
    raise typer.Exit(code)


def _say(text: str) -> None:
    with suppress(BrokenPipeError):  # a server does not end because nobody listens
        print(text, file=sys.stderr, flush=True)


def _progress() -> Callable[[str], None]:
    """One line that changes, on a terminal; nothing elsewhere."""
    if not sys.stderr.isatty():
        return lambda _: None
    return lambda text: print(f"\r\x1b[K{text}", end="", file=sys.stderr, flush=True)


def _tell(content: dict[str, Any], *, as_json: bool, lines: list[str]) -> None:
    if sys.stderr.isatty():
        print("\r\x1b[K", end="", file=sys.stderr)
    print(json.dumps(content) if as_json else "\n".join(lines))

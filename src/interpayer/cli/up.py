"""`interpayer up`: everything of one installation, kept running."""

import shutil
import signal
import subprocess
import threading
import time
from pathlib import Path
from typing import Annotated
from urllib.parse import urlsplit

import typer

from interpayer.cli import output
from interpayer.cli.children import PROGRAM, Child, end_all, keep_running
from interpayer.cli.session import session_of
from interpayer.system.database import answers, role_url
from interpayer.system.settings import Settings
from interpayer.system.tls import create_authority, issue_server

app = typer.Typer()

READY_S = 60.0


@app.command()
def up(
    context: typer.Context,
    workers: Annotated[int, typer.Option(min=1, max=64, help="How many workers.")] = 1,
) -> None:
    """Start the database, the doors and the workers, and start again what dies. Stops at SIGTERM or Ctrl-C.

    interpayer up

    With INTERPAYER_DATABASE_URL there is no database of ours to start. Without a certificate under INTERPAYER_HOME/tls,
    one is made by an authority of our own, for trying out.
    """
    session = session_of(context)
    with output.failures():
        settings = session.settings
        _certify(settings)
        stop = threading.Event()
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: stop.set())
        database = [] if settings.database_url else [Child(("db", "run"))]
        others = [Child(("serve",)), *(Child(("worker", "--slot", str(n + 1))) for n in range(workers))]
        try:
            _begin(settings, database, stop)
            keep_running([*database, *others], stop, output.say)
        finally:
            output.say("Stopping; what is under way is finished or handed back.")
            end_all(others)
            end_all(database)


def _begin(settings: Settings, database: list[Child], stop: threading.Event) -> None:
    """The database first, and its schema made ready, before anybody needs it."""
    for child in database:
        child.start()
    url, until = role_url(settings, "migrator"), time.monotonic() + READY_S
    while not answers(url) and not stop.wait(0.1):
        ended = any(child.process is not None and child.process.poll() is not None for child in database)
        if ended or time.monotonic() > until:
            output.fail("the database does not come up", next_step="interpayer db run", code=output.TRY_AGAIN)
    if (
        not stop.is_set()
        and subprocess.run([*PROGRAM, "db", "migrate"], check=False, stdout=subprocess.PIPE).returncode
    ):
        output.fail("the database could not be brought to this version", next_step="interpayer db migrate")


def _certify(settings: Settings) -> None:
    """https from the first day: a certificate of our own authority where there is none."""
    if settings.tls_certificate is not None:
        return
    folder = settings.home / "tls"
    authority = create_authority(folder, "Interpayer trial authority")
    hosts = dict.fromkeys(["localhost", "127.0.0.1", urlsplit(settings.base_url).hostname or "localhost"])
    issue_server(folder, authority, list(hosts), name="server")
    if settings.client_ca is None:
        shutil.copyfile(authority.certificate, folder / "client-ca.crt")
    output.say(f"Made a certificate for trying out; its authority is {_short(authority.certificate)}.")


def _short(path: Path) -> str:
    return str(path).replace(str(Path.home()), "~", 1)

"""`interpayer serve`: the doors."""

import typer

from interpayer.app.doors import run_doors
from interpayer.cli import output
from interpayer.cli.session import session_of
from interpayer.system.telemetry import configure_logging

app = typer.Typer()


@app.command()
def serve(context: typer.Context) -> None:
    """Open the doors: the partners' FHIR door, the plan's own API and the console, each with its own listener.

    Stops at SIGTERM or Ctrl-C, when requests under way are finished. Any number may run side by side.
    """
    session = session_of(context)
    with output.failures():
        configure_logging()
        settings = session.settings
        where = f"partners {settings.listen}, API {settings.api_listen}, console {settings.console_listen}"
        run_doors(session.application, ready=lambda: output.say(f"The doors are open: {where}."))

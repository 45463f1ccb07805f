"""`interpayer worker`: the executor of workflows."""

from typing import Annotated

import typer

from interpayer.app.worker import run_worker
from interpayer.cli import output
from interpayer.cli.session import session_of
from interpayer.exchange.recovery import SlotTaken
from interpayer.system.telemetry import configure_logging

app = typer.Typer()


@app.command()
def worker(
    context: typer.Context,
    slot: Annotated[str, typer.Option(help="The executor's name; each running worker has its own.")] = "1",
) -> None:
    """Do the work that was accepted, until SIGTERM or Ctrl-C; what is unfinished then goes back to the queue.

    Any number may run side by side, each with its own slot. When one dies, another takes over its work.
    """
    session = session_of(context)
    with output.failures():
        configure_logging()
        try:
            run_worker(session.application, slot)
        except SlotTaken:
            output.fail(f"slot {slot} is held by a running worker", next_step="use another --slot", code=output.FAILED)

"""`interpayer dead-letter`: work that automation gave up, and having it done again."""

from typing import Annotated

import typer

from interpayer.cli import output
from interpayer.cli.output import AsFormat, AsJson
from interpayer.cli.session import session_of
from interpayer.operations import letters

HELP = """Work that automation gave up: kept with its reason, never lost.

    interpayer dead-letter list
    interpayer dead-letter replay LETTER --reason "storage has room again"
"""
app = typer.Typer(help=HELP, no_args_is_help=True)

COLUMNS = ("id", "root", "step", "kind", "reason", "detail", "attempts", "kept_at", "next_action", "replayed_by")


@app.command("list")
def list_(
    context: typer.Context,
    *,
    everything: Annotated[bool, typer.Option("--all", help="Also those that were done again.")] = False,
    limit: Annotated[int, typer.Option(min=1, max=10_000)] = 100,
    form: AsFormat = "table",
    as_json: AsJson = False,
) -> None:
    """List dead letters, the newest first."""
    with session_of(context).acting("letter.read") as act:
        rows = [output.plain(letter) for letter in letters.listed(act.conn, open_only=not everything, limit=limit)]
    output.tell_rows("letter-list/1", "letters", rows, columns=COLUMNS, form=output.chosen(form, as_json=as_json))


@app.command()
def replay(
    context: typer.Context,
    letter: Annotated[str, typer.Argument(help="Letter id.")],
    reason: Annotated[str, typer.Option(help="Why it should work now; it goes on the ledger.")],
    as_json: AsJson = False,
) -> None:
    """Do it again, every decision anew; prints the run. Twice is once."""
    with session_of(context).acting("letter.replay") as act:
        done = letters.replay(act.tools, act.conn, letter, reason=reason, actor=act.actor)
    for exchange_id in done.exchanges:
        output.say(f"{exchange_id} begins again.")
    told = output.plain(done)
    output.tell_result("letter-replay/1", told if as_json else {"run": done.run_id}, as_json=as_json)

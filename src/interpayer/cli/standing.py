"""`interpayer standing`: the duty to ask one payer for one person, from which exchanges follow."""

from typing import Annotated

import typer

from interpayer.cli import output
from interpayer.cli.output import AsFormat, AsJson
from interpayer.cli.session import session_of
from interpayer.operations import standing

HELP = """Standing requests: who has to be asked for whom, and when next. They come from `load enrollments`.

    interpayer standing list --state active
    interpayer standing ask s-…                (now, at the member's wish)
"""
app = typer.Typer(help=HELP, no_args_is_help=True)

COLUMNS = ("id", "member_id", "organization", "relation", "phase", "next_due_at", "fired", "state", "stopped_reason")


@app.command("list")
def list_(
    context: typer.Context,
    *,
    state: Annotated[str | None, typer.Option(help="active or stopped.")] = None,
    limit: Annotated[int, typer.Option(min=1, max=100_000)] = 100,
    form: AsFormat = "table",
    as_json: AsJson = False,
) -> None:
    """List standing requests, the next due first."""
    with session_of(context).acting("standing.read") as act:
        rows = standing.listed(act.conn, state=state, limit=limit)
    output.tell_rows("standing-list/1", "standing", rows, columns=COLUMNS, form=output.chosen(form, as_json=as_json))


@app.command()
def ask(
    context: typer.Context,
    standing_id: Annotated[str, typer.Argument(help="Standing request id (s-…).")],
    as_json: AsJson = False,
) -> None:
    """Ask now, outside the rhythm; prints the exchange id."""
    with session_of(context).acting("standing.ask") as act:
        exchange_id = standing.ask_now(act.tools, act.conn, standing_id, actor=act.actor)
    output.tell_result("standing-ask/1", {"exchange": exchange_id}, as_json=as_json)


@app.command()
def stop(
    context: typer.Context,
    member_id: Annotated[str, typer.Argument(help="Member id (m-…): all standing requests of this member.")],
    reason: Annotated[str, typer.Option(help="Why; it goes on the ledger, so name no member.")],
    as_json: AsJson = False,
) -> None:
    """End a member's standing requests; prints their ids."""
    with session_of(context).acting("standing.stop") as act:
        stopped = standing.stop(act.tools, act.conn, member_ids=[member_id], reason=reason, actor=act.actor)
    if not stopped:
        output.fail("this member has no active standing request", code=output.NOT_FOUND)
    output.tell_result("standing-stop/1", {"stopped": stopped}, as_json=as_json)

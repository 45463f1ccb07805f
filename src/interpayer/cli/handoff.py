"""`interpayer handoff`: what partners sent, given on to the plan's own systems, acknowledged, reconciled."""

from typing import Annotated

import typer

from interpayer.cli import output
from interpayer.cli.output import AsFormat, AsJson
from interpayer.cli.session import session_of
from interpayer.model.reason import Refusal
from interpayer.operations import handoffs

HELP = """What partners sent, given on to the plan's own systems (setting INTERPAYER_HANDOFF: a folder or an address).

    interpayer handoff list --state sent          (given on, not acknowledged yet)
    interpayer handoff acknowledge x-… --has Encounter=2 --has Coverage=1
    interpayer handoff again x-…
"""
app = typer.Typer(help=HELP, no_args_is_help=True)

ExchangeId = Annotated[str, typer.Argument(help="Exchange id (x-…).", show_default=False)]
COLUMNS = ("exchange_id", "state", "reason", "counts", "acknowledged", "state_at")


@app.command("list")
def list_(
    context: typer.Context,
    state: Annotated[str | None, typer.Option(help="ready, sent, acknowledged or differs.", show_default=False)] = None,
    form: AsFormat = "table",
    as_json: AsJson = False,
) -> None:
    """List hand-offs; what nobody acknowledged comes first."""
    with session_of(context).acting("handoff.read") as act:
        rows = [output.plain(row) for row in handoffs.listed(act.conn, state=state)]
    output.tell_rows("handoff-list/1", "handoffs", rows, columns=COLUMNS, form=output.chosen(form, as_json=as_json))


@app.command()
def acknowledge(
    context: typer.Context,
    exchange_id: ExchangeId,
    has: Annotated[list[str], typer.Option("--has", help="What arrived: Type=count; once for each type.")],
    as_json: AsJson = False,
) -> None:
    """Say what the other side has; exit code 3 when that is not what was given."""
    records = dict(_counted(text) for text in has)
    with session_of(context).acting("handoff.acknowledge") as act:
        found = handoffs.acknowledge(act.tools, act.conn, exchange_id, records=records, digest=None, actor=act.actor)
    output.tell_result("handoff/1", {"handoff": output.plain(found)}, as_json=as_json)
    if found["state"] == "differs":
        output.say(f"Given were {found['counts']}.")
        raise typer.Exit(output.PARTIAL)


@app.command()
def again(context: typer.Context, exchange_id: ExchangeId, as_json: AsJson = False) -> None:
    """Have it given on once more."""
    with session_of(context).acting("handoff.acknowledge") as act:
        found = handoffs.again(act.tools, act.conn, exchange_id, actor=act.actor)
    output.tell_result("handoff/1", {"handoff": output.plain(found)}, as_json=as_json)


def _counted(text: str) -> tuple[str, int]:
    kind, _, count = text.partition("=")
    if not kind.isalpha() or not count.isdecimal():
        raise Refusal("request.malformed", "write Type=count, as Encounter=2")
    return kind, int(count)

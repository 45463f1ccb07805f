"""`interpayer break-glass`: a look at bodies, by four eyes, for minutes, on the ledger."""

from typing import Annotated, Any

import orjson
import typer

from interpayer.cli import output
from interpayer.cli.output import AsFormat, AsJson
from interpayer.cli.session import session_of
from interpayer.operations import break_glass
from interpayer.operations.break_glass import Page, Wish

HELP = """Look at bodies that nobody sees otherwise: with a reason, opened by a second person, for minutes.

    interpayer break-glass ask --exchange x-… --why "complaint 4711" --minutes 15     (an analyst)
    interpayer break-glass open l-…                                                    (somebody else)
    interpayer break-glass look l-…                                                    (who asked, until it is over)
    interpayer break-glass confirm l-… --why "only what the complaint needed"          (somebody else, within a day)
"""
app = typer.Typer(help=HELP, no_args_is_help=True)

GlassId = Annotated[str, typer.Argument(metavar="LOOK", help="Id of the look (l-…).", show_default=False)]
COLUMNS = ("id", "state", "asked_by", "why", "opened_by", "expires_at", "looks", "records", "confirmed_by")


@app.command()
def ask(
    context: typer.Context,
    *,
    why: Annotated[str, typer.Option(help="The reason; it goes on the ledger, so name no member.")],
    exchange: Annotated[str | None, typer.Option(help="What this exchange brought (x-…).")] = None,
    member: Annotated[str | None, typer.Option(help="What is held of this member (m-…).")] = None,
    minutes: Annotated[int, typer.Option(min=1, help="For how long; policy sets the most.")] = 15,
    as_json: AsJson = False,
) -> None:
    """Ask to look; a second person opens it. Prints the id of the look."""
    with session_of(context).acting("break_glass.ask") as act:
        wish = Wish(why, minutes, exchange_id=exchange, member_id=member)
        asked = break_glass.ask(act.tools, act.conn, wish, person=act.person)
    output.say("Somebody else opens it: interpayer break-glass open " + asked["id"])
    told: dict[str, Any] = {"look": asked} if as_json else {"look": asked["id"]}
    output.tell_result("break-glass/1", told, as_json=as_json)


@app.command("open")
def open_(context: typer.Context, glass_id: GlassId, as_json: AsJson = False) -> None:
    """Agree to a look that somebody else asked for."""
    with session_of(context).acting("break_glass.open") as act:
        opened = break_glass.open_(act.tools, act.conn, glass_id, person=act.person)
    output.say(f"{opened['asked_by']} may look until {opened['expires_at']:%H:%M} UTC.")
    if as_json:
        output.tell_json("break-glass/1", {"look": opened})


@app.command()
def look(
    context: typer.Context,
    glass_id: GlassId,
    *,
    after: Annotated[str | None, typer.Option(help="Go on after this record.")] = None,
    limit: Annotated[int, typer.Option(min=1, max=200)] = 50,
) -> None:
    """Print the records, one JSON object a line: the id, where it comes from, and the resource as received."""
    with session_of(context).acting("break_glass.look") as act:
        found = break_glass.look(act.tools, act.conn, glass_id, page=Page(after, limit), person=act.person)
    for record in found:
        told = {"record": record["id"], "type": record["type"], "author": record["author"]}
        print(orjson.dumps({**told, "resource": orjson.Fragment(record["original"])}).decode())
    if len(found) == limit:
        output.say(f"More: --after {found[-1]['id']}")


@app.command()
def end(context: typer.Context, glass_id: GlassId, as_json: AsJson = False) -> None:
    """Done before the time is over, or no longer wanted."""
    with session_of(context).acting("break_glass.ask") as act:
        ended = break_glass.end(act.tools, act.conn, glass_id, person=act.person)
    output.say(f"{glass_id} is over: {ended['looks']} looks at {ended['records']} records.")
    if as_json:
        output.tell_json("break-glass/1", {"look": ended})


@app.command()
def confirm(
    context: typer.Context,
    glass_id: GlassId,
    why: Annotated[str, typer.Option(help="What was found; it goes on the ledger, so name no member.")],
    as_json: AsJson = False,
) -> None:
    """Go through what somebody else looked at, and say what was found."""
    with session_of(context).acting("break_glass.confirm") as act:
        confirmed = break_glass.confirm(act.tools, act.conn, glass_id, why=why, person=act.person)
    output.say(f"{glass_id} is confirmed.")
    if as_json:
        output.tell_json("break-glass/1", {"look": confirmed})


@app.command("list")
def list_(context: typer.Context, form: AsFormat = "table", as_json: AsJson = False) -> None:
    """List looks; what still owes a confirmation first."""
    with session_of(context).acting("break_glass.read") as act:
        rows = [output.plain(row) for row in break_glass.listed(act.conn)]
    output.tell_rows("break-glass-list/1", "looks", rows, columns=COLUMNS, form=output.chosen(form, as_json=as_json))

"""`interpayer recall`: the undoing of a wrong release."""

from typing import Annotated

import typer

from interpayer.cli import output
from interpayer.cli.output import AsFormat, AsJson
from interpayer.cli.session import session_of
from interpayer.operations import recall

HELP = """Undo a wrong release: contain, scope, tell, close. Two people: who opened it does not close it.

Partners are told by machine and answer by machine; where theirs takes no notice, a person sends the letter.

    interpayer recall open x-… x-… --reason recall.wrong_member
    interpayer recall show q-…                                    # how far it went, who was told, what they answered
    interpayer recall letter q-… --partner p-…                    # what to send where no machine takes it
    interpayer recall tell q-… --partner p-… --reply deleted      # what they answered to the letter
    interpayer recall answer q-… --reply deleted                  # to the partner whose recall reached us
    interpayer recall close q-… --why "the partner deleted it"
"""
app = typer.Typer(help=HELP, no_args_is_help=True)

RecallId = Annotated[str, typer.Argument(metavar="RECALL", help="Recall id (q-…).")]
COLUMNS = ("id", "state", "reason", "exchange_ids", "opened_by", "opened_at", "due_at", "unanswered", "closed_at")


@app.command("open")
def open_(
    context: typer.Context,
    exchanges: Annotated[list[str], typer.Argument(help="Exchange ids (x-…).")],
    reason: Annotated[str, typer.Option(help="recall.wrong_member, recall.scope, recall.consent_invalid, …")],
    as_json: AsJson = False,
) -> None:
    """Contain at once: grants end, files lose the member, received records are served no more. Prints the recall id."""
    with session_of(context).acting("recall.open") as act:
        opened = recall.open_recall(act.tools, act.conn, exchanges, reason=reason, actor=act.actor)
    scope = opened["scope"]
    onward = f", {len(scope['onward'])} of them passed on by us" if scope["onward"] else ""
    output.say(
        f"Contained: {scope['members']} members, {len(scope['exchanges'])} exchanges{onward}; being told: "
        f"{', '.join(scope['recipients']) or 'nobody'}; answers are due by {opened['due_at']:%Y-%m-%d %H:%M} UTC; "
        f"cases: {', '.join(scope['cases'])}."
    )
    told = {"recall": opened} if as_json else {"recall": opened["id"]}
    output.tell_result("recall/1", told, as_json=as_json)


@app.command("list")
def list_(context: typer.Context, form: AsFormat = "table", as_json: AsJson = False) -> None:
    """List recalls, the newest first."""
    with session_of(context).acting("recall.read") as act:
        rows = [output.plain(row) for row in recall.listed(act.conn)]
    output.tell_rows("recall-list/1", "recalls", rows, columns=COLUMNS, form=output.chosen(form, as_json=as_json))


@app.command()
def show(context: typer.Context, recall_id: RecallId, as_json: AsJson = False) -> None:
    """Show a recall: what was contained, whom it concerns, what the recipients answered."""
    with session_of(context).acting("recall.read") as act:
        found = recall.shown(act.conn, recall_id)
    if as_json:
        output.tell_json("recall/1", {"recall": found})
    else:
        output.tell_fields({name: value for name, value in found.items() if name != "scope"} | found["scope"])


@app.command()
def tell(
    context: typer.Context,
    recall_id: RecallId,
    *,
    partner: Annotated[str, typer.Option(help="Who was told (p-…).")],
    reply: Annotated[str, typer.Option(help=f"{', '.join(recall.REPLIES)}.")],
    as_json: AsJson = False,
) -> None:
    """Note what a recipient answered to our notice."""
    with session_of(context).acting("recall.open") as act:
        found = recall.tell(act.tools, act.conn, recall_id, partner_id=partner, reply=reply, actor=act.actor)
    output.say(f"{recall_id}: {partner} answered {reply}.")
    if as_json:
        output.tell_json("recall/1", {"recall": found})


@app.command()
def answer(
    context: typer.Context,
    recall_id: RecallId,
    *,
    reply: Annotated[str, typer.Option(help="deleted, quarantined or refused.")],
    as_json: AsJson = False,
) -> None:
    """Tell the partner whose recall reached us what we did; that we set it apart was told by itself."""
    with session_of(context).acting("recall.open") as act:
        found = recall.answer(act.tools, act.conn, recall_id, reply=reply, actor=act.actor)
    output.say(f"{recall_id}: {found['told_by']} will be told: {reply}.")
    if as_json:
        output.tell_json("recall/1", {"recall": found})


@app.command()
def letter(
    context: typer.Context,
    recall_id: RecallId,
    partner: Annotated[str, typer.Option(help="To whom (p-…).")],
) -> None:
    """Print the letter to a partner whose systems take no notice. It names no member."""
    with session_of(context).acting("recall.read") as act:
        text = recall.letter_to(act.tools, act.conn, recall_id, partner)
    print(text, end="")


@app.command()
def close(
    context: typer.Context,
    recall_id: RecallId,
    why: Annotated[str, typer.Option(help="What was done; it goes on the ledger, so name no member.")],
    as_json: AsJson = False,
) -> None:
    """End a recall and its cases; another person than the one who opened it."""
    with session_of(context).acting("recall.close") as act:
        found = recall.close(act.tools, act.conn, recall_id, why=why, actor=act.actor)
    output.say(f"{recall_id} is closed.")
    if as_json:
        output.tell_json("recall/1", {"recall": found})

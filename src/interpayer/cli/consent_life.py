"""`interpayer consent died|emancipated`: days that change who may speak for a member."""

from datetime import datetime
from typing import Annotated

import typer

from interpayer.cli import output
from interpayer.cli.consent_saying import MemberId, tell_stopped
from interpayer.cli.output import AsJson
from interpayer.cli.session import session_of
from interpayer.consent.life_events import DIED, EMANCIPATED, LifeEvent
from interpayer.model.reason import Refusal
from interpayer.operations import restricting
from interpayer.operations.stopping import Stopped

app = typer.Typer()

On = Annotated[datetime | None, typer.Option(formats=["%Y-%m-%d"], help="The day, YYYY-MM-DD.")]
Proof = Annotated[str | None, typer.Option(help="Where the proof is kept.")]
TakeBack = Annotated[bool, typer.Option("--take-back", help="It is not so.")]


@app.command()
def died(
    context: typer.Context,
    member: MemberId,
    *,
    on: On = None,
    proof: Proof = None,
    take_back: TakeBack = False,
    as_json: AsJson = False,
) -> None:
    """Record a death: consents of the member and of living representatives end; an executor may record a new one."""
    _tell(context, member, DIED, asked=None if take_back else (on, proof), as_json=as_json)


@app.command()
def emancipated(
    context: typer.Context,
    member: MemberId,
    *,
    on: On = None,
    proof: Proof = None,
    take_back: TakeBack = False,
    as_json: AsJson = False,
) -> None:
    """Record that a minor is of full rights: what a parent allowed ends."""
    _tell(context, member, EMANCIPATED, asked=None if take_back else (on, proof), as_json=as_json)


def _event(what: str, on: datetime | None, proof: str | None) -> LifeEvent:
    if on is None or not proof:
        raise Refusal("request.malformed", "--on and --proof are needed")
    return LifeEvent(what, on.date(), proof)


def _tell(
    context: typer.Context, member: str, what: str, *, asked: tuple[datetime | None, str | None] | None, as_json: bool
) -> None:
    with session_of(context).acting("consent.change") as act:
        if asked is not None:
            event = _event(what, *asked)
            stopped = restricting.note_life_event(act.tools, act.conn, member, event, actor=act.actor)
        else:
            stopped = Stopped()
            if not restricting.take_back_life_event(act.tools, act.conn, member, what=what, actor=act.actor):
                output.fail("this was not recorded of this member", code=output.NOT_FOUND)
    if asked is None:
        output.say("Taken back; consents count again, what had ended stays ended.")
    tell_stopped(stopped, as_json=as_json, member=member)

"""`interpayer person`: which members are one person, and every id that names them."""

import sys
from datetime import UTC, datetime
from typing import Annotated, Any

import typer

from interpayer.cli import output
from interpayer.cli.fallout import tell_fallout
from interpayer.cli.output import AsFormat, AsJson
from interpayer.cli.session import session_of
from interpayer.identity.graph import Grounds, NewLink
from interpayer.model.member import Identifier, IdKind
from interpayer.operations import people
from interpayer.operations.access import require
from interpayer.operations.purposes import PURPOSES
from interpayer.operations.ruling_reasons import LINK_REASONS, MERGE_REASONS, SPLIT_REASONS

HELP = """People: members and ids that belong together, who judged so, and how to undo it.

    interpayer person show m-…
    interpayer person ids m-… --on 2025-06-30
    interpayer person merge m-… --into m-… --reason enrolled_twice
    interpayer person split m-… --from m-… --reason twin_or_namesake
"""
app = typer.Typer(help=HELP, no_args_is_help=True)

MemberId = Annotated[str, typer.Argument(metavar="MEMBER", help="Member id (m-…).", show_default=False)]
Kind = Annotated[str, typer.Argument(help="patient, MB (member id), subscriber, UMB or other.")]
Value = Annotated[str, typer.Argument(help="The id; - reads it from standard input, so that no history keeps it.")]
Issuer = Annotated[
    str | None, typer.Option(help="Who gives the id its meaning: a payer, or the source of Patient ids.")
]
Day = Annotated[datetime | None, typer.Option(formats=["%Y-%m-%d"], help="A day; today when left out.")]
Sure = Annotated[float, typer.Option(min=0.01, max=1.0, help="How sure you are.")]
Purpose = Annotated[
    str | None, typer.Option(help=f"Show outside ids, for one of: {', '.join(PURPOSES)}. It goes on the ledger.")
]
IDS = ("member_id", "kind", "value", "issuer", "state", "effective_from", "effective_to", "source", "confidence")
JUDGED = ("member_id", "other", "decision", "judged_by", "reason", "confidence", "judged_at", "superseded_by")


@app.command()
def show(
    context: typer.Context,
    member_id: MemberId,
    *,
    purpose: Purpose = None,
    as_json: AsJson = False,
) -> None:
    """Show a person: the members, every id that names them, and who judged so."""
    found = _shown(context, member_id, on=None, purpose=purpose)
    if as_json:
        output.tell_json("person/1", {"person": output.plain(found)})
        return
    output.tell_fields({"person": found.person_id, "members": found.members})
    for named in found.ids:
        output.tell_fields({named.kind: _named(named)})
    for edge in found.judgements:
        undone = f"; taken back by {edge.superseded_by}: {edge.superseded_why}" if edge.superseded_at else ""
        words = f"{edge.member_id} and {edge.other} by {edge.judged_by}: {edge.reason}{undone}"
        output.tell_fields({edge.decision: words})


@app.command()
def ids(
    context: typer.Context,
    member_id: MemberId,
    *,
    on: Day = None,
    purpose: Purpose = None,
    form: AsFormat = "table",
    as_json: AsJson = False,
) -> None:
    """List which ids name this member on a day: current, historical, or taken back as wrong."""
    found = _shown(context, member_id, on=on, purpose=purpose)
    rows = [output.plain(named) for named in found.ids]
    output.tell_rows("person-ids/1", "ids", rows, columns=IDS, form=output.chosen(form, as_json=as_json))


@app.command()
def history(context: typer.Context, member_id: MemberId, form: AsFormat = "table", as_json: AsJson = False) -> None:
    """List every judgement that joined or parted the members of this person, undone ones too."""
    found = _shown(context, member_id, on=None, purpose=None)
    rows = [output.plain(edge) for edge in found.judgements]
    output.tell_rows("person-history/1", "judgements", rows, columns=JUDGED, form=output.chosen(form, as_json=as_json))


@app.command()
def find(
    context: typer.Context,
    kind: Kind,
    value: Value,
    *,
    purpose: Annotated[str, typer.Option(help=f"One of: {', '.join(PURPOSES)}.")],
    issuer: Issuer = None,
    as_json: AsJson = False,
) -> None:
    """Find which members an id means or meant; the question goes on the ledger."""
    wanted = _identifier(kind, value, issuer)
    with session_of(context).acting("person.look") as act:
        named = people.found(act.tools, act.conn, wanted, purpose=purpose, actor=act.actor)
    rows = [{"member_id": member_id, "state": state} for member_id, state in named]
    form = output.chosen("table", as_json=as_json)
    output.tell_rows("person-find/1", "members", rows, columns=("member_id", "state"), form=form)
    if not rows:
        raise typer.Exit(output.NOT_FOUND)


@app.command()
def merge(  # noqa: PLR0913 -- an option each
    context: typer.Context,
    member_id: MemberId,
    *,
    into: Annotated[str, typer.Option(help="The member that survives (m-…).")],
    reason: Annotated[str, typer.Option(help=f"One of: {', '.join(MERGE_REASONS)}.")],
    confidence: Sure = 1.0,
    since: Day = None,
    as_json: AsJson = False,
) -> None:
    """Say that two members are one person. Nothing is erased, and it can be undone."""
    _check(reason, MERGE_REASONS)
    with session_of(context).acting("person.change") as act:
        grounds = Grounds(act.actor.id, reason, confidence=confidence, since=since.date() if since else None)
        made = people.merge(act.tools, act.conn, member_id, into=into, grounds=grounds, actor=act.actor)
    output.say(f"{made.person_id} is one person with {len(made.members)} members.")
    if made.opted_out:
        output.say(f"A no to this plan was carried over to: {', '.join(made.opted_out)}.")
    if as_json:
        output.tell_json("person-merge/1", output.plain(made))


@app.command()
def split(
    context: typer.Context,
    member_id: MemberId,
    *,
    reason: Annotated[str, typer.Option(help=f"One of: {', '.join(SPLIT_REASONS)}.")],
    other: Annotated[str | None, typer.Option("--from", help="The member it was joined with (m-…).")] = None,
    as_json: AsJson = False,
) -> None:
    """Undo a merge: what was released because the two counted as one is listed and recalled."""
    _check(reason, SPLIT_REASONS)
    with session_of(context).acting("person.change") as act:
        grounds = Grounds(act.actor.id, reason)
        parted = people.split(act.tools, act.conn, member_id, other=other, grounds=grounds, actor=act.actor)
    output.say(f"Two people: {', '.join(parted.stays)} | {', '.join(parted.left)}.")
    tell_fallout(parted.fallout)
    if as_json:
        output.tell_json("person-split/1", output.plain(parted))


@app.command()
def link(  # noqa: PLR0913 -- an option each
    context: typer.Context,
    member_id: MemberId,
    kind: Kind,
    value: Value,
    *,
    issuer: Annotated[str, typer.Option(help="Who gives the id its meaning.")],
    reason: Annotated[str, typer.Option(help=f"One of: {', '.join(LINK_REASONS)}.")],
    confidence: Sure = 1.0,
    since: Day = None,
    as_json: AsJson = False,
) -> None:
    """Accept that an outside id means a member; refused when it means somebody else."""
    _check(reason, LINK_REASONS)
    wanted = _identifier(kind, value, issuer)
    with session_of(context).acting("person.change") as act:
        grounds = Grounds(act.actor.id, reason, confidence=confidence, since=since.date() if since else None)
        people.link(act.tools, act.conn, NewLink(member_id, wanted, grounds), actor=act.actor)
    output.say(f"Accepted for {member_id}.")
    if as_json:
        output.tell_json("person-link/1", {"link": "accepted"})


@app.command()
def unlink(  # noqa: PLR0913 -- an option each
    context: typer.Context,
    kind: Kind,
    value: Value,
    *,
    issuer: Annotated[str, typer.Option(help="Who gives the id its meaning.")],
    reason: Annotated[str, typer.Option(help=f"One of: {', '.join(LINK_REASONS)}.")],
    ended: Annotated[
        datetime | None, typer.Option(formats=["%Y-%m-%d"], help="True until then; left out: never true.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """End a link. One that was never true recalls what was released of the member since it was made."""
    _check(reason, LINK_REASONS)
    wanted = _identifier(kind, value, issuer)
    with session_of(context).acting("person.change") as act:
        grounds, day = Grounds(act.actor.id, reason), ended.date() if ended else None
        done = people.unlink(act.tools, act.conn, wanted, grounds=grounds, ended_on=day, actor=act.actor)
    output.say(f"No longer accepted for {done.member_id}.")
    tell_fallout(done.fallout)
    if as_json:
        output.tell_json("person-unlink/1", output.plain(done))


def _shown(context: typer.Context, member_id: str, *, on: datetime | None, purpose: str | None) -> people.PersonView:
    with session_of(context).acting("person.read") as act:
        if purpose is not None:
            require(act.person, "person.look")
        day = on.replace(tzinfo=UTC).date() if on else None
        return people.shown(act.tools, act.conn, member_id, on=day, purpose=purpose, actor=act.actor)


def _named(named: Any) -> str:
    period = f" {named.effective_from or '…'} to {named.effective_to or '…'}"
    dated = period if named.effective_from or named.effective_to else ""
    issuer = f" of {named.issuer}" if named.issuer else ""
    judged = f", judged by {named.judged_by}" if named.judged_by else ""
    return f"{named.value or '(only its hash is kept)'}{issuer}, {named.state}{dated}, from {named.source}{judged}"


def _identifier(kind: str, value: str, issuer: str | None) -> Identifier:
    known = (IdKind.PATIENT, IdKind.MEMBER, IdKind.SUBSCRIBER, IdKind.UNIQUE_MEMBER, IdKind.OTHER)
    _check(kind, tuple(k.value for k in known))
    given = sys.stdin.readline().strip() if value == "-" else value
    return Identifier(IdKind(kind), given, issuer)


def _check(word: str, known: tuple[str, ...]) -> None:
    if word not in known:
        output.fail(f"{word} is not on the list", f"known: {', '.join(known)}", code=output.USAGE)

"""`interpayer consent`: what members allow and take back; and going on after a restore."""

from datetime import UTC, date, datetime, time, timedelta
from typing import Annotated

import typer

from interpayer.cli import output
from interpayer.cli.output import AsFormat, AsJson
from interpayer.cli.session import session_of
from interpayer.identity.graph import person_members
from interpayer.model.consent import Consent, Scope
from interpayer.model.reason import Refusal
from interpayer.operations import consents, holds
from interpayer.operations.stopping import Stopped
from interpayer.system.clock import now
from interpayer.system.ids import new_id

HELP = """What members allow, and take back. A no stops exchanges, match grants and files at once.

    interpayer consent list m-…
    interpayer consent record m-… --from payer-a --to payer-b --start 2026-06-01 --end 2027-06-01 --proof doc-17
    interpayer consent revoke k-… --reason "letter of the member"
    interpayer consent withdraw m-… --proof "form 12"           (everything at this plan)
    interpayer consent resync --reason "feed and letters loaded"   (after a restore)
"""
app = typer.Typer(help=HELP, no_args_is_help=True)

MemberId = Annotated[str, typer.Argument(metavar="MEMBER", help="Our member id (m-…).")]
Day = Annotated[datetime, typer.Option(formats=["%Y-%m-%d"], help="A day, YYYY-MM-DD.")]
COLUMNS = ("id", "scope", "sources", "recipients", "starts_at", "ends_at", "basis", "revoked_at", "received_from")


@app.command("list")
def list_(context: typer.Context, member: MemberId, form: AsFormat = "table", as_json: AsJson = False) -> None:
    """List a member's consents, the newest first, and say whether the member said no at this plan."""
    with session_of(context).acting("consent.read") as act:
        if member not in person_members(act.conn, [member]):
            raise Refusal("request.not_found", "no such member")
        known, withdrawn_at = consents.listed(act.conn, member)
    if output.chosen(form, as_json=as_json) == "json":
        told = {"member": member, "withdrawn_at": withdrawn_at, "consents": known}
        output.tell_json("consent-list/1", told)
        return
    rows = [output.plain(consent) for consent in known]
    output.tell_rows("consent-list/1", "consents", rows, columns=COLUMNS, form=form)
    if withdrawn_at:
        output.say(f"Withdrawn at this plan since {withdrawn_at:%Y-%m-%d %H:%M}Z: that beats every consent above.")


@app.command()
def record(  # noqa: PLR0913 -- an option each
    context: typer.Context,
    member: MemberId,
    *,
    source: Annotated[list[str], typer.Option("--from", help="Organization that may send; repeat it.")],
    recipient: Annotated[list[str], typer.Option("--to", help="Organization that may have it; repeat it.")],
    start: Day,
    end: Day,
    proof: Annotated[str, typer.Option(help="Where the signed original is kept.")],
    scope: Annotated[Scope, typer.Option(help="regular: without sensitive data; sensitive: everything.")],
    as_json: AsJson = False,
) -> None:
    """Record what a member allowed; prints the consent id. The same again is the one kept."""
    with session_of(context).acting("consent.change") as act:
        if member not in person_members(act.conn, [member]):
            raise Refusal("request.not_found", "no such member")
        if end < start:
            raise Refusal("request.malformed", "the end is before the start")
        consent = Consent(
            id=new_id("k"),
            member_id=member,
            scope=scope,
            sources=tuple(source),
            recipients=tuple(recipient),
            starts_at=_midnight(start.date()),
            ends_at=_midnight(end.date() + timedelta(days=1)),
            performer="member",
            proof=proof,
        )
        kept = consents.record(act.tools, act.conn, consent, actor=act.actor)
    if kept.revoked_at:
        output.say("This consent is known and was revoked; it stays so.")
    output.tell_result("consent-record/1", {"consent": kept.id}, as_json=as_json)


@app.command()
def revoke(
    context: typer.Context,
    consent: Annotated[str, typer.Argument(help="Consent id (k-…).")],
    reason: Annotated[str, typer.Option(help="Why; it goes on the ledger, so name no member.")],
    as_json: AsJson = False,
) -> None:
    """Take one consent back; what rests on it stops at once."""
    with session_of(context).acting("consent.change") as act:
        stopped = consents.revoke(act.tools, act.conn, consent, reason=reason, actor=act.actor)
    _tell(stopped, as_json=as_json)


@app.command()
def withdraw(
    context: typer.Context,
    member: MemberId,
    proof: Annotated[str, typer.Option(help="Where the member's no is kept.")],
    as_json: AsJson = False,
) -> None:
    """The member says no to this plan: it beats every consent, until the member opts in again."""
    with session_of(context).acting("consent.change") as act:
        stopped = consents.withdraw(act.tools, act.conn, member, proof=proof, actor=act.actor)
    _tell(stopped, as_json=as_json)


@app.command()
def lift(context: typer.Context, member: MemberId, as_json: AsJson = False) -> None:
    """The member opted in again at this plan; what had ended stays ended."""
    with session_of(context).acting("consent.change") as act:
        lifted = consents.lift(act.tools, act.conn, member, at=now(), actor=act.actor)
    if not lifted:
        output.fail("this member had not withdrawn", code=output.NOT_FOUND)
    output.say("Lifted; consents count again.")
    if as_json:
        output.tell_json("consent-lift/1", {"member": member})


@app.command()
def resync(
    context: typer.Context,
    reason: Annotated[str, typer.Option(help="How consents, revocations and recalls were brought up to date.")],
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
    as_json: AsJson = False,
) -> None:
    """After a restore: say by name that consents are up to date again, so that releases go on.

    First load the enrollment feed again (`interpayer load enrollments`), then revoke again what was revoked after the
    backup, and open recalls again. Without that, people who said no after the backup would be exchanged.
    """
    if not yes and not typer.confirm("Are consents, revocations and recalls loaded again?", err=True):
        output.fail("nothing was done; releases stay held", code=output.REFUSED)
    with session_of(context).acting("hold.clear") as act:
        cleared = holds.resync(act.tools, act.conn, reason=reason, actor=act.actor)
    output.say(f"Releases go on; cleared: {', '.join(cleared)}." if cleared else "Nothing was held.")
    if as_json:
        output.tell_json("resync/1", {"cleared": cleared})


def _tell(stopped: Stopped, *, as_json: bool) -> None:
    output.say(
        f"Stopped: {len(stopped.exchanges)} exchanges, {len(stopped.grants)} match grants, {len(stopped.files)} files, "
        f"{len(stopped.standing)} standing requests."
    )
    told = output.plain(stopped)
    output.tell_result("consent-stopped/1", told if as_json else {"exchanges": told["exchanges"]}, as_json=as_json)


def _midnight(day: date) -> datetime:
    return datetime.combine(day, time(), UTC)

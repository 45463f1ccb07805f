"""`interpayer consent`: what members allow and take back; and going on after a restore."""

from typing import Annotated, Any

import typer

from interpayer.cli import consent_basis, consent_life, consent_saying, output
from interpayer.cli.consent_saying import MemberId, tell_stopped
from interpayer.cli.output import AsFormat, AsJson
from interpayer.cli.session import session_of
from interpayer.identity.graph import person_members
from interpayer.model.consent import Consent, limits_as_json
from interpayer.model.reason import Refusal
from interpayer.operations import consents, holds
from interpayer.operations.explaining_consent import explain as explained
from interpayer.system.clock import now
from interpayer.system.forgotten import FORGOTTEN, forgotten_names

HELP = """What members allow, and take back. A no stops exchanges, match grants and files at once.

    interpayer consent list m-…
    interpayer consent record m-… --from payer-a --to payer-b --start 2026-06-01 --end 2027-06-01 --proof doc-17
    interpayer consent restrict m-… --withhold hiv --proof "call 7"
    interpayer consent explain m-… --payer payer-a
    interpayer consent revoke k-… --reason "letter of the member"
    interpayer consent withdraw m-… --proof "form 12"           (everything at this plan)
    interpayer consent resync --reason "feed and letters loaded"   (after a restore)
"""
app = typer.Typer(help=HELP, no_args_is_help=True)

COLUMNS = (
    "id", "effect", "scope", "leaves_out", "sources", "recipients", "starts_at", "ends_at", "performer", "basis",
    "revoked_at", "received_from",
)  # fmt: skip

STATEMENTS = ("id", "effect", "scope", "leaves_out", "by", "given_at", "period", "revoked_at", "would_give", "because")


@app.command("list")
def list_(context: typer.Context, member: MemberId, form: AsFormat = "table", as_json: AsJson = False) -> None:
    """List a member's consents, the newest first, and say whether the member said no at this plan."""
    with session_of(context).acting("consent.read") as act:
        if member not in person_members(act.conn, [member]):
            raise Refusal("request.not_found", "no such member")
        known, withdrawn_at = consents.listed(act.conn, member)
    if output.chosen(form, as_json=as_json) == "json":
        told = {"member": member, "withdrawn_at": withdrawn_at, "consents": [_row(consent) for consent in known]}
        output.tell_json("consent-list/1", told)
        return
    rows = [_row(consent) for consent in known]
    output.tell_rows("consent-list/1", "consents", rows, columns=COLUMNS, form=form)
    if withdrawn_at:
        output.say(f"Withdrawn at this plan since {withdrawn_at:%Y-%m-%d %H:%M}Z: that beats every consent above.")


@app.command()
def explain(
    context: typer.Context,
    member: MemberId,
    payer: Annotated[str, typer.Option(help="The other payer: its partner id or organization.")],
    as_json: AsJson = False,
) -> None:
    """Say what may go about a member and a payer, both ways: why, until when, what stays out, what happens next."""
    with session_of(context).acting("consent.read") as act:
        told = explained(act.tools, act.conn, member_id=member, payer=payer)
    if as_json:
        output.tell_json("consent-explain/1", told)
        return
    for words, way in (("They ask us", told["they_ask"]), ("We ask them", told["we_ask"])):
        output.say(f"{words}: {way['answer']}. {way['meaning']}")
        shown = ("reason", "rests_on", "leaves_out", "until", "remedy", "owner", "next")
        output.tell_fields({name: way[name] for name in shown if way[name]})
    rows = [output.plain(one) for one in told["statements"]]
    output.tell_rows("consent-explain/1", "statements", rows, columns=STATEMENTS, form="table")


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
    tell_stopped(stopped, as_json=as_json)


@app.command()
def withdraw(
    context: typer.Context,
    member: MemberId,
    proof: Annotated[str, typer.Option(help="Where the member's no is kept.")],
    as_json: AsJson = False,
) -> None:
    """The member opts out at this plan: it beats every opt-in, until the member opts in again.

    What a contract or a law lets go is not an opt-in and goes on; `consent deny` forbids that too.
    """
    with session_of(context).acting("consent.change") as act:
        stopped = consents.withdraw(act.tools, act.conn, member, proof=proof, actor=act.actor)
    tell_stopped(stopped, as_json=as_json)


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
    session = session_of(context)
    with session.acting("hold.clear") as act:
        names = forgotten_names(session.settings.kek.with_name(FORGOTTEN))
        cleared = holds.resync(act.tools, act.conn, reason=reason, actor=act.actor, forgotten=names)
    output.say(f"Releases go on; cleared: {', '.join(cleared)}." if cleared else "Nothing was held.")
    if as_json:
        output.tell_json("resync/1", {"cleared": cleared})


def _row(consent: Consent) -> dict[str, Any]:
    """A consent as a row; what it leaves out in the words that a person gave."""
    row: dict[str, Any] = output.plain(consent)
    row["leaves_out"] = limits_as_json(consent.limits)
    del row["limits"]
    if consent.authority:
        row["authority"]["limits"] = limits_as_json(consent.authority.limits)
    return row


# Three files, for their size: what is said, and who may say it.
app.registered_commands += [*consent_saying.app.registered_commands, *consent_life.app.registered_commands]
app.add_typer(consent_basis.app, name="basis")

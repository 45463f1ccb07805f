"""`interpayer partner invite|accept|change|acts-for|test|activate|quarantine|suspend|retire|rotate`."""

from collections.abc import Iterator
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Annotated, Any

import httpx2
import typer

from interpayer.app.build import outbound
from interpayer.cli import output
from interpayer.cli.output import AsJson
from interpayer.cli.partner_words import Who, Why, read_client_certificate, read_keys, read_object, scopes_of
from interpayer.cli.session import session_of
from interpayer.conformance import suite
from interpayer.model.partner import PartnerStatus
from interpayer.model.reason import Refusal
from interpayer.operations import partner_acting, partner_credentials, partner_life, partner_testing, partners
from interpayer.partners.gate import ITEMS, NEVER_WAIVED
from interpayer.partners.scopes import REQUESTER

app = typer.Typer()
VOUCHABLE = ", ".join(item for item in ITEMS if item not in NEVER_WAIVED)


@app.command()
def invite(  # noqa: PLR0913 -- an option each
    context: typer.Context,
    partner: Annotated[str | None, typer.Argument(help="A partner that is invited already: a new token.")] = None,
    *,
    name: Annotated[str | None, typer.Option(help="What people call it.")] = None,
    organization: Annotated[list[str] | None, typer.Option(help="A payer that it acts for; repeat it.")] = None,
    scopes: Annotated[list[str] | None, typer.Option(help="The most that it may get; those of the guides.")] = None,
    days: Annotated[int, typer.Option(min=1, max=90, help="How long the token is good for.")] = 14,
    as_json: AsJson = False,
) -> None:
    """Invite a partner: it gets a token with which it hands in its own keys, endpoints and contacts, once.

    What it acts for and may is fixed here. The token is shown once; send it and the answer to
    `interpayer partner keys` by a way that you trust. It hands in its document at POST /api/v1/partners/registration of
    the plan's own door, or sends it to you: interpayer partner accept.
    """
    with session_of(context).acting("partner.change") as act:
        if partner is not None:
            made = partner_life.invite_again(act.tools, act.conn, partner, days=days, actor=act.actor)
        else:
            document: dict[str, Any] = {
                "name": name,
                "organizations": organization,
                "scopes": scopes_of(scopes) if scopes else list(REQUESTER),
            }
            made = partner_life.invite(act.tools, act.conn, document, days=days, actor=act.actor)
    output.say(f"{made.partner.name} is invited until {made.expires_at:%Y-%m-%d %H:%M}Z; the token is shown only now.")
    told = {"partner": made.partner.id, "invitation": made.token, "expires_at": made.expires_at}
    output.tell_result("partner-invite/1", told, as_json=as_json)


@app.command()
def accept(
    context: typer.Context,
    file: Annotated[Path, typer.Argument(help="What the partner sent: YAML or JSON; - reads it from input.")],
    invitation: Annotated[str, typer.Option(help="The token of its invitation.")],
    as_json: AsJson = False,
) -> None:
    """Take the document that an invited partner sent; it is testing then."""
    with session_of(context).acting("partner.change") as act:
        try:
            made = partner_life.accept(act.tools, act.conn, invitation, document=read_object(file))
        except Refusal as refusal:
            # It is the partner that is unknown by this token; who types here has logged in.
            if refusal.reason == "caller.unknown":
                raise Refusal("request.not_found", refusal.detail) from None
            raise
    output.say(f"{made.name} is {made.status.value}. Next: interpayer partner test {made.id}")
    output.tell_result("partner-accept/1", {"partner": made.id, "status": made.status.value}, as_json=as_json)


@app.command()
def change(
    context: typer.Context,
    partner: Who,
    file: Annotated[Path, typer.Argument(help="The elements to change: YAML or JSON; - reads it from input.")],
    reason: Why,
    as_json: AsJson = False,
) -> None:
    """Change what is agreed: contacts, contract, limits, pace, profile, scopes, organizations; the rest stays."""
    with session_of(context).acting("partner.change") as act:
        made = partner_life.change(
            act.tools, act.conn, partner, document=read_object(file), reason=reason, actor=act.actor
        )
    output.tell_result("partner-change/1", {"partner": made.id}, as_json=as_json)


@app.command("acts-for")
def acts_for(  # noqa: PLR0913 -- an option each
    context: typer.Context,
    partner: Who,
    organization: Annotated[str, typer.Argument(help="The payer: identifier or system|identifier.")],
    reason: Why,
    *,
    since: Annotated[datetime | None, typer.Option(formats=["%Y-%m-%d"], help="First day; today.")] = None,
    until: Annotated[datetime | None, typer.Option(formats=["%Y-%m-%d"], help="Last day; no end.")] = None,
    proof: Annotated[str | None, typer.Option(help="What proves it: contract, letter, its number.")] = None,
    line_of_business: Annotated[str | None, typer.Option(help="Only for this line of business.")] = None,
    as_json: AsJson = False,
) -> None:
    """Say that a partner acts for a payer: since when, until when, by which proof."""
    given = {"identifier": organization, "proof": proof, "line_of_business": line_of_business}
    days = {"since": since.date() if since else None, "until": until.date() if until else None}
    document = {name: value for name, value in {**given, **days}.items() if value is not None}
    with session_of(context).acting("partner.change") as act:
        made = partner_acting.acts_for(act.tools, act.conn, partner, document=document, reason=reason, actor=act.actor)
    output.tell_result("partner-acts-for/1", {"partner": made.id, "organization": organization}, as_json=as_json)


@app.command()
def test(
    context: typer.Context,
    partner: Who,
    token: Annotated[bool, typer.Option("--token/--no-token", help="Ask its token endpoint for a token.")] = True,
    as_json: AsJson = False,
) -> None:
    """Try a partner's endpoints: what they publish, whether they let us in; keep it, and say what the gate asks for.

    Reads only: no member is named. A partner that was invited and is whole becomes testing. Exit 1 when a check failed.
    """
    session = session_of(context)
    with session.acting_alone("partner.change") as (tools, actor), outbound(session.settings) as http:
        done = partner_testing.run(tools, partner, look=partial(_look, http), with_token=token, actor=actor)
    told = {
        "partner": done.partner.id,
        "status": done.partner.status.value,
        "checks": [output.plain(one) for one in done.trials],
        "open": [output.plain(one) for one in done.open_items],
    }
    if as_json:
        output.tell_json("partner-test/1", told)
    else:
        for one in done.trials:
            print(f"{one.state:8} {one.check}{': ' if one.words else ''}{one.words}")
        for item in done.open_items:
            print(f"open     {item.item}: {item.missing}  Next: {item.next_step}")
    failed = any(one.state == "failed" for one in done.trials)
    raise typer.Exit(output.FAILED if failed else output.DONE)


@app.command()
def activate(
    context: typer.Context,
    partner: Who,
    reason: Why,
    vouch: Annotated[list[str] | None, typer.Option(help=f"Vouch for an open item: {VOUCHABLE}; repeat it.")] = None,
    as_json: AsJson = False,
) -> None:
    """Let a partner call and be called: it has passed the gate, or you vouch for what is open, item by item."""
    with session_of(context).acting("partner.change") as act:
        made = partner_life.activate(act.tools, act.conn, partner, reason=reason, vouched=vouch or (), actor=act.actor)
    _tell_status(made.id, made.name, made.status, as_json=as_json)


@app.command()
def quarantine(context: typer.Context, partner: Who, reason: Why, as_json: AsJson = False) -> None:
    """Set a partner apart while something about it is looked into: nothing in, nothing out."""
    _set_status(context, partner, status=PartnerStatus.QUARANTINED, reason=reason, as_json=as_json)


@app.command()
def suspend(context: typer.Context, partner: Who, reason: Why, as_json: AsJson = False) -> None:
    """Refuse a partner's calls and call it no more, until it is activated again."""
    _set_status(context, partner, status=PartnerStatus.SUSPENDED, reason=reason, as_json=as_json)


@app.command()
def retire(context: typer.Context, partner: Who, reason: Why, as_json: AsJson = False) -> None:
    """End a partner for good: its payers are free for another, its endpoints rest; its history stays."""
    _set_status(context, partner, status=PartnerStatus.RETIRED, reason=reason, as_json=as_json)


@app.command()
def rotate(  # noqa: PLR0913 -- an option each
    context: typer.Context,
    partner: Who,
    reason: Why,
    *,
    jwks: Annotated[str | None, typer.Option(metavar="FILE|URL", help="Its new public keys, or their address.")] = None,
    certificate: Annotated[list[str] | None, typer.Option(help="Its new client certificate; repeat it.")] = None,
    overlap_days: Annotated[float, typer.Option(min=0, help="How long the old ones count on; 0: not at all.")] = 7,
    as_json: AsJson = False,
) -> None:
    """Take a partner's new keys or certificates; the old ones count until the overlap is over."""
    with session_of(context).acting("partner.change") as act:
        new = partner_credentials.NewCredentials(
            **(read_keys(jwks) if jwks else {}),
            certificates=[read_client_certificate(one) for one in certificate or ()],
            overlap=timedelta(days=overlap_days),
        )
        view = partner_credentials.rotate(act.tools, act.conn, partner, new=new, reason=reason, actor=act.actor)
    agreed = partners.agreed_told(view)
    told = {
        "partner": view.partner.id,
        "keys": partners.told(view.partner)["key_ids"],
        **{name: agreed[name] for name in ("jwks_url", "keys_leaving", "certificates")},
    }
    output.tell_result("partner-rotate/1", told, as_json=as_json)


def _look(http: httpx2.Client, fhir_base: str) -> Iterator[tuple[str, str, str]]:
    for finding in suite.run(http, fhir_base):
        yield finding.name, finding.outcome, finding.why


def _set_status(context: typer.Context, name: str, *, status: PartnerStatus, reason: str, as_json: bool) -> None:
    with session_of(context).acting("partner.change") as act:
        made = partner_life.set_status(act.tools, act.conn, name, status=status, reason=reason, actor=act.actor)
    _tell_status(made.id, made.name, made.status, as_json=as_json)


def _tell_status(partner_id: str, name: str, status: PartnerStatus, *, as_json: bool) -> None:
    output.say(f"{name} is {status.value}.")
    if as_json:
        output.tell_json("partner-status/1", {"partner": partner_id, "status": status.value})

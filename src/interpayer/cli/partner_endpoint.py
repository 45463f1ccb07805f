"""`interpayer partner endpoint`: where partners answer, in which environment, and when they rest."""

from datetime import UTC, datetime
from typing import Annotated

import typer

from interpayer.cli import output
from interpayer.cli.output import AsJson
from interpayer.cli.partner_words import Who
from interpayer.cli.session import session_of
from interpayer.operations import partners
from interpayer.partners.onboarding import CAPABILITIES

app = typer.Typer(help="Where partners answer.", no_args_is_help=True)

EndpointId = Annotated[str, typer.Argument(metavar="ENDPOINT", help="Endpoint id (n-…).")]


@app.command("add")
def add_(  # noqa: PLR0913 -- an option each
    context: typer.Context,
    partner: Who,
    fhir_base: Annotated[str, typer.Argument(help="Its FHIR base, https.")],
    *,
    capability: Annotated[
        list[str] | None, typer.Option(help=f"{', '.join(CAPABILITIES)}; repeat it. All of them when none is named.")
    ] = None,
    version: Annotated[str, typer.Option(help="Version of the guide.")] = "2.2",
    mtls: Annotated[bool, typer.Option(help="Whether it wants our client certificate.")] = True,
    maximum_members: Annotated[int, typer.Option(min=1, help="At most so many members in one call.")] = 1000,
    environment: Annotated[
        str | None, typer.Option(help="production or test, when it is not the partner's own.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Add a place where a partner answers; prints the endpoint id."""
    endpoint = {
        "fhir_base": fhir_base,
        "capabilities": capability or list(CAPABILITIES),
        "version": version,
        "requires_mtls": mtls,
        "maximum_members": maximum_members,
        **({"environment": environment} if environment else {}),
    }
    with session_of(context).acting("partner.change") as act:
        made = partners.add_endpoint(act.tools, act.conn, partner, endpoint=endpoint, actor=act.actor)
    output.tell_result("endpoint-add/1", {"endpoint": made.id}, as_json=as_json)


@app.command()
def status(
    context: typer.Context,
    endpoint: EndpointId,
    to: Annotated[str, typer.Argument(help="active, quarantined or retired.")],
) -> None:
    """Take an endpoint out of use, or back."""
    with session_of(context).acting("partner.change") as act:
        made = partners.set_endpoint_status(act.tools, act.conn, endpoint, status=to, actor=act.actor)
    output.say(f"{made.id} is {made.status}.")


@app.command()
def maintenance(
    context: typer.Context,
    endpoint: EndpointId,
    *,
    start: Annotated[datetime, typer.Option("--from", help="Begin, UTC.")],
    end: Annotated[datetime, typer.Option("--until", help="End, UTC.")],
) -> None:
    """Say when an endpoint will not answer; exchanges wait until it is over."""
    window = (start.replace(tzinfo=UTC), end.replace(tzinfo=UTC))
    with session_of(context).acting("partner.change") as act:
        made = partners.add_maintenance(act.tools, act.conn, endpoint, window=window, actor=act.actor)
    output.say(f"{made.id} rests from {window[0]:%Y-%m-%d %H:%M}Z to {window[1]:%Y-%m-%d %H:%M}Z.")

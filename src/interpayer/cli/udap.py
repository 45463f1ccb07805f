"""`interpayer udap`: trust communities, who registered with us over them, and where we are registered ourselves."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Annotated, Any

import typer

from interpayer.app.build import outbound
from interpayer.app.udap import way_of
from interpayer.cli import output
from interpayer.cli.output import AsFormat, AsJson
from interpayer.cli.session import Session, session_of
from interpayer.operations import communities, memberships
from interpayer.operations.memberships import Wanted, Way
from interpayer.partners.scopes import REQUESTER
from interpayer.partners.udap import store
from interpayer.policy.composing import shipped

HELP = """UDAP: trust communities, registrations of partners with us, ours with them.

    interpayer udap check                                   (every community: open or closed, and why)
    interpayer udap list                                    (who registered with us)
    interpayer udap means p-… https://plan-b.example/o1 "http://hl7.org/fhir/sid/us-npi|1234567893"
    interpayer udap look https://alder.example/fhir         (what a server says of itself)
    interpayer udap join payer-a                            (register at the partner's server)
    interpayer udap leave payer-a

A partner that registered is `invited`: `interpayer partner acts-for`, `test` and `activate` let it in.
"""
app = typer.Typer(help=HELP, no_args_is_help=True)

Who = Annotated[str, typer.Argument(metavar="PARTNER", help="Id (p-…), client id or organization identifier.")]
Base = Annotated[str | None, typer.Option("--fhir-base", help="Which of the partner's addresses, if it has several.")]
In = Annotated[str | None, typer.Option("--community", help="URI of the community. Default: any that both know.")]
COLUMNS = ("partner", "client_id", "status", "community", "uri", "client_name", "registered_at", "cancelled_at")
CHECKED = ("name", "state", "why", "uri", "anchors", "our_certificate_expires_at")
OURS = ("partner", "fhir_base", "community", "client_id", "scopes", "registered_at")


@app.command()
def check(context: typer.Context, form: AsFormat = "table", as_json: AsJson = False) -> None:
    """Look at every community folder; exit code 1 when one is closed, or our certificate there does not serve."""
    session = session_of(context)
    with session.acting_alone("partner.read"):
        way = way_of(session.settings, shipped)
        rows = memberships.standing(way, fhir_base=f"{session.settings.base_url}/fhir")
    chosen = output.chosen(form, as_json=as_json)
    output.tell_rows("udap-check/1", "communities", rows, columns=CHECKED, form=chosen)
    raise typer.Exit(output.FAILED if any(row["why"] for row in rows) else output.DONE)


@app.command("list")
def list_(context: typer.Context, form: AsFormat = "table", as_json: AsJson = False) -> None:
    """List the partners that registered with us, the newest first."""
    with session_of(context).acting("partner.read") as act:
        rows = [communities.told(one) for one in store.registrations(act.conn)]
    output.tell_rows("udap-list/1", "registrations", rows, columns=COLUMNS, form=output.chosen(form, as_json=as_json))


@app.command()
def means(
    context: typer.Context,
    partner: Who,
    uri: Annotated[str, typer.Argument(help="organization_id as the partner says it in hl7-b2b.")],
    identifier: Annotated[str, typer.Argument(help="The payer that it means; the partner must act for it.")],
    as_json: AsJson = False,
) -> None:
    """Say which payer of a partner an organization_id means, where it is not spelled like the identifier itself."""
    with session_of(context).acting("partner.change") as act:
        communities.name_organization(act.tools, act.conn, partner, uri=uri, identifier=identifier, actor=act.actor)
    output.say(f"{uri} means {identifier}.")
    if as_json:
        output.tell_json("udap-means/1", {"uri": uri, "identifier": identifier})


@app.command()
def look(
    context: typer.Context,
    fhir_base: Annotated[str, typer.Argument(help="FHIR base of the server, https.")],
    community: In = None,
    as_json: AsJson = False,
) -> None:
    """Ask a server what it does over UDAP, and check its signature; nothing is kept."""
    session = session_of(context)
    with session.acting_alone("partner.read"), _way(session) as way:
        server = memberships.look(way, fhir_base, community=community)
    told: dict[str, Any] = {
        "fhir_base": server.fhir_base,
        "community": server.community.uri,
        "registration_endpoint": server.registration_endpoint,
        "token_endpoint": server.token_endpoint,
        "scopes": list(server.scopes),
        "certifications_required": list(server.certifications_required),
    }
    if as_json:
        output.tell_json("udap-look/1", told)
    else:
        output.tell_fields(told)


@app.command()
def join(
    context: typer.Context,
    partner: Who,
    *,
    fhir_base: Base = None,
    community: In = None,
    scope: Annotated[list[str] | None, typer.Option(help="A scope to ask for; repeat it. Default: all we use.")] = None,
    as_json: AsJson = False,
) -> None:
    """Register at a partner's server, or change our registration; prints the client id that it gave us."""
    session = session_of(context)
    with session.acting_alone("partner.change") as (tools, actor), _way(session) as way:
        wanted = Wanted(partner, fhir_base, community, tuple(scope or REQUESTER))
        ours = memberships.join(tools, way, wanted, actor=actor)
    output.say("Calls to this partner go out under this registration once a person there lets it in.")
    told = communities.told_of_us(ours) if as_json else {"client_id": ours.client_id}
    output.tell_result("udap-join/1", told, as_json=as_json)


@app.command()
def leave(context: typer.Context, partner: Who, *, fhir_base: Base = None, as_json: AsJson = False) -> None:
    """Cancel our registration at a partner's server."""
    session = session_of(context)
    with session.acting_alone("partner.change") as (tools, actor), _way(session) as way:
        ours = memberships.leave(tools, way, Wanted(partner, fhir_base), actor=actor)
    output.tell_result("udap-leave/1", {"client_id": ours.client_id}, as_json=as_json)


@app.command()
def ours(context: typer.Context, form: AsFormat = "table", as_json: AsJson = False) -> None:
    """List where we are registered ourselves."""
    with session_of(context).acting("partner.read") as act:
        rows = [communities.told_of_us(one) for one in store.memberships(act.conn)]
    output.tell_rows("udap-ours/1", "memberships", rows, columns=OURS, form=output.chosen(form, as_json=as_json))


@contextmanager
def _way(session: Session) -> Iterator[Way]:
    with outbound(session.settings) as http:
        yield Way(http, way_of(session.settings, shipped))

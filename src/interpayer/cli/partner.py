"""`interpayer partner`: the payers we exchange with, where they answer, and how they come and rest."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any

import orjson
import typer
import yaml

from interpayer.cli import output
from interpayer.cli.output import AsFormat, AsJson
from interpayer.cli.session import session_of
from interpayer.model.partner import PartnerStatus
from interpayer.model.reason import Refusal
from interpayer.operations import guessing, partners
from interpayer.partners.onboarding import CAPABILITIES

HELP = """The payers we exchange with: registration, endpoints, status.

    interpayer partner add alder.yaml
    interpayer partner show payer-a                 (by id, client id or organization identifier)
    interpayer partner endpoint add payer-a https://alder.example/fhir
    interpayer partner suspend payer-a --reason "contract ended"
"""
app = typer.Typer(help=HELP, no_args_is_help=True)
endpoint_app = typer.Typer(help="Where partners answer.", no_args_is_help=True)
app.add_typer(endpoint_app, name="endpoint")

Who = Annotated[str, typer.Argument(metavar="PARTNER", help="Id (p-…), client id or organization identifier.")]
Why = Annotated[str, typer.Option("--reason", help="Why; it is kept in the partner's history.")]
EndpointId = Annotated[str, typer.Argument(metavar="ENDPOINT", help="Endpoint id (n-…).")]
COLUMNS = ("id", "name", "status", "environment", "client_id", "organizations", "attested_by_contract")

ALARMS = ("raised_at", "partner_id", "pattern", "level", "tries", "exchange_id")


@app.command()
def add(
    context: typer.Context,
    file: Annotated[Path, typer.Argument(help="Registration document, YAML or JSON; - reads it from input.")],
    jwks: Annotated[Path | None, typer.Option(help="The partner's public keys, when not in the document.")] = None,
    as_json: AsJson = False,
) -> None:
    """Register a partner from its document; prints the partner id.

    The document names: name, client_id, organizations, scopes, jwks, environment, attested_by_contract, endpoints
    (fhir_base, capabilities, version, requires_mtls, maximum_members), certificates, contact, our_client_id.
    """
    with session_of(context).acting("partner.change") as act:
        document = _read(file)
        if jwks is not None:
            document = {**document, "jwks": _read(jwks)}
        partner, endpoints = partners.add(act.tools, act.conn, document, actor=act.actor)
    output.say(f"{partner.name} is {partner.status.value}, with {len(endpoints)} endpoints.")
    told = {"partner": partner.id, "endpoints": [endpoint.id for endpoint in endpoints]}
    output.tell_result("partner-add/1", told if as_json else {"partner": partner.id}, as_json=as_json)


@app.command("list")
def list_(context: typer.Context, form: AsFormat = "table", as_json: AsJson = False) -> None:
    """List partners by name."""
    with session_of(context).acting("partner.read") as act:
        rows = [partners.told(partner) for partner in partners.listed(act.conn)]
    output.tell_rows("partner-list/1", "partners", rows, columns=COLUMNS, form=output.chosen(form, as_json=as_json))


@app.command()
def show(context: typer.Context, partner: Who, as_json: AsJson = False) -> None:
    """Show a partner: what it may, where it answers, whether calls rest, its history."""
    with session_of(context).acting("partner.read") as act:
        view = partners.shown(act.conn, partner)
    endpoints = partners.endpoints_told(view)
    history = [output.plain(change) for change in view.history]
    if as_json:
        output.tell_json(
            "partner/1", {"partner": partners.told(view.partner), "endpoints": endpoints, "history": history}
        )
        return
    output.tell_fields(partners.told(view.partner))
    for endpoint in endpoints:
        output.tell_fields({"endpoint": endpoint})
    for change in view.history:
        words = f"{change.status_from} to {change.status_to}" if change.status_to and change.status_from else ""
        why = f": {change.reason}" if change.reason else ""
        output.tell_fields({f"{change.at:%Y-%m-%d %H:%M}Z": f"{change.change} {words} by {change.by}{why}"})


@app.command()
def keys(context: typer.Context, as_json: AsJson = False) -> None:
    """Print our own public keys (JWKS), for a partner's registration document; always JSON."""
    with output.failures():
        jwks = session_of(context).application.signer.public_jwks()
    print(orjson.dumps(jwks, option=0 if as_json else orjson.OPT_INDENT_2).decode())


@app.command()
def activate(context: typer.Context, partner: Who, reason: Why, as_json: AsJson = False) -> None:
    """Let a partner call and be called."""
    _set_status(context, partner, status_=PartnerStatus.ACTIVE, reason=reason, as_json=as_json)


@app.command()
def suspend(context: typer.Context, partner: Who, reason: Why, as_json: AsJson = False) -> None:
    """Refuse a partner's calls and call it no more, until it is activated again."""
    _set_status(context, partner, status_=PartnerStatus.SUSPENDED, reason=reason, as_json=as_json)


@app.command()
def quarantine(context: typer.Context, partner: Who, reason: Why, as_json: AsJson = False) -> None:
    """Set a partner apart while something about it is looked into."""
    _set_status(context, partner, status_=PartnerStatus.QUARANTINED, reason=reason, as_json=as_json)


@app.command("guessing")
def guessing_(context: typer.Context, form: AsFormat = "table", as_json: AsJson = False) -> None:
    """List partners whose requests look like guessing: by which pattern, after how many tries, what follows."""
    with session_of(context).acting("partner.read") as act:
        rows = [output.plain(alarm) for alarm in guessing.alarms(act.tools, act.conn)]
    output.tell_rows("guessing/1", "alarms", rows, columns=ALARMS, form=output.chosen(form, as_json=as_json))


@app.command()
def pardon(context: typer.Context, partner: Who, reason: Why, as_json: AsJson = False) -> None:
    """Say that a partner did not guess: what it tried so far counts no more."""
    with session_of(context).acting("partner.change") as act:
        found = guessing.pardon(act.tools, act.conn, partner, reason=reason, actor=act.actor)
    output.say(f"{found.name} begins anew; nothing was erased.")
    if as_json:
        output.tell_json("partner-pardon/1", {"partner": found.id})


@endpoint_app.command("add")
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
    as_json: AsJson = False,
) -> None:
    """Add a place where a partner answers; prints the endpoint id."""
    endpoint = {
        "fhir_base": fhir_base,
        "capabilities": capability or list(CAPABILITIES),
        "version": version,
        "requires_mtls": mtls,
        "maximum_members": maximum_members,
    }
    with session_of(context).acting("partner.change") as act:
        made = partners.add_endpoint(act.tools, act.conn, partner, endpoint=endpoint, actor=act.actor)
    output.tell_result("endpoint-add/1", {"endpoint": made.id}, as_json=as_json)


@endpoint_app.command()
def status(
    context: typer.Context,
    endpoint: EndpointId,
    to: Annotated[str, typer.Argument(help="active, quarantined or retired.")],
) -> None:
    """Take an endpoint out of use, or back."""
    with session_of(context).acting("partner.change") as act:
        made = partners.set_endpoint_status(act.tools, act.conn, endpoint, status=to, actor=act.actor)
    output.say(f"{made.id} is {made.status}.")


@endpoint_app.command()
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


def _set_status(context: typer.Context, name: str, *, status_: PartnerStatus, reason: str, as_json: bool) -> None:
    with session_of(context).acting("partner.change") as act:
        changed = partners.set_status(act.tools, act.conn, name, status=status_, reason=reason, actor=act.actor)
    output.say(f"{changed.name} is {changed.status.value}.")
    if as_json:
        output.tell_json("partner-status/1", {"partner": changed.id, "status": changed.status.value})


def _read(file: Path) -> dict[str, Any]:
    """YAML or JSON as an object (JSON is read as such: it is faster and stricter)."""
    raw = typer.get_binary_stream("stdin").read() if str(file) == "-" else file.read_bytes()
    try:
        content = orjson.loads(raw) if raw.lstrip()[:1] == b"{" else yaml.safe_load(raw)
    except (ValueError, yaml.YAMLError) as error:
        raise Refusal("request.malformed", f"{file} is neither JSON nor YAML: {type(error).__name__}") from None
    if not isinstance(content, dict):
        raise Refusal("request.malformed", f"{file} must hold an object")
    return content

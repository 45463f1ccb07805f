"""`interpayer partner`: the payers we exchange with, where they answer, and how they come and rest."""

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

import orjson
import typer

from interpayer.cli import output, partner_endpoint, partner_life, partner_sample
from interpayer.cli.output import AsFormat, AsJson
from interpayer.cli.partner_words import Who, Why, credentials_of, read_object, scopes_of
from interpayer.cli.session import session_of
from interpayer.operations import guessing, partners
from interpayer.partners.scopes import REQUESTER

HELP = """The payers we exchange with: registration, gate, endpoints, keys, life cycle.

    interpayer partner add --client-id https://alder.example --jwks keys.json --organization 'urn:payers|alder'
    interpayer partner invite --name "Alder Health" --organization 'urn:payers|alder'
    interpayer partner test p-…                     (what its endpoint answers, and what the gate still asks for)
    interpayer partner activate p-… --reason "passed the gate"
    interpayer partner rotate p-… --jwks new-keys.json --reason "yearly"
    interpayer partner show payer-a                 (by id, client id or organization identifier)
    interpayer partner suspend payer-a --reason "contract ended"
"""
app = typer.Typer(help=HELP, no_args_is_help=True)

COLUMNS = ("id", "name", "status", "environment", "client_id", "organizations", "attested_by_contract")

ALARMS = ("raised_at", "partner_id", "pattern", "level", "tries", "exchange_id")


@app.command()
def add(  # noqa: PLR0913 -- an option each
    context: typer.Context,
    file: Annotated[
        Path | None, typer.Argument(help="Registration document, YAML or JSON; - reads it from input.")
    ] = None,
    *,
    client_id: Annotated[str | None, typer.Option(help="How the partner names itself at our token endpoint.")] = None,
    jwks: Annotated[
        str | None, typer.Option(metavar="FILE|URL", help="Its public keys: a file, or the https address it keeps.")
    ] = None,
    organization: Annotated[
        list[str] | None, typer.Option(help="A payer that it acts for: identifier or system|identifier; repeat it.")
    ] = None,
    scopes: Annotated[
        list[str] | None, typer.Option(help="The most that it may get, as OAuth writes scopes; those of the guides.")
    ] = None,
    certificate: Annotated[
        list[str] | None, typer.Option(help="Its client certificate: a PEM file or x5t#S256 thumbprint; repeat it.")
    ] = None,
    endpoint: Annotated[list[str] | None, typer.Option(help="A FHIR base where it answers; repeat it.")] = None,
    name: Annotated[str | None, typer.Option(help="What people call it; its client id when nothing is said.")] = None,
    environment: Annotated[str | None, typer.Option(help="production or test; that of this installation.")] = None,
    status: Annotated[str | None, typer.Option(help="active, testing or invited.")] = None,
    as_json: AsJson = False,
) -> None:
    """Register a partner from options, from a document, or from both (options win); prints the partner id.

    Registered as active (as when nothing is said), it can call at once: who adds it vouches for what the gate would
    ask, which is told. Register it as testing to go through the gate: interpayer partner test, then activate.

    The document names: name, client_id, organizations (with since, until, proof), scopes, jwks or jwks_url,
    certificates, certificate_names, environment, status, contacts, contract, limits, pace, profile, endpoints
    (fhir_base, capabilities, version, environment, requires_mtls, maximum_members), attested_by_contract,
    our_client_id, assertion_style, algorithm.
    """
    given: dict[str, Any] = {
        "client_id": client_id,
        "name": name,
        "organizations": organization,
        "scopes": scopes_of(scopes) if scopes else None,
        "endpoints": [{"fhir_base": base} for base in endpoint] if endpoint else None,
        "environment": environment,
        "status": status,
    }
    with session_of(context).acting("partner.change") as act:
        document = _document(file, given | credentials_of(jwks, certificate or ()))
        added = partners.add(act.tools, act.conn, document, actor=act.actor)
    _tell_added(added, as_json=as_json)


def _document(file: Path | None, options: Mapping[str, Any]) -> dict[str, Any]:
    """The document with the options laid over it, and what goes without saying."""
    said = {name: value for name, value in options.items() if value is not None}
    document = {"scopes": list(REQUESTER), **(read_object(file) if file else {}), **said}
    return {"name": document.get("client_id"), **document}


def _tell_added(added: partners.Added, *, as_json: bool) -> None:
    items = [one.item for one in added.open_items]
    output.say(f"{added.partner.name} is {added.partner.status.value}, with {len(added.endpoints)} endpoints.")
    if items:
        output.say(f"Not shown so far: {', '.join(items)}. Next: interpayer partner show {added.partner.id}")
    more = {"status": added.partner.status.value, "endpoints": [one.id for one in added.endpoints], "open": items}
    told = {"partner": added.partner.id}
    output.tell_result("partner-add/1", told | more if as_json else told, as_json=as_json)


@app.command("list")
def list_(context: typer.Context, form: AsFormat = "table", as_json: AsJson = False) -> None:
    """List partners by name."""
    with session_of(context).acting("partner.read") as act:
        rows = [partners.told(partner) for partner in partners.listed(act.conn)]
    output.tell_rows("partner-list/1", "partners", rows, columns=COLUMNS, form=output.chosen(form, as_json=as_json))


@app.command()
def show(context: typer.Context, partner: Who, as_json: AsJson = False) -> None:
    """Show a partner: what was agreed, what the gate still asks for, what runs out, where it answers, its history."""
    with session_of(context).acting("partner.read") as act:
        view = partners.shown(act.tools, act.conn, partner)
    history = [output.plain(change) for change in view.history]
    whole: dict[str, Any] = {
        "partner": partners.told(view.partner),
        "agreed": partners.agreed_told(view),
        "gate": partners.gate_told(view),
        "endpoints": partners.endpoints_told(view),
        "lessons": [output.plain(lesson) for lesson in view.lessons],
        "history": history,
    }
    if as_json:
        output.tell_json("partner/2", whole)
        return
    output.tell_fields(whole["partner"])
    output.tell_fields({name: value for name, value in whole["agreed"].items() if value})
    for endpoint in whole["endpoints"]:
        output.tell_fields({"endpoint": endpoint})
    for item in view.open_items:
        output.tell_fields({f"open: {item.item}": f"{item.missing}. Next: {item.next_step}"})
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


app.registered_commands += partner_life.app.registered_commands
app.add_typer(partner_endpoint.app, name="endpoint")
app.add_typer(partner_sample.app, name="sample")
app.add_typer(partner_sample.lesson_app, name="lesson")

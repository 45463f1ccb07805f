"""`interpayer conformance`: check any payer's FHIR door, our own included."""

from typing import Annotated

import typer

from interpayer.app.build import outbound
from interpayer.cli import output
from interpayer.cli.output import AsFormat, AsJson
from interpayer.cli.session import session_of
from interpayer.conformance import suite

HELP = """Check a payer's FHIR door: discovery, refusals, shapes. Reads only; no member is named.

    interpayer conformance run https://payer.example/fhir
"""
app = typer.Typer(help=HELP, no_args_is_help=True)
COLUMNS = ("outcome", "name", "source", "why")


@app.callback()
def conformance() -> None:
    """Keep `run` a command of its own, although it is the only one now."""


@app.command()
def run(
    context: typer.Context,
    fhir_base: Annotated[str, typer.Argument(help="The FHIR base, as in a registration document.")],
    form: AsFormat = "table",
    as_json: AsJson = False,
) -> None:
    """Run every check; exit 1 when something that a guide requires is missing."""
    with output.failures(), outbound(session_of(context).application.settings) as client:
        findings = list(suite.run(client, fhir_base))
    rows = [{name: getattr(finding, name) for name in COLUMNS} for finding in findings]
    output.tell_rows("conformance/1", "findings", rows, columns=COLUMNS, form=output.chosen(form, as_json=as_json))
    failed = any(finding.outcome == "failed" for finding in findings)
    raise typer.Exit(output.FAILED if failed else output.DONE)

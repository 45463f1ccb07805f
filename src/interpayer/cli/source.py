"""`interpayer source`: the systems that hold this plan's data, each declared in one file."""

from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Annotated

import typer

from interpayer.adapters.catalog import InFiles
from interpayer.adapters.declaration import read_declaration
from interpayer.app.build import workshop_of
from interpayer.cli import output
from interpayer.cli.output import AsJson
from interpayer.cli.session import session_of
from interpayer.cli.standalone import acting_alone
from interpayer.exchange.sources.workshop import Workshop
from interpayer.operations.sourcing import loading
from interpayer.operations.sourcing.reading import Reading, read_into
from interpayer.system.clock import now

HELP = """The systems that hold this plan's data, each declared in one file (docs/reference/sources/declaration.md).

    interpayer source check SOURCE.yaml              (can it be used, and what does it promise?)
    interpayer source read SOURCE.yaml --out DIR     (what comes of it; needs no server, changes nothing)
    interpayer source load SOURCE.yaml               (take it in)
"""
app = typer.Typer(help=HELP, no_args_is_help=True)

SHOWN = 10
Declared = Annotated[Path, typer.Argument(metavar="SOURCE.yaml", help="The declaration of the source.")]
Packages = Annotated[Path | None, typer.Option(help="Folder of FHIR packages to check against; default: the setting.")]


@app.command()
def read(
    context: typer.Context,
    source: Declared,
    *,
    out: Annotated[Path, typer.Option(help="Folder for NDJSON by type, lineage, what was kept apart, account.json.")],
    packages: Packages = None,
    as_json: AsJson = False,
) -> None:
    """Read, map and check everything that the source has, into files. Exit 3: some records are kept apart."""
    with _workshop(context, packages) as workshop, output.progress("records") as shown:
        declaration = read_declaration(source)
        opened = workshop.source(declaration)
        passed_over = tuple(opened.passed_over()) if isinstance(opened, InFiles) else ()
        reading = Reading(workshop.refinery(declaration), opened.read(), now(), passed_over)
        account = read_into(out, reading, progress=shown.at)
    content = account.as_json()
    if as_json:
        output.tell_json("source-read/1", {"account": content})
    else:
        output.tell_fields({"source": account.source, **account.numbers(), "resources": content["resources"]})
        for row in content["reasons"]["quarantined"][:SHOWN]:
            output.say(f"{row['records']} {row['entity']} kept apart: {row['detail']}")
    raise typer.Exit(output.DONE if account.is_whole else output.PARTIAL)


@app.command()
def load(
    context: typer.Context,
    source: Declared,
    *,
    as_members: Annotated[
        bool, typer.Option(help="Make members out of Patients that no enrollment names (sample data).")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Take in everything that the source has; twice changes nothing. Exit 3: something is kept apart.

    An 834 and a source with `role: enrollment` make members; what belongs to nobody of ours is kept apart.
    """
    with acting_alone(session_of(context), "load.fhir") as (tools, actor), output.progress("records") as shown:

        def tell(what: str, count: int) -> None:
            shown.at(count, what=what)

        report = loading.load(tools, read_declaration(source), actor=actor, as_members=as_members, progress=tell)
    if as_json:
        output.tell_json("source-load/1", {"load": report.load_id, **report.counts()})
    else:
        output.tell_fields(
            {"load": report.load_id, **{name.replace("_", " "): n for name, n in report.counts().items() if n}}
        )
    raise typer.Exit(output.PARTIAL if report.quarantined else output.DONE)


@app.command()
def check(context: typer.Context, source: Declared) -> None:
    """Whether the declaration can be used: nothing is read yet."""
    with _workshop(context, None) as workshop:
        declaration = read_declaration(source)
        workshop.source(declaration)
    output.tell_fields({"source": declaration.name, "kind": declaration.kind})


@contextmanager
def _workshop(context: typer.Context, packages: Path | None) -> Iterator[Workshop]:
    """What reads sources, without a database; what fails ends the command in words."""
    with output.failures(), closing(workshop_of(session_of(context).settings, packages=packages)) as workshop:
        yield workshop

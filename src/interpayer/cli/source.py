"""`interpayer source`: the systems that hold this plan's data, each declared in one file."""

from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Annotated

import typer

from interpayer.adapters import store
from interpayer.adapters.declaration import read_declaration
from interpayer.app.build import workshop_of
from interpayer.cli import output
from interpayer.cli.output import AsJson
from interpayer.cli.session import session_of
from interpayer.cli.standalone import acting_alone
from interpayer.exchange.sources.workshop import Workshop
from interpayer.operations.sourcing import checking, loading
from interpayer.operations.sourcing.quality import measure
from interpayer.operations.sourcing.reading import read_into, reading_of
from interpayer.system.clock import now

HELP = """The systems that hold this plan's data, each declared in one file (docs/reference/sources/declaration.md).

    interpayer source check SOURCE.yaml              (can it be used, and what does it promise?)
    interpayer source read SOURCE.yaml --out DIR     (what comes of it; needs no server, changes nothing)
    interpayer source report SOURCE.yaml             (how good are its data?)
    interpayer source load SOURCE.yaml               (take it in)
    interpayer source add SOURCE.yaml                (ask it while an answer is made: FHIR servers, SQL)
"""
app = typer.Typer(help=HELP, no_args_is_help=True)

SHOWN = 10
_SAID = {True: "+", False: "-", None: "?"}
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
        reading = reading_of(workshop, read_declaration(source))
        account = read_into(out, reading, progress=shown.at)
    content = account.as_json()
    if as_json:
        output.tell_json("source-read/1", {"account": content})
    else:
        output.tell_fields({"source": account.source, **account.numbers(), "resources": content["resources"]})
        if reading.passed_over:
            output.say(f"{len(reading.passed_over)} files beside were not looked at; account.json names them")
        for row in content["reasons"]["quarantined"][:SHOWN]:
            output.say(f"{row['records']} {row['entity']} kept apart: {row['detail']}")
        for words, counted in (("not readable", content["left_out"]), ("unknown code", content["unmapped"])):
            for word, count in list(counted.items())[:SHOWN]:
                output.say(f"{count} times {words}: {word}")
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
        report = loading.load(tools, read_declaration(source), actor=actor, as_members=as_members, progress=shown.tell)
    if as_json:
        output.tell_json("source-load/1", {"load": report.load_id, **report.counts()})
    else:
        output.tell_fields(
            {"load": report.load_id, **{name.replace("_", " "): n for name, n in report.counts().items() if n}}
        )
    raise typer.Exit(output.PARTIAL if report.quarantined else output.DONE)


@app.command()
def check(
    context: typer.Context,
    source: Declared,
    *,
    against: Annotated[
        Path | None, typer.Option(help="Another declared FHIR server that should promise the same.")
    ] = None,
    sample: Annotated[int, typer.Option(help="So many records are read to try.", min=1)] = checking.SAMPLE,
    packages: Packages = None,
    as_json: AsJson = False,
) -> None:
    """Whether a new source can be used; for a FHIR server, what it promises against what happens, with a score.

    Reads a little and changes nothing; needs no running server. Exit 3: it cannot be used as it is.
    """
    with _workshop(context, packages) as workshop:
        other = read_declaration(against) if against else None
        report = checking.check_source(workshop, read_declaration(source), against=other, sample=sample)
    maturity = report.maturity
    findings = maturity.findings if maturity else ()
    if as_json:
        told = {"can_be_used": report.can_be_used, "looks": report.looks, "differences": report.differences}
        scored = {"score": maturity.score, "findings": findings} if maturity else None
        output.tell_json("source-check/1", {**told, "maturity": scored})
    else:
        output.tell_fields({look.what: f"{look.state}: {look.words}" for look in report.looks})
        for finding in findings:
            output.say(f"{_SAID[finding.happened]} {finding.name}{f' ({finding.detail})' if finding.detail else ''}")
        output.tell_fields({"maturity": f"{maturity.score} of 100"} if maturity else {})
    raise typer.Exit(output.DONE if report.can_be_used else output.PARTIAL)


@app.command("report")
def report_(context: typer.Context, source: Declared, *, packages: Packages = None, as_json: AsJson = False) -> None:
    """How good the data are: complete, valid, unique, known codes, fresh, and the worst records. Changes nothing."""
    with _workshop(context, packages) as workshop, output.progress("records") as shown:
        quality = measure(reading_of(workshop, read_declaration(source)), progress=shown.at).as_json()
    if as_json:
        output.tell_json("source-report/1", quality)
        return
    worst, completeness = quality.pop("worst"), quality.pop("completeness")
    output.tell_fields({name.replace("_", " "): value for name, value in quality.items()})
    rows = [
        {"type": kind, "element": name, "filled": f"{share:.0%}"}
        for kind, elements in completeness.items()
        for name, share in elements.items()
        if share < 1
    ]
    output.tell_rows("source-report/1", "completeness", rows, columns=("type", "element", "filled"))
    output.tell_rows("source-report/1", "worst", worst, columns=("file", "position", "entity", "flaws", "rules"))


@app.command()
def add(context: typer.Context, source: Declared) -> None:
    """Declare a source that is asked while an answer is made (FHIR server, SQL); files come by `load`."""
    with acting_alone(session_of(context), "load.fhir") as (tools, _actor):
        declaration = read_declaration(source)
        tools.workshop.refinery(declaration)
        with tools.database.transaction() as conn:
            output.tell_fields({"source": declaration.name, "is": store.save_declaration(conn, declaration)})


@app.command()
def retire(context: typer.Context, name: Annotated[str, typer.Argument(help="The name of the source.")]) -> None:
    """Ask this source no longer; what came from it stays."""
    with acting_alone(session_of(context), "load.fhir") as (tools, _actor):
        with tools.database.transaction() as conn:
            is_known = store.retire(conn, name)
        if not is_known:
            output.fail("there is no source of this name", code=output.NOT_FOUND)


@app.command("list")
def list_(context: typer.Context, *, form: output.AsFormat = "table", as_json: AsJson = False) -> None:
    """The declared sources: what was read last, how fresh it is, how much was kept apart."""
    with acting_alone(session_of(context), "load.fhir") as (tools, _actor), tools.database.transaction() as conn:
        standings = store.standings(conn)
    rows = [
        {
            "source": one.declaration.name,
            "kind": one.declaration.kind,
            "live": one.declaration.is_live,
            "essential": one.declaration.essential,
            "read_at": one.read_at,
            "data_as_of": one.data_as_of,
            "freshness": one.freshness(now()),
            "read": one.account.get("read", 0),
            "kept_apart": one.account.get("quarantined", 0),
        }
        for one in standings
    ]
    columns = tuple(rows[0]) if rows else ("source", "kind")
    output.tell_rows("sources/1", "sources", rows, columns=columns, form=output.chosen(form, as_json=as_json))


@contextmanager
def _workshop(context: typer.Context, packages: Path | None) -> Iterator[Workshop]:
    """What reads sources, without a database; what fails ends the command in words."""
    with output.failures(), closing(workshop_of(session_of(context).settings, packages=packages)) as workshop:
        yield workshop

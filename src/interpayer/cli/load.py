"""`interpayer load`: members and their wishes from the enrollment feed, records from FHIR files."""

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

import typer

from interpayer.cli import output
from interpayer.cli.output import AsJson
from interpayer.cli.session import session_of
from interpayer.exchange.entities import serving
from interpayer.operations import enrollments, loading
from interpayer.operations.feed import FeedFault

HELP = """Load what this plan holds. Loading the same again changes nothing.

    interpayer load enrollments enrollments.csv
    interpayer load fhir records/                  (NDJSON, Bundles, single resources, gzipped or not)
"""
app = typer.Typer(help=HELP, no_args_is_help=True)

SHOWN_FAULTS = 20
Entity = Annotated[
    str | None, typer.Option(help="Legal entity whose members these are: id or identifier; the first of the file.")
]


@app.command("enrollments")
def enrollments_(
    context: typer.Context,
    file: Annotated[Path, typer.Argument(help="CSV with a header line; unknown columns are refused.")],
    entity: Entity = None,
    as_json: AsJson = False,
) -> None:
    """Load the enrollment feed: members, coverages, opt-ins and opt-outs, other payers; with a reconciliation report.

    Opt-ins become consents and standing requests; opt-outs stop what is under way. Exit 3: some rows were refused.
    """
    with session_of(context).acting_alone("load.enrollments") as (tools, actor), output.progress("rows") as shown:
        try:
            report = enrollments.load(serving(tools, entity), file, actor=actor, progress=shown.at)
        except FeedFault as error:
            output.fail("this file is no enrollment feed", str(error), code=output.USAGE)
    if as_json:
        faults = [{"row": f.row, "column": f.column, "detail": f.detail} for f in report.faults]
        output.tell_json("load-enrollments/1", {"load": report.load_id, **report.counts(), "faults": faults})
    else:
        output.tell_fields({"load": report.load_id, **_words(report.counts())})
        for fault in report.faults[:SHOWN_FAULTS]:
            output.say(f"row {fault.row}, {fault.column}: {fault.detail}")
        if len(report.faults) > SHOWN_FAULTS:
            output.say(f"… and {len(report.faults) - SHOWN_FAULTS} more; --json lists all of them")
    raise typer.Exit(output.PARTIAL if report.faults else output.DONE)


@app.command()
def fhir(
    context: typer.Context,
    path: Annotated[Path, typer.Argument(help="A file, or a folder with its subfolders.")],
    *,
    as_members: Annotated[
        bool, typer.Option(help="Make members out of Patients that no enrollment names (sample data).")
    ] = False,
    entity: Entity = None,
    as_json: AsJson = False,
) -> None:
    """Load FHIR records of our members; Patients are members by their member number (identifier of type MB).

    What belongs to no member, or breaks the contract, is quarantined and counted, never lost. Exit 3: there was some.
    """
    with session_of(context).acting_alone("load.fhir") as (tools, actor), output.progress("patients") as shown:
        if not path.exists():
            raise FileNotFoundError(None, "", str(path))
        report = loading.load(serving(tools, entity), path, actor=actor, as_members=as_members, progress=shown.tell)
    if as_json:
        output.tell_json("load-fhir/1", {"load": report.load_id, **report.counts()})
    else:
        output.tell_fields({"load": report.load_id, **_words(report.counts())})
        if report.patients_unknown:
            output.say("Patients without a member: load the enrollments first, or use --as-members for sample data.")
    raise typer.Exit(output.PARTIAL if report.quarantined else output.DONE)


def _words(counts: Mapping[str, Any]) -> dict[str, Any]:
    return {name.replace("_", " "): count for name, count in counts.items() if count}

"""`interpayer labels`: which records are sensitive, why, and looking anew when the value sets change."""

from pathlib import Path
from typing import Annotated, Any

import orjson
import typer

from interpayer.cli import output
from interpayer.cli.output import AsJson
from interpayer.cli.session import session_of
from interpayer.normalization.labeling.sets import load_sets
from interpayer.operations import labels

HELP = """Which records are sensitive: found by value sets, built in or your own (setting `labels`).

    interpayer labels check                     what is in force, and whether every record was looked at under it
    interpayer labels check ./labels            would this folder of your own hold?
    interpayer labels explain r-abc             why a record is labeled
    interpayer labels explain --file eob.json   why a resource of yours would be, its codes named
    interpayer labels relabel                   after a change: look at every record anew
"""
app = typer.Typer(help=HELP, no_args_is_help=True)


@app.command()
def check(
    context: typer.Context,
    folder: Annotated[Path | None, typer.Argument(help="A folder of your own sets, to try before it is set.")] = None,
    *,
    as_json: AsJson = False,
) -> None:
    """Say which value sets are in force. Exit 1: a set does not hold; 3: records wait to be looked at anew."""
    if folder is not None:
        _try(folder, as_json=as_json)
        return
    with session_of(context).acting("labels.read") as act:
        told = labels.state(act.tools, act.conn)
    waiting = sum(n for version, n in told["records"].items() if version != told["version"])
    if as_json:
        output.tell_json("labels/1", {**told, "waiting": waiting})
    else:
        output.tell_fields({"version": told["version"], "sets": len(told["files"]), "waiting": waiting})
        output.tell_fields(told["labels"])
        if waiting:
            output.say("Next: interpayer labels relabel")
    raise typer.Exit(output.PARTIAL if waiting else output.DONE)


@app.command()
def explain(
    context: typer.Context,
    record: Annotated[str | None, typer.Argument(help="Id of a record that is held.")] = None,
    *,
    file: Annotated[Path | None, typer.Option(help="A resource of yours (JSON), instead of a record.")] = None,
    as_json: AsJson = False,
) -> None:
    """Say why a record is labeled: the value set, or its sender. Exit 5: there is no such record."""
    if (record is None) == (file is None):
        output.fail("nothing to explain", "give the id of a record, or --file", code=output.USAGE)
    with session_of(context).acting("labels.read") as act:
        if file is not None:
            found: list[labels.Why] | None = labels.explain_resource(act.tools, _read(file))
        else:
            found = labels.explain(act.tools, act.conn, record or "")
    if found is None:
        output.fail("there is no such record", "look its id up with `interpayer exchange show`", code=output.NOT_FOUND)
    rows = [{"label": one.category, "by": one.by, "what": one.what} for one in found or ()]
    output.tell_rows("labels-why/1", "reasons", rows, columns=("label", "by", "what"),
                     form=output.chosen("table", as_json=as_json))  # fmt: skip


@app.command()
def relabel(context: typer.Context, *, as_json: AsJson = False) -> None:
    """Look at every record that was not looked at under the value sets in force; started again, it goes on.

    Restart `serve` and `worker` first when the folder of sets changed: they read it when they start.
    """
    with session_of(context).acting_alone("labels.change") as (tools, actor), output.progress("records") as shown:
        report = labels.relabel(tools, actor=actor, progress=shown.at)
    told: dict[str, Any] = {
        "version": report.version,
        "looked_at": report.looked_at,
        "changed": report.changed,
        "withheld": report.withheld,
    }
    output.tell_json("labels-relabel/1", told) if as_json else output.tell_fields(told)


def _try(folder: Path, *, as_json: bool) -> None:
    try:
        sets = load_sets(folder)
    except ValueError as error:
        output.fail(str(error), "see docs/explanation/what-a-partner-may-see.md", code=output.FAILED)
    told = {"version": sets.version, "files": dict(sets.files), "categories": sorted(sets.categories)}
    output.tell_json("labels-check/1", told) if as_json else output.tell_fields(told)


def _read(file: Path) -> dict[str, Any]:
    try:
        resource = orjson.loads(file.read_bytes())
    except (OSError, ValueError):
        output.fail("the file cannot be read as JSON", "give one FHIR resource", code=output.USAGE)
    if not isinstance(resource, dict) or "resourceType" not in resource:
        output.fail("the file holds no FHIR resource", "give one FHIR resource", code=output.USAGE)
    return resource

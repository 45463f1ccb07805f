"""`interpayer terms`: code systems, value sets and the maps between them."""

from datetime import datetime
from pathlib import Path
from typing import Annotated

import typer

from interpayer.cli import output
from interpayer.cli.output import AsFormat, AsJson
from interpayer.cli.session import session_of
from interpayer.operations import terms
from interpayer.terminology import store
from interpayer.terminology.forms import system_named
from interpayer.terminology.lists import COLUMNS, ListSpec
from interpayer.terminology.translate import Code, Translation

HELP = """What codes mean here. Interpayer brings no licensed list: load your own files.

    interpayer terms load hl7.fhir.us.core-6.1.0.tgz
    interpayer terms load icd10cm-2026.csv --system icd-10-cm --version 2026
    interpayer terms load Loinc.csv --system loinc --columns code=LOINC_NUM,display=LONG_COMMON_NAME
    interpayer terms load icd10cm-order-2026.txt --system icd-10-cm --version 2026 --columns code=7-13,display=78-
    interpayer terms load lab-codes.csv --map https://plan.example/lab --from https://plan.example/lab-codes --to loinc
    interpayer terms lookup icd-10-cm E119
    interpayer terms translate GLU --from https://plan.example/lab-codes --to loinc
"""
app = typer.Typer(help=HELP, no_args_is_help=True)

SHOWN = 20
System = Annotated[str, typer.Argument(help="Its address, or a short name: icd-10-cm, ndc, loinc, cvx, pos, tob …")]
LISTED = ("kind", "url", "version", "entries", "is_complete", "loaded_at", "loaded_by")


@app.command()
def load(  # noqa: PLR0913 -- an option each
    context: typer.Context,
    path: Annotated[Path, typer.Argument(help="FHIR JSON, a FHIR package (.tgz), a list (CSV, pipe, tab), a folder.")],
    *,
    system: Annotated[str, typer.Option(help="The list is the codes of this system.")] = "",
    value_set: Annotated[str, typer.Option(help="The list is a value set of this address.")] = "",
    map_: Annotated[str, typer.Option("--map", help="The list is a map of this address.")] = "",
    from_: Annotated[str, typer.Option("--from", help="System of the codes translated from.")] = "",
    to: Annotated[str, typer.Option("--to", help="System of the codes translated to.")] = "",
    version: Annotated[str, typer.Option(help="Version of the list.")] = "",
    columns: Annotated[
        str, typer.Option(help="code=NAME,display=NAME …; without a header numbers, or places: code=7-13.")
    ] = "",
    delimiter: Annotated[str, typer.Option(help="Between columns; 'tab' for a tab.")] = ",",
    fragment: Annotated[bool, typer.Option(help="The list is not the whole system.")] = False,
    as_json: AsJson = False,
) -> None:
    """Load terminology; loading the same again changes nothing. Exit 3: some of it was refused."""
    named = [(kind, url) for kind, url in zip(COLUMNS, (system, value_set, map_), strict=True) if url]
    if len(named) > 1:
        output.fail("a list is one thing", "give one of --system, --value-set and --map", code=output.USAGE)
    spec = None
    if named:
        kind, url = named[0]
        pairs = tuple((a.strip(), b.strip()) for a, _, b in (one.partition("=") for one in columns.split(",") if one))
        between = "\t" if delimiter == "tab" else delimiter
        systems = system_named(from_), system_named(to)
        spec = ListSpec(kind, system_named(url), version, *systems, between, pairs, is_complete=not fragment)
    with session_of(context).acting_alone("terms.load") as (tools, actor), output.progress("lists") as shown:
        report = terms.load(tools, path, spec, actor=actor, progress=shown.at)
    if as_json:
        told = {"counts": dict(report.counts), "kept": report.kept, "refused": report.refused}
        output.tell_json("terms-load/1", told)
    else:
        output.tell_fields(dict(report.counts))
        for one in report.refused[:SHOWN]:
            output.say(f"{one['file']}: {one['detail']}")
    raise typer.Exit(output.PARTIAL if report.refused else output.DONE)


@app.command("list")
def list_(context: typer.Context, form: AsFormat = "table", as_json: AsJson = False) -> None:
    """List what is loaded."""
    with session_of(context).acting("terms.read") as act:
        rows = [output.plain(release) for release in store.releases(act.conn)]
    output.tell_rows("terms-list/1", "releases", rows, columns=LISTED, form=output.chosen(form, as_json=as_json))


@app.command()
def lookup(
    context: typer.Context,
    system: System,
    code: Annotated[str, typer.Argument(help="The code, however it is spelled: E119, E11.9, 0002-1433-80 …")],
    *,
    on: Annotated[datetime | None, typer.Option(formats=["%Y-%m-%d"], help="Day of service.")] = None,
    within: Annotated[str | None, typer.Option("--in", help="Is it in this value set?")] = None,
    as_json: AsJson = False,
) -> None:
    """Look a code up. Exit 5: it is not known here (and whether that says anything)."""
    asked = Code(system_named(system), code)
    with session_of(context).acting("terms.read") as act:
        meaning = terms.look_up(act.conn, asked, on=on.date() if on else None, within=within)
    if as_json:
        output.tell_json("terms-lookup/1", output.plain(meaning))
    else:
        is_in = {None: "cannot be said", True: "yes", False: "no"}[meaning.is_in] if within else None
        told = {**output.plain(meaning), "original": code, "system": asked.system, "is_in": is_in}
        output.tell_fields(told)
    raise typer.Exit(output.DONE if meaning.state == "known" else output.NOT_FOUND)


@app.command()
def translate(  # noqa: PLR0913 -- an option each
    context: typer.Context,
    code: Annotated[str, typer.Argument(help="The code to translate.")],
    *,
    from_: Annotated[str, typer.Option("--from", help="Its system.")],
    to: Annotated[str | None, typer.Option("--to", help="The system wanted.")] = None,
    by: Annotated[str | None, typer.Option("--map", help="Only by this map.")] = None,
    form: AsFormat = "table",
    as_json: AsJson = False,
) -> None:
    """Translate a code: every target with its equivalence and the version of its map. Exit 5: unmapped."""
    wanted = system_named(to) if to else None
    with session_of(context).acting("terms.read") as act:
        found = terms.translated(act.conn, Code(system_named(from_), code), to=wanted, by=by)
    rows = [row for translation in found for row in _rows(translation, wanted)]
    columns = ("state", "original", "target_system", "target", "equivalence", "map")
    output.tell_rows("terms-translate/1", "translations", rows, columns=columns,
                     form=output.chosen(form, as_json=as_json))  # fmt: skip
    raise typer.Exit(output.DONE if any(row["state"] == "mapped" for row in rows) else output.NOT_FOUND)


def _rows(translation: Translation, wanted: str | None) -> list[dict[str, str | None]]:
    """One row for each target; one that says unmapped where there is none."""
    common = {"original": translation.original.code, "map": translation.map_version}
    targets = [(target, equal) for target, equal in translation.targets if wanted in (None, target.system)]
    if not targets:
        return [{"state": "unmapped", **common, "target_system": wanted, "target": None, "equivalence": None}]
    return [
        {"state": "mapped", **common, "target_system": target.system, "target": target.code, "equivalence": equivalence}
        for target, equivalence in targets
    ]

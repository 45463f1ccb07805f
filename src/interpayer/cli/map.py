"""`interpayer map`: mappings as an analyst works with them; needs no server, no database and no login."""

from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Annotated, Any

import orjson
import typer

from interpayer.adapters.declaration import read_declaration
from interpayer.app.build import workshop_of
from interpayer.cli import output
from interpayer.cli.output import AsFormat, AsJson
from interpayer.cli.profiles import opened_profiles
from interpayer.cli.session import session_of
from interpayer.cli.standalone import acting_alone
from interpayer.exchange.sources.looking_up import TracedRecord, trace_resource
from interpayer.normalization.mapping.checking import ElementTable, Tables, check_targets
from interpayer.normalization.mapping.compiler import Compiled, Context
from interpayer.normalization.mapping.difference import changes_between
from interpayer.normalization.mapping.fixtures import compared, differences_of, outcome_of
from interpayer.normalization.mapping.language import MappingFault
from interpayer.normalization.mapping.library import SHIPPED, Library
from interpayer.normalization.mapping.lineage import Explained, explain
from interpayer.operations.sourcing.lineage import explain_record
from interpayer.validation.profiles import Profiles

HELP = """Mappings from records of a source to FHIR (docs/reference/mapping-language.md).

    interpayer map list
    interpayer map check my/claims --maps maps          (is it sound, and does it fit the profile?)
    interpayer map test my/claims --maps maps           (its examples)
    interpayer map explain --source SOURCE.yaml --resource Patient/17 --field birthDate
    interpayer map explain r-… --field birthDate        (a record of ours, down to the column)
    interpayer map diff my/claims --maps maps --against maps.approved
"""
RECORD = "r-"
app = typer.Typer(help=HELP, no_args_is_help=True)

Names = Annotated[list[str] | None, typer.Argument(metavar="[NAME]...", help="family/name; default: all.")]
Maps = Annotated[Path | None, typer.Option(help="Folder of your own mappings, looked at before ours.")]
Packages = Annotated[Path | None, typer.Option(help="Folder of FHIR packages; default: fhir_packages.")]


@app.command("list")
def list_(maps: Maps = None, form: AsFormat = "table", as_json: AsJson = False) -> None:
    """Every mapping with its version, and the records that it reads."""
    with _faults():
        library = _library(maps)
        rows = [_row(library.compiled(name)) for name in library.files]
    columns = ("name", "version", "entity", "about")
    output.tell_rows("mappings/1", "mappings", rows, columns=columns, form=output.chosen(form, as_json=as_json))


def _row(compiled: Compiled) -> dict[str, Any]:
    about = compiled.mapping.about.split(". ")[0]
    return {"name": compiled.id, "version": compiled.version, "entity": compiled.entity, "about": about}


@app.command()
def check(
    context: typer.Context,
    names: Names = None,
    *,
    maps: Maps = None,
    packages: Packages = None,
    form: AsFormat = "table",
    as_json: AsJson = False,
) -> None:
    """Is a mapping sound: rules, tables; with FHIR packages elements, lists, types, what is required. Exit 1: no."""
    with output.failures():
        profiles = opened_profiles(session_of(context).settings, packages)
    library, rows = _library(maps), []
    if profiles is None:
        output.say("No FHIR packages: elements and profiles are not looked at (interpayer profiles add).")
    for name in _chosen(library, names):
        try:
            checked = check_targets(library.compiled(name).mapping, tables_of(profiles))
            rows += [_problem(name, one) for one in checked.problems]
            for profile in checked.not_checked if profiles is not None else ():
                output.say(f"{name}: {profile} is not among the packages, so it is not looked at")
        except MappingFault as fault:
            rows += [_problem(name, one) for one in fault.problems]
    columns = ("mapping", "file", "line", "path", "text")
    output.tell_rows("mapping-problems/1", "problems", rows, columns=columns, form=output.chosen(form, as_json=as_json))
    output.say(f"{len(_chosen(library, names))} mappings looked at, {len(rows)} problems")
    raise typer.Exit(output.FAILED if rows else output.DONE)


def _problem(name: str, problem: Any) -> dict[str, Any]:
    return {
        "mapping": name,
        "file": problem.file,
        "line": problem.line,
        "path": problem.path,
        "text": problem.text,
    }


def tables_of(profiles: Profiles | None) -> Tables:
    """The elements of profiles and types, as a mapping is checked against them."""

    def table(name: str) -> ElementTable | None:
        try:
            return profiles.element_table(name) if profiles is not None else None
        except LookupError:
            return None

    return table


@app.command()
def test(
    names: Names = None,
    *,
    maps: Maps = None,
    write: Annotated[bool, typer.Option(help="Write out.json anew; look at what changed before you keep it.")] = False,
    form: AsFormat = "table",
    as_json: AsJson = False,
) -> None:
    """Run the examples beside mappings. Exit 1: one gives something else than it should."""
    with _faults():
        library = _library(maps)
        cases = [(library.compiled(name), case) for name in _chosen(library, names) for case in library.fixtures(name)]
        for compiled, case in cases if write else ():
            (case / "out.json").write_bytes(outcome_of(compiled, case))
        rows = [row for compiled, case in cases for row in _tested(compiled, case)]
    columns = ("mapping", "case", "outcome", "path", "expected", "found")
    output.tell_rows("mapping-tests/1", "tests", rows, columns=columns, form=output.chosen(form, as_json=as_json))
    raise typer.Exit(output.FAILED if any(row["outcome"] == "differs" for row in rows) else output.DONE)


def _tested(compiled: Compiled, case: Path) -> list[dict[str, Any]]:
    found = differences_of(compiled, case)
    named = {"mapping": compiled.id, "case": case.name}
    if not found:
        return [{**named, "outcome": "same"}]
    return [{**named, "outcome": "differs", "path": d.path, "expected": d.expected, "found": d.found} for d in found]


@app.command("explain")
def explain_(  # noqa: PLR0913 -- an option each
    context: typer.Context,
    name: Annotated[
        str, typer.Argument(metavar="[NAME]", help="A record of ours (r-…), or family/name with --record.")
    ] = "",
    *,
    record: Annotated[Path | None, typer.Option(help="A record as JSON, as in a mapping's examples.")] = None,
    source: Annotated[Path | None, typer.Option(help="SOURCE.yaml: look for the resource there.")] = None,
    resource: Annotated[str, typer.Option(help="Type/id, as the mapping writes it.")] = "",
    field: Annotated[str, typer.Option(help="Only this field and what is below it: item[0].productOrService.")] = "",
    values: Annotated[bool, typer.Option(help="Show the values too: they are members' facts.")] = False,
    maps: Maps = None,
    form: AsFormat = "table",
    as_json: AsJson = False,
) -> None:
    """Where every field comes from: source, record, column, rule, version. Constants are left out unless asked for."""
    if name.startswith(RECORD) and not record and not source:
        _explain_stored(context, name, field=field, form=output.chosen(form, as_json=as_json))
        return
    if not (record and name and not source) and not (source and resource and not record):
        why = "say a record's id, NAME --record FILE, or --source SOURCE.yaml --resource Type/id"
        output.fail("this does not say what to explain", why, code=output.USAGE)
    with output.failures(), _faults():
        if record is not None:
            traced = [_of_record(_library(maps).compiled(name), record, field)]
        else:
            assert source is not None
            with closing(workshop_of(session_of(context).settings)) as workshop:
                traced = list(trace_resource(workshop, read_declaration(source), resource, field=field))
    rows = [_row_of(one, it, has_values=values) for one in traced for it in one.fields if _is_told(it, resource, field)]
    if not rows:
        output.fail(
            "nothing of this name comes of it", next_step="look at --resource and --field", code=output.NOT_FOUND
        )
    columns = ("resource", "field", "source", "file", "position", "read", "rule", "table", "version")
    shown = (*columns, "value") if values else columns
    output.tell_rows("explained-fields/1", "fields", rows, columns=shown, form=output.chosen(form, as_json=as_json))


def _explain_stored(context: typer.Context, record_id: str, *, field: str, form: str) -> None:
    """What each source said of a record of ours; the replay is held against the stored bytes."""
    with _faults(), acting_alone(session_of(context), "record.explain") as (tools, _):
        found = explain_record(tools, record_id, field=field)
    rows = []
    for one in found:
        stamp = one.stamp
        output.say(f"{stamp.source}: {one.outcome}")
        traced = TracedRecord(stamp.source, stamp.file, stamp.position, stamp.key, one.fields)
        told = [_row_of(traced, it, has_values=False) for it in one.fields if _is_told(it, "", field)]
        unread = {"source": stamp.source, "file": stamp.file, "position": stamp.position, "version": stamp.mapping}
        rows += [row | {"outcome": one.outcome} for row in told or [unread]]
    columns = ("field", "source", "file", "position", "read", "rule", "table", "version", "outcome")
    output.tell_rows("explained-fields/1", "fields", rows, columns=columns, form=form)


def _of_record(compiled: Compiled, record: Path, field: str) -> TracedRecord:
    content = orjson.loads(record.read_bytes())
    beside = record.parent / "context.json"
    told = Context(**orjson.loads(beside.read_bytes())) if beside.exists() else Context()
    return TracedRecord("", record.name, 1, "", tuple(explain(compiled, content, told, field=field)))


def _is_told(explained: Explained, resource: str, field: str) -> bool:
    return (not resource or explained.resource == resource) and (bool(field) or explained.line > 0)


def _row_of(traced: TracedRecord, explained: Explained, *, has_values: bool) -> dict[str, Any]:
    rule = " > ".join(explained.transforms) + (f" when {explained.when}" if explained.when else "")
    row = {
        "resource": explained.resource,
        "field": explained.field,
        "source": traced.source,
        "file": traced.file,
        "position": traced.position,
        "read": ", ".join(explained.sources),
        "rule": f"line {explained.line} {rule}".strip() if explained.line else "",
        "table": explained.table,
        "version": explained.version,
    }
    return row | {"value": explained.value} if has_values else row


@app.command()
def diff(
    names: Names = None,
    *,
    against: Annotated[Path, typer.Option(help="The folder with the other version: what is approved, or a release.")],
    maps: Maps = None,
    form: AsFormat = "table",
    as_json: AsJson = False,
) -> None:
    """What changed in mappings: fields, rules, codes, and what comes of the examples. Exit 1: something did."""
    rows: list[dict[str, Any]] = []
    with _faults():
        new, old = _library(maps), Library((against,))
        for name in names or [one for one in new.files if one in old.files]:
            rows += [_change(name, one) for one in changes_between(old.compiled(name), new.compiled(name))]
            rows += _outcomes(old.compiled(name), new.compiled(name), new.fixtures(name))
    columns = ("mapping", "what", "change", "before", "after")
    output.tell_rows("mapping-changes/1", "changes", rows, columns=columns, form=output.chosen(form, as_json=as_json))
    raise typer.Exit(output.FAILED if rows else output.DONE)


def _change(name: str, change: Any) -> dict[str, Any]:
    return {
        "mapping": name,
        "what": change.what,
        "change": change.change,
        "before": change.before,
        "after": change.after,
    }


def _outcomes(old: Compiled, new: Compiled, cases: Sequence[Path]) -> Iterator[dict[str, Any]]:
    for case in cases:
        before, after = (orjson.loads(outcome_of(one, case)) for one in (old, new))
        for d in compared(before, after, ""):
            what = f"example {case.name}: {d.path}"
            yield {"mapping": new.id, "what": what, "change": "changed", "before": d.expected, "after": d.found}


def _library(maps: Path | None) -> Library:
    if maps is not None and not maps.is_dir():
        output.fail("there is no such folder", str(maps), code=output.USAGE)
    return Library((maps, SHIPPED) if maps is not None else (SHIPPED,))


def _chosen(library: Library, names: Sequence[str] | None) -> list[str]:
    return list(names) if names else list(library.files)


@contextmanager
def _faults() -> Iterator[None]:
    """A mapping that cannot be used, in words."""
    try:
        yield
    except MappingFault as fault:
        output.fail("this mapping cannot be used", str(fault), next_step="interpayer map check")
    except (OSError, orjson.JSONDecodeError) as error:
        output.fail("this file cannot be read", str(error), code=output.USAGE)

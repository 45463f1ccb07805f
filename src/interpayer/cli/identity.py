"""`interpayer identity`: who is meant. Members into the index, files of queries against it."""

import sys
from contextlib import ExitStack
from datetime import date
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Annotated, BinaryIO

import orjson
import typer

from interpayer.cli import identity_learning, output
from interpayer.cli.output import AsJson
from interpayer.cli.session import session_of
from interpayer.cli.standalone import acting_alone, floor_of
from interpayer.identity.bulk.lanes import Floor
from interpayer.identity.bulk.load import Order
from interpayer.identity.bulk.match import EngineMaker, Questions, open_duckdb
from interpayer.identity.bulk.rebuild import make_index
from interpayer.identity.index.duckdb_engine import write_snapshot
from interpayer.operations import identities
from interpayer.system.clock import now

HELP = """Who is meant: members into the index, queries against it, the tables that decide.

    interpayer identity load members.csv
    interpayer identity match queries.csv --format ndjson > answers.ndjson
    interpayer identity train --requests queries.csv --out model.yaml
    interpayer identity calibrate --queries queries.csv --truth truth.csv --out thresholds.yaml
    interpayer identity explain x-…

None needs a running server: they bring up the embedded database under INTERPAYER_HOME themselves.
"""
app = typer.Typer(help=HELP, no_args_is_help=True)

COLUMNS = ("query_id", "state", "member_key", "score", "reason", "rule", "evidence_id")
SHOWN_FAULTS = 20

File = Annotated[Path, typer.Argument(help="CSV with a header line.", exists=True, dir_okay=False)]
Payer = Annotated[str | None, typer.Option(help="Whose member ids these are (default: this plan).")]
Processes = Annotated[int | None, typer.Option(min=1, help="Processes at work (default: one per processor).")]


@app.command()
def load(
    context: typer.Context,
    file: File,
    *,
    payer: Payer = None,
    as_of: Annotated[str | None, typer.Option(help="The day the file speaks of (default: today).")] = None,
    processes: Processes = None,
    as_json: AsJson = False,
) -> None:
    """Load members for matching; loading the same again changes nothing, and a load that was cut off goes on.

    Columns: member_key, first_name, last_name, birth_date, and what else is known. Exit 3: some rows were refused.
    """
    session = session_of(context)
    day = _day(as_of)
    with acting_alone(session, "identity.load") as (tools, actor), output.progress("members") as shown:
        order = Order(file, payer or tools.entity.identifier, day, processes)
        load_id, report = identities.load_members(tools, floor_of(session), order, actor=actor, progress=shown.at)
    if as_json:
        faults = [{"row": row, "reason": reason} for row, reason in report.faults]
        output.tell_json("identity-load/1", {"load": load_id, **report.counts(), "faults": faults})
    else:
        output.tell_fields({"load": load_id, **report.counts()})
        for row, reason in report.faults[:SHOWN_FAULTS]:
            output.say(f"row {row} was refused: {reason}")
    raise typer.Exit(output.PARTIAL if report.refused else output.DONE)


@app.command()
def match(  # noqa: PLR0913 -- an option each
    context: typer.Context,
    file: File,
    *,
    form: Annotated[str, typer.Option("--format", help="ndjson or csv.", metavar="FORMAT")] = "ndjson",
    out: Annotated[Path | None, typer.Option(help="Write the answers here (default: standard output).")] = None,
    payer: Payer = None,
    purpose: Annotated[str, typer.Option(help="Why it is asked; the thresholds file says what follows.")] = "",
    engine: Annotated[str, typer.Option(help="postgresql, or duckdb (a copy of the keys, for one big night).")] = "",
    processes: Processes = None,
) -> None:
    """Say for each query who is meant: query_id, state (certain, review, none), member_key or null, score, reason.

    The answers come in the order of the file. Each decision keeps its evidence; a run that was cut off goes on where
    it stopped when it is started again.
    """
    if form not in ("ndjson", "csv"):
        output.fail("this format is unknown", "ndjson and csv are known", code=output.USAGE)
    if engine not in ("", "postgresql", "duckdb"):
        output.fail("this engine is unknown", "postgresql and duckdb are known", code=output.USAGE)
    session = session_of(context)
    with acting_alone(session, "identity.match") as (tools, actor), ExitStack() as ends:
        shown = ends.enter_context(output.progress("queries"))
        target: BinaryIO = ends.enter_context(out.open("wb")) if out else sys.stdout.buffer
        told = 0

        def tell(lines: bytes) -> None:
            nonlocal told
            target.write(lines if form == "ndjson" else _as_csv(lines, header=told == 0))
            told += lines.count(b"\n")
            shown.at(told)

        floor = floor_of(session)
        with tools.database.transaction() as conn:
            tables = tools.resolver.tables_at(conn)
        questions = Questions(
            *(file, payer or tools.entity.identifier, actor.id, purpose),
            tables=tables,
            engine=_engine(engine, floor, ends),
            lanes=processes,
        )
        report = identities.match_queries(tools, floor, questions, actor=actor, tell=tell)
        target.flush()
    states = ", ".join(f"{number:,} {state}" for state, number in sorted(report.states.items()))
    again = f" ({report.resumed:,} were answered before a cut)" if report.resumed else ""
    output.say(f"{report.queries:,} queries: {states or 'none'}{again}")
    if report.crowded:
        output.say(f"{report.crowded:,} queries had a fact that too many members share to look at: a filler, perhaps")


@app.command()
def index(
    context: typer.Context,
    *,
    afresh: Annotated[bool, typer.Option(help="Standardize all members again, even if nothing asks for it.")] = False,
    processes: Processes = None,
    as_json: AsJson = False,
) -> None:
    """Make the index anew from the members held, after an upgrade that says so; meanwhile nobody is matched."""
    session = session_of(context)
    with acting_alone(session, "identity.load"), output.progress("members") as shown:
        members = make_index(floor_of(session), lanes=processes, afresh=afresh, progress=shown.at)
    output.tell_result("identity-index/1", {"members": members}, as_json=as_json)


app.registered_commands += identity_learning.app.registered_commands


def _engine(name: str, floor: Floor, ends: ExitStack) -> EngineMaker | None:
    """What makes the engine in each process; None for the index where it lies."""
    if name != "duckdb":
        return None
    path = Path(ends.enter_context(TemporaryDirectory(prefix="interpayer-keys-"))) / "keys.duckdb"
    with floor.connection() as conn:
        write_snapshot(conn, path)
    return partial(open_duckdb, path)


def _as_csv(lines: bytes, *, header: bool) -> bytes:
    rows = [orjson.loads(line) for line in lines.splitlines()]
    cells = [["" if row[column] is None else str(row[column]) for column in COLUMNS] for row in rows]
    written = [",".join(row) for row in ([list(COLUMNS)] if header else []) + cells]
    return "".join(f"{line}\n" for line in written).encode()


def _day(text: str | None) -> date:
    try:
        return date.fromisoformat(text) if text else now().date()
    except ValueError:
        output.fail("the day cannot be read", "write it as YYYY-MM-DD", code=output.USAGE)

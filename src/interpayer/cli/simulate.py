"""`interpayer simulate`: made-up members, coverages and records of a plan, to load and try with."""

from datetime import date, datetime
from pathlib import Path
from typing import Annotated

import typer

from interpayer.cli import output
from interpayer.cli.output import AsJson
from interpayer.simulation.feed import ENROLLMENTS, RECORDS, write_plan
from interpayer.simulation.history import DEFAULT_RECORDS
from interpayer.simulation.payers import PLANS, World

app = typer.Typer()


@app.command()
def simulate(  # noqa: PLR0913 -- an option each
    folder: Annotated[Path, typer.Argument(help="Where to write; made when missing.")],
    *,
    plan: Annotated[str, typer.Option(help=f"{', '.join(plan.id for plan in PLANS)}.")] = PLANS[0].id,
    count: Annotated[int, typer.Option(min=1, help="People in the world; plans of one world share them.")] = 200,
    seed: Annotated[int, typer.Option(help="The same seed gives the same bytes.")] = 7,
    records: Annotated[int, typer.Option(min=0, help="About so many records per member.")] = DEFAULT_RECORDS,
    payers: Annotated[int, typer.Option(min=1, max=len(PLANS), help="How many plans the world has.")] = 2,
    as_of: Annotated[datetime | None, typer.Option(formats=["%Y-%m-%d"], help="The world's day.")] = None,
    as_json: AsJson = False,
) -> None:
    """Write what a made-up plan holds: enrollments.csv, fhir/, and truth.ndjson (who is who).

    interpayer simulate old --plan payer-a --count 500

    interpayer load enrollments old/enrollments.csv && interpayer load fhir old/fhir
    """
    plans = PLANS[:payers]
    if plan not in {known.id for known in plans}:
        output.fail("this plan is not in the world", f"{', '.join(p.id for p in plans)}", code=output.USAGE)
    world = World(seed, plans=plans) if as_of is None else World(seed, _day(as_of), plans)
    with output.failures(), output.progress("people") as shown:
        written = write_plan(
            folder,
            world,
            plan=plan,
            count=count,
            records_per_member=records,
            progress=lambda done, total: shown.at(done, total=total),
        )
    told = {"folder": str(folder), "people": written.people, "members": written.members, "rows": written.rows}
    if as_json:
        output.tell_json("simulate/1", {**told, "records": dict(written.records)})
        return
    output.tell_fields({**told, "records": dict(written.records)})
    output.say(f"Next: interpayer load enrollments {folder / ENROLLMENTS}")
    output.say(f"      interpayer load fhir {folder / RECORDS}")


def _day(moment: datetime) -> date:
    return moment.date()

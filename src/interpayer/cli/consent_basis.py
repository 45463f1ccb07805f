"""`interpayer consent basis`: contracts and laws that let data go without an opt-in."""

from datetime import UTC, datetime, time, timedelta
from typing import Annotated

import typer

from interpayer.cli import output
from interpayer.cli.consent_saying import Day, Withhold, tell_stopped
from interpayer.cli.output import AsFormat, AsJson
from interpayer.cli.session import session_of
from interpayer.consent.bases import bases
from interpayer.model.consent import Basis, LegalBasis, Limits, limits_as_json
from interpayer.operations import legal_bases
from interpayer.system.ids import new_id

HELP = """Contracts and laws that let data go without an opt-in.

    interpayer consent basis add --contract MCO-7 --from state-agency --to our-plan --start 2026-07-01 \
--end 2029-06-30 --proof "contract office 3"
    interpayer consent basis list
    interpayer consent basis end l-… --reason "contract over"
"""
app = typer.Typer(help=HELP, no_args_is_help=True)
COLUMNS = ("id", "basis", "contract", "sources", "recipients", "starts_at", "ends_at", "leaves_out", "ended_at")


@app.command()
def add(  # noqa: PLR0913 -- an option each
    context: typer.Context,
    *,
    contract: Annotated[str, typer.Option(help="Its number or citation; the partner's request names it as source.")],
    source: Annotated[list[str], typer.Option("--from", help="Organization that may send; repeat it.")],
    recipient: Annotated[list[str], typer.Option("--to", help="Organization that may have it; repeat it.")],
    start: Day,
    end: Day,
    proof: Annotated[str, typer.Option(help="Where the contract is kept.")],
    kind: Annotated[Basis, typer.Option(help="state_medicaid_contract or other_law.")] = Basis.STATE_MEDICAID_CONTRACT,
    withhold: Withhold = None,
    withhold_nothing: Annotated[bool, typer.Option(help="Nothing stays out, not even substance use.")] = False,
    as_json: AsJson = False,
) -> None:
    """Record a contract or a law; prints its id. Records on substance use stay out unless you say otherwise."""
    usual = frozenset() if withhold_nothing else legal_bases.USUAL_LIMITS.labels_withheld
    basis = LegalBasis(
        id=new_id("l"),
        basis=kind,
        contract=contract,
        sources=tuple(source),
        recipients=tuple(recipient),
        starts_at=datetime.combine(start.date(), time(), UTC),
        ends_at=datetime.combine(end.date() + timedelta(days=1), time(), UTC),
        proof=proof,
        limits=Limits(labels_withheld=frozenset(withhold) if withhold else usual),
    )
    with session_of(context).acting("consent.change") as act:
        kept = legal_bases.add(act.tools, act.conn, basis, actor=act.actor)
    output.tell_result("consent-basis/1", {"basis": kept.id}, as_json=as_json)


@app.command("list")
def list_(context: typer.Context, form: AsFormat = "table", as_json: AsJson = False) -> None:
    """List contracts and laws, the newest first, ended ones included."""
    with session_of(context).acting("consent.read") as act:
        found = bases(act.conn)
    rows = [{**output.plain(basis), "leaves_out": limits_as_json(basis.limits)} for basis in found]
    for row in rows:
        del row["limits"]
    output.tell_rows("consent-bases/1", "bases", rows, columns=COLUMNS, form=output.chosen(form, as_json=as_json))


@app.command()
def end(
    context: typer.Context,
    basis: Annotated[str, typer.Argument(help="Its id (l-…).")],
    reason: Annotated[str, typer.Option(help="Why; it goes on the ledger.")],
    as_json: AsJson = False,
) -> None:
    """End a contract or a law before its time; what rests on it stops at once."""
    with session_of(context).acting("consent.change") as act:
        stopped = legal_bases.end(act.tools, act.conn, basis, reason=reason, actor=act.actor)
    tell_stopped(stopped, as_json=as_json, basis=basis)

"""`interpayer case`: decisions that a named person owes."""

from collections.abc import Mapping
from dataclasses import asdict
from typing import Annotated, Any

import typer

from interpayer.cli import output
from interpayer.cli.fallout import tell_fallout
from interpayer.cli.output import AsFormat, AsJson
from interpayer.cli.session import session_of
from interpayer.identity.review import DECISIONS, CaseRow, Ruling
from interpayer.operations import cases
from interpayer.operations.access import may, require
from interpayer.operations.purposes import PURPOSES
from interpayer.operations.ruling_reasons import RULING_REASONS, UNDO_REASONS
from interpayer.system.clock import now

HELP = """Decisions that a named person owes: who is meant, conflicts, recalls.

    interpayer case next
    interpayer case show c-…
    interpayer case decide c-… same --member m-… --reason documents_checked
    interpayer case undo c-… --reason new_facts
"""
app = typer.Typer(help=HELP, no_args_is_help=True)

CaseId = Annotated[str, typer.Argument(help="Case id (c-…).", show_default=False)]
COLUMNS = (
    *("id", "kind", "state", "rank", "risk", "reason", "partner_id", "due_at", "assigned_to", "names_needed"),
    "exchange_ids",
)


@app.command("list")
def list_(  # noqa: PLR0913 -- an option each
    context: typer.Context,
    *,
    state: Annotated[str | None, typer.Option(help="open, assigned, decided or closed.")] = None,
    kind: Annotated[str | None, typer.Option(help="identity, conflict, policy or recall.")] = None,
    mine: Annotated[bool, typer.Option("--mine", help="Only those that you have.")] = False,
    limit: Annotated[int, typer.Option(min=1, max=10_000)] = 100,
    form: AsFormat = "table",
    as_json: AsJson = False,
) -> None:
    """List cases, most risk and least time first (rank: risk, and the percentage of the promised time that is gone)."""
    with session_of(context).acting("case.read") as act:
        owner = act.actor.id if mine else None
        rows = [_case(row) for row in cases.listed(act.conn, state=state, kind=kind, assigned_to=owner, limit=limit)]
    output.tell_rows("case-list/1", "cases", rows, columns=COLUMNS, form=output.chosen(form, as_json=as_json))


@app.command()
def show(
    context: typer.Context,
    case_id: CaseId,
    *,
    purpose: Annotated[str | None, typer.Option(help=f"Show values, for one of: {', '.join(PURPOSES)}.")] = None,
    as_json: AsJson = False,
) -> None:
    """Show a case with its evidence; stewards see both sides, masked."""
    with session_of(context).acting("case.read") as act:
        if purpose is not None:
            require(act.person, "case.look")
        found = cases.shown(act.tools, act.conn, case_id, actor=act.actor, purpose=purpose)
        sides = found["sides"] if may(act.person, "case.look") else None
    case = _case(found["case"])
    if as_json:
        output.tell_json("case/1", {"case": case, "sides": sides})
        return
    output.tell_fields({name: value for name, value in case.items() if name not in ("evidence", "said")})
    for one in found["case"].said:
        undone = f"; taken back by {one.superseded_by}: {one.superseded_why}" if one.superseded_at else ""
        output.tell_fields({"said": f"{one.decision} by {one.person}: {one.reason}{undone}"})
    for candidate in case["evidence"]:
        output.tell_fields({"candidate": _compared(candidate)})
    for side, values in (sides or {}).items():
        for one in values if isinstance(values, list) else [values]:
            output.tell_fields({side: one})


@app.command("next")
def next_(
    context: typer.Context,
    *,
    kind: Annotated[str | None, typer.Option(help="identity, conflict, policy or recall.")] = None,
    as_json: AsJson = False,
) -> None:
    """Take the most pressing case that nobody has; prints its id, nothing when none is left."""
    with session_of(context).acting("case.assign") as act:
        taken = cases.take_next(act.tools, act.conn, kind=kind, actor=act.actor)
    if taken is None:
        output.say("Nobody's case is left.")
    if as_json:
        output.tell_json("case/1", {"case": _case(taken) if taken else None})
    elif taken:
        output.say(f"{taken.reason}, rank {taken.rank}: risk {taken.risk}, due {taken.due_at:%Y-%m-%d %H:%M} UTC.")
        output.tell_result("case/1", {"case": taken.id}, as_json=False)


@app.command("hand-back")
def hand_back(context: typer.Context, case_id: CaseId, as_json: AsJson = False) -> None:
    """Put a case back into the queue, for anybody."""
    with session_of(context).acting("case.assign") as act:
        row = cases.hand_back(act.tools, act.conn, case_id, actor=act.actor)
    output.say(f"{case_id} is nobody's.")
    if as_json:
        output.tell_json("case/1", {"case": _case(row)})


@app.command()
def assign(
    context: typer.Context,
    case_id: CaseId,
    to: Annotated[str, typer.Option(help="Name of the person.")],
    as_json: AsJson = False,
) -> None:
    """Give a case an owner."""
    with session_of(context).acting("case.assign") as act:
        row = cases.assign(act.tools, act.conn, case_id, to=to, actor=act.actor)
    output.say(f"{case_id} is {to}'s.")
    if as_json:
        output.tell_json("case/1", {"case": _case(row)})


@app.command()
def decide(  # noqa: PLR0913 -- an option each
    context: typer.Context,
    case_id: CaseId,
    decision: Annotated[str, typer.Argument(help=f"{', '.join(DECISIONS)}.", metavar="DECISION")],
    *,
    reason: Annotated[str, typer.Option(help=f"One of: {', '.join(RULING_REASONS)}.")],
    member: Annotated[str | None, typer.Option(help="With `same`: which member it is (m-…).")] = None,
    note: Annotated[str | None, typer.Option(help="Kept with the case, not on the ledger.")] = None,
    as_json: AsJson = False,
) -> None:
    """Decide a case: the same person (then which), a different one, or not decidable.

    Our own waiting exchanges go on by themselves; a partner's next request gets the new answer. Where the evidence is
    thin the limits ask for two names: the first is kept, and another person says the same.
    """
    _check_words((decision, DECISIONS), (reason, RULING_REASONS))
    with session_of(context).acting("case.decide") as act:
        ruling = Ruling(person=act.actor.id, decision=decision, reason=reason, member_id=member, note=note)
        done = cases.decide(act.tools, act.conn, case_id, ruling=ruling, actor=act.actor)
    for exchange_id in done.resumed:
        output.say(f"{exchange_id} goes on by itself.")
    for exchange_id in done.answered_on_next_request:
        output.say(f"{exchange_id}: the partner finds the member when it asks again.")
    if as_json:
        output.tell_json("case-decision/1", output.plain(done))
    elif done.is_settled:
        output.say(f"{case_id}: {done.decision}.")
    else:
        output.say(f"{case_id}: {done.decision} so far; a second name is needed before it holds.")


@app.command()
def undo(
    context: typer.Context,
    case_id: CaseId,
    *,
    reason: Annotated[str, typer.Option(help=f"One of: {', '.join(UNDO_REASONS)}.")],
    as_json: AsJson = False,
) -> None:
    """Take a decision back: the case is open again; what was released because of it is listed and recalled."""
    _check_words((reason, UNDO_REASONS))
    with session_of(context).acting("case.decide") as act:
        taken_back = cases.undo(act.tools, act.conn, case_id, reason=reason, actor=act.actor)
    output.say(f"{case_id} is open again." if taken_back.is_open else f"{case_id} is closed: the request waits anew.")
    tell_fallout(taken_back.fallout)
    for exchange_id in taken_back.waiting:
        output.say(f"{exchange_id} waits for the case again.")
    if as_json:
        output.tell_json("case-undo/1", output.plain(taken_back))


def _check_words(*pairs: tuple[str, tuple[str, ...]]) -> None:
    for word, known in pairs:
        if word not in known:
            output.fail(f"{word} is not on the list", f"known: {', '.join(known)}", code=output.USAGE)


def _compared(candidate: Mapping[str, Any]) -> str:
    """A candidate with its facts by what the comparison said: equal, close, different, missing."""
    levels: dict[str, list[str]] = {}
    for comparison in candidate["comparisons"]:
        levels.setdefault(comparison["level"], []).append(comparison["field"])
    rule = f" by {candidate['rule']}" if candidate["rule"] else ""
    return f"{candidate['member_id']}{rule}; " + "; ".join(f"{name}: {', '.join(levels[name])}" for name in levels)


def _case(row: CaseRow) -> dict[str, Any]:
    told = asdict(row)
    is_overdue = row.state in ("open", "assigned") and row.due_at < now()
    return told | {"is_overdue": is_overdue, "waits_for_second": row.waits_for_second}

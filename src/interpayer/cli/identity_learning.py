"""`interpayer identity train, calibrate, adopt, explain, policy`: how decisions are learned, proven and told."""

from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any

import typer

from interpayer.cli import output, waterfall
from interpayer.cli.output import AsJson
from interpayer.cli.session import session_of
from interpayer.cli.standalone import acting_alone
from interpayer.identity.learning.calibration import Budget
from interpayer.identity.learning.thresholds_file import Scope
from interpayer.identity.learning.training import Lesson
from interpayer.model.reason import Refusal
from interpayer.operations import explaining, identity_learning, identity_policy
from interpayer.operations.access import may, person_of
from interpayer.operations.explaining import Explanation, Sight
from interpayer.operations.identity_learning import Calibrated, Labels

Requests = Annotated[
    Path | None,
    typer.Option(help="Requests as they came in, columns as for match.", exists=True, dir_okay=False),
]
Out = Annotated[Path | None, typer.Option(help="Write the file here (default: standard output).")]
# Its commands belong to the noun `identity`, beside load and match.
app = typer.Typer()
_PROOF = {True: "it says the same", False: "it says something else", None: "its sealed half was forgotten"}


@app.command()
def train(
    context: typer.Context,
    *,
    requests: Requests = None,
    out: Out = None,
    members: Annotated[int, typer.Option(min=1_000, help="Members to compare and to count chance among.")] = 50_000,
    pairs: Annotated[int, typer.Option(min=1_000, help="Most pairs per session.")] = 100_000,
    as_json: AsJson = False,
) -> None:
    """Learn from the plan's own records how alike one person's are: a model file, not in force until adopted.

    With --requests it learns how partners send, without how members were entered. Splink estimates m by expectation
    maximization over the grades of our own comparison; u is counted.
    """
    with acting_alone(session_of(context), "identity.teach") as (tools, actor), output.progress("members") as shown:
        lesson = Lesson(tools.entity.identifier, members=members, pairs=pairs)
        trained = identity_learning.teach(tools, lesson, requests=requests, actor=actor, progress=shown.at)
    told = {
        "version": trained.version,
        "trainer": trained.learned.trainer,
        "asked": trained.asked,
        "held": trained.held,
        "sessions": [asdict(session) for session in trained.learned.sessions],
    }
    _tell_file("identity-train/1", told, trained.text, out=out, as_json=as_json)
    for session in trained.learned.sessions:
        used = "" if session.is_used else ", left out: too few of one person"
        share = f"{session.same:.1%} of one person" if session.same is not None else "nothing to learn from"
        output.say(f"{session.key}: {session.pairs:,} pairs, {share}{used}")
    output.say(f"{trained.version}: put it into force with `interpayer identity adopt FILE --why …`")


@app.command()
def calibrate(  # noqa: PLR0913 -- an option each
    context: typer.Context,
    *,
    queries: Requests = None,
    truth: Annotated[
        Path | None,
        typer.Option(help="Columns query_id, accept (member keys, `;` between), expect.", exists=True, dir_okay=False),
    ] = None,
    cases: Annotated[bool, typer.Option("--cases", help="Learn from decided cases instead.")] = False,
    one_in: Annotated[int, typer.Option(min=2, help="Budget: one wrong release in so many.")] = 10_000,
    confidence: Annotated[float, typer.Option(min=0.5, max=0.9999)] = 0.95,
    lowest: Annotated[float, typer.Option(help="Never propose less than so many bits.")] = 8.0,
    purpose: Annotated[str | None, typer.Option(help="Only for this purpose of use.")] = None,
    partner: Annotated[str | None, typer.Option(help="Only for this partner.")] = None,
    out: Out = None,
    as_json: AsJson = False,
) -> None:
    """Find the limit for `certain` from a false-match budget: a thresholds file, not in force until adopted.

    The exact upper bound of the share of wrong releases has to lie within the budget. Exit 1: the labels prove none.
    """
    if cases == (queries is not None) or (queries is None) != (truth is None):
        output.fail("labels are needed", "give --queries with --truth, or --cases", code=output.USAGE)
    budget = Budget(1 / one_in, confidence, lowest)
    with acting_alone(session_of(context), "identity.teach") as (tools, actor), output.progress("labels") as shown:
        labels = Labels(tools.entity.identifier, queries, truth)
        done = identity_learning.calibrate_limits(
            tools, labels, budget, scope=_scope(purpose, partner), actor=actor, progress=shown.at
        )
    if done.text is None or done.version is None:
        step = "give more labels, or allow more wrong ones (--one-in); nothing was changed"
        output.fail("the labels prove no limit", done.found.why, next_step=step)
    _tell_file("identity-calibrate/1", _told(done), done.text, out=out, as_json=as_json)
    _say_calibrated(done, one_in, confidence)


@app.command()
def adopt(
    context: typer.Context,
    file: Annotated[Path, typer.Argument(help="A model or a thresholds file.", exists=True, dir_okay=False)],
    *,
    why: Annotated[str, typer.Option(help="Kept with the file and on the ledger.")],
    as_json: AsJson = False,
) -> None:
    """Put a trained model or calibrated thresholds into force, for every process within seconds."""
    text = file.read_text(encoding="utf-8")
    with acting_alone(session_of(context), "identity.adopt") as (tools, actor), tools.database.transaction() as conn:
        done = identity_learning.adopt(tools, conn, text, why=why, actor=actor)
    output.say(f"{done.kind} {done.version} {'is in force' if done.is_new else 'was in force already'}.")
    if as_json:
        output.tell_json("identity-adopt/1", asdict(done))


@app.command()
def explain(
    context: typer.Context,
    subject: Annotated[str, typer.Argument(help="Evidence (e-…), exchange (x-…) or case (c-…).", show_default=False)],
    *,
    unmasked: Annotated[bool, typer.Option(help="Show values; the look goes on the ledger.")] = False,
    why: Annotated[str, typer.Option(help="With --unmasked: what the values are needed for.")] = "",
    as_json: AsJson = False,
) -> None:
    """Say why a request was decided as it was, with a waterfall of the weights; stewards see the sides, masked."""
    session = session_of(context)
    action = "identity.look" if unmasked else "identity.explain"
    with acting_alone(session, action) as (tools, actor), tools.database.transaction() as conn:
        person = person_of(conn, session.token() or "")
        if unmasked and person is None:
            raise Refusal("caller.not_permitted", "values are shown to a named steward; add one first")
        sight = Sight(sides=person is not None and may(person, "identity.look"), unmasked=unmasked, why=why)
        found = explaining.explain(tools, conn, subject, actor=actor, sight=sight)
    if as_json:
        output.tell_json("identity-explain/1", asdict(found))
        return
    _tell(found)


@app.command()
def policy(
    context: typer.Context,
    *,
    for_partners: Annotated[bool, typer.Option(help="As it is published at the partners' door.")] = False,
    as_json: AsJson = False,
) -> None:
    """Show what is published: thresholds, escalation paths, how long evidence is kept, with their versions."""
    with acting_alone(session_of(context), "identity.policy") as (tools, _), tools.database.transaction() as conn:
        told = identity_policy.policy(tools, conn, for_partners=for_partners)
    if as_json:
        output.tell_json("identity-policy/1", told)
        return
    output.tell_fields(told["versions"] | told["thresholds"]["everywhere"])
    for name, changes in told["thresholds"]["purposes"].items():
        output.tell_fields({f"purpose {name}": changes})
    for path in told["escalation"]:
        output.tell_fields({"when": path["when"], "then": path["then"], "who": f"{path['role']}, {path['within']}"})
    output.tell_fields({"evidence kept": f"{told['retention_days']['evidence']} days"})


def _tell_file(schema: str, told: Mapping[str, Any], text: str, *, out: Path | None, as_json: bool) -> None:
    """The file goes where it is wanted: into `out`, into the JSON document, or to standard output."""
    if out is not None:
        out.write_text(text, encoding="utf-8")
    if as_json:
        output.tell_json(schema, {**told, "out": str(out)} if out else {**told, "text": text})
    elif out is None:
        print(text, end="")


def _scope(purpose: str | None, partner: str | None) -> Scope:
    if purpose and partner:
        output.fail("one limit is for one scope", "give --purpose or --partner", code=output.USAGE)
    if purpose:
        return Scope("purpose", purpose)
    return Scope("partner", partner) if partner else Scope()


def _told(done: Calibrated) -> dict[str, object]:
    return {
        "version": done.version,
        "limit": done.found.limit,
        "labels": done.labels,
        "tried": [asdict(point) for point in done.found.tried],
        "before": asdict(done.before) if done.before else None,
        "after": asdict(done.after) if done.after else None,
    }


def _say_calibrated(done: Calibrated, one_in: int, confidence: float) -> None:
    point = done.found.point
    if point is not None:
        output.say(
            f"certain from {point.limit:g} bits: {point.wrong} of {point.released:,} releases wrong, at most "
            f"{point.bound * one_in:.2f} in {one_in:,} with {confidence:.0%} confidence"
        )
    for words, tally in (("now", done.before), ("then", done.after)):
        if tally is not None and tally.answerable:
            output.say(
                f"{words}: {tally.released:,} released, {tally.wrong} wrong, {tally.review:,} to a person; "
                f"{tally.found / tally.answerable:.1%} of those with an answer found"
            )
    output.say(f"{done.version}: put it into force with `interpayer identity adopt FILE --why …`")


def _tell(found: Explanation) -> None:
    for sentence in found.words:
        print(sentence)
    for member_id, steps in list(found.steps.items())[:2]:
        if steps:
            waterfall.draw(member_id, steps, certain=(found.limits or {}).get("certain"))
    if found.ledger:
        proof = _PROOF[found.ledger["says_the_same"]]
        print(f"On the ledger: event {found.ledger['event']} ({found.ledger['name']}), {proof}.")
    for side, values in (found.sides or {}).items():
        for one in values if isinstance(values, list) else [values]:
            output.tell_fields({side: one})

"""`interpayer partner sample` and `interpayer partner lesson`: what partners send, and what they taught."""

from pathlib import Path
from typing import Annotated

import typer

from interpayer.cli import output
from interpayer.cli.output import AsFormat, AsJson
from interpayer.cli.partner_words import Who
from interpayer.cli.session import session_of
from interpayer.operations import partner_testing, partners
from interpayer.operations.partner_testing import READERS, TOPICS
from interpayer.partners import trials

app = typer.Typer(help="Samples of what a partner sends, good and malformed.", no_args_is_help=True)
lesson_app = typer.Typer(help="What working with partners taught.", no_args_is_help=True)
LESSONS = ("id", "partner", "topic", "words", "learned_at", "learned_by", "closed_at")


@app.command("add")
def add_(
    context: typer.Context,
    partner: Who,
    file: Annotated[Path, typer.Argument(help="JSON, with a made-up member.")],
    *,
    kind: Annotated[str, typer.Option(help=f"{', '.join(READERS)}.")] = "member-match",
    good: Annotated[bool, typer.Option("--good/--malformed", help="Whether it is as it should be.")] = True,
    as_json: AsJson = False,
) -> None:
    """Keep a sample; it is read at once, and with every `partner test`. Exit 1 when it is not read as it should be."""
    with session_of(context).acting("partner.change") as act:
        sample = partner_testing.NewSample(kind, good, file.name, file.read_bytes())
        made = partner_testing.add_sample(act.tools, act.conn, partner, sample=sample, actor=act.actor)
    told = {"sample": made.sample.id, "is_right": made.is_right, "words": made.words}
    output.tell_result("partner-sample/1", told if as_json else {"sample": made.sample.id}, as_json=as_json)
    if made.words:
        output.say(made.words)
    raise typer.Exit(output.DONE if made.is_right else output.FAILED)


@app.command("check")
def check_(context: typer.Context, partner: Who, form: AsFormat = "table", as_json: AsJson = False) -> None:
    """Read every sample of a partner again: a good one must be taken, a malformed one refused."""
    with session_of(context).acting("partner.read") as act:
        found = partner_testing.check_samples(act.tools, act.conn, partners.find(act.conn, partner).id)
    rows = [
        {"id": one.sample.id, "name": one.sample.name, "kind": one.sample.kind, "is_good": one.sample.is_good,
         "is_right": one.is_right, "words": one.words}
        for one in found
    ]  # fmt: skip
    columns = ("id", "name", "kind", "is_good", "is_right", "words")
    output.tell_rows("partner-samples/1", "samples", rows, columns=columns, form=output.chosen(form, as_json=as_json))
    raise typer.Exit(output.DONE if all(one.is_right for one in found) else output.FAILED)


@lesson_app.command("add")
def add_lesson(
    context: typer.Context,
    partner: Who,
    words: Annotated[str, typer.Argument(help="What was learned; no member's data.")],
    topic: Annotated[str, typer.Option(help=f"{', '.join(TOPICS)}.")] = "other",
    as_json: AsJson = False,
) -> None:
    """Keep what working with this partner taught."""
    with session_of(context).acting("partner.change") as act:
        made = partner_testing.learn(act.tools, act.conn, partner, topic=topic, words=words, actor=act.actor)
    output.tell_result("partner-lesson/1", {"lesson": made}, as_json=as_json)


@lesson_app.command("list")
def list_(context: typer.Context, form: AsFormat = "table", as_json: AsJson = False) -> None:
    """List lessons of all partners: those without a day of closing still wait for client or documents."""
    with session_of(context).acting("partner.read") as act:
        rows = [{"partner": partner_id, **output.plain(lesson)} for partner_id, lesson in trials.lessons(act.conn)]
    output.tell_rows("partner-lessons/1", "lessons", rows, columns=LESSONS, form=output.chosen(form, as_json=as_json))


@lesson_app.command("close")
def close(
    context: typer.Context, lesson: Annotated[str, typer.Argument(help="Its id.")], as_json: AsJson = False
) -> None:
    """Say that client or documents carry a lesson now."""
    with session_of(context).acting("partner.change") as act:
        partner_testing.carried(act.tools, act.conn, lesson, actor=act.actor)
    output.tell_result("partner-lesson/1", {"lesson": lesson}, as_json=as_json)

"""`interpayer policy`: the rules that decide: checked, compared, put into force by two names, taken back by one."""

import json
from pathlib import Path
from typing import Annotated, Any

import typer
import yaml

from interpayer.cli import output
from interpayer.cli.output import AsFormat, AsJson
from interpayer.cli.session import session_of
from interpayer.operations import decisions, policies
from interpayer.operations.policies import Checked
from interpayer.policy.bundle import Bundle
from interpayer.policy.comparing import Difference
from interpayer.policy.composing import read_folder
from interpayer.policy.told import facts_as_json, value_as_json
from interpayer.system.database import Connection

HELP = """The rules that decide. A folder of your own lies over those that ship: rules, numbers, cases.

    interpayer policy check rules/                  (does it load?)
    interpayer policy test rules/                   (do its cases hold?)
    interpayer policy diff rules/ --last 1000       (whose answer would have been another one?)
    interpayer policy publish rules/ --reason "..." (then: interpayer policy approve o-…, by somebody else)
    interpayer policy explain x-…                   (why was this exchange allowed or refused?)
    interpayer policy rollback --reason "..."
"""
app = typer.Typer(help=HELP, no_args_is_help=True)

Folder = Annotated[Path, typer.Argument(help="Folder with what differs from the rules that ship.", show_default=False)]
Reason = Annotated[str, typer.Option(help="Why; goes on the ledger, so no member's facts.")]
RELEASES = ("number", "version", "act", "released_by", "approved_by", "reason", "released_at")
PROPOSALS = ("id", "version", "proposed_by", "reason", "proposed_at")
CHANGES = ("what", "who", "action", "times", "before", "after", "subjects")


@app.command("list")
def list_(context: typer.Context, form: AsFormat = "table", as_json: AsJson = False) -> None:
    """What is in force, what was before, and what waits for a second name."""
    with session_of(context).acting("policy.read") as act:
        standing = {name: output.plain(value) for name, value in policies.standing(act.conn).items()}
    if output.chosen(form, as_json=as_json) == "json":
        output.tell_json("policy-list/1", standing)
        return
    waiting = [row for row in standing["proposals"] if row["state"] == "open"]
    output.say(f"In force: {standing['version']} ({len(standing['rules'])} rules; shipped: {standing['shipped']}).")
    if standing["broken"]:
        output.say(f"It does not load under this release, so every answer is no: {standing['broken']}")
    if waiting:
        output.say("Waiting for a second name:")
        output.tell_rows("policy-proposals/1", "proposals", waiting, columns=PROPOSALS, form=form)
    output.tell_rows("policy-list/1", "releases", standing["releases"], columns=RELEASES, form=form)


@app.command()
def check(context: typer.Context, folder: Folder, as_json: AsJson = False) -> None:
    """Does this folder load over what ships? Needs no running server. Exit code 2 when it does not."""
    found = _checked(folder)
    told = {"version": found.bundle.version, "rules": sorted(found.bundle.rules), "cases": len(found.outcomes)}
    output.tell_result("policy-check/1", told if as_json else {"version": told["version"]}, as_json=as_json)
    output.say(f"{len(found.bundle.rules)} rules, {len(found.outcomes)} cases.")


@app.command()
def test(
    context: typer.Context,
    folder: Annotated[Path | None, typer.Argument(help="Folder of your own; without it, what ships.")] = None,
    form: AsFormat = "table",
    as_json: AsJson = False,
) -> None:
    """Do the cases hold? Needs no running server. Exit code 1 when one does not."""
    found = _checked(folder)
    rows = [{"case": o.case.name, "holds": o.trouble is None, "trouble": o.trouble} for o in found.outcomes]
    shown = rows if as_json or form != "table" else [row for row in rows if not row["holds"]]
    if shown:
        columns = ("case", "holds", "trouble")
        output.tell_rows("policy-test/1", "cases", shown, columns=columns, form=output.chosen(form, as_json=as_json))
    failed = sum(not row["holds"] for row in rows)
    output.say(f"{len(rows) - failed} of {len(rows)} cases hold.")
    if failed:
        raise typer.Exit(output.FAILED)


@app.command()
def diff(
    context: typer.Context,
    policy: Annotated[str, typer.Argument(help="Folder of your own, or a version (p-…).", show_default=False)],
    last: Annotated[int, typer.Option(help="How many kept decisions are asked again.", min=1)] = policies.LAST,
    form: AsFormat = "table",
    as_json: AsJson = False,
) -> None:
    """Whose answer would have been another one? Exit code 3 when anybody's."""
    with session_of(context).acting("policy.read") as act:
        found = policies.difference(act.conn, _named(act.conn, policy), last=last)
    _tell_difference(found, output.chosen(form, as_json=as_json))
    if found.changes:
        raise typer.Exit(output.PARTIAL)


@app.command()
def explain(
    context: typer.Context,
    exchange: Annotated[str | None, typer.Argument(help="Exchange id (x-…).", show_default=False)] = None,
    *,
    facts: Annotated[Path | None, typer.Option(help="File of facts (YAML or JSON), instead of an exchange.")] = None,
    version: Annotated[str | None, typer.Option(help="With --facts: a kept version instead of that in force.")] = None,
    as_json: AsJson = False,
) -> None:
    """Why was it allowed or refused: the rules in their own words, the facts, and what was missing."""
    if (exchange is None) == (facts is None):
        output.fail("name an exchange or a file of facts", code=output.USAGE)
    with session_of(context).acting("policy.read") as act:
        if facts is not None:
            told = [_answered(act.conn, facts, version)]
        else:
            told = [output.plain(one) for one in decisions.explained(act.conn, exchange or "")]
    if as_json:
        output.tell_json("policy-explain/1", {"decisions": told})
        return
    for one in told:
        rules = one.pop("rules")
        output.tell_fields(one)
        for text in rules.values():
            print(f"\n{text}\n")


@app.command()
def publish(context: typer.Context, folder: Folder, *, reason: Reason, as_json: AsJson = False) -> None:
    """Put a folder into force; where policy asks for a second name it waits, and its id (o-…) is printed."""
    with session_of(context).acting("policy.change") as act:
        own = _read(folder)
        difference = policies.difference(act.conn, policies.checked(own).bundle)
        done = policies.publish(act.tools, act.conn, own, reason=reason, person=act.person)
    output.say(_in_short(difference))
    if done.proposal:
        output.say(f"It waits for a second name: interpayer policy approve {done.proposal}")
    told = {"published": output.plain(done)} if as_json else {"id": done.proposal or done.version}
    output.tell_result("policy-publish/1", told, as_json=as_json)


@app.command()
def approve(
    context: typer.Context, proposal: Annotated[str, typer.Argument(help="o-…")], as_json: AsJson = False
) -> None:
    """Be the second name: the proposed policy is in force in every process within seconds."""
    with session_of(context).acting("policy.change") as act:
        done = policies.approve(act.tools, act.conn, proposal, person=act.person)
    told = {"published": output.plain(done)} if as_json else {"version": done.version}
    output.tell_result("policy-publish/1", told, as_json=as_json)


@app.command()
def withdraw(context: typer.Context, proposal: Annotated[str, typer.Argument(help="o-…")]) -> None:
    """Take a proposal back."""
    with session_of(context).acting("policy.change") as act:
        policies.withdraw(act.tools, act.conn, proposal, person=act.person)
    output.say("Taken back; nothing changed.")


@app.command()
def rollback(
    context: typer.Context,
    version: Annotated[str | None, typer.Argument(help="p-…; without it, the one before.", show_default=False)] = None,
    *,
    reason: Reason,
    as_json: AsJson = False,
) -> None:
    """Back to a policy that was in force; one name is enough."""
    with session_of(context).acting("policy.change") as act:
        done = policies.rollback(act.tools, act.conn, reason=reason, person=act.person, version=version)
    told = {"published": output.plain(done)} if as_json else {"version": done.version}
    output.tell_result("policy-publish/1", told, as_json=as_json)


def _read(folder: Path) -> dict[str, str]:
    try:
        return read_folder(folder)
    except (ValueError, OSError) as error:
        output.fail("this folder cannot be read as a policy", str(error), code=output.USAGE)


def _checked(folder: Path | None) -> Checked:
    own = _read(folder) if folder else {}
    with output.failures():
        return policies.checked(own)


def _named(conn: Connection, policy: str) -> Bundle:
    if Path(policy).is_dir():
        return policies.checked(_read(Path(policy))).bundle
    return policies.bundle_of(conn, policy)


def _answered(conn: Connection, file: Path, version: str | None) -> dict[str, Any]:
    try:
        given = yaml.safe_load(file.read_text("utf-8"))
    except (OSError, yaml.YAMLError, UnicodeDecodeError) as error:
        output.fail("this file cannot be read", type(error).__name__, code=output.USAGE)
    found = decisions.answered(conn, given if isinstance(given, dict) else {}, version=version)
    return {
        "allow": found.decision.allow,
        "policy_version": found.decision.version,
        "reasons": list(found.decision.reasons),
        "obligations": list(found.decision.obligations),
        "missing": [{name: value_as_json(value) for name, value in change.items()} for change in found.missing],
        "rules": dict(found.texts),
    }


def _tell_difference(found: Difference, form: str) -> None:
    rows = [
        {
            "what": change.what,
            "who": change.who,
            "action": change.facts.action,
            "times": change.times,
            "before": list(change.before.policies or change.before.reasons),
            "after": list(change.after.policies or change.after.reasons),
            "subjects": change.subjects,
        }
        | ({"facts": facts_as_json(change.facts)} if form in ("json", "ndjson") else {})
        for change in found.changes
    ]
    if form == "json":
        counted = {"asked": found.asked, "distinct": found.distinct, "unreadable": found.unreadable}
        print(json.dumps({"schema": "policy-diff/1", **counted, "changes": rows}, ensure_ascii=False))
        return
    output.say(_in_short(found))
    if rows:
        output.tell_rows("policy-diff/1", "changes", rows, columns=CHANGES, form=form)


def _in_short(found: Difference) -> str:
    counted = {what: sum(c.times for c in found.changes if c.what == what) for what in ("opened", "closed", "obliged")}
    words = ", ".join(f"{times} {what}" for what, times in counted.items() if times) or "no answer changes"
    return f"{found.asked} decisions ({found.distinct} different) asked again: {words}."

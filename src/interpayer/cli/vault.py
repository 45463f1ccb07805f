"""`interpayer vault`: the key that wraps all keys, legal holds, forgetting."""

from pathlib import Path
from typing import Annotated

import typer

from interpayer.cli import output
from interpayer.cli.output import AsFormat, AsJson
from interpayer.cli.session import Session, session_of
from interpayer.operations import forgetting, legal_holds, vault
from interpayer.operations.vault_store import Subject
from interpayer.system.cluster import LOGIN_ROLES
from interpayer.system.forgotten import FORGOTTEN, forgotten_names, keep_forgotten
from interpayer.system.keyring import prepare_version
from interpayer.system.passwords import PasswordFixed, rotate_password

HELP = """The key that wraps all keys; what must be kept whatever happens; whom to forget.

    interpayer vault status
    interpayer vault rotate                                     (a new key; nothing stops meanwhile)
    interpayer vault retire 1                                   (destroy the old one, when nothing needs it)
    interpayer vault passwords                                  (of the database's login roles)
    interpayer vault hold m-… --reason "matter 7"               (nothing about the member is purged or forgotten)
    interpayer vault release 3 --reason "settled"               (another person)
    interpayer vault forget m-… --reason "retention is over"    (asks; another person adds --now)
"""
app = typer.Typer(help=HELP, no_args_is_help=True)

Why = Annotated[str, typer.Option(help="It goes on the ledger, so name no member in it.")]
HOLDS = ("hold_id", "member_id", "exchange_id", "partner_id", "reason", "placed_by", "placed_at", "released_by")
FORGETTINGS = ("pseudonym", "reason", "asked_by", "asked_at", "done_by", "done_at")


@app.command()
def status(context: typer.Context, as_json: AsJson = False) -> None:
    """Say which versions of the wrapping key there are, which one wraps, and whether the older ones are needed."""
    session = session_of(context)
    with session.acting("vault.read") as act:
        told = vault.status(act.conn, session.settings.kek)
    if as_json:
        output.tell_json("vault/1", output.plain(told))
        return
    fields = {f"version {one['version']}": f"{one['state']}, id {one['id']}" for one in told["versions"]}
    for row in told["places"]:
        fields[row["place"]] = f"{row['changed']:,} wrapped anew, {'done' if row['finished_at'] else 'under way'}"
    output.tell_fields(fields | {"older versions": "needed" if told["old_versions_needed"] else "not needed"})


@app.command()
def prepare(context: typer.Context, as_json: AsJson = False) -> None:
    """Make the next version without using it: bring its file to every machine, then `rotate`."""
    session = session_of(context)
    with session.acting("vault.change"):
        made = prepare_version(session.settings.kek)
    output.say(f"Version {made.number} is ready beside {session.settings.kek}; keep a copy of it apart from backups.")
    output.tell_result("vault-version/1", {"version": made.number}, as_json=as_json)


@app.command()
def rotate(context: typer.Context, as_json: AsJson = False) -> None:
    """Let the next version wrap from now on, and wrap every key anew; cut short, the same command goes on.

    Nothing stops: every process sees the change within a second and opens what either version wrapped.
    """
    session = session_of(context)
    kek = session.settings.kek
    with session.acting("vault.change") as act:
        known = vault.status(act.conn, kek)
        if not known["old_versions_needed"]:
            prepare_version(kek)
            vault.activate(act.tools, act.conn, kek, actor=act.actor)
    with session.acting_alone("vault.change") as (tools, _):
        changed: dict[str, int] = {}
        for done in vault.rewrap(tools):
            changed[done.place] = max(changed.get(done.place, 0), done.changed)
            output.say(f"{done.place}: {done.seen:,} seen, {done.changed:,} wrapped anew")
    with session.acting("vault.read") as act:
        told = vault.status(act.conn, kek)
    old = [str(one["version"]) for one in told["versions"] if one["state"] == "retiring"]
    output.say(f"Backups made before need version {', '.join(old)}; nothing here does. `vault retire` destroys it.")
    active = next(one["version"] for one in told["versions"] if one["state"] == "active")
    found = {"version": active} | ({"changed": changed} if as_json else {})
    output.tell_result("vault-version/1", found, as_json=as_json)


@app.command()
def retire(
    context: typer.Context,
    version: Annotated[int, typer.Argument(help="The number of a retiring version (vault status).")],
    as_json: AsJson = False,
) -> None:
    """Destroy a version for ever. What only it opens, older backups too, can never be read again."""
    session = session_of(context)
    with session.acting("vault.change") as act:
        vault.retire(act.tools, act.conn, session.settings.kek, version, actor=act.actor)
    output.tell_result("vault-version/1", {"retired": version}, as_json=as_json)


@app.command()
def passwords(
    context: typer.Context,
    role: Annotated[list[str] | None, typer.Option(help="door, worker, operator, migrator; all without it.")] = None,
    as_json: AsJson = False,
) -> None:
    """Give login roles of the database new passwords, in the server and in the files that the processes read.

    Nothing restarts: open connections stay, new ones read the file.
    """
    session = session_of(context)
    changed = []
    for one in role or LOGIN_ROLES:
        try:
            with session.acting("vault.change") as act:
                changed.append(str(rotate_password(session.settings, one)))
                vault.note_password(act.tools, act.conn, one, actor=act.actor)
        except PasswordFixed as error:
            output.fail(f"the password of {one} cannot be changed from here", str(error), code=output.USAGE)
    output.tell_result("passwords/1", {"files": sorted(set(changed))}, as_json=as_json)


@app.command()
def hold(
    context: typer.Context,
    about: Annotated[str | None, typer.Argument(help="A member (m-…), an exchange (x-…) or a partner (p-…).")] = None,
    *,
    reason: Why,
    everything: Annotated[bool, typer.Option("--everything", help="Whatever there is.")] = False,
    as_json: AsJson = False,
) -> None:
    """Keep what a court, an inspection or a dispute needs: no purge, redaction or forgetting touches it."""
    if everything == (about is not None):
        output.fail("name a member, an exchange or a partner, or say --everything", code=output.USAGE)
    with session_of(context).acting("hold.place") as act:
        hold_id = legal_holds.place(act.tools, act.conn, _subject(about), reason=reason, actor=act.actor)
    output.tell_result("hold/1", {"hold": hold_id}, as_json=as_json)


@app.command()
def holds(
    context: typer.Context,
    *,
    ended: Annotated[bool, typer.Option("--ended", help="Those that ended too.")] = False,
    form: AsFormat = "table",
    as_json: AsJson = False,
) -> None:
    """List legal holds, the newest first."""
    with session_of(context).acting("vault.read") as act:
        rows = [output.plain(row) for row in legal_holds.listed(act.conn, open_only=not ended)]
    output.tell_rows("hold-list/1", "holds", rows, columns=HOLDS, form=output.chosen(form, as_json=as_json))


@app.command()
def release(
    context: typer.Context,
    hold_id: Annotated[int, typer.Argument(metavar="HOLD", help="The number of the hold.")],
    *,
    reason: Why,
    as_json: AsJson = False,
) -> None:
    """End a legal hold; another person than the one who placed it."""
    with session_of(context).acting("hold.release") as act:
        legal_holds.release(act.tools, act.conn, hold_id, reason=reason, actor=act.actor)
    output.tell_result("hold/1", {"released": hold_id}, as_json=as_json)


@app.command()
def forget(
    context: typer.Context,
    member: Annotated[str, typer.Argument(metavar="MEMBER", help="Member id (m-…).")],
    *,
    reason: Annotated[str | None, typer.Option(help="Ask for it: why. Name no member in it.")] = None,
    now: Annotated[bool, typer.Option("--now", help="Do it, as another person asked. It cannot be undone.")] = False,
    as_json: AsJson = False,
) -> None:
    """Forget a member: keys are destroyed, what names the member goes, the ledger still verifies. Two people.

    One asks with --reason, another does it with --now. Refused under a legal hold, and while an exchange runs.
    """
    if now == (reason is not None):
        output.fail("ask with --reason, or do what another person asked with --now", code=output.USAGE)
    session = session_of(context)
    if not now:
        with session.acting("member.forget") as act:
            name = forgetting.ask(act.tools, act.conn, member, reason=reason or "", actor=act.actor)
        output.tell_result("forgetting/1", {"asked": name}, as_json=as_json)
        return
    with session.acting("member.forget") as act:
        counts = forgetting.forget(act.tools, act.conn, member, actor=act.actor)
        name = act.tools.ledger.pseudonym(member)
    keep_forgotten(_list_of(session), name)
    output.say(", ".join(f"{what.replace('_', ' ')}: {count}" for what, count in counts.items()))
    output.tell_result("forgetting/1", {"forgotten": name}, as_json=as_json)


@app.command()
def forgettings(context: typer.Context, form: AsFormat = "table", as_json: AsJson = False) -> None:
    """List who was forgotten or is to be, by the names that the ledger uses."""
    with session_of(context).acting("vault.read") as act:
        rows = [output.plain(row) for row in forgetting.listed(act.conn)]
    form = output.chosen(form, as_json=as_json)
    output.tell_rows("forgetting-list/1", "forgettings", rows, columns=FORGETTINGS, form=form)


@app.command("forget-again")
def forget_again(context: typer.Context, reason: Why, as_json: AsJson = False) -> None:
    """After a restore: forget anew whom the backup brought back, by the list that is kept outside the database."""
    session = session_of(context)
    names = forgotten_names(_list_of(session))
    with session.acting("member.forget") as act:
        done = forgetting.again(act.tools, act.conn, names, reason=reason, actor=act.actor)
    output.tell_result("forgetting/1", {"forgotten_again": done}, as_json=as_json)


@app.command()
def redact(
    context: typer.Context,
    event: Annotated[int, typer.Argument(help="The number of the event (audit search --json).")],
    field: Annotated[str, typer.Argument(help="The sealed field.")],
    *,
    reason: Why,
    as_json: AsJson = False,
) -> None:
    """Forget one sealed field of one event of the ledger for ever; hashes and proofs stay valid."""
    with session_of(context).acting("ledger.redact") as act:
        forgetting.redact(act.tools, act.conn, event, field, reason=reason, actor=act.actor)
    output.tell_result("redaction/1", {"redacted": event, "field": field}, as_json=as_json)


def _subject(about: str | None) -> Subject:
    """What the id names; ids begin with the letter of their kind (floor)."""
    kinds = {"m": "member_id", "x": "exchange_id", "p": "partner_id"}
    if about is None:
        return Subject()
    kind = kinds.get(about.partition("-")[0])
    if kind is None:
        output.fail(f"{about} is no id of a member, an exchange or a partner", code=output.USAGE)
    return Subject(**{kind: about})


def _list_of(session: Session) -> Path:
    """Beside the keys: where a backup of the database does not reach."""
    return session.settings.kek.with_name(FORGOTTEN)

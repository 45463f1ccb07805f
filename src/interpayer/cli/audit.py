"""`interpayer audit`: read the ledger in words, prove it, export it, account for disclosures."""

import json
import sys
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any, NoReturn, Protocol

import typer

from interpayer.audit.checkpoint import VerifierKey
from interpayer.audit.evidence import read_export, read_notes
from interpayer.audit.export import write_export
from interpayer.audit.ledger import Ledger, events_of, search
from interpayer.audit.store import ledger_source
from interpayer.audit.verdict import Verdict
from interpayer.audit.verify import verify
from interpayer.audit.words import headline, sentence
from interpayer.system.clock import now
from interpayer.system.database import Database

app = typer.Typer(
    help="The ledger: what happened, in words, and the proof that nobody changed it.", no_args_is_help=True
)

MOST_FOUND = 1000
INTACT, TAMPERED, USAGE, NOT_FOUND = 0, 1, 2, 5

AsJson = Annotated[bool, typer.Option("--json", help="One JSON document on standard output.")]


class AuditTools(Protocol):
    """What these commands need; the context object gives it when asked, so that offline work needs no settings."""

    @property
    def database(self) -> Database:
        """The pool of the role operator."""

    @property
    def ledger(self) -> Ledger:
        """Knows the pseudonyms."""

    @property
    def verifier(self) -> VerifierKey:
        """The public half of this installation's signing key."""

    @property
    def witness(self) -> Path | None:
        """Where the sealer copies its notes to."""


class HasAuditTools(Protocol):
    """The context object of the command line."""

    def audit_tools(self) -> AuditTools:
        """The tools, built now."""


def _tools(context: typer.Context) -> AuditTools:
    given: HasAuditTools = context.obj
    return given.audit_tools()


@app.command()
def show(context: typer.Context, exchange: str, as_json: AsJson = False) -> None:
    """Tell one exchange in words: who did what, why, under which policy."""
    with _tools(context).database.transaction() as conn:
        events = events_of(conn, exchange)
    if not events:
        _fail(f"Nothing on the ledger about {exchange}. `audit search` finds exchanges by partner, member and time.")
    _tell(events, as_json=as_json, title=headline(events))


@app.command("search")
def search_(
    context: typer.Context,
    *,
    partner: Annotated[str | None, typer.Option(help="Partner id.")] = None,
    since: Annotated[datetime | None, typer.Option(help="From this time on, UTC.")] = None,
    until: Annotated[datetime | None, typer.Option(help="Before this time, UTC.")] = None,
    member: Annotated[str | None, typer.Option(help="Member id of this plan.")] = None,
    as_json: AsJson = False,
) -> None:
    """Find events by partner, member and time, oldest first."""
    tools = _tools(context)
    pseudonym = tools.ledger.pseudonym(member) if member else None
    with tools.database.transaction() as conn:
        wanted = {"since": _utc(since), "until": _utc(until)}
        events = search(conn, partner=partner, member=pseudonym, limit=MOST_FOUND, **wanted)
    more = " There may be more: narrow the search." if len(events) == MOST_FOUND else ""
    _tell(events, as_json=as_json, title=f"{len(events)} events.{more}")


@app.command()
def disclosures(context: typer.Context, member: str, as_json: AsJson = False) -> None:
    """Account for every release of one member's data, and every recall."""
    tools = _tools(context)
    with tools.database.transaction() as conn:
        events = tools.ledger.disclosures(conn, member)
    _tell(events, as_json=as_json, title=f"{len(events)} disclosures and recalls.")


@app.command("verify")
def verify_(
    context: typer.Context,
    *,
    export: Annotated[Path | None, typer.Option(help="Verify this export offline, without the database.")] = None,
    key: Annotated[
        Path | None, typer.Option(help="The ledger's public key, got from elsewhere than the export.")
    ] = None,
    checkpoints: Annotated[Path | None, typer.Option(help="The witness's folder of notes.")] = None,
    as_json: AsJson = False,
) -> None:
    """Prove that the ledger is as it was written. Exit 0: intact; 1: tampered with; 2: usage."""
    try:
        if export is not None:
            verdict = _verify_export(export, key, checkpoints)
        else:
            verdict = _verify_database(_tools(context), key, checkpoints)
    except (OSError, ValueError) as error:
        _fail(f"Cannot verify: {error}", code=USAGE)
    if as_json:
        _print_json({"intact": verdict.intact, "first_bad_event": _bad(verdict)} | asdict(verdict))
    else:
        _tell_verdict(verdict)
    raise typer.Exit(INTACT if verdict.intact else TAMPERED)


@app.command("export")
def export_(context: typer.Context, folder: Path, as_json: AsJson = False) -> None:
    """Write the whole ledger to a folder for a verifier without a database. Bodies stay sealed."""
    tools = _tools(context)
    try:
        with tools.database.transaction() as conn:
            events = write_export(conn, folder, tools.verifier)
    except OSError as error:
        _fail(f"Cannot export: {error}", code=USAGE)
    if as_json:
        _print_json({"folder": str(folder), "events": events, "key": tools.verifier.text()})
    else:
        print(f"{events} events are in {folder}. Give the key to the verifier another way: {tools.verifier.text()}")


def _verify_export(folder: Path, key: Path | None, checkpoints: Path | None) -> Verdict:
    if key is None:
        raise ValueError("an export needs --key: the key that lies in the export proves nothing")
    notes = read_notes(checkpoints) if checkpoints is not None else []
    return verify(read_export(folder), _read_key(key), witnessed=notes)


def _verify_database(tools: AuditTools, key: Path | None, checkpoints: Path | None) -> Verdict:
    folder = checkpoints or (tools.witness if tools.witness is not None and tools.witness.is_dir() else None)
    notes = read_notes(folder) if folder is not None else []
    verifier = _read_key(key) if key is not None else tools.verifier
    with tools.database.transaction() as conn:
        return verify(ledger_source(conn), verifier, witnessed=notes, now_s=int(now().timestamp()))


def _read_key(path: Path) -> VerifierKey:
    return VerifierKey.read(path.read_text(encoding="utf-8"))


def _tell_verdict(verdict: Verdict) -> None:
    print(
        f"{verdict.events} events in {verdict.chains} chains, {verdict.checkpoints} checkpoints, "
        f"{verdict.witnessed} notes of the witness, {verdict.unsealed} not sealed yet."
    )
    if verdict.intact:
        print("Intact: every event is as it was written.")
        if not verdict.witnessed:
            print("No witness was asked: whoever owns the database could have rewritten all of it. Use --checkpoints.")
        return
    print(f"TAMPERED WITH: {verdict.found} findings.")
    if (bad := _bad(verdict)) is not None:
        print(f"First bad event: {bad['chain']} event {bad['seq']}" + _at(bad["position"]))
    for finding in verdict.findings:
        where = f" ({finding.chain} event {finding.seq})" if finding.chain is not None else ""
        print(f"  {finding.kind}: {finding.words}{where}")


def _bad(verdict: Verdict) -> dict[str, Any] | None:
    return asdict(verdict.first_bad_event) if verdict.first_bad_event is not None else None


def _at(position: int | None) -> str:
    return f", position {position}" if position is not None else ""


def _tell(events: Sequence[Mapping[str, Any]], *, as_json: bool, title: str) -> None:
    if as_json:
        _print_json({"events": list(events)})
        return
    print(title)
    for event in events:
        print(sentence(event))


def _print_json(value: object) -> None:
    print(json.dumps(value, ensure_ascii=False))


def _utc(time: datetime | None) -> datetime | None:
    return time.replace(tzinfo=UTC) if time is not None else None


def _fail(words: str, *, code: int = NOT_FOUND) -> NoReturn:
    print(words, file=sys.stderr)
    raise typer.Exit(code)

"""`interpayer key`: our own signing keys, by which partners know us."""

from typing import Annotated

import typer

from interpayer.cli import output
from interpayer.cli.output import AsFormat, AsJson
from interpayer.cli.session import session_of
from interpayer.operations import signing
from interpayer.partners.own_key_store import OwnKey

HELP = """Our own signing keys, by which partners know us. A rotation, without a restart:

    interpayer key next                  (a new key is published, and not used yet)
    interpayer key activate KID          (from 5.5 minutes later: it signs, the old one ends by itself)
    interpayer key revoke KID --reason "the file was copied"
"""
app = typer.Typer(help=HELP, no_args_is_help=True)

Kid = Annotated[str, typer.Argument(metavar="KID", help="Key id, as `interpayer key list` shows it.")]
COLUMNS = ("kid", "algorithm", "state", "made_at", "state_since", "ready_at", "is_old")


@app.command("list")
def list_(context: typer.Context, form: AsFormat = "table", as_json: AsJson = False) -> None:
    """List our keys, the newest first; those that are over keep their line."""
    with session_of(context).acting("key.read") as act:
        rows = [signing.told(key) for key in signing.listed(act.conn)]
    output.tell_rows("key-list/1", "keys", rows, columns=COLUMNS, form=output.chosen(form, as_json=as_json))


@app.command("next")
def next_(
    context: typer.Context,
    algorithm: Annotated[str, typer.Option(help="ES384 or RS384: the one agreed with the partner.")] = "ES384",
    as_json: AsJson = False,
) -> None:
    """Make a new key and publish it; prints its id. It signs only after `activate`."""
    with session_of(context).acting("key.change") as act:
        key = signing.make_next(act.tools, act.conn, algorithm=algorithm, actor=act.actor)
    output.say(f"Published now; activate it from {signing.ready_at(key):%H:%M:%S}Z on.")
    output.say("Partners that registered our keys as a file must be sent the new set: interpayer partner keys")
    _tell(key, as_json=as_json)


@app.command()
def activate(
    context: typer.Context,
    kid: Kid,
    *,
    at_once: Annotated[bool, typer.Option(help="Do not wait until partners can have seen the key.")] = False,
    as_json: AsJson = False,
) -> None:
    """Let a next key sign; the one before retires, and ends by itself when what it signed is over."""
    with session_of(context).acting("key.change") as act:
        key = signing.activate(act.tools, act.conn, kid, actor=act.actor, at_once=at_once)
    _tell(key, as_json=as_json)


@app.command()
def retire(context: typer.Context, kid: Kid, as_json: AsJson = False) -> None:
    """Take an active key out of use; the next key of its algorithm takes over."""
    with session_of(context).acting("key.change") as act:
        key = signing.retire(act.tools, act.conn, kid, actor=act.actor)
    _tell(key, as_json=as_json)


@app.command()
def revoke(
    context: typer.Context,
    kid: Kid,
    reason: Annotated[str, typer.Option(help="Why; it is kept on the ledger.")],
    as_json: AsJson = False,
) -> None:
    """End a key now. If it was the one that signs, the next key, or else a fresh one, signs from now on."""
    with session_of(context).acting("key.change") as act:
        key = signing.revoke(act.tools, act.conn, kid, reason=reason, actor=act.actor)
    _tell(key, as_json=as_json)


def _tell(key: OwnKey, *, as_json: bool) -> None:
    told = signing.told(key)
    output.tell_result("key/1", told if as_json else {"kid": key.kid, "state": key.state.value}, as_json=as_json)

"""`interpayer <noun> <verb>`: each noun has its file, and only the one that is asked for is loaded."""

import os
import sys
from collections.abc import Sequence
from importlib import import_module
from importlib.metadata import version
from types import ModuleType
from typing import Annotated

import typer

from interpayer.cli import output
from interpayer.cli.session import Session

HELP = """Interpayer: payer-to-payer exchange of members' histories.

First steps:

    interpayer up                                               (database, doors, worker; leave it running)
    interpayer access add "Ana Ruiz" --role admin --login       (the first person)
    interpayer demo                                             (watch two plans exchange)

Data go to standard output, words about them to standard error. Exit codes: 0 done, 1 failed, 2 usage, 3 partial,
4 refused by policy, 5 not found, 6 needs a person, 75 try again.
"""

NOUNS: dict[str, str] = {
    "exchange": "Requests for one member's history: ask, list, show, watch.",
    "handoff": "What partners sent, given on to our own systems, acknowledged.",
    "case": "Decisions that a named person owes.",
    "person": "Which members are one person, and every id that names them.",
    "standing": "Whom we have to ask for whom, and when next.",
    "consent": "What members allow and take back.",
    "partner": "The payers we exchange with.",
    "policy": "The rules that decide: check, compare, publish, explain.",
    "udap": "Trust communities: who registered with us, and where we are registered.",
    "key": "Our own signing keys: list, rotate, revoke.",
    "recall": "Undo a wrong release.",
    "break-glass": "Look at bodies, by four eyes, for minutes.",
    "dead-letter": "Work that automation gave up.",
    "audit": "The ledger: what happened, in words, and its proof.",
    "identity": "Who is meant: load members, match queries, say why.",
    "terms": "Code systems, value sets and maps: load, look up, translate.",
    "labels": "Which records are sensitive: value sets, why, relabel.",
    "load": "Members from the enrollment feed, records from FHIR files.",
    "source": "The systems that hold this plan's data: check, read, load, judge.",
    "map": "Mappings from records to FHIR: check, test, explain, compare.",
    "validate": "Check FHIR resources against profiles.",
    "profiles": "The FHIR packages that resources are checked against.",
    "access": "People and systems, roles, tokens, login.",
    "vault": "The key that wraps all keys, legal holds, forgetting.",
    "db": "The database: run, migrate, back up, restore.",
    "serve": "Open the doors.",
    "worker": "Do the accepted work.",
    "up": "Everything at once, kept running.",
    "conformance": "Check any payer's FHIR door, our own included.",
    "doctor": "Look whether this installation is well.",
    "simulate": "Made-up members and records to try with.",
    "demo": "Two plans exchange histories, told live.",
}
# What a person needs to be allowed for each verb of `audit`.
_AUDIT = {"disclosures": "audit.disclosures", "verify": "audit.verify", "export": "audit.export"}


def main() -> None:
    """Run the command line; ends the process with the command's exit code."""
    arguments = sys.argv[1:]
    try:
        built(arguments)(args=arguments, prog_name="interpayer")
    except Exception as error:
        if "--debug" in arguments:
            raise
        _tell_bug(error)
        sys.exit(output.FAILED)


def built(arguments: Sequence[str]) -> typer.Typer:
    """The application for these arguments: the noun they name is loaded, the others only have their names."""
    app = typer.Typer(name="interpayer", help=HELP, no_args_is_help=True, pretty_exceptions_enable=False)
    app.callback()(_begin)
    wanted = next((word for word in [*arguments, *_completed()] if word in NOUNS), None)
    for noun, words in NOUNS.items():
        if noun == wanted:
            _add(app, noun, import_module(f"interpayer.cli.{noun.replace('-', '_')}"))
        else:
            app.command(noun, help=words)(_elsewhere)
    return app


def _tell_version(value: bool) -> None:
    if value:
        print(version("interpayer"))
        raise typer.Exit


def _begin(
    context: typer.Context,
    *,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Say nothing but results and errors.")] = False,
    no_color: Annotated[bool, typer.Option("--no-color", help="No colors; NO_COLOR does the same.")] = False,
    debug: Annotated[bool, typer.Option("--debug", help="Show where an unexpected fault came from.")] = False,
    version_: Annotated[
        bool, typer.Option("--version", help="Show the version.", is_eager=True, callback=_tell_version)
    ] = False,
) -> None:
    """The options of every command."""
    output.MANNERS.quiet, output.MANNERS.color = quiet, not no_color
    session = Session()
    context.obj = session
    context.call_on_close(session.close)


def _add(app: typer.Typer, noun: str, module: ModuleType) -> None:
    """A noun with verbs becomes a group, a noun that is its own verb a command."""
    group: typer.Typer = module.app
    is_its_own_verb = len(group.registered_commands) == 1 and group.registered_callback is None
    if is_its_own_verb and not group.registered_groups:
        callback = group.registered_commands[0].callback
        assert callback is not None
        app.command(noun)(callback)
    elif noun == "audit":
        app.add_typer(group, name=noun, callback=_audit)
    else:
        app.add_typer(group, name=noun)


def _audit(context: typer.Context) -> None:
    session: Session = context.obj
    session.audit_action = _AUDIT.get(context.invoked_subcommand or "", "audit.read")


def _elsewhere() -> None:
    """Stands for a noun that was not asked for; never called."""
    raise AssertionError("only the noun that is asked for is loaded")


def _completed() -> list[str]:
    """The words that a shell wants completed."""
    if not any(name.endswith("_INTERPAYER_COMPLETE") or name == "_INTERPAYER_COMPLETE" for name in os.environ):
        return []
    return f"{os.environ.get('COMP_WORDS', '')} {os.environ.get('_TYPER_COMPLETE_ARGS', '')}".split()


def _tell_bug(error: Exception) -> None:
    """A fault of ours: where, never what, because a message may hold a member's facts."""
    trace, place = error.__traceback__, ""
    while trace is not None:
        code = trace.tb_frame.f_code
        place = f"{os.path.basename(code.co_filename)}:{trace.tb_lineno} {code.co_name}"
        trace = trace.tb_next
    print(f"Error: a fault of ours ({type(error).__name__} at {place})", file=sys.stderr)
    print("Next: --debug shows more, and may show members' facts; please tell the maintainers", file=sys.stderr)


if __name__ == "__main__":
    main()

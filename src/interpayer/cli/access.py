"""`interpayer access`: people and systems at our own door, their roles and tokens."""

import sys
from typing import Annotated, Any

import typer

from interpayer.cli import output
from interpayer.cli.output import AsFormat, AsJson, failures
from interpayer.cli.session import Session, session_of
from interpayer.model.reason import Refusal
from interpayer.operations import access
from interpayer.operations.access import Person

HELP = f"""People and systems at our own door. Whoever acts is named on the ledger.

    interpayer access add "Ana Ruiz" --role admin --login      (the first one: needs nobody)
    interpayer access add "Bo Lind" --role operator --role steward
    interpayer access login                                    (asks for the token, or reads it from input)

Roles: {", ".join(access.ROLES)}. A system (enrollment hub, portal) has the role system and no other.
"""
app = typer.Typer(help=HELP, no_args_is_help=True)

Name = Annotated[str, typer.Argument(help="The name; it is never given to anybody else.")]
Roles = Annotated[list[str], typer.Option("--role", help=f"{', '.join(access.ROLES)}; repeat it.")]
COLUMNS = ("name", "kind", "roles", "added_at", "added_by", "revoked_at")


@app.command()
def add(
    context: typer.Context,
    name: Name,
    role: Roles,
    login: Annotated[bool, typer.Option(help="Keep the token as this installation's login.")] = False,
    as_json: AsJson = False,
) -> None:
    """Add a person or system; prints the bearer token, this once.

    The very first admin is added without anybody acting; everybody else is added by an admin.
    """
    session = session_of(context)
    if _is_first(session):
        with failures(), session.tools.database.transaction() as conn:
            person, token = access.add_person(session.tools, conn, name, roles=role, actor=None)
    else:
        with session.acting("access.change") as act:
            person, token = access.add_person(act.tools, act.conn, name, roles=role, actor=act.actor)
    if login:
        session.keep_login(token)
        output.say(f"Logged in as {person.name}; the token is in {session.login_file}.")
    output.say(f"{person.name} has: {', '.join(person.roles)}. The token is shown this once:")
    told = {"token": token, "person": _person(person)}
    output.tell_result("access-add/1", told if as_json else {"token": token}, as_json=as_json)


@app.command("list")
def list_(context: typer.Context, form: AsFormat = "table", as_json: AsJson = False) -> None:
    """List people and systems with their roles."""
    with session_of(context).acting("access.read") as act:
        rows = [_person(person) for person in access.listed(act.conn)]
    output.tell_rows("access-list/1", "people", rows, columns=COLUMNS, form=output.chosen(form, as_json=as_json))


@app.command()
def roles(context: typer.Context, name: Name, role: Roles, as_json: AsJson = False) -> None:
    """Give a person other roles; they replace those before."""
    with session_of(context).acting("access.change") as act:
        person = access.change_roles(act.tools, act.conn, name, roles=role, actor=act.actor)
    output.say(f"{person.name} has: {', '.join(person.roles)}.")
    if as_json:
        output.tell_json("person/1", {"person": _person(person)})


@app.command()
def renew(context: typer.Context, name: Name, as_json: AsJson = False) -> None:
    """Print a new token, this once; the ones before end at once."""
    with session_of(context).acting("access.change") as act:
        token = access.renew_token(act.tools, act.conn, name, actor=act.actor)
    output.tell_result("access-renew/1", {"token": token}, as_json=as_json)


@app.command()
def revoke(
    context: typer.Context,
    name: Name,
    reason: Annotated[str, typer.Option(help="Why; it goes on the ledger.")],
    as_json: AsJson = False,
) -> None:
    """End somebody's access and tokens at once."""
    with session_of(context).acting("access.change") as act:
        person = access.revoke(act.tools, act.conn, name, reason=reason, actor=act.actor)
    output.say(f"{person.name} has no access any more.")
    if as_json:
        output.tell_json("person/1", {"person": _person(person)})


@app.command()
def login(context: typer.Context) -> None:
    """Keep a token for the commands that follow, readable by you only; INTERPAYER_TOKEN beats it."""
    session = session_of(context)
    token = typer.prompt("Token", hide_input=True, err=True) if sys.stdin.isatty() else sys.stdin.readline()
    with failures():
        with session.tools.database.transaction() as conn:
            person = access.person_of(conn, token.strip())
        if person is None:
            raise Refusal("caller.unknown", "this token is not valid here")
        session.keep_login(token)
    output.say(f"Logged in as {person.name} ({', '.join(person.roles)}).")


@app.command()
def logout(context: typer.Context) -> None:
    """Forget the kept token."""
    known = session_of(context).forget_login()
    output.say("Logged out." if known else "Nobody was logged in.")


@app.command()
def whoami(context: typer.Context, as_json: AsJson = False) -> None:
    """Say who acts at this terminal."""
    session = session_of(context)
    with failures(), session.tools.database.transaction() as conn:
        token = session.token()
        person = access.person_of(conn, token) if token else None
        if person is None:
            raise Refusal("caller.unknown", "there is no token")
    if as_json:
        output.tell_json("person/1", {"person": _person(person)})
    else:
        output.tell_fields(_person(person))


def _is_first(session: Session) -> bool:
    with failures(), session.tools.database.transaction() as conn:
        return not access.listed(conn)


def _person(person: Person) -> dict[str, Any]:
    return {column: output.plain(getattr(person, column)) for column in COLUMNS}

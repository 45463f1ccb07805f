"""Commands that need no running server: they bring up the embedded database for as long as they take."""

from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager

from interpayer.app.floor import migrate_all
from interpayer.cli import output
from interpayer.cli.session import Session
from interpayer.exchange.tools import Tools
from interpayer.exchange.transitions import Actor
from interpayer.identity.bulk.lanes import Floor
from interpayer.operations.identities import OWNER
from interpayer.operations.store import any_person
from interpayer.system.database import role_url
from interpayer.system.postgres import EmbeddedPostgres, ServerFailed, ServerRunning, server_status
from interpayer.system.settings import Settings


@contextmanager
def acting_alone(session: Session, action: str) -> Iterator[tuple[Tools, Actor]]:
    """As `Session.acting_alone`, with the database brought up where it does not run.

    Before the first person is added, whoever owns the home and its keys acts; from then on a named person must.
    """
    with output.failures(), _database(session.settings), closing(session), ExitStack() as ends:
        with session.tools.database.transaction() as conn:
            somebody = any_person(conn)
        if somebody:
            yield ends.enter_context(session.acting_alone(action))
        else:
            yield session.tools, OWNER


def floor_of(session: Session) -> Floor:
    """What the processes of a bulk command work with."""
    settings = session.settings
    return Floor(
        url=role_url(settings, "operator"),
        role="interpayer_operator",
        vault=session.application.vault,
        owner_url=role_url(settings, "migrator"),
    )


@contextmanager
def _database(settings: Settings) -> Iterator[None]:
    """The database, running: as it is, else the embedded one, up to date, for as long as this command takes."""
    if settings.database_url is not None or server_status(settings.home).state == "running":
        yield
        return
    try:
        with EmbeddedPostgres(settings.home, settings.run_as, say=output.say):
            migrate_all(settings)
            yield
    except (ServerFailed, ServerRunning) as error:
        output.fail("the embedded database cannot be started", str(error), code=output.TRY_AGAIN)

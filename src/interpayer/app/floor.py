"""The database made ready: our numbered migrations, then the engine's own schema."""

from interpayer.exchange.engine import migrate_engine
from interpayer.system.database import connect, role_url
from interpayer.system.migrate import migrate
from interpayer.system.settings import Settings


def migrate_all(settings: Settings) -> list[str]:
    """Apply what is missing; what was done, in words. Doing it again does nothing."""
    with connect(role_url(settings, "owner"), autocommit=True) as conn:
        # As a hook: under the same lock, so that two who migrate at once wait for each other here too.
        return migrate(conn, hooks=[lambda: migrate_engine(role_url(settings, "migrator"))])

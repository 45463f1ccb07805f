"""Production and test never share a database: what was loaded for a rehearsal cannot be released to anybody real."""

from interpayer.exchange.tools import Tools
from interpayer.operations.store import claim_environment
from interpayer.system.settings import SettingsInvalid


def claim(tools: Tools) -> None:
    """Take the database for this installation's environment; `SettingsInvalid` when it belongs to the other."""
    with tools.database.transaction() as conn:
        theirs = claim_environment(conn, tools.environment)
    if theirs != tools.environment:
        raise SettingsInvalid(
            f"this database belongs to the {theirs} environment, INTERPAYER_ENVIRONMENT is {tools.environment}: "
            "use a home (or a database) of its own for each"
        )

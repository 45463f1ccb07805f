"""Real tools over a scratch database, and people with tokens, as the doors and the console use them."""

from pathlib import Path

from interpayer.app.build import build
from interpayer.exchange.tools import Tools
from interpayer.exchange.transitions import Actor
from interpayer.operations import access
from tests.support.databases import ScratchDatabase


def tools_of(database: ScratchDatabase, home: Path, *, role: str = "operator", **settings: str) -> Tools:
    """The tools of one login role, as `app.build` makes them; keys and objects lie in ``home``."""
    return build(database.settings(home, **settings)).tools(role)


def add_people(tools: Tools) -> dict[str, str]:
    """One person per role (`operator`, `steward`, `analyst`, `admin`) and a `system`, each named after it: tokens."""
    with tools.database.transaction() as conn:
        _, admin = access.add_person(tools, conn, "admin", roles=["admin"], actor=None)
        tokens = {"admin": admin}
        for role in ("operator", "steward", "analyst", "system"):
            _, tokens[role] = access.add_person(tools, conn, role, roles=[role], actor=Actor("person", "admin"))
    return tokens

"""Every route that a door serves and every column that there is has its class, and no class stands for nothing."""

from pathlib import Path

import pytest
from starlette.applications import Starlette
from starlette.responses import Response
from starlette.routing import Route

from interpayer.app.build import build
from interpayer.app.doors import classed, listeners, routes_of
from interpayer.system.classification import Unclassed, classification
from tests.support.databases import ScratchDatabase

DOORS = ("partners", "api", "console")
COLUMNS = """
select format('%s.%s', table_schema, table_name) as place, column_name as name, data_type as kind
  from information_schema.columns
where table_schema not in ('pg_catalog', 'information_schema') order by 1, ordinal_position
"""


def served(database: ScratchDatabase, home: Path) -> dict[str, set[str]]:
    """What each door really serves, as `METHOD /path`."""
    application = build(database.settings(home))
    try:
        apps = [listener.app for listener in listeners(application)]
    finally:
        application.close()
    return {door: routes_of(app) for door, app in zip(DOORS, apps, strict=True)}


def test_every_route_has_a_class_and_every_class_a_route(database: ScratchDatabase, tmp_path: Path) -> None:
    found = served(database, tmp_path / "home")
    known = {door: set(routes) for door, routes in classification().routes.items()}
    missing = [f"{door}: {route}" for door in DOORS for route in sorted(found[door] - known[door])]
    stale = [f"{door}: {route}" for door in DOORS for route in sorted(known[door] - found[door])]
    assert missing == [], "add them to classification.toml"
    assert stale == [], "take them out of classification.toml"


@pytest.mark.parametrize("door", DOORS)
def test_a_door_with_a_route_without_class_does_not_start(door: str) -> None:
    app = Starlette(routes=[Route("/secrets/{id}", lambda _request: Response(), methods=["GET"])])
    with pytest.raises(Unclassed, match=r'"GET /secrets/\{id\}" = '):
        classed(door, app)
    assert classed(door, Starlette()) is not None


def test_every_column_and_table_has_a_class(database: ScratchDatabase) -> None:
    read = classification()
    with database.owner.transaction() as conn:
        columns = conn.execute(COLUMNS).fetchall()
    unknown = [f"{c['place']}.{c['name']}" for c in columns if read.of_field(c["name"], place=c["place"]) is None]
    tables = sorted({c["place"] for c in columns if read.of_table(c["place"]) is None})
    assert unknown == [], "add the names to [fields] of classification.toml"
    assert tables == [], "add the tables to [tables] of classification.toml"
    assert len(columns) > 500


# Sealed field by field inside a JSON column, or a word of staff that may name somebody; nothing else.
OPEN_BY_DESIGN = {"audit.event.body", "audit.evidence.body", "identity.review_case.note", "identity.case_ruling.note"}


def test_what_names_or_tells_of_people_is_no_plain_column(database: ScratchDatabase) -> None:
    """What is classed as identity or health lies sealed: as bytes, never as text."""
    read = classification()
    with database.owner.transaction() as conn:
        columns = conn.execute(COLUMNS).fetchall()
    sealed = [c for c in columns if read.of_field(c["name"], place=c["place"]) in ("identity", "health")]
    plain = {f"{c['place']}.{c['name']}" for c in sealed if c["kind"] != "bytea"}
    assert plain <= OPEN_BY_DESIGN
    assert "identity.member.sealed" in {f"{c['place']}.{c['name']}" for c in sealed}

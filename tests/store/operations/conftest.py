"""A payer's tools as the operator's side has them, over a scratch database."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from interpayer.app.build import Application, build
from interpayer.exchange.tools import Tools
from interpayer.exchange.transitions import Actor
from tests.support.databases import ScratchDatabase

ORGANIZATIONS = """
legal_entities:
  - {id: payer-b, name: Birchline Health, identifiers: [payer-b]}
"""


@pytest.fixture
def application(database: ScratchDatabase, tmp_path: Path) -> Iterator[Application]:
    organizations = tmp_path / "organizations.yaml"
    organizations.write_text(ORGANIZATIONS)
    built = build(database.settings(tmp_path / "home", organizations=str(organizations)))
    yield built
    built.close()


@pytest.fixture
def tools(application: Application) -> Tools:
    return application.tools("operator")


@pytest.fixture
def person() -> Actor:
    return Actor("person", "Ana Ruiz")

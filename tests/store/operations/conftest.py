"""A payer's tools as the operator's side has them, over a scratch database."""

from collections.abc import Iterator
from datetime import date
from pathlib import Path

import pytest

from interpayer.app.build import Application, build
from interpayer.exchange.tools import Tools
from interpayer.exchange.transitions import Actor
from interpayer.identity.enrollment import upsert_enrollments
from interpayer.model.member import Coverage, Demographics, Enrollment, Identifier, IdKind, Name
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


@pytest.fixture
def member_id(tools: Tools) -> str:
    facts = Demographics(
        names=(Name("Quarrel", ("Ines",)),),
        birth_date=date(1980, 2, 3),
        identifiers=(Identifier(IdKind.MEMBER, "BL100001", "payer-b"),),
    )
    coverage = Coverage(payer="payer-b", member_id="BL100001", starts_on=date(2020, 1, 1))
    row = Enrollment(1, facts, coverage, None, None, None, None, None, None, None, None, None, date(2026, 1, 1))
    with tools.database.transaction() as conn:
        return upsert_enrollments(conn, tools.vault, [row])[0].member_id or ""

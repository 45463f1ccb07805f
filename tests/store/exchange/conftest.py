"""A payer with its processes, and for each test a member whom no other test knows."""

from collections.abc import Iterator

import pytest

from interpayer.identity.enrollment import upsert_enrollments
from interpayer.model.partner import Endpoint
from interpayer.partners import directory
from interpayer.routing import registry
from interpayer.simulation.installation import CAPABILITIES
from interpayer.system.clock import now
from tests.support.databases import DatabaseServer
from tests.support.hops import PARTNER, House, Scene
from tests.support.people import a_coverage, a_person, a_row
from tests.support.tools import opened


@pytest.fixture(scope="module")
def house(database_server: DatabaseServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    database, home = database_server.create(template="migrated"), tmp_path_factory.mktemp("hops") / "home"
    endpoint = Endpoint("e-1", PARTNER.id, "https://other.example/fhir", CAPABILITIES, "2.2", "test")
    with (
        opened(database, home) as operator,
        opened(database, home, role="worker") as worker,
        opened(database, home, role="door") as door,
    ):
        with database.operator.transaction() as conn:
            directory.add_partner(conn, PARTNER, None, by="tests")
            registry.add_endpoint(conn, endpoint, PARTNER.organizations)
        yield House(database, door, worker, operator, home)
    database_server.drop(database)


@pytest.fixture
def scene(house: House) -> Scene:
    house.people += 1
    number = f"W{500000 + house.people}"
    place = (f"{house.people} Mill Lane", f"{10000 + house.people}")
    family = "".join(chr(ord("a") + int(digit)) * 2 for digit in f"{house.people:03}").capitalize() + "ner"
    person = a_person("Robin", family=family, born=f"{now().year - 10}-01-{house.people % 28 + 1:02}", address=place)
    card = a_coverage(number, subscriber_id=number)
    with house.operator.database.transaction() as conn:
        (kept,) = upsert_enrollments(conn, house.operator.vault, [a_row(person, card)])
    return Scene(house, kept.member_id or "", person, card)

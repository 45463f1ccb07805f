"""Our own client against our own door, over TLS: discovery, registration, a person's yes, a token, a call, the end."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx2
import pytest

from interpayer.model.agreement import ActsFor
from interpayer.model.partner import PartnerStatus
from interpayer.model.reason import Fault, Refusal
from interpayer.partners import directory
from interpayer.partners import store as agreements
from interpayer.partners.signer import Ring, Signer
from interpayer.partners.token_source import Target
from interpayer.partners.udap.communities import Communities, Community
from interpayer.partners.udap.server import Plea, discover, register
from interpayer.partners.udap.tokens import UdapTokenSource, UdapWay
from tests.support.databases import DatabaseServer
from tests.support.doors import SCOPES, DoorUnderTest, Grounds
from tests.support.udap import COMMUNITY, OTHER_COMMUNITY, World, moment

OUR_URI = "https://plan-b.example/exchange"
NPI = "http://hl7.org/fhir/sid/us-npi|1234567893"
CONTACTS = ("mailto:exchange@plan-b.example",)


@dataclass
class Circle:
    """Plan A with its door, and plan B's client."""

    door: DoorUnderTest
    theirs: World
    ours: World
    way: UdapWay
    http: httpx2.Client

    @property
    def community(self) -> Community:
        found = self.way.communities.named(COMMUNITY)
        assert found is not None
        return found

    def plea(self, *scopes: str) -> Plea:
        return Plea(OUR_URI, "Plan B", CONTACTS, scopes or SCOPES)

    def tokens(self, client_id: str) -> UdapTokenSource:
        target = Target(self.door.door.fhir_base, client_id, udap_community=COMMUNITY)
        return UdapTokenSource(self.http, Signer(lambda: Ring({}, ())), target, way=self.way)


@pytest.fixture(scope="module")
def circle(
    database_server: DatabaseServer, grounds: Grounds, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Circle]:
    folder: Path = tmp_path_factory.mktemp("udap")
    database = database_server.create()
    theirs = World(folder / "a")
    door = DoorUnderTest(database, grounds, communities=theirs.folder)
    theirs.certify_us("one", door.door.fhir_base)
    ours = World(folder / "b", like=theirs)
    rules: dict[str, Any] = {"organization_id": NPI.replace("|", "#"), "organization_name": "Plan B", "default": True}
    ours.community("one", COMMUNITY, anchors=[ours.root], **rules)
    ours.certify_us("one", OUR_URI, rsa_key=False)
    http = door.client("plan-b")
    yield Circle(door, theirs, ours, UdapWay(Communities(ours.folder), None), http)
    http.close()
    door.close()
    database_server.drop(database)


def test_two_payers_meet_by_their_community_alone(circle: Circle) -> None:
    """(1) discovery (2) registration (3) a person's yes (4) a token (5) a call (6) the end."""
    server = discover(
        circle.http, circle.door.door.fhir_base, circle.way.communities.current(), revocations=None, at=moment()
    )
    assert server.community.uri == COMMUNITY and server.token_endpoint == circle.door.door.token_url  # (1)

    identity = circle.community.identity
    assert identity is not None
    admission = register(circle.http, server, circle.plea(), identity=identity, at=moment())  # (2)
    assert admission.scopes == SCOPES and not admission.is_ended

    tokens = circle.tokens(admission.client_id)
    with pytest.raises(Fault) as waiting:
        tokens.token(SCOPES)
    assert waiting.value.detail == "token refused: unauthorized_client"

    with circle.door.database.operator.transaction() as conn:  # (3)
        partner = directory.by_client_id(conn, admission.client_id)
        assert partner is not None and partner.status is PartnerStatus.INVITED
        agreements.set_acts_for(conn, partner.id, [ActsFor(NPI, moment().date() - timedelta(days=1))])
        directory.set_status(conn, partner.id, PartnerStatus.TESTING, by="ana", reason="looked at")

    token = tokens.token(SCOPES)  # (4)
    headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/fhir+json"}
    called = circle.http.post("/fhir/Patient/$member-match", content=b'{"resourceType": "Parameters"}', headers=headers)
    assert called.status_code == 200 and called.json()["partner"] == partner.id  # (5)

    ended = register(circle.http, server, Plea(OUR_URI, "Plan B", CONTACTS, ()), identity=identity, at=moment())
    assert ended.is_ended and ended.client_id == admission.client_id  # (6)
    again = circle.http.post("/fhir/Patient/$member-match", content=b'{"resourceType": "Parameters"}', headers=headers)
    assert again.status_code == 401
    tokens.forget()
    with pytest.raises(Fault):
        tokens.token(SCOPES)


def test_metadata_are_told_to_anybody_and_only_where_they_are_true(circle: Circle) -> None:
    with circle.door.client(None) as http:
        told = http.get("/fhir/.well-known/udap")
        other = http.get("/fhir/.well-known/udap", params={"community": OTHER_COMMUNITY})
        both = http.get("/fhir/.well-known/udap?community=a&community=b")
        root = http.get("/.well-known/udap")
        head = http.head("/fhir/.well-known/udap")
    assert told.status_code == 200 and told.headers["content-type"].startswith("application/json")
    assert told.json()["registration_endpoint"] == f"{circle.door.base_url}/register"
    # We have no certificate in the other community, and the signature names the FHIR base, not the root.
    assert (other.status_code, root.status_code, head.status_code) == (404, 404, 405)
    assert both.status_code == 400


def test_whoever_is_refused_at_the_door_is_on_the_record(circle: Circle) -> None:
    stranger = circle.theirs.client(OUR_URI, issuer=circle.theirs.middle)
    address = f"{circle.door.base_url}/register"
    text = stranger.sign(stranger.statement(address, aud="https://elsewhere.example/register"))
    before = len(circle.door.events)
    with circle.door.client(None) as http:
        refused = http.post("/register", json={"software_statement": text, "udap": "1"})
        form = http.post("/register", content=b"udap=1", headers={"Content-Type": "application/x-www-form-urlencoded"})
        large = http.post(
            "/register", content=b'{"udap": "' + b"1" * 200_000 + b'"}', headers={"Content-Type": "application/json"}
        )
    assert (refused.status_code, refused.json()["error"]) == (400, "invalid_software_statement")
    assert (form.status_code, large.status_code) == (415, 413)
    assert {"error", "error_description"} == set(form.json()) == set(large.json())
    noted = circle.door.events[before:]
    assert [event.reason for event in noted] == ["caller.unknown", "request.unsupported_media", "request.too_large"]
    assert stranger.uri not in str(noted)


def test_a_partner_is_looked_for_in_each_of_our_communities(circle: Circle) -> None:
    """A server that is in none of them does no UDAP with us; the first community that fits is taken."""
    turned = sorted(circle.way.communities.current(), key=lambda one: one.uri != OTHER_COMMUNITY)
    assert [one.uri for one in turned] == [OTHER_COMMUNITY, COMMUNITY]
    base = circle.door.door.fhir_base
    assert discover(circle.http, base, turned, revocations=None, at=moment()).community.uri == COMMUNITY
    with pytest.raises(Refusal) as refused:
        discover(circle.http, base, turned[:1], revocations=None, at=moment())
    assert refused.value.reason == "route.no_capability"
    with pytest.raises(Refusal):
        discover(circle.http, base, [], revocations=None, at=moment())


def test_a_refused_registration_says_by_which_rule(circle: Circle) -> None:
    server = discover(circle.http, circle.door.door.fhir_base, [circle.community], revocations=None, at=moment())
    identity = circle.community.identity
    assert identity is not None
    plea = Plea("https://somebody-else.example", "Plan B", CONTACTS, SCOPES)
    with pytest.raises(Fault) as refused:
        register(circle.http, server, plea, identity=identity, at=moment())
    assert refused.value.reason == "partner.refused"
    assert refused.value.detail == "registration refused: invalid_software_statement"

"""How we ask for a token where we are registered over UDAP (UDAP Security 1.0, 5.2)."""

import json
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs

import httpx2
import pytest

from interpayer.model.reason import Fault, FaultKind
from interpayer.partners.signer import Ring, Signer
from interpayer.partners.token_source import Target
from interpayer.partners.udap.communities import Communities
from interpayer.partners.udap.tokens import UdapTokenSource, UdapWay
from interpayer.partners.udap.vouching import read_signed, vouch
from tests.support.udap import COMMUNITY, SERVER, SERVER_TOKEN, World, moment, server_document, server_statement

US = "https://plan-b.example/exchange"
RULES: dict[str, Any] = {"organization_id": "https://plan-b.example/o1", "purpose_of_use": "urn:x#1"}


@pytest.fixture
def world(tmp_path: Path) -> World:
    made = World(tmp_path)
    made.community("one", COMMUNITY, anchors=[made.root], **RULES)
    made.certify_us("one", US)
    return made


class Partner:
    """A server that keeps what it was asked."""

    def __init__(self, world: World) -> None:
        self.metadata = server_document(world.client(SERVER, is_rsa=True).sign(server_statement()))
        self.seen: list[httpx2.Request] = []
        self.http = httpx2.Client(transport=httpx2.MockTransport(self._respond))

    def _respond(self, request: httpx2.Request) -> httpx2.Response:
        if request.method == "GET":
            return httpx2.Response(200, content=json.dumps(self.metadata).encode())
        self.seen.append(request)
        answer = {"access_token": f"t{len(self.seen)}", "token_type": "bearer", "expires_in": 300}
        return httpx2.Response(200, content=json.dumps(answer).encode())


def source(world: World, partner: Partner, *, community: str = COMMUNITY) -> UdapTokenSource:
    target = Target(SERVER, "c-1", sub_style="patient", udap_community=community)
    way = UdapWay(Communities(world.folder), None)
    return UdapTokenSource(partner.http, Signer(lambda: Ring({}, ())), target, way=way)


def test_the_request_is_what_the_guide_says(world: World) -> None:
    partner = Partner(world)
    assert source(world, partner).token(("system/*.rs",), subject="m-1") == "t1"
    [request] = partner.seen
    form = {name: values[0] for name, values in parse_qs(request.content.decode()).items()}
    text = form.pop("client_assertion")
    assert str(request.url) == SERVER_TOKEN and "authorization" not in request.headers
    assert form == {
        "grant_type": "client_credentials",
        "scope": "system/*.rs",
        "client_assertion_type": "urn:ietf:params:oauth:client-assertion-type:jwt-bearer",
        "udap": "1",
    }
    assertion = vouch(read_signed(text), Communities(world.folder).current(), None, at=moment())
    claims = dict(assertion.claims)
    assert US in assertion.uris and assertion.assertion.algorithm == "RS256"
    assert 0 < claims.pop("exp") - claims.pop("iat") <= 300 and len(claims.pop("jti")) >= 16
    assert claims == {
        "iss": "c-1",
        "sub": "c-1",
        "aud": SERVER_TOKEN,
        "extensions": {
            "hl7-b2b": {
                "version": "1",
                "organization_id": "https://plan-b.example/o1",
                "purpose_of_use": ["urn:x#1"],
            }
        },
    }


def test_each_assertion_has_an_id_of_its_own(world: World) -> None:
    partner = Partner(world)
    tokens = source(world, partner)
    tokens.token(("a",))
    tokens.token(("b",))
    texts = [parse_qs(request.content.decode())["client_assertion"][0] for request in partner.seen]
    first, second = (read_signed(text).claims["jti"] for text in texts)
    assert first != second


def test_a_community_that_was_closed_here_gives_no_token(world: World) -> None:
    partner = Partner(world)
    with pytest.raises(Fault) as closed:
        source(world, partner, community="https://gone.example").token(("a",))
    assert (closed.value.kind, closed.value.reason) == (FaultKind.TERMINAL, "route.no_capability")
    assert partner.seen == []

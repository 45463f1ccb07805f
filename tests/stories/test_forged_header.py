"""A proxy that forwards a forged header: somebody puts a careless nginx in front of the door, and a partner notices.

plan-c holds its own certificate, a token of plan-b that it found in a log, and plan-b's certificate, which is public.
What it reads each time is what a partner reads: what to do, and nothing about others.
"""

import base64
import ssl
from collections.abc import Iterator
from pathlib import Path

import httpx2
import pytest

from interpayer.gateway.forwarded import read_proxies
from interpayer.gateway.peers import Peers
from interpayer.system.certificates.anchors import read_anchors
from interpayer.system.certificates.watched import Watched
from tests.support.databases import DatabaseServer
from tests.support.doors import DoorUnderTest, Grounds, a_partner
from tests.support.proxies import CARELESS, free_port, need, running


@pytest.fixture(scope="module")
def grounds(tmp_path_factory: pytest.TempPathFactory) -> Grounds:
    return Grounds(Path(tmp_path_factory.mktemp("grounds")))


@pytest.fixture
def door(database_server: DatabaseServer, grounds: Grounds) -> Iterator[DoorUnderTest]:
    database = database_server.create()
    anchors = Watched(lambda: read_anchors(grounds.ca.certificate), [], kind="test")
    # the one proxy that is listed is another
    under_test = DoorUnderTest(database, grounds, peers=Peers(anchors, None, read_proxies(["10.1.0.2", "unix"])))
    under_test.add(a_partner("plan-b"))
    under_test.add(a_partner("plan-c"))
    yield under_test
    under_test.close()
    database_server.drop(database)


@pytest.fixture
def careless(door: DoorUnderTest, grounds: Grounds, tmp_path: Path) -> Iterator[str]:
    """The address of an nginx that passes on whatever callers send."""
    need("nginx")
    port = free_port()
    text = CARELESS.format(port=port, server=str(grounds.server.certificate).removesuffix(".crt"), door=door.base_url)
    with running("nginx", text, tmp_path, port=port):
        yield f"https://127.0.0.1:{port}"


def test_a_forged_header_gets_nobody_in_and_leaves_a_trace(
    door: DoorUnderTest, grounds: Grounds, careless: str
) -> None:
    stolen = door.token(client_id="plan-b")
    public = grounds.clients["plan-b"].certificate.read_bytes()
    forged = {
        "Authorization": f"Bearer {stolen}",
        "Client-Cert": f":{base64.b64encode(ssl.PEM_cert_to_DER_cert(public.decode())).decode()}:",
    }
    # through the proxy, which ends TLS and so shows no certificate of its own
    with httpx2.Client(verify=grounds.client_context("plan-c"), base_url=careless, trust_env=False) as http:
        through = http.get("/fhir/Group/g-1", headers=forged)
    # and past it, with a certificate of one's own beside the header
    with door.client("plan-c") as http:
        beside = http.get("/fhir/Group/g-1", headers=forged)
    assert (through.status_code, beside.status_code) == (401, 401)
    assert told(through) == ("caller.unknown", "a client certificate is needed")
    assert told(beside) == ("caller.certificate_unexpected", "a certificate came by TLS and by a header at once")
    for answer in (through, beside):
        assert "plan-b" not in answer.text
        assert stolen not in answer.text
    # both ways are on the ledger, so that somebody asks who runs that proxy
    refused = [event for event in door.events if event.reason == "caller.certificate_unexpected"]
    assert [event.name for event in refused] == ["caller.refused", "caller.refused"]
    # the honest caller never noticed
    with door.client("plan-b") as http:
        assert http.get("/fhir/Group/g-1", headers={"Authorization": f"Bearer {stolen}"}).status_code == 200


def test_a_careless_proxy_that_is_listed_is_found_by_the_probe_of_the_page(
    door: DoorUnderTest, grounds: Grounds, careless: str
) -> None:
    """Nobody can tell at the door whose word a listed proxy passes on; the page says how to find out from outside."""
    door.door.peers.proxies = read_proxies(["127.0.0.1"])
    with httpx2.Client(verify=grounds.client_context(None), base_url=careless, trust_env=False) as http:
        answer = http.post("/token", data={"a": "b"}, headers={"Client-Cert": ":AAAA:"})
    assert answer.status_code == 401
    assert answer.json()["error_description"] == "a certificate cannot be read"
    assert PROBE in (ROOT / "docs/how-to/behind-a-proxy.md").read_text("utf-8")


PROBE = "-H 'Client-Cert: :AAAA:'"
ROOT = Path(__file__).parent.parent.parent


def told(answer: httpx2.Response) -> tuple[str, str]:
    issue = answer.json()["issue"][0]
    return issue["details"]["coding"][0]["code"], issue["diagnostics"]

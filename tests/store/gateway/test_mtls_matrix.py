"""Every certificate that must not get in, at the door itself and behind HAProxy and nginx: nothing is accepted."""

import base64
import ssl
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import httpx2
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import serialization
from cryptography.x509.oid import ExtendedKeyUsageOID

from interpayer.gateway.forwarded import read_proxies
from interpayer.gateway.peers import Peers
from interpayer.gateway.tokens import ASSERTION_TYPE
from interpayer.partners.directory import Agreed
from interpayer.system.certificates.anchors import read_anchors
from interpayer.system.certificates.fetching import Unreachable
from interpayer.system.certificates.revocation import Revocations
from interpayer.system.certificates.watched import Watched
from interpayer.system.clock import now
from interpayer.system.tls import KeyPair
from tests.support.certificates import Party, certify
from tests.support.databases import DatabaseServer
from tests.support.doors import DoorUnderTest, Grounds, a_partner, assertion, claims
from tests.support.proxies import configuration, free_port, need, running

WAYS = ("direct", "haproxy", "nginx")
NAME = "plan-b.example"


@dataclass
class Cast:
    """The certificates of the matrix, all but the rogue one of the authority that the door trusts."""

    folder: Path
    authority: Party
    parties: dict[str, Party] = field(default_factory=dict)

    def context(self, name: str | None, server_ca: Path) -> ssl.SSLContext:
        """TLS of a caller that shows this certificate."""
        context = ssl.create_default_context(cafile=str(server_ca))
        if name is not None:
            context.load_cert_chain(self.folder / f"{name}.crt", self.folder / f"{name}.key")
        return context

    def header(self, name: str) -> str:
        """The certificate as a proxy would hand it on."""
        der = self.parties[name].certificate.public_bytes(serialization.Encoding.DER)
        return f":{base64.b64encode(der).decode()}:"


def cast_of(grounds: Grounds, folder: Path) -> Cast:
    key = serialization.load_pem_private_key(grounds.ca.key.read_bytes(), None)
    authority = Party(x509.load_pem_x509_certificate(grounds.ca.certificate.read_bytes()), key)
    at = now()
    server_only = [ExtendedKeyUsageOID.SERVER_AUTH]
    cast = Cast(folder, authority)
    cast.parties = {
        "good": certify("plan-b", authority, names=[NAME], at=at),
        "other": certify("plan-c", authority, names=["plan-c.example"], at=at),
        "rogue": certify("plan-b", certify("Test CA", ca=True, at=at), names=[NAME], at=at),
        "expired": certify("plan-b", authority, names=[NAME], days=(-9, -1), at=at),
        "revoked": certify("plan-b", authority, names=[NAME], at=at),
        "wrong use": certify("plan-b", authority, names=[NAME], uses=server_only, at=at),
        "wrong name": certify("plan-b", authority, names=["plan-x.example"], at=at),
    }
    for name, party in cast.parties.items():
        (folder / f"{name}.crt").write_bytes(party.pem)
        pem = serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        (folder / f"{name}.key").write_bytes(party.key.private_bytes(*pem))
    authority.revoke(cast.parties["revoked"].certificate, at)
    (folder / "crl").mkdir()
    (folder / "crl" / "authority.crl").write_bytes(authority.crl(at))
    return cast


def nothing(_url: str, _question: bytes | None) -> bytes:
    raise Unreachable("no network in this test")


@dataclass
class Way:
    """One way to the door, with what the matrix needs."""

    name: str
    door: DoorUnderTest
    cast: Cast

    def client(self, certificate: str | None) -> httpx2.Client:
        context = self.cast.context(certificate, self.door.grounds.ca.certificate)
        return httpx2.Client(verify=context, base_url=self.door.base_url, trust_env=False)

    def _form(self, client_id: str) -> dict[str, str]:
        return {
            "grant_type": "client_credentials",
            "scope": "system/*.rs",
            "client_assertion_type": ASSERTION_TYPE,
            "client_assertion": assertion(claims(self.door.door.token_url, client_id=client_id)),
        }

    def ask(
        self, certificate: str | None, *, client_id: str = "plan-b", headers: Mapping[str, str] | None = None
    ) -> int:
        """The status of a request for a token; 0 when TLS ended it."""
        form = self._form(client_id)
        return self._status("POST", "/token", certificate, data=form, headers=headers)

    def token(self, certificate: str, client_id: str = "plan-b") -> str:
        """A token that was got in the right way."""
        form = self._form(client_id)
        with self.client(certificate) as http:
            answer = http.post("/token", data=form)
        assert answer.status_code == 200, answer.text
        return str(answer.json()["access_token"])

    def read(self, certificate: str | None, token: str, *, headers: Mapping[str, str] | None = None) -> int:
        """The status of a read with this token."""
        given = {"Authorization": f"Bearer {token}", **(headers or {})}
        return self._status("GET", "/fhir/Group/g-1", certificate, headers=given)

    def _status(self, method: str, path: str, certificate: str | None, **more: object) -> int:
        try:
            with self.client(certificate) as http:
                return int(http.request(method, path, **more).status_code)
        except (httpx2.TransportError, ssl.SSLError):
            return 0


@pytest.fixture(scope="module", params=WAYS)
def way(
    request: pytest.FixtureRequest,
    database_server: DatabaseServer,
    grounds: Grounds,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Way]:
    folder = tmp_path_factory.mktemp("matrix")
    cast = cast_of(grounds, folder)
    anchors = Watched(lambda: read_anchors(grounds.ca.certificate), [], kind="test")
    revocations = Revocations(nothing, files=folder / "crl")
    database = database_server.create()
    if request.param == "direct":
        door = DoorUnderTest(database, grounds, peers=Peers(anchors, revocations))
        yield from _known(Way("direct", door, cast))
    else:
        need(request.param)
        port = free_port()
        peers = Peers(anchors, revocations, read_proxies(["unix"]))
        at, base = f"unix:{folder}/door.sock", f"https://127.0.0.1:{port}"
        door = DoorUnderTest(database, grounds, peers=peers, at=at, base_url=base)
        pair = KeyPair(grounds.server.certificate, grounds.server.key)
        text = configuration(request.param, folder, port=port, pair=pair, ca=grounds.ca.certificate)
        with running(request.param, text, folder, port=port):
            yield from _known(Way(request.param, door, cast))
    database_server.drop(database)


def _known(way: Way) -> Iterator[Way]:
    way.door.add(a_partner("plan-b"), Agreed(certificate_names=("Plan-B.example",)))
    way.door.add(a_partner("plan-c"))
    yield way
    way.door.close()


def test_the_right_certificate_gets_in(way: Way) -> None:
    token = way.token("good")
    assert way.read("good", token) == 200
    assert way.read("good", token, headers={"X-Client-Cert": way.cast.header("other")}) == 200


BAD = (None, "rogue", "expired", "revoked", "wrong use", "wrong name", "other")


@pytest.mark.parametrize("certificate", BAD, ids=str)
def test_no_other_certificate_gets_a_token_or_an_answer(way: Way, certificate: str | None) -> None:
    token = way.token("good")
    # TLS ended it, nginx says 400, or the door says no
    assert way.ask(certificate) in {0, 400, 401}
    assert way.read(certificate, token) in {0, 400, 401}


@pytest.mark.parametrize("certificate", BAD, ids=str)
@pytest.mark.parametrize("name", ["Client-Cert", "client-cert", "CLIENT-CERT"])
def test_a_forged_header_changes_nothing(way: Way, certificate: str | None, name: str) -> None:
    token = way.token("good")
    headers = {name: way.cast.header("good")}
    assert way.read(certificate, token, headers=headers) in {0, 400, 401}
    assert way.ask(certificate, headers=headers) in {0, 400, 401}


def test_a_forged_header_does_not_hurt_the_honest_behind_a_proxy_and_is_refused_beside_tls(way: Way) -> None:
    token = way.token("good")
    expected = 401 if way.name == "direct" else 200
    assert way.read("good", token, headers={"Client-Cert": way.cast.header("other")}) == expected
    assert way.read("good", token, headers={"Client-Cert-Chain": way.cast.header("other")}) == expected


def test_the_probe_of_the_page_for_operators_finds_nothing(way: Way) -> None:
    with way.client(None) as http:
        answer = http.post("/token", data={"a": "b"}, headers={"Client-Cert": ":AAAA:"})
    assert answer.status_code == 401
    assert answer.json() == {"error": "invalid_client", "error_description": "a client certificate is needed"}


def test_a_token_is_bound_to_the_certificate_it_was_given_for(way: Way) -> None:
    theirs = way.token("other", "plan-c")
    assert way.read("other", theirs) == 200
    assert way.read("good", theirs) == 401
    assert way.read("other", way.token("good")) == 401


def test_what_the_door_recorded_says_why(way: Way) -> None:
    token = way.token("good")
    way.read("revoked", token)
    way.read(None, token, headers={"Client-Cert": way.cast.header("good")})
    reasons = {event.reason for event in way.door.events if event.name == "caller.refused"}
    assert "caller.certificate_revoked" in reasons
    # behind a proxy the forged header never arrives
    assert ("caller.certificate_unexpected" in reasons) == (way.name == "direct")

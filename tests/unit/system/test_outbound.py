"""Outgoing calls: https only, verified, no redirects, no private address, whatever the name says."""

import http.server
import socket
import ssl
import stat
import threading
from pathlib import Path

import httpx2
import pytest
from cryptography import x509

from interpayer.system.outbound import OutboundRefused, checked_addresses, outbound_client
from interpayer.system.settings import read_settings
from interpayer.system.tls import KeyPair, create_authority, issue_client, issue_server


class Answers(http.server.BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        if self.path == "/away":
            self.send_response(302)
            self.send_header("Location", "https://127.0.0.1:1/")
            self.end_headers()
            return
        subject = dict(pair[0] for pair in self.connection.getpeercert()["subject"])
        self.send_response(200)
        self.end_headers()
        self.wfile.write(subject["commonName"].encode())

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture(scope="module")
def keys(tmp_path_factory) -> dict[str, KeyPair]:
    folder = tmp_path_factory.mktemp("tls")
    ca = create_authority(folder, "Test authority")
    other = create_authority(folder / "other", "Another authority")
    return {
        "ca": ca,
        "other": other,
        "server": issue_server(folder, ca, ["localhost", "127.0.0.1"], name="server"),
        "client": issue_client(folder, ca, "old-plan"),
        "stranger": issue_client(folder / "other", other, "stranger"),
    }


@pytest.fixture(scope="module")
def port(keys):
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH, cafile=str(keys["ca"].certificate))
    context.verify_mode = ssl.CERT_REQUIRED
    context.load_cert_chain(keys["server"].certificate, keys["server"].key)
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Answers)
    server.handle_error = lambda *_: None
    server.socket = context.wrap_socket(server.socket, server_side=True)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    yield server.server_port
    server.shutdown()
    thread.join()
    server.server_close()


def settings(*allowed: str):
    given = {"INTERPAYER_HOME": "/nowhere", "INTERPAYER_ENVIRONMENT": "test"}
    return read_settings(given | {"INTERPAYER_ALLOWED_PRIVATE_HOSTS": ",".join(allowed)})


def call(keys, url: str, *, allowed=("127.0.0.1", "localhost"), client="client", ca="ca") -> httpx2.Response:
    certificate = (keys[client].certificate, keys[client].key) if client else None
    with outbound_client(settings(*allowed), certificate=certificate, ca=keys[ca].certificate, timeout_s=5) as http:
        return http.get(url)


def test_both_sides_prove_themselves(keys, port) -> None:
    for host in ("127.0.0.1", "localhost"):
        assert call(keys, f"https://{host}:{port}/").text == "old-plan"


def test_a_server_of_another_authority_or_name_is_refused(keys, port) -> None:
    with pytest.raises(httpx2.ConnectError):
        call(keys, f"https://127.0.0.1:{port}/", ca="other")
    with pytest.raises(httpx2.ConnectError):
        call(keys, f"https://127.0.0.2:{port}/", allowed=["127.0.0.2"])


@pytest.mark.parametrize("client", [None, "stranger"])
def test_a_client_that_the_server_does_not_know_is_refused(keys, port, client) -> None:
    with pytest.raises((httpx2.NetworkError, httpx2.RemoteProtocolError)):
        call(keys, f"https://127.0.0.1:{port}/", client=client)


def test_redirects_are_not_followed(keys, port) -> None:
    assert call(keys, f"https://127.0.0.1:{port}/away").status_code == 302


def test_private_addresses_are_refused_unless_allowed(keys, port) -> None:
    for host in (
        "127.0.0.1",
        "localhost",
        "[::1]",
        "0.0.0.0",
        "10.1.2.3",
        "169.254.169.254",
        "[::ffff:127.0.0.1]",
        "2130706433",
    ):
        with pytest.raises(OutboundRefused):
            call(keys, f"https://{host}:{port}/", allowed=["elsewhere"])


def test_plain_http_is_refused(keys, port) -> None:
    with pytest.raises(OutboundRefused, match="https"):
        call(keys, f"http://127.0.0.1:{port}/")


def test_one_private_address_among_public_ones_refuses_the_host(monkeypatch) -> None:
    def resolve(*_: object, **__: object) -> list:
        return [(2, 1, 6, "", ("93.184.215.14", 443)), (2, 1, 6, "", ("192.168.0.1", 443))]

    monkeypatch.setattr(socket, "getaddrinfo", resolve)
    with pytest.raises(OutboundRefused):
        checked_addresses("partner.example", 443, frozenset())
    assert checked_addresses("partner.example", 443, frozenset({"192.168.0.1"})) == ["93.184.215.14", "192.168.0.1"]
    assert checked_addresses("partner.example", 443, frozenset({"partner.example"}))


def test_public_addresses_pass() -> None:
    assert checked_addresses("93.184.215.14", 443, frozenset()) == ["93.184.215.14"]


def test_proxies_of_the_environment_are_not_used(keys, port, monkeypatch) -> None:
    monkeypatch.setenv("HTTPS_PROXY", "http://127.0.0.1:1")
    assert call(keys, f"https://127.0.0.1:{port}/").status_code == 200


def test_certificates_say_what_they_are_for(keys) -> None:
    server = x509.load_pem_x509_certificate(keys["server"].certificate.read_bytes())
    names = server.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert names.get_values_for_type(x509.DNSName) == ["localhost"]
    assert [str(address) for address in names.get_values_for_type(x509.IPAddress)] == ["127.0.0.1"]
    assert (server.not_valid_after_utc - server.not_valid_before_utc).days <= 398
    assert stat.S_IMODE(keys["server"].key.stat().st_mode) == 0o600


def test_an_authority_is_made_once(keys) -> None:
    folder = Path(keys["ca"].certificate).parent
    before = keys["ca"].certificate.read_bytes()
    assert create_authority(folder, "Test authority").certificate.read_bytes() == before

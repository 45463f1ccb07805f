"""Revocation over the network, by a responder and lists that are not ours: OpenSSL's, asked over loopback."""

import shutil
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.x509.oid import ExtendedKeyUsageOID

from interpayer.system.certificates.chain import Chain
from interpayer.system.certificates.fetching import Unreachable, revocation_fetch
from interpayer.system.certificates.revocation import Patience, Revocations, Standing
from interpayer.system.clock import now
from interpayer.system.settings import read_settings
from tests.support.certificates import Party, certify
from tests.support.proxies import free_port

# No answer is used twice, so that each question is asked.
IMPATIENT = Patience(refresh_s=0, retry_s=0, grace_s=0)
CONFIGURATION = """
[ca]
default_ca = here
[here]
database = {folder}/index.txt
certificate = {folder}/ca.crt
private_key = {folder}/ca.key
default_md = sha256
default_crl_days = 1
crlnumber = {folder}/crlnumber
"""


@dataclass
class Authority:
    """An authority whose list and responder are OpenSSL's."""

    folder: Path
    party: Party
    known: list[Party] = field(default_factory=list)
    revoked: dict[int, datetime] = field(default_factory=dict)

    def write(self) -> None:
        """The files that OpenSSL wants, as things stand."""
        save(self.folder / "ca", self.party)
        lines = []
        for one in self.known:
            certificate = one.certificate
            ends, at = certificate.not_valid_after_utc, self.revoked.get(certificate.serial_number)
            serial = f"{certificate.serial_number:X}"
            serial = serial if len(serial) % 2 == 0 else f"0{serial}"
            stamp = f"{at:%y%m%d%H%M%SZ}" if at else ""
            lines.append(f"{'R' if at else 'V'}\t{ends:%y%m%d%H%M%SZ}\t{stamp}\t{serial}\tunknown\t/CN=plan-b\n")
        (self.folder / "index.txt").write_text("".join(lines))
        (self.folder / "crlnumber").write_text("01\n")
        (self.folder / "ca.cnf").write_text(CONFIGURATION.format(folder=self.folder))

    def make_list(self) -> None:
        self.write()
        run("ca", "-config", f"{self.folder}/ca.cnf", "-gencrl", "-out", f"{self.folder}/web/ca.crl")

    @contextmanager
    def responding(self, port: int, *, delegate: Party | None = None) -> Iterator[None]:
        """OpenSSL's responder, signing itself or by a delegate."""
        self.write()
        save(self.folder / "signer", delegate or self.party)
        here = self.folder
        signing = ["-CA", f"{here}/ca.crt", "-rsigner", f"{here}/signer.crt", "-rkey", f"{here}/signer.key"]
        command = ["openssl", "ocsp", "-index", f"{here}/index.txt", "-port", str(port), *signing, "-nmin", "5"]
        process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
        assert process.stderr is not None
        # it says that it waits; a connection made only to see whether it listens would hang it up
        assert b"waiting" in process.stderr.readline()
        try:
            yield
        finally:
            process.terminate()
            process.communicate(timeout=10)


def run(*arguments: str) -> None:
    subprocess.run(["openssl", *arguments], check=True, capture_output=True)


def save(place: Path, party: Party) -> None:
    place.with_suffix(".crt").write_bytes(party.pem)
    kind = serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    place.with_suffix(".key").write_bytes(party.key.private_bytes(*kind))


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    if shutil.which("openssl") is None:
        pytest.skip("openssl is not installed")
    (tmp_path / "web").mkdir()
    return Authority(tmp_path, certify("Root", ca=True, at=now()))


@pytest.fixture
def web(authority: Authority) -> Iterator[str]:
    """A plain web server of the authority's folder."""
    handler = partial(SimpleHTTPRequestHandler, directory=str(authority.folder / "web"))
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    handler.func.log_message = lambda *_: None  # type: ignore[method-assign]
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


def revocations(tmp_path: Path, **more: str) -> Revocations:
    given = {"HOME": str(tmp_path), "ENVIRONMENT": "test", "ALLOWED_PRIVATE_HOSTS": "127.0.0.1", **more}
    settings = read_settings({f"INTERPAYER_{name}": value for name, value in given.items() if value})
    return Revocations(revocation_fetch(settings), patience=IMPATIENT)


def chain_of(leaf: Party, authority: Authority) -> Chain:
    return Chain((leaf.certificate, authority.party.certificate), ())


@pytest.mark.parametrize("is_delegated", [False, True], ids=["the authority", "a delegate"])
def test_the_responder_of_openssl_is_understood(authority: Authority, tmp_path: Path, is_delegated: bool) -> None:
    port = free_port()
    leaf, unknown = (
        certify("plan-b", authority.party, ocsp_url=f"http://127.0.0.1:{port}/", at=now()) for _ in range(2)
    )
    authority.known.append(leaf)
    uses = [ExtendedKeyUsageOID.OCSP_SIGNING]
    delegate = certify("Responder", authority.party, uses=uses, at=now()) if is_delegated else None
    asked = revocations(tmp_path)
    with authority.responding(port, delegate=delegate):
        assert asked.status(chain_of(leaf, authority), at=now()).standing is Standing.GOOD
        assert asked.status(chain_of(unknown, authority), at=now()).is_refused
    authority.revoked[leaf.certificate.serial_number] = now()
    with authority.responding(port, delegate=delegate):
        status = asked.status(chain_of(leaf, authority), at=now())
        assert (status.standing, status.source) == (Standing.REVOKED, "ocsp")
    assert revocations(tmp_path).status(chain_of(leaf, authority), at=now()).standing is Standing.UNKNOWN


def test_the_list_of_openssl_is_understood(authority: Authority, tmp_path: Path, web: str) -> None:
    leaf = certify("plan-b", authority.party, crl_url=f"{web}/ca.crl", at=now())
    authority.known.append(leaf)
    asked = revocations(tmp_path)
    assert asked.status(chain_of(leaf, authority), at=now()).standing is Standing.UNKNOWN  # 404
    authority.make_list()
    assert asked.status(chain_of(leaf, authority), at=now()).standing is Standing.GOOD
    authority.revoked[leaf.certificate.serial_number] = now()
    authority.make_list()
    status = asked.status(chain_of(leaf, authority), at=now())
    assert (status.standing, status.source) == (Standing.REVOKED, "crl")
    text = subprocess.run(
        ["openssl", "crl", "-in", f"{authority.folder}/web/ca.crl", "-noout", "-text"], capture_output=True, check=True
    ).stdout.decode()
    assert f"{leaf.certificate.serial_number:X}" in text


def test_an_address_in_a_certificate_opens_no_way_inside(authority: Authority, tmp_path: Path, web: str) -> None:
    """What stands in a certificate is an address of a stranger: private ones are not called, nor other schemes."""
    authority.make_list()
    fetch = revocation_fetch(read_settings({"INTERPAYER_HOME": str(tmp_path)}))
    for url in (
        f"{web}/ca.crl",
        "http://169.254.169.254/latest",
        "http://localhost/x",
        "ftp://x.example/",
        "file:///etc",
    ):
        with pytest.raises(Unreachable):
            fetch(url, None)


def test_an_answer_without_end_is_cut(authority: Authority, tmp_path: Path, web: str) -> None:
    settings = read_settings({
        "INTERPAYER_HOME": str(tmp_path), "INTERPAYER_ENVIRONMENT": "test",
        "INTERPAYER_ALLOWED_PRIVATE_HOSTS": "127.0.0.1",
    })  # fmt: skip
    fetch = revocation_fetch(settings)
    (authority.folder / "web" / "large.crl").write_bytes(b"x" * (17 << 20))
    with pytest.raises(Unreachable):
        fetch(f"{web}/large.crl", None)

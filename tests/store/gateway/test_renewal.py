"""New certificates and authorities come into force without a restart, and without cutting anybody off."""

import shutil
import socket
import ssl
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from cryptography import x509
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.routing import Route

from interpayer.gateway import listen, protocol
from interpayer.gateway.listen import Doors, Listener
from interpayer.gateway.tls import RenewedTls
from interpayer.system.tls import KeyPair, create_authority, issue_client, issue_server


class Payer:
    """A door with its own files, which a test exchanges."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.old, self.new = (create_authority(folder / name, name) for name in ("old", "new"))
        self.certificate, self.key, self.client_ca = (folder / name for name in ("tls.crt", "tls.key", "ca.crt"))
        self.put(self.old)
        self.tls = RenewedTls(self.certificate, self.key, self.client_ca)
        app = Starlette(routes=[Route("/", _whoami)])
        listener = Listener(app, "127.0.0.1:0", self.tls.context, look=self.tls.look, most_of_one=lambda: 3)
        self.doors = Doors([listener])

    def put(self, ca: KeyPair) -> None:
        """A server certificate of this authority, which is also the one whose clients are let in."""
        pair = issue_server(self.folder, ca, ["127.0.0.1"], name=f"server-{ca.key.parent.name}")
        for source, place in ((pair.key, self.key), (pair.certificate, self.certificate)):
            shutil.copyfile(source, place)
        shutil.copyfile(ca.certificate, self.client_ca)

    @contextmanager
    def connected(self, ca: KeyPair, client: KeyPair | None = None) -> Iterator[ssl.SSLSocket]:
        host, _, port = self.doors.addresses[0].rpartition(":")
        context = ssl.create_default_context(cafile=str(ca.certificate))
        if client is not None:
            context.load_cert_chain(client.certificate, client.key)
        plain = socket.create_connection((host, int(port)), timeout=10)
        with plain, context.wrap_socket(plain, server_hostname="127.0.0.1") as tls:
            yield tls

    def serial(self, ca: KeyPair) -> int:
        """The certificate that the door shows; ssl.SSLError when another authority gave it."""
        with self.connected(ca) as tls:
            der = tls.getpeercert(binary_form=True)
            assert der is not None
            return x509.load_der_x509_certificate(der).serial_number


async def _whoami(request: Request) -> PlainTextResponse:
    shown = request.scope["extensions"]["tls"]["client_cert_ders"]
    return PlainTextResponse(str(len(shown)))


@pytest.fixture
def payer(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Payer]:
    monkeypatch.setattr(listen, "LOOK_S", 0.05)
    payer = Payer(tmp_path)
    payer.doors.start()
    yield payer
    payer.doors.stop()


def soon(check: Callable[[], bool]) -> bool:
    end = time.monotonic() + 8
    while time.monotonic() < end:
        try:
            if check():
                return True
        except (ssl.SSLError, ConnectionError):
            pass
        time.sleep(0.05)
    return False


def ask(tls: ssl.SSLSocket) -> bytes:
    tls.sendall(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
    answer = tls.recv(65536)
    while answer.startswith(b"HTTP/1.1 200 ") and answer.endswith(b"\r\n"):
        answer += tls.recv(65536)
    return answer


def test_a_new_certificate_and_new_authorities_are_in_force_and_open_connections_live_on(payer: Payer) -> None:
    theirs = issue_client(payer.folder, payer.old, "plan-b")
    fresh = issue_client(payer.folder, payer.new, "plan-b-new")
    with payer.connected(payer.old, theirs) as before:
        assert ask(before).endswith(b"2")  # the leaf and its authority: the path that TLS verified
        payer.put(payer.new)
        assert soon(lambda: payer.serial(payer.new) > 0)
        assert ask(before).startswith(b"HTTP/1.1 200 ")
    with payer.connected(payer.new, fresh) as after:
        assert ask(after).startswith(b"HTTP/1.1 200 ")
    # the old authority is trusted no more, whatever the client believes
    with pytest.raises((ssl.SSLError, ConnectionError)), payer.connected(payer.new, theirs) as late:
        answer = ask(late)
        raise ConnectionError("closed") if not answer else AssertionError(answer)


@pytest.mark.parametrize("damage", ["half", "empty", "of another key", "gone"])
def test_files_that_do_not_hold_leave_the_old_ones_in_force(payer: Payer, damage: str) -> None:
    serial = payer.serial(payer.old)
    other = issue_server(payer.folder, payer.new, ["127.0.0.1"], name="other")
    if damage == "gone":
        payer.certificate.unlink()
    elif damage == "of another key":
        payer.certificate.write_bytes(other.certificate.read_bytes())
    else:
        content = payer.certificate.read_bytes()
        payer.certificate.write_bytes(content[: len(content) // 2] if damage == "half" else b"")
    assert payer.tls.look() is False
    assert payer.serial(payer.old) == serial
    # and as soon as they hold, they count
    payer.put(payer.new)
    assert soon(lambda: payer.serial(payer.new) > 0)


def test_one_certificate_holds_so_many_connections_and_no_more(payer: Payer) -> None:
    theirs = issue_client(payer.folder, payer.old, "plan-b")
    other = issue_client(payer.folder, payer.old, "plan-c")
    with (
        payer.connected(payer.old, theirs) as one,
        payer.connected(payer.old, theirs),
        payer.connected(payer.old, theirs),
    ):
        assert ask(one).startswith(b"HTTP/1.1 200 ")
        with payer.connected(payer.old, theirs) as fourth:
            refused = fourth.recv(65536)
            assert refused.startswith(b"HTTP/1.1 429 ")
            assert b"retry-after: 5" in refused
        with payer.connected(payer.old, other) as another:
            assert ask(another).startswith(b"HTTP/1.1 200 ")
    assert soon(lambda: _gets_in(payer, theirs))


def _gets_in(payer: Payer, client: KeyPair) -> bool:
    with payer.connected(payer.old, client) as tls:
        return ask(tls).startswith(b"HTTP/1.1 200 ")


def test_who_takes_nothing_of_its_answer_is_let_go(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(protocol, "STALLED_S", 0.5)

    async def much(_request: Request) -> PlainTextResponse:
        return PlainTextResponse("x" * 64_000_000)

    doors = Doors([Listener(Starlette(routes=[Route("/", much)]), "127.0.0.1:0", None)]).start()
    host, _, port = doors.addresses[0].rpartition(":")
    try:
        with plain_ask(host, int(port)) as stalled:
            time.sleep(1.5)
            with pytest.raises(ConnectionError):
                read_all(stalled)
        with plain_ask(host, int(port)) as honest:
            assert read_all(honest) > 64_000_000
    finally:
        doors.stop()


def plain_ask(host: str, port: int) -> socket.socket:
    asking = socket.create_connection((host, port), timeout=10)
    asking.sendall(b"GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
    return asking


def read_all(asking: socket.socket) -> int:
    size = 0
    while chunk := asking.recv(1 << 20):
        size += len(chunk)
    return size

"""The real doors behind a proxy on this machine: the partners' door on a unix socket, as the settings say."""

import base64
import socket
import ssl
import stat
from pathlib import Path
from urllib.parse import urlencode

from interpayer.app.build import build
from interpayer.app.doors import in_background
from interpayer.gateway.tokens import ASSERTION_TYPE
from interpayer.partners import directory
from interpayer.system.tls import create_authority, issue_client, issue_server
from tests.support.databases import ScratchDatabase
from tests.support.doors import a_partner, assertion, claims
from tests.support.proxies import free_port

BASE = "https://payer.example"


def test_partners_are_known_by_what_the_proxy_hands_on(database: ScratchDatabase, tmp_path: Path) -> None:
    home = tmp_path / "home"
    authority = create_authority(home / "tls", "Test CA")
    issue_server(home / "tls", authority, ["payer.example"], name="server")
    (home / "tls" / "client-ca.crt").write_bytes(authority.certificate.read_bytes())
    client = issue_client(home / "tls", authority, "plan-b")
    place = tmp_path / "door.sock"
    given = {"listen": f"unix:{place}", "proxies": "unix", "base_url": BASE, "environment": "test"}
    own = {name: f"127.0.0.1:{free_port()}" for name in ("api_listen", "console_listen")}
    application = build(database.settings(home, **given, **own))
    with database.operator.transaction() as conn:
        directory.add_partner(conn, a_partner("plan-b"), by="tests")
    doors = in_background(application).start()
    try:
        assert stat.S_IMODE(place.stat().st_mode) == 0o660
        form = urlencode({
            "grant_type": "client_credentials",
            "scope": "system/*.rs",
            "client_assertion_type": ASSERTION_TYPE,
            "client_assertion": assertion(claims(f"{BASE}/token")),
        })  # fmt: skip
        der = base64.b64encode(ssl.PEM_cert_to_DER_cert(client.certificate.read_text())).decode()
        assert b" 401 " in asked(place, form, {})
        assert b" 200 " in asked(place, form, {"Client-Cert": f":{der}:"})
    finally:
        doors.stop()
        application.close()


def asked(place: Path, form: str, headers: dict[str, str]) -> bytes:
    """The first line of the answer to a request for a token."""
    lines = ["POST /token HTTP/1.1", "Host: payer.example", "Content-Type: application/x-www-form-urlencoded"]
    lines += [
        f"Content-Length: {len(form)}",
        "Connection: close",
        *(f"{name}: {value}" for name, value in headers.items()),
    ]
    with socket.socket(socket.AF_UNIX) as line:
        line.settimeout(20)
        line.connect(str(place))
        line.sendall("\r\n".join([*lines, "", form]).encode())
        answer = b""
        while piece := line.recv(65536):
            answer += piece
    return answer.split(b"\r\n", 1)[0]

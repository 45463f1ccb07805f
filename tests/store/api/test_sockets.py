"""Both doors of the plan on real sockets, as `interpayer serve` opens them."""

import socket
from pathlib import Path

import httpx2

from interpayer.api import server as api
from interpayer.console import server as console
from interpayer.exchange.tools import Tools
from interpayer.gateway.listen import Doors, Listener
from tests.support.databases import ScratchDatabase


def test_the_doors_answer_on_their_own_listeners(
    tools: Tools, tokens: dict[str, str], database: ScratchDatabase, tmp_path: Path
) -> None:
    apps = (api.build(tools), console.build(tools, tmp_path / "console"))
    doors = Doors([Listener(app, "127.0.0.1:0", None) for app in apps]).start()
    own, people = (f"http://{address}" for address in doors.addresses)
    headers = {"Authorization": f"Bearer {tokens['system']}", "Idempotency-Key": "key-1"}
    try:
        with httpx2.Client(trust_env=False) as client:
            asked = client.post(f"{own}/api/v1/exchanges", json={"partner": "urn:payers|old"}, headers=headers)
            assert asked.status_code == 202
            shown = client.get(f"{own}{asked.headers['location']}", headers=headers)
            assert shown.json()["exchange"] == asked.json()["exchange"]
            assert client.get(f"{people}/").headers["location"] == "/login"
            assert "Log in" in client.get(f"{people}/login").text
            assert client.get(f"{people}/style.css").headers["content-type"].startswith("text/css")
        host, _, port = doors.addresses[0].rpartition(":")
        with socket.create_connection((host, int(port)), timeout=5) as raw:
            token = tokens["system"]
            raw.sendall(
                f"POST /api/v1/exchanges HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {token}\r\n"
                "Idempotency-Key: k\r\nContent-Type: application/json\r\nContent-Length: 2000000\r\n\r\n".encode()
            )
            assert b"413" in raw.recv(4096).split(b"\r\n")[0]
    finally:
        doors.stop()
    with database.owner.transaction() as conn:
        assert conn.execute("select count(*) as n from exchange.exchange").fetchone() == {"n": 1}

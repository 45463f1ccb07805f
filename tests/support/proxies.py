"""HAProxy and nginx in front of a door, with the very configuration that the page for operators shows."""

import re
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from interpayer.system.tls import KeyPair

PAGE = Path(__file__).parent.parent.parent / "docs" / "how-to" / "behind-a-proxy.md"
SHOWN = {"haproxy": "haproxy", "nginx": "nginx"}
# nginx that ends TLS and passes on what callers send: what nobody should list as a proxy.
CARELESS = """
worker_processes 1;
events {{ worker_connections 64; }}
http {{
    server {{
        listen 127.0.0.1:{port} ssl;
        ssl_certificate {server}.crt;
        ssl_certificate_key {server}.key;
        location / {{
            proxy_pass {door};
            proxy_ssl_verify off;
            proxy_set_header Host $http_host;
        }}
    }}
}}
"""


def need(name: str) -> None:
    """Skip where the proxy is not installed."""
    if shutil.which(name) is None:
        pytest.skip(f"{name} is not installed")


def free_port() -> int:
    """A port that was free a moment ago."""
    with socket.create_server(("127.0.0.1", 0)) as bound:
        return int(bound.getsockname()[1])


def configuration(name: str, folder: Path, *, port: int, pair: KeyPair, ca: Path) -> str:
    """What the page shows for this proxy, with the paths and the port of a test."""
    blocks = re.findall(rf"```{SHOWN[name]}\n(.*?)```", PAGE.read_text("utf-8"), re.DOTALL)
    assert len(blocks) == 1
    both = folder / "server.pem"
    both.write_bytes(pair.certificate.read_bytes() + pair.key.read_bytes())
    text: str = blocks[0]
    for shown, real in {
        "0.0.0.0:8443": f"127.0.0.1:{port}",
        "/etc/interpayer/tls/server.pem": str(both),
        "/etc/interpayer/tls/server.crt": str(pair.certificate),
        "/etc/interpayer/tls/server.key": str(pair.key),
        "/etc/interpayer/tls/client-ca.crt": str(ca),
        "/run/interpayer/door.sock": str(folder / "door.sock"),
    }.items():
        text = text.replace(shown, real)
    assert "/etc/interpayer" not in text
    return text


@contextmanager
def running(name: str, text: str, folder: Path, *, port: int) -> Iterator[None]:
    """The proxy as a process of its own, until the context ends."""
    file = folder / f"{name}.conf"
    file.write_text(text)
    here = [f"pid {folder}/nginx.pid; error_log {folder}/error.log; daemon off; user root;"]
    command = ["haproxy", "-db", "-f", str(file)] if name == "haproxy" else ["nginx", "-c", str(file), "-g", *here]
    with (folder / f"{name}.out").open("wb") as out:
        process = subprocess.Popen(command, stdout=out, stderr=out)
    try:
        _wait(process, port, folder / f"{name}.out")
        yield
    finally:
        process.terminate()
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _wait(process: subprocess.Popen[bytes], port: int, out: Path) -> None:
    end = time.monotonic() + 10
    while time.monotonic() < end:
        assert process.poll() is None, out.read_text()
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
            return
        except OSError:
            time.sleep(0.05)
    raise AssertionError("the proxy does not listen")

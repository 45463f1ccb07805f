"""A whole payer on this machine: own home, database, keys, ports and processes, driven as a person would drive it."""

import json
import os
import random
import signal
import socket
import ssl
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx2
import yaml

from interpayer.system.postgres import server_status
from interpayer.system.tls import KeyPair, create_authority, issue_client, issue_server

HOST = "127.0.0.1"
PROCESSES = ("database", "doors", "worker")
# Below what Linux (32768) and macOS (49152) take for outgoing connections.
PORTS = range(20_000, 32_000)
_CHANCE = random.SystemRandom()
_GIVEN: set[int] = set()
CAPABILITIES = ("member-match", "bulk-member-match", "davinci-data-export", "everything")


class CommandFailed(Exception):
    """A command of this installation ended with an error; carries its exit code and what it said."""

    def __init__(self, arguments: Sequence[str], code: int, said: str) -> None:
        super().__init__(f"interpayer {' '.join(arguments[:2])} ended with {code}: {said}")
        self.code = code
        self.said = said


@dataclass(slots=True)
class Installation:
    """One payer. `start` begins its processes, `command` acts as its administrator, `kill` is kill -9."""

    name: str
    title: str
    home: Path
    ports: tuple[int, int, int]
    environment: str = "test"
    also_known_as: tuple[str, ...] = ()
    front: int | None = None
    slots: int = 1
    extra: dict[str, str] = field(default_factory=dict)
    token: str | None = None
    running: dict[str, subprocess.Popen[bytes]] = field(default_factory=dict)
    client: httpx2.Client | None = None

    @property
    def base_url(self) -> str:
        """Where partners reach it: its own door, or the port in front of it (`front`: a line that loses and cuts)."""
        return f"https://{HOST}:{self.front or self.ports[0]}"

    @property
    def api_url(self) -> str:
        """Where its own systems reach it."""
        return f"https://{HOST}:{self.ports[1]}/api/v1"

    @property
    def console_url(self) -> str:
        """Where its people reach it."""
        return f"https://{HOST}:{self.ports[2]}"

    @property
    def environ(self) -> dict[str, str]:
        """The environment of its processes."""
        kept = {key: value for key, value in os.environ.items() if not key.startswith("INTERPAYER_")}
        own = {
            "HOME": str(self.home),
            "BASE_URL": self.base_url,
            "ENVIRONMENT": self.environment,
            "LISTEN": f"{HOST}:{self.ports[0]}",
            "API_LISTEN": f"{HOST}:{self.ports[1]}",
            "CONSOLE_LISTEN": f"{HOST}:{self.ports[2]}",
            "ORGANIZATIONS": str(self.home / "organizations.yaml"),
            "ALLOWED_PRIVATE_HOSTS": HOST,
            **self.extra,
        }
        token = {"INTERPAYER_TOKEN": self.token} if self.token else {}
        return {**kept, **{f"INTERPAYER_{key}": value for key, value in own.items()}, **token}

    def prepare(self, authority: KeyPair) -> None:
        """Certificates and the organizations file; what is there is kept."""
        folder = self.home / "tls"
        folder.mkdir(parents=True, exist_ok=True)
        if not (folder / "server.crt").exists():
            issue_server(folder, authority, [HOST, "localhost"], name="server")
            issue_client(folder, authority, "client", hosts=[f"{self.name}.example"])
            (folder / "ca.crt").write_bytes(authority.certificate.read_bytes())
            (folder / "client-ca.crt").write_bytes(authority.certificate.read_bytes())
        identifiers = [self.name, *self.also_known_as]
        entity = {"id": self.name, "name": self.title, "identifiers": identifiers, "time_zone": "America/New_York"}
        (self.home / "organizations.yaml").write_text(yaml.safe_dump({"legal_entities": [entity]}), encoding="utf-8")

    def start(self, *names: str) -> None:
        """Start the named processes (default: all) and wait until each answers."""
        for name in names or PROCESSES:
            if name == "worker":
                for slot in range(1, self.slots + 1):
                    self._spawn(f"worker-{slot}", ["worker", "--slot", f"{self.name}-{slot}"])
            elif name == "database":
                self._spawn(name, ["db", "run"])
                self._wait_for_database()
            else:
                self._spawn(name, ["serve"])
                self._wait_for_doors()

    def kill(self, name: str) -> None:
        """kill -9, without warning."""
        process = self.running.pop(name, None)
        if process is not None and process.poll() is None:
            process.send_signal(signal.SIGKILL)
            process.wait()

    def stop(self) -> None:
        """End all processes in good order: doors and workers first, the database last."""
        if self.client is not None:
            self.client.close()
            self.client = None
        names = sorted(self.running, key=lambda name: name == "database")
        for name in names:
            process = self.running.pop(name)
            if process.poll() is None:
                process.send_signal(signal.SIGTERM)
                try:
                    process.wait(timeout=20)
                except subprocess.TimeoutExpired:
                    process.kill()
                    process.wait()

    def command(self, *arguments: str, allowed: Sequence[int] = (0,)) -> Any:
        """Run `interpayer ARGUMENTS --json`; what it printed, parsed. CommandFailed on an exit code not allowed."""
        done = subprocess.run(
            [sys.executable, "-m", "interpayer", *arguments, "--json"],
            env=self.environ,
            capture_output=True,
            check=False,
        )
        if done.returncode not in allowed:
            raise CommandFailed(arguments, done.returncode, done.stderr.decode(errors="replace")[-2000:])
        text = done.stdout.decode()
        return json.loads(text) if text.strip() else None

    def api(self, method: str, path: str, body: object = None, *, key: str | None = None) -> tuple[int, Any]:
        """Call the plan's own API as the administrator; status and parsed body."""
        headers = {"Authorization": f"Bearer {self.token}", "Accept": "application/json"}
        if key:
            headers["Idempotency-Key"] = key
        answer = self._client().request(method, f"{self.api_url}{path}", json=body, headers=headers)
        return answer.status_code, answer.json() if answer.content else None

    def _client(self) -> httpx2.Client:
        """One client for all calls; it keeps its connections."""
        if self.client is None:
            context = ssl.create_default_context(cafile=str(self.home / "tls" / "ca.crt"))
            self.client = httpx2.Client(verify=context, timeout=30, trust_env=False)
        return self.client

    def public_keys(self) -> dict[str, Any]:
        """The keys that its partners verify it by, as it publishes them."""
        return dict(self._client().get(f"{self.base_url}/.well-known/jwks.json").json())

    def exchanges(self) -> list[dict[str, Any]]:
        """All exchanges that its API lists, newest first."""
        found: list[dict[str, Any]] = []
        after = ""
        while True:
            status, page = self.api("GET", f"/exchanges?limit=200{after}")
            if status != 200:
                raise CommandFailed(["exchanges"], status, str(page))
            found += page["exchanges"]
            if not page["next"]:
                return found
            after = f"&after={found[-1]['exchange']}"

    def log(self, name: str) -> Path:
        """What a process wrote on standard error."""
        return self.home / "log" / f"{name}.log"

    def _spawn(self, name: str, arguments: Sequence[str]) -> None:
        self.log(name).parent.mkdir(parents=True, exist_ok=True)
        with self.log(name).open("ab") as log:
            self.running[name] = subprocess.Popen(
                [sys.executable, "-m", "interpayer", *arguments],
                env=self.environ,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )

    def _wait_for_database(self) -> None:
        self._until("database", lambda: server_status(self.home).state == "running")

    def _wait_for_doors(self) -> None:
        for port in self.ports:
            self._until("doors", lambda port=port: _answers(port))

    def _until(self, name: str, is_ready: Any) -> None:
        process = self.running[name]
        while not is_ready():
            if process.poll() is not None:
                tail = self.log(name).read_text(encoding="utf-8", errors="replace")[-2000:]
                raise CommandFailed([name], process.returncode, tail)
            time.sleep(0.1)


def free_ports(count: int) -> list[int]:
    """Ports on the loopback address that nobody uses now, and that the system gives to no outgoing connection."""
    # From the system's own range a port could be taken by any connection before our server comes to bind it.
    ports: list[int] = []
    for port in _CHANCE.sample(PORTS, len(PORTS)):
        if len(ports) == count:
            break
        if port not in _GIVEN and _is_free(port):
            ports.append(port)
    _GIVEN.update(ports)
    return ports


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
        except OSError:
            return False
    return True


def authority_of(folder: Path) -> KeyPair:
    """The authority that all installations of one simulation trust."""
    return create_authority(folder, "Interpayer simulation")


def introduce(one: Installation, other: Installation, *, capabilities: Sequence[str] = CAPABILITIES) -> None:
    """Make `other` a partner of `one`: keys, organization, endpoint, scopes, as a registration document."""
    document = {
        "name": other.title,
        "client_id": other.base_url,
        "our_client_id": one.base_url,
        "organizations": [other.name, *other.also_known_as],
        "environment": other.environment,
        "jwks": other.public_keys(),
        "scopes": [
            "http://hl7.org/fhir/us/davinci-hrex/OperationDefinition/member-match",
            "http://hl7.org/fhir/us/davinci-pdex/OperationDefinition/BulkMemberMatch",
            "system/*.rs",
        ],
        "contact": f"exchange@{other.name}.example",
        "endpoints": [
            {
                "fhir_base": f"{other.base_url}/fhir",
                "capabilities": list(capabilities),
                "version": "2.2",
                "environment": other.environment,
                "requires_mtls": True,
            }
        ],
    }
    path = one.home / f"partner-{other.name}.json"
    path.write_text(json.dumps(document), encoding="utf-8")
    one.command("partner", "add", str(path))


def _answers(port: int) -> bool:
    try:
        with socket.create_connection((HOST, port), timeout=1):
            return True
    except OSError:
        return False

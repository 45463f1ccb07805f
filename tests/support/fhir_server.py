"""A FHIR R4 server of its own process thread, over TLS: search, $everything, Bulk export, tokens, and its bad days.

It is no part of the product: what a plan's clinical system might be, seen from outside.
"""

import json
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

from interpayer.system.tls import create_authority, issue_server
from tests.support.https import HttpsServer

PATIENT_KEYS = {"Coverage": "beneficiary", "AllergyIntolerance": "patient", "Immunization": "patient"}
PAGE = 2


@dataclass(slots=True)
class Manners:
    """How the server behaves; changed while it runs."""

    delay_s: float = 0.0
    status: int = 0
    retry_after: str = ""
    garbage: bool = False
    trickle: bool = False
    fhir_version: str = "4.0.1"
    needs_token: bool = False
    ignores_search: bool = False
    endless: str = ""
    elsewhere: str = ""
    leaves_out: tuple[str, ...] = ()
    polls: int = 1
    wrong_count: bool = False


@dataclass(slots=True)
class Seen:
    """What was asked of it."""

    paths: list[str] = field(default_factory=list)
    forms: list[dict[str, list[str]]] = field(default_factory=list)
    tokens: int = 0
    at_once: int = 0
    deleted: list[str] = field(default_factory=list)


class FhirServerForTests(HttpsServer):
    """Use as a context: `url`, `ca`; change `manners` and `resources` at any time."""

    def __init__(self, folder: Path, resources: Sequence[dict[str, Any]] = ()) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.resources = list(resources)
        self.manners, self.seen = Manners(), Seen()
        authority = create_authority(folder, "Clinic")
        pair = issue_server(folder, authority, ["127.0.0.1", "localhost"], name="clinic")
        self.ca = authority.certificate
        self.exports: dict[str, int] = {}
        outer = self

        class Answering(_Answering):
            server_for_tests = outer

        super().__init__(pair, Answering)
        self.url = f"{self.origin}/fhir"

    def declaration(self, name: str = "clinic", more: str = "", **where: str) -> str:
        """A declaration of this server as YAML."""
        placed = {"url": self.url, "ca": str(self.ca), **where}
        return f"source: {name}\nkind: fhir_server\nwhere: {json.dumps(placed)}\nlimits: {{per_second: 1000}}\n{more}"

    def capability(self) -> dict[str, Any]:
        """What it promises: what its resources are, less `leaves_out`."""
        types = sorted({one["resourceType"] for one in self.resources} - set(self.manners.leaves_out))
        rows = [
            {
                "type": name,
                "interaction": [{"code": "search-type"}],
                "searchParam": [{"name": "identifier"} if name == "Patient" else {"name": _key(name)}],
                "searchRevInclude": ["Provenance:target"],
                "operation": [{"name": "everything"}, {"name": "export"}] if name == "Patient" else [],
            }
            for name in types
        ]
        rest = {"mode": "server", "resource": rows, "operation": [{"name": "export"}]}
        return {"resourceType": "CapabilityStatement", "fhirVersion": self.manners.fhir_version, "rest": [rest]}


def _key(name: str) -> str:
    return "patient" if name in PATIENT_KEYS or name != "Provenance" else "target"


def _owner(resource: dict[str, Any]) -> str:
    key = PATIENT_KEYS.get(resource["resourceType"], "subject")
    return str(resource.get(key, {}).get("reference", ""))


class _Answering(BaseHTTPRequestHandler):
    server_for_tests: FhirServerForTests
    protocol_version = "HTTP/1.1"

    def log_message(self, *_: object) -> None:
        """Say nothing."""

    def do_GET(self) -> None:
        self._answer({})

    def do_POST(self) -> None:
        form = parse_qs(self.rfile.read(int(self.headers.get("Content-Length", 0))).decode())
        self.server_for_tests.seen.forms.append(form)
        self._answer(form)

    def do_DELETE(self) -> None:
        self.server_for_tests.seen.deleted.append(self.path)
        self._send(202, {})

    def _answer(self, form: dict[str, list[str]]) -> None:
        server, manners = self.server_for_tests, self.server_for_tests.manners
        address = urlsplit(self.path)
        path = address.path.removeprefix("/fhir/")
        server.seen.paths.append(self.path)
        if path == ".well-known/smart-configuration":
            return self._send(200, {"token_endpoint": f"{server.url}/token"})
        if path == "token":
            server.seen.tokens += 1
            good = form.get("grant_type") == ["client_credentials"] and form.get("client_assertion")
            answer = {"access_token": f"t{server.seen.tokens}", "token_type": "bearer", "expires_in": 300}
            return self._send(200 if good else 400, answer if good else {"error": "invalid_client"})
        if manners.needs_token and self.headers.get("Authorization") != f"Bearer t{server.seen.tokens}":
            return self._send(401, {})
        time.sleep(manners.delay_s)
        if manners.status:
            return self._send(manners.status, {}, {"Retry-After": manners.retry_after} if manners.retry_after else {})
        if manners.garbage:
            return self._raw(200, b"\x00<html>not what you asked for", "text/html")
        query = {name: values[0] for name, values in {**parse_qs(address.query), **form}.items()}
        return self._fhir(path, query)

    def _fhir(self, path: str, query: dict[str, str]) -> None:
        server = self.server_for_tests
        if path == "metadata":
            return self._send(200, server.capability())
        if path.endswith("$everything"):
            patient = path.split("/")[1]
            mine = [r for r in server.resources if _owner(r) == f"Patient/{patient}" or r.get("id") == patient]
            return self._page(path, query, mine, [])
        if path.endswith("$export"):
            return self._export(query)
        if path.startswith(("job/", "file/")):
            return self._job(path)
        return self._search(path.removesuffix("/_search"), query)

    def _search(self, kind: str, query: dict[str, str]) -> None:
        server = self.server_for_tests
        found = [one for one in server.resources if one["resourceType"] == kind]
        if wanted := query.get("identifier"):
            found = [one for one in found if _carries(one, wanted)] if not server.manners.ignores_search else found
        if patient := query.get("patient"):
            found = [one for one in found if _owner(one).endswith(patient.removeprefix("Patient/"))]
        names = {f"{one['resourceType']}/{one['id']}" for one in found}
        included = [
            one
            for one in server.resources
            if query.get("_revinclude") and one["resourceType"] == "Provenance"
            if {target["reference"] for target in one["target"]} & names
        ]
        return self._page(kind, query, found, included)

    def _page(self, path: str, query: dict[str, str], found: list[Any], included: list[Any]) -> None:
        server = self.server_for_tests
        first = int(query.get("_from", 0))
        shown = [{"resource": one, "search": {"mode": "match"}} for one in found[first : first + PAGE]]
        shown += [{"resource": one, "search": {"mode": "include"}} for one in included] if first == 0 else []
        shown += [{"resource": {"resourceType": "OperationOutcome", "issue": []}, "search": {"mode": "outcome"}}]
        bundle: dict[str, Any] = {"resourceType": "Bundle", "type": "searchset", "entry": shown, "link": []}
        if first + PAGE < len(found) or server.manners.endless == path:
            after = 0 if server.manners.endless == path else first + PAGE
            base = server.manners.elsewhere or server.url
            url = f"{base}/{path}?{urlencode({**query, '_from': str(after)})}"
            bundle["link"].append({"relation": "next", "url": url})
        return self._send(200, bundle)

    def _export(self, query: dict[str, str]) -> None:
        server = self.server_for_tests
        if self.headers.get("Prefer") != "respond-async":
            return self._send(400, {})
        name = str(len(server.exports) + 1)
        server.exports[name] = server.manners.polls
        return self._send(202, {}, {"Content-Location": f"{server.url}/job/{name}?{urlencode(query)}"})

    def _job(self, path: str) -> None:
        server, (what, name) = self.server_for_tests, path.split("/")
        if what == "file":
            lines = [json.dumps(one) for one in server.resources if f"{one['resourceType']}.ndjson" == name]
            return self._raw(200, "\n".join(lines).encode() + b"\n", "application/fhir+ndjson")
        if server.exports[name] > 0:
            server.exports[name] -= 1
            return self._send(202, {}, {"Retry-After": "0"})
        kinds = sorted({one["resourceType"] for one in server.resources})
        extra = 1 if server.manners.wrong_count else 0
        rows = [
            {
                "type": kind,
                "url": f"{server.url}/file/{kind}.ndjson",
                "count": sum(one["resourceType"] == kind for one in server.resources) + extra,
            }
            for kind in kinds
        ]
        manifest = {"transactionTime": "2026-01-01T00:00:00Z", "requiresAccessToken": True, "output": rows, "error": []}
        return self._send(200, manifest)

    def _send(self, status: int, body: Any, headers: dict[str, str] | None = None) -> None:
        self._raw(status, json.dumps(body).encode(), "application/fhir+json", headers)

    def _raw(self, status: int, content: bytes, kind: str, headers: dict[str, str] | None = None) -> None:
        self.send_response(status)
        for name, value in {"Content-Type": kind, "Content-Length": str(len(content)), **(headers or {})}.items():
            self.send_header(name, value)
        self.end_headers()
        if not self.server_for_tests.manners.trickle:
            self.wfile.write(content)
            return
        for byte in content:
            self.wfile.write(bytes([byte]))
            self.wfile.flush()
            time.sleep(0.05)


def _carries(resource: dict[str, Any], wanted: str) -> bool:
    system, _, value = wanted.rpartition("|")
    named = [(one.get("system", ""), one["value"]) for one in resource.get("identifier", [])]
    return any(value == its and (not system or system == s) for s, its in named)

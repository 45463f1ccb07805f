"""A partner that speaks PDex 2.1 alone: another name of the match, and a bare Parameters for its result."""

import json
from collections.abc import Mapping, Sequence
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from interpayer.exchange.match_answer import Submitted, write_group, write_parameters
from interpayer.system.tls import KeyPair, issue_server
from tests.support.https import HOST, HttpsServer

Resource = dict[str, Any]


class Elder(HttpsServer):
    """One member and its records; use as a context. `heard` keeps what was asked: method, path, version told."""

    def __init__(self, folder: Path, authority: KeyPair, name: str, records: Sequence[Resource]) -> None:
        folder.mkdir()
        self.name, self.records = name, list(records)
        self.heard: list[tuple[str, str, str | None]] = []
        self.submitted: list[Resource] = []
        super().__init__(issue_server(folder, authority, [HOST], name="elder"), _handler_of(self))

    @property
    def fhir_base(self) -> str:
        """Where it answers."""
        return f"{self.origin}/fhir"

    def answer(self, method: str, path: str, body: bytes) -> tuple[int, Mapping[str, str], object]:
        """Status, headers and content of one call."""
        if path == "/fhir/.well-known/smart-configuration":
            return 200, {}, {"token_endpoint": f"{self.fhir_base}/token"}
        if path == "/fhir/token":
            return 200, {}, {"access_token": "t", "token_type": "bearer", "expires_in": 300}
        if method == "POST" and path == "/fhir/Group/$multi-member-match":
            self.submitted = [_parts(one) for one in json.loads(body)["parameter"]]
            return 202, {"Content-Location": f"{self.fhir_base}/job/match"}, b""
        if method == "POST" and path == "/fhir/Group/old-group/$davinci-data-export":
            return 202, {"Content-Location": f"{self.fhir_base}/job/export"}, b""
        if method == "GET" and path in self._contents():
            return 200, {}, self._contents()[path]
        return (202, {}, b"") if method == "DELETE" else (404, {}, {"resourceType": "OperationOutcome", "issue": []})

    def _contents(self) -> dict[str, object]:
        types = sorted({str(record["resourceType"]) for record in self.records})
        files = [{"type": kind, "url": f"{self.fhir_base}/file/{kind}"} for kind in types]
        manifest = {"transactionTime": "2026-11-20T00:00:00Z", "request": "export", "requiresAccessToken": True}
        lines = {
            f"/fhir/file/{kind}": b"".join(
                json.dumps(record).encode() + b"\n" for record in self.records if record["resourceType"] == kind
            )
            for kind in types
        }
        return {
            "/fhir/job/match": self._matched(),
            "/fhir/job/export": {**manifest, "output": files, "error": []},
            **lines,
        }

    def _matched(self) -> Resource:
        people = [
            Submitted(one["MemberPatient"], one["CoverageToMatch"], self.records[0]["id"]) for one in self.submitted
        ]
        payer = {"identifier": self.name, "name": self.name}
        group = write_group("old-group", "match", people, payer=payer, caller="asking", at="2026-11-20T00:00:00Z")
        return write_parameters([group])


def _parts(bundle: Mapping[str, Any]) -> Resource:
    return {part["name"]: part["resource"] for part in bundle["part"]}


def _handler_of(elder: Elder) -> type[BaseHTTPRequestHandler]:
    class Answering(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def _respond(self) -> None:
            path = urlsplit(self.path).path
            elder.heard.append((self.command, path, self.headers.get("X-PDex-Spec-Version")))
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            status, headers, content = elder.answer(self.command, path, body)
            raw = content if isinstance(content, bytes) else json.dumps(content).encode()
            self.send_response(status)
            kind = "application/fhir+ndjson" if "/file/" in path else "application/json"
            for name, value in {"Content-Type": kind, **headers, "Content-Length": str(len(raw))}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(raw)

        do_GET = do_POST = do_DELETE = _respond  # noqa: N815 -- names of the standard library

        def log_message(self, *_: object) -> None:
            """Nothing: the test keeps what was heard."""

    return Answering

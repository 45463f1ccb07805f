"""A real FHIR R4 server over https for tests: search by patient, paging; it can be slow, talk garbage, or refuse."""

import json
import time
from collections.abc import Mapping, Sequence
from http.server import BaseHTTPRequestHandler
from typing import Any
from urllib.parse import parse_qs, urlsplit

from interpayer.system.tls import KeyPair
from tests.support.https import HttpsServer

BY = {"Coverage": "beneficiary"}
PAGE = 2
Resource = dict[str, Any]


class FhirSource(HttpsServer):
    """Serves these resources on the loopback address while the context is open.

    `manner` may be changed at any time: "well", "slow" (``delay_s`` before each answer), "garbage", "refuse" (403),
    "broken" (503).
    """

    def __init__(self, pair: KeyPair, resources: Sequence[Resource]) -> None:
        self.resources = list(resources)
        self.manner, self.delay_s = "well", 3.0
        self.asked: list[str] = []
        super().__init__(pair, _door(self))

    @property
    def url(self) -> str:
        """Its base address."""
        return f"{self.origin}/fhir"

    def answer(self, path: str, query: Mapping[str, str]) -> tuple[int, bytes]:
        """Status and body of one request."""
        self.asked.append(path)
        if self.manner == "slow":
            time.sleep(self.delay_s)
        if self.manner in {"refuse", "broken"}:
            return {"refuse": 403, "broken": 503}[self.manner], b"{}"
        if self.manner == "garbage":
            return 200, b"\x00\xff<html>not what you asked for"
        return 200, json.dumps(self._said(path, query)).encode()

    def _said(self, path: str, query: Mapping[str, str]) -> Resource:
        if path == "metadata":
            return self._promises()
        kind = path.split("/")[0]
        found = [r for r in self.resources if r["resourceType"] == kind and _fits(r, query)]
        start = int(query.get("_from", "0"))
        more = {**query, "_from": str(start + PAGE)}
        link = "&".join(f"{name}={value}" for name, value in more.items())
        links = [{"relation": "next", "url": f"{self.url}/{kind}?{link}"}] if len(found) > start + PAGE else []
        entries = [{"resource": r, "search": {"mode": "match"}} for r in found[start : start + PAGE]]
        return {"resourceType": "Bundle", "type": "searchset", "link": links, "entry": entries}

    def _promises(self) -> Resource:
        kinds = sorted({r["resourceType"] for r in self.resources} | {"Patient"})
        rest = [
            {
                "type": kind,
                "interaction": [{"code": "search-type"}, {"code": "read"}],
                "searchParam": [{"name": "identifier" if kind == "Patient" else BY.get(kind, "patient")}],
            }
            for kind in kinds
        ]
        return {
            "resourceType": "CapabilityStatement", "fhirVersion": "4.0.1", "format": ["json"],
            "rest": [{"mode": "server", "resource": rest}],
        }  # fmt: skip


def _fits(resource: Resource, query: Mapping[str, str]) -> bool:
    wanted = query.get("identifier")
    if wanted is not None:
        system, bar, value = wanted.rpartition("|")
        held = [(i.get("system", ""), i["value"]) for i in resource.get("identifier", ())]
        return any(v == value and (not bar or s == system) for s, v in held)
    patient = next((query[name] for name in ("patient", "beneficiary", "subject") if name in query), None)
    owner = next(
        (resource[name]["reference"] for name in ("subject", "patient", "beneficiary") if name in resource), ""
    )
    return patient is None or owner == f"Patient/{patient.rpartition('/')[2]}"


def _door(source: FhirSource) -> type[BaseHTTPRequestHandler]:
    class Door(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            self._answer(urlsplit(self.path).query)

        def do_POST(self) -> None:
            self._answer(self.rfile.read(int(self.headers.get("Content-Length", "0"))).decode())

        def _answer(self, query: str) -> None:
            path = urlsplit(self.path).path.partition("/fhir/")[2].removesuffix("/_search")
            status, body = source.answer(path, {name: values[0] for name, values in parse_qs(query).items()})
            self.send_response(status)
            self.send_header("Content-Type", "application/fhir+json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            """Nothing."""

    return Door

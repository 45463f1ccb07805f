"""How we call another payer: token, match, export, poll, files. No exchange logic: typed answers, or one fault.

SMART Backend Services 2.2, HRex 1.2, PDex 2.2 (2.1 accepted), Bulk Data 2.0.
"""

import threading
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import httpx2
import orjson

from interpayer.model.reason import Fault, FaultKind
from interpayer.partners.answers import (
    TOKEN_REFUSED,
    Asked,
    BareParameters,
    FileLink,
    Manifest,
    Matched,
    Running,
    bad_answer,
    failure,
    read_match,
    read_status,
)
from interpayer.partners.files import Downloaded, Sink, copy_file, read_lines
from interpayer.partners.scopes import REQUESTER
from interpayer.partners.shaping import ExportWanted, export_parameters, match_names, version_headers
from interpayer.partners.signer import Signer
from interpayer.partners.token_source import Target, TokenSource
from interpayer.partners.transport import Ask, Reply, Trail, headers_of, same_origin, send
from interpayer.partners.udap.tokens import UdapTokenSource, UdapWay
from interpayer.system.clock import now

__all__ = [
    "BareParameters",
    "Downloaded",
    "ExportWanted",
    "FileLink",
    "Manifest",
    "Matched",
    "PartnerClient",
    "PartnerClients",
    "Running",
    "Sink",
    "Target",
    "Trail",
]

JSON = "application/fhir+json"
MOST_PAGES = 10_000


class PartnerClients:
    """One client per partner endpoint, kept for its connections and tokens. Safe between threads."""

    def __init__(self, http: httpx2.Client, signer: Signer, *, udap: UdapWay | None = None) -> None:
        self._http = http
        self._signer = signer
        self._udap = udap
        self._clients: dict[Target, PartnerClient] = {}
        self._making = threading.Lock()

    def be_patient(self, *, connect_s: float, silence_s: float) -> None:
        """From now on every call waits so long to be connected, and so long for the next byte."""
        wanted = httpx2.Timeout(silence_s, connect=connect_s)
        if self._http.timeout != wanted:
            self._http.timeout = wanted

    def client_for(self, target: Target) -> "PartnerClient":
        """The client of this endpoint."""
        with self._making:
            if target not in self._clients:
                self._clients[target] = PartnerClient(self._http, self._tokens_for(target))
            return self._clients[target]

    def close(self) -> None:
        """Let go of the connections."""
        self._http.close()

    def _tokens_for(self, target: Target) -> TokenSource:
        if target.udap_community is None:
            return TokenSource(self._http, self._signer, target)
        if self._udap is None:
            raise Fault(FaultKind.TERMINAL, "route.no_capability", detail="we take part in no UDAP community")
        return UdapTokenSource(self._http, self._signer, target, way=self._udap)


class PartnerClient:
    """Calls to one endpoint. Raises `Refusal` for a business no of a match, `Fault` for everything that broke."""

    def __init__(self, http: httpx2.Client, tokens: TokenSource) -> None:
        self._http = http
        self._tokens = tokens
        self._base = tokens.target.fhir_base.rstrip("/")
        self._profile = tokens.target.profile
        self._repeats_by_key = tokens.target.repeats_by_key

    def token(self, scopes: Sequence[str] = REQUESTER, *, subject: str | None = None) -> str:
        """An access token, from memory while it is fresh."""
        return self._tokens.token(tuple(scopes), subject=subject)

    def member_match(self, parameters: Mapping[str, Any], *, trail: Trail) -> Matched:
        """`Patient/$member-match` (HRex): the one member, or `Refusal` not_found, multiple, consent_constrained."""
        reply = self._post("/Patient/$member-match", parameters, trail=trail, about="match")
        return read_match(reply.body)

    def bulk_match(self, parameters: Mapping[str, Any], *, trail: Trail) -> str:
        """`Group/$bulk-member-match` (PDex 2.2), under its other name where only that is known; the status address."""
        *first, last = match_names(self._profile)
        for name in first:
            try:
                return self._status_url(self._post(f"/Group/${name}", parameters, trail=trail, is_async=True))
            except Fault as fault:
                if fault.detail != "HTTP 404":
                    raise
        return self._status_url(self._post(f"/Group/${last}", parameters, trail=trail, is_async=True))

    def export(self, group_id: str, wanted: ExportWanted, *, trail: Trail) -> str:
        """`Group/{id}/$davinci-data-export` (ATR 2.1) in the form that the partner wants; the status address."""
        body = export_parameters(wanted, self._profile)
        reply = self._post(f"/Group/{group_id}/$davinci-data-export", body, trail=trail, is_async=True)
        return self._status_url(reply)

    def poll(self, url: str, *, trail: Trail) -> Running | Manifest | BareParameters:
        """Where a job stands: running, or its result."""
        asked = Asked(is_repeatable=True, about="job")
        reply = self._authorized(Ask("GET", url, headers_of(trail, Accept=f"application/json, {JSON}"), asked))
        answer: Running | Manifest | BareParameters = read_status(reply.status, reply.headers, reply.body, at=now())
        return answer

    def download(
        self,
        url: str,
        sink: Sink,
        *,
        resume_from: int = 0,
        etag: str | None = None,
        with_token: bool = True,
        trail: Trail,
    ) -> Downloaded:
        """Copy a file into the sink, from an offset when the partner still has the same bytes, else from the start."""
        asked = Asked(is_repeatable=True, about="file")
        ask = Ask("GET", url, headers_of(trail, Accept="application/fhir+ndjson", Accept_Encoding="gzip"), asked)
        self._check_token_goes_home(url, with_token=with_token)
        for is_last in (False, True):
            authorized = self._with_token(ask) if with_token else ask
            try:
                return copy_file(self._http, authorized, sink, resume_from=resume_from, etag=etag)
            except Fault as fault:
                if is_last or not with_token or fault.detail != TOKEN_REFUSED:
                    raise
                self._tokens.forget()
        raise AssertionError("unreachable")

    def fetch_lines(self, link: FileLink, *, with_token: bool, trail: Trail) -> list[dict[str, Any]]:
        """The resources of a small NDJSON file (Group, OperationOutcome), held in memory."""
        return read_lines(lambda sink: self.download(link.url, sink, with_token=with_token, trail=trail))

    def everything(self, patient_id: str, *, trail: Trail) -> Iterator[bytes]:
        """`Patient/{id}/$everything`, page by page, as the bytes that came: numbers keep their digits."""
        url: str | None = f"{self._base}/Patient/{patient_id}/$everything"
        seen: set[str] = set()
        while url is not None:
            if url in seen or len(seen) >= MOST_PAGES or not same_origin(url, self._base):
                raise bad_answer("the next page repeats, never ends or lies elsewhere")
            seen.add(url)
            ask = Ask("GET", url, headers_of(trail, Accept=JSON), Asked(is_repeatable=True))
            reply = self._authorized(ask, subject=patient_id)
            if not isinstance(reply.body, dict) or reply.body.get("resourceType") != "Bundle":
                raise bad_answer("the answer is no Bundle")
            yield reply.content
            url = _next_page(reply.body)

    def notify(self, notice: Mapping[str, Any], *, trail: Trail) -> None:
        """`POST Communication`: a notice of a recall, or the answer to one. `Fault` when the partner takes none."""
        self._post("/Communication", notice, trail=trail)

    def delete(self, url: str, *, trail: Trail) -> None:
        """Cancel a job or give its files free; a job that is gone already is fine."""
        try:
            self._authorized(Ask("DELETE", url, headers_of(trail, Accept=JSON), Asked(is_repeatable=True, about="job")))
        except Fault as fault:
            if fault.reason != "partner.job_lost":
                raise

    def _post(self, path: str, body: object, *, trail: Trail, about: str = "call", is_async: bool = False) -> Reply:
        headers = headers_of(trail, Accept=JSON, Content_Type=JSON) | version_headers(self._profile)
        if trail.idempotency_key:
            headers["Idempotency-Key"] = trail.idempotency_key
        if is_async:
            headers["Prefer"] = "respond-async"
        # Our key makes a repeat harmless only where the contract says that the partner knows such keys; elsewhere a
        # lost answer is looked into first.
        asked = Asked(is_repeatable=self._repeats_by_key and trail.idempotency_key is not None, about=about)
        return self._authorized(Ask("POST", f"{self._base}{path}", headers, asked, orjson.dumps(body)))

    def _authorized(self, ask: Ask, *, subject: str | None = None) -> Reply:
        """The answer of a success; a 401 is answered once by a new token."""
        self._check_token_goes_home(ask.url, with_token=True)
        reply = send(self._http, self._with_token(ask, subject=subject))
        if reply.status == 401:
            self._tokens.forget()
            reply = send(self._http, self._with_token(ask, subject=subject))
        if not 200 <= reply.status < 300:
            raise failure(reply.status, reply.headers, reply.body, asked=ask.asked, at=now())
        return reply

    def _with_token(self, ask: Ask, *, subject: str | None = None) -> Ask:
        token = self._tokens.token(REQUESTER, subject=subject)
        return Ask(ask.method, ask.url, {**ask.headers, "Authorization": f"Bearer {token}"}, ask.asked, ask.content)

    def _check_token_goes_home(self, url: str, *, with_token: bool) -> None:
        """Our token never leaves the partner's own origin, whatever address an answer names."""
        if with_token and not same_origin(url, self._base):
            raise bad_answer("an address elsewhere wants our token")

    def _status_url(self, reply: Reply) -> str:
        url = reply.headers.get("content-location")
        if reply.status != 202 or not url:
            raise bad_answer("the kick-off was not answered by 202 with Content-Location")
        absolute = url if "://" in url else str(httpx2.URL(self._base + "/").join(url))
        self._check_token_goes_home(absolute, with_token=True)
        return absolute


def _next_page(bundle: Mapping[str, Any]) -> str | None:
    links = bundle.get("link")
    for link in links if isinstance(links, list) else []:
        if isinstance(link, dict) and link.get("relation") == "next" and isinstance(link.get("url"), str):
            return str(link["url"])
    return None

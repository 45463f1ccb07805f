"""A partner that is not one of our installations: its own key and certificate, its calls written by hand."""

import json
import ssl
import time
from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import httpx2
from joserfc.jwk import ECKey

from interpayer.consent.writing import write_consent
from interpayer.gateway.tokens import ASSERTION_TYPE
from interpayer.identity.reading import write_coverage, write_patient
from interpayer.model.consent import Consent, Scope
from interpayer.model.member import Coverage, Demographics, Name
from interpayer.partners.scopes import BULK_MATCH, MEMBER_MATCH
from interpayer.simulation.installation import Installation
from interpayer.system.tls import KeyPair, issue_client
from tests.support.doors import assertion, claims, public
from tests.support.town import wait_for

SCOPES = (MEMBER_MATCH, BULK_MATCH, "system/*.rs")
JSON = {"Content-Type": "application/fhir+json"}
ASYNC = {**JSON, "Prefer": "respond-async"}


class Outsider:
    """A registered partner of one installation; `http` shows its certificate, `headers` its token."""

    def __init__(
        self,
        name: str,
        target: Installation,
        authority: KeyPair,
        *,
        is_registered: bool = True,
        also_known_as: Sequence[str] = (),
    ) -> None:
        self.name, self.target = name, target
        self.organizations = [name, *also_known_as]
        self.folder = target.home / f"outsider-{name}"
        self.folder.mkdir()
        self.key = ECKey.generate_key("P-384", {"kid": "curve"})
        self.certificate = issue_client(self.folder, authority, name)
        self.http = self.client(self.certificate)
        self.partner_id = self._register() if is_registered else ""
        self._token = ""

    def client(self, certificate: KeyPair | None) -> httpx2.Client:
        """A client of the partners' door that shows this certificate, or none."""
        context = ssl.create_default_context(cafile=str(self.target.home / "tls" / "ca.crt"))
        if certificate is not None:
            context.load_cert_chain(certificate.certificate, certificate.key)
        return httpx2.Client(verify=context, base_url=self.target.base_url, trust_env=False, timeout=20)

    def assertion(self, **changes: Any) -> str:
        """A client assertion, good but for the changes."""
        return assertion(claims(f"{self.target.base_url}/token", client_id=self.name, **changes), key=self.key)

    def ask_token(self, *, http: httpx2.Client | None = None, **changes: str) -> httpx2.Response:
        """POST /token with a good form, some of it changed; an empty value takes a field away."""
        form = {
            "grant_type": "client_credentials",
            "scope": " ".join(SCOPES),
            "client_assertion_type": ASSERTION_TYPE,
            "client_assertion": changes.pop("client_assertion", None) or self.assertion(),
            **changes,
        }
        content = urlencode({name: value for name, value in form.items() if value})
        headers = {"Content-Type": "application/x-www-form-urlencoded"}
        return (http or self.http).post("/token", content=content, headers=headers)

    @property
    def token(self) -> str:
        """A good token."""
        if not self._token:
            answer = self.ask_token()
            assert answer.status_code == 200, answer.text
            self._token = str(answer.json()["access_token"])
        return self._token

    @property
    def headers(self) -> dict[str, str]:
        """What a good call carries."""
        return {"Authorization": f"Bearer {self.token}"}

    def get(self, path: str, **headers: str) -> httpx2.Response:
        """A good GET below the FHIR base, or of an absolute address."""
        url = path if path.startswith("https://") else f"/fhir{path}"
        return self.http.get(url, headers={**self.headers, **headers})

    def post(self, path: str, body: object, **headers: str) -> httpx2.Response:
        """A good POST of a JSON body below the FHIR base."""
        return self.http.post(f"/fhir{path}", content=json.dumps(body), headers={**self.headers, **ASYNC, **headers})

    def result(self, kick_off: httpx2.Response) -> dict[str, Any]:
        """The manifest of a job, once it is ready."""
        assert kick_off.status_code == 202, kick_off.text
        url = kick_off.headers["content-location"]

        def look() -> Any:
            status = self.get(url)
            assert status.status_code in {200, 202}, status.text
            return status.json() if status.status_code == 200 else None

        return dict(wait_for(look))

    def lines(self, url: str) -> list[dict[str, Any]]:
        """The resources of a file, uncompressed: this client would read only the first member of a gzip."""
        answer = self.get(url, **{"Accept": "application/fhir+ndjson", "Accept-Encoding": "identity"})
        assert answer.status_code == 200, answer.text
        return [json.loads(line) for line in answer.text.splitlines()]

    def match_parts(self, member: Mapping[str, str]) -> list[dict[str, Any]]:
        """The parts of a good match request for somebody of an enrollment feed."""
        born = date.fromisoformat(member["birth_date"])
        patient = write_patient(
            Demographics((Name(member["family"], (member["given"],)),), born, member["sex"]), "member"
        )
        card = Coverage(payer=self.target.name, member_id=member["member_id"])
        at = datetime.now(UTC)
        consent = Consent(
            id="k-1",
            member_id=None,
            scope=Scope.SENSITIVE,
            sources=(self.target.name,),
            recipients=(self.name,),
            starts_at=at - timedelta(days=2),
            ends_at=at + timedelta(days=300),
            performer="member",
            proof="form-12",
        )
        own = Coverage(payer=self.name, member_id="O-1")
        resources = {
            "MemberPatient": patient,
            "CoverageToMatch": write_coverage(card, coverage_id="c1", patient_id="member", payer_name=card.payer),
            "CoverageToLink": write_coverage(own, coverage_id="c2", patient_id="member", payer_name=self.name),
            "Consent": write_consent(consent, consent_id="k1", patient_ref="Patient/member"),
        }
        return [{"name": name, "resource": resource} for name, resource in resources.items()]

    def _register(self) -> str:
        document = {
            "name": self.name,
            "client_id": self.name,
            "our_client_id": self.target.base_url,
            "organizations": self.organizations,
            "environment": self.target.environment,
            "jwks": public(self.key),
            "scopes": list(SCOPES),
        }
        path: Path = self.folder / "partner.json"
        path.write_text(json.dumps(document), encoding="utf-8")
        return str(self.target.command("partner", "add", str(path))["partner"])


def parameters(parts: list[dict[str, Any]], *, bulk: bool = False) -> dict[str, Any]:
    """The body of a single or bulk match with these parts."""
    return {"resourceType": "Parameters", "parameter": [{"name": "MemberBundle", "part": parts}] if bulk else parts}


def stamp() -> str:
    """A correlation id that nobody else has."""
    return f"test-{time.monotonic_ns()}"

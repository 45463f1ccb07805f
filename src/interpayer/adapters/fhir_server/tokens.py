"""Access tokens at a FHIR server of ours (SMART Backend Services 2.2): discovery, our assertion, a short memory."""

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import TypeAlias
from urllib.parse import urlencode

import httpx2

from interpayer.adapters.fhir_server.calling import JSON, REFUSED, Ask, failure, invalid, sent, whole
from interpayer.model.reason import Fault, FaultKind
from interpayer.system.clock import now

Sign: TypeAlias = Callable[[str, str], str]
"""(client id, audience) to a signed client assertion."""

ASSERTION_TYPE = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
# A token is not used in its last seconds: the call it goes with has to arrive first.
MARGIN_S = 30
PATIENCE = timedelta(seconds=10)


@dataclass(frozen=True, slots=True)
class Login:
    """How we are known at a server."""

    base: str
    client_id: str
    scopes: tuple[str, ...]


class Tokens:
    """The token for one server, asked for when there is none; threads share it."""

    def __init__(self, http: httpx2.Client, login: Login, sign: Sign) -> None:
        self._http, self._login, self._sign = http, login, sign
        self._lock = threading.Lock()
        self._known: tuple[str, float] | None = None

    def token(self, is_new: bool) -> str:
        """A token that is good for a while; a new one when the last was not accepted. Raises Fault."""
        with self._lock:
            if is_new or self._known is None or self._known[1] <= time.monotonic():
                self._known = self._ask()
            return self._known[0]

    def _ask(self) -> tuple[str, float]:
        asked_at = time.monotonic()
        endpoint = self._endpoint()
        form = {
            "grant_type": "client_credentials",
            "scope": " ".join(self._login.scopes),
            "client_assertion_type": ASSERTION_TYPE,
            "client_assertion": self._sign(self._login.client_id, endpoint),
        }
        headers = {"Accept": "application/json", "Content-Type": "application/x-www-form-urlencoded"}
        until = now() + PATIENCE
        with sent(self._http, Ask("POST", endpoint, headers, urlencode(form).encode()), until) as response:
            reply = whole(response, until)
        if 400 <= reply.status < 500 and reply.status != 429:
            raise Fault(FaultKind.TERMINAL, REFUSED, detail="the server refused us a token")
        body = reply.body
        if reply.status != 200 or not isinstance(body, dict):
            raise failure(reply)
        token, lifetime = body.get("access_token"), body.get("expires_in", 300)
        if not isinstance(token, str) or not token or not isinstance(lifetime, int | float):
            invalid("the token answer has no token or no lifetime")
        return token, asked_at + max(lifetime - MARGIN_S, lifetime / 2)

    def _endpoint(self) -> str:
        url = f"{self._login.base.rstrip('/')}/.well-known/smart-configuration"
        until = now() + PATIENCE
        with sent(self._http, Ask("GET", url, {"Accept": f"application/json, {JSON}"}), until) as response:
            reply = whole(response, until)
        if reply.status != 200:
            raise failure(reply)
        endpoint = reply.body.get("token_endpoint") if isinstance(reply.body, dict) else None
        if not isinstance(endpoint, str) or not endpoint.startswith("https://"):
            invalid("the smart-configuration names no https token_endpoint")
        return endpoint

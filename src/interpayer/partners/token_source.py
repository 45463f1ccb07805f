"""Access tokens at a partner: discovery, our signed assertion, and a memory that ends shortly before the token does."""

import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

import httpx2

from interpayer.model.agreement import USUAL_PROFILE, Profile
from interpayer.model.reason import Fault, FaultKind
from interpayer.partners.answers import Asked, bad_answer, failure
from interpayer.partners.signer import Claims, Signer
from interpayer.partners.transport import Ask, send
from interpayer.system.clock import now

ASSERTION_TYPE = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
# A token is not used in its last seconds: the call it goes with has to arrive first.
MARGIN_S = 30
DISCOVERY_S = 3600
# A key of ours that signs since a moment ago may not be known there yet: so often partners look again, at the most.
LOOKS_AGAIN_S = 60
OAUTH_ERRORS = frozenset(
    {"invalid_client", "invalid_grant", "invalid_request", "invalid_scope", "unauthorized_client"}
    | {"unsupported_grant_type"}
)


@dataclass(frozen=True, slots=True)
class Target:
    """Where we call and how we are known there; `sub_style` "patient" names the member in `sub` (PDex 2.2).

    With `udap_community` we are registered there over UDAP, and our certificate of that community proves who we are.
    `profile` is the form that it wants requests in; `repeats_by_key`: the same Idempotency-Key again is the same call.
    """

    fhir_base: str
    client_id: str
    algorithm: str = "ES384"
    sub_style: str = "client"
    udap_community: str | None = None
    profile: Profile = USUAL_PROFILE
    repeats_by_key: bool = False


class TokenSource:
    """Tokens for one target; one request at a time, so that threads share a token instead of each asking."""

    def __init__(
        self, http: httpx2.Client, signer: Signer, target: Target, *, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self.target = target
        self._http = http
        self._signer = signer
        self._clock = clock
        self._asking = threading.Lock()
        self._tokens: dict[tuple[tuple[str, ...], str | None], tuple[str, float]] = {}
        self._endpoint: tuple[str, float] | None = None

    def token(self, scopes: tuple[str, ...], *, subject: str | None = None) -> str:
        """A token that is good for at least half a minute, asked for when there is none."""
        key = (scopes, subject if self.target.sub_style == "patient" else None)
        with self._asking:
            known = self._tokens.get(key)
            if known is None or known[1] <= self._clock():
                known = self._ask(key)
                self._tokens[key] = known
            return known[0]

    def forget(self) -> None:
        """Drop every token: the partner did not accept one."""
        with self._asking:
            self._tokens.clear()

    def _ask(self, key: tuple[tuple[str, ...], str | None]) -> tuple[str, float]:
        scopes, subject = key
        asked_at = self._clock()
        body = self._request(self._token_endpoint(), scopes=scopes, subject=subject)
        token, lifetime = body.get("access_token"), body.get("expires_in", 300)
        if not isinstance(token, str) or not token or str(body.get("token_type", "")).lower() != "bearer":
            raise bad_answer("the token answer has no bearer token")
        if isinstance(lifetime, bool) or not isinstance(lifetime, int | float) or lifetime <= 0:
            raise bad_answer("the token answer has no lifetime")
        return token, asked_at + max(lifetime - MARGIN_S, lifetime / 2)

    def _request(self, endpoint: str, *, scopes: tuple[str, ...], subject: str | None) -> Mapping[str, Any]:
        form = {
            "grant_type": "client_credentials",
            "scope": " ".join(scopes),
            "client_assertion_type": ASSERTION_TYPE,
            **self._proof(endpoint, subject),
        }
        headers = {"Accept": "application/json", "Content-Type": "application/x-www-form-urlencoded"}
        # A new assertion has a new jti, so asking again is always harmless.
        asked = Asked(is_repeatable=True, about="token")
        reply = send(self._http, Ask("POST", endpoint, headers, asked, urlencode(form).encode()))
        if reply.status == 200 and isinstance(reply.body, dict):
            return reply.body
        if 400 <= reply.status < 500 and reply.status != 429:
            detail = f"token refused: {_oauth_error(reply.body)}"
            if "invalid_client" in detail and self._has_new_key():
                raise Fault(FaultKind.RETRYABLE, "partner.refused", retry_after_s=LOOKS_AGAIN_S, detail=detail)
            raise Fault(FaultKind.TERMINAL, "partner.refused", detail=detail)
        raise failure(reply.status, reply.headers, reply.body, asked=asked, at=now())

    def _has_new_key(self) -> bool:
        """Whether the partner may not have seen yet what we prove ourselves with."""
        return self._signer.is_new(self.target.algorithm, at=now())

    def _proof(self, endpoint: str, subject: str | None) -> dict[str, str]:
        """The part of the form that proves who we are."""
        claims = Claims(self.target.client_id, endpoint, now(), subject)
        return {"client_assertion": self._signer.assertion(claims, algorithm=self.target.algorithm)}

    def _token_endpoint(self) -> str:
        if self._endpoint is None or self._endpoint[1] <= self._clock():
            self._endpoint = (self._discovered(), self._clock() + DISCOVERY_S)
        return self._endpoint[0]

    def _discovered(self) -> str:
        """Where the partner gives tokens, as it says itself."""
        url = f"{self.target.fhir_base.rstrip('/')}/.well-known/smart-configuration"
        asked = Asked(is_repeatable=True)
        reply = send(self._http, Ask("GET", url, {"Accept": "application/json"}, asked))
        if reply.status != 200:
            raise failure(reply.status, reply.headers, reply.body, asked=asked, at=now())
        endpoint = reply.body.get("token_endpoint") if isinstance(reply.body, dict) else None
        if not isinstance(endpoint, str) or not endpoint.startswith("https://"):
            raise bad_answer("the smart-configuration names no https token_endpoint")
        return endpoint


def _oauth_error(body: object) -> str:
    """The error code if it is one of the standard's; nothing else of the answer goes on."""
    code = body.get("error") if isinstance(body, dict) else None
    return code if isinstance(code, str) and code in OAUTH_ERRORS else "no standard code"

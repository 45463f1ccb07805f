"""Checks that any payer's FHIR door can be run against, ours included: discovery, refusals, shapes. Reads only."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import httpx2
import orjson

MEMBER_MATCH = "member-match"
_OPERATIONS = (MEMBER_MATCH, "bulk-member-match", "davinci-data-export")


@dataclass(frozen=True, slots=True)
class Check:
    """One thing that a guide asks for: its name, the section, and whether a miss is a fault or advice."""

    name: str
    source: str
    is_required: bool
    run: Callable[[httpx2.Client, str], str | None]


@dataclass(frozen=True, slots=True)
class Finding:
    """What a check found: `passed`, `failed` or `advice`, and why."""

    name: str
    source: str
    outcome: str
    why: str


def run(client: httpx2.Client, fhir_base: str) -> Iterator[Finding]:
    """Run every check against a FHIR base; a door that cannot be reached fails the check, not the run."""
    for check in CHECKS:
        try:
            why = check.run(client, fhir_base.rstrip("/"))
        except (httpx2.HTTPError, orjson.JSONDecodeError) as error:
            why = f"no usable answer: {type(error).__name__}"
        outcome = "passed" if why is None else "failed" if check.is_required else "advice"
        yield Finding(check.name, check.source, outcome, why or "")


def _metadata(client: httpx2.Client, base: str) -> str | None:
    statement = _json(client, f"{base}/metadata")
    if statement.get("resourceType") != "CapabilityStatement":
        return "no CapabilityStatement at /metadata"
    return None if str(statement.get("fhirVersion", "")).startswith("4.0") else "fhirVersion is not 4.0"


def _operations(client: httpx2.Client, base: str) -> str | None:
    statement = _json(client, f"{base}/metadata")
    named = {
        operation.get("name")
        for rest in statement.get("rest", [])
        for resource in rest.get("resource", [])
        for operation in resource.get("operation", [])
    }
    missing = [name for name in _OPERATIONS if name not in named]
    return f"not declared: {', '.join(missing)}" if missing else None


def _smart(client: httpx2.Client, base: str) -> str | None:
    found = _json(client, f"{base}/.well-known/smart-configuration")
    if "client_credentials" not in found.get("grant_types_supported", []):
        return "client_credentials is not among grant_types_supported"
    if "private_key_jwt" not in found.get("token_endpoint_auth_methods_supported", []):
        return "private_key_jwt is not supported"
    return None if str(found.get("token_endpoint", "")).startswith("https://") else "token_endpoint is not https"


def _algorithms(client: httpx2.Client, base: str) -> str | None:
    found = _json(client, f"{base}/.well-known/smart-configuration")
    offered = set(found.get("token_endpoint_auth_signing_alg_values_supported", []))
    return None if offered & {"RS384", "ES384"} else "neither RS384 nor ES384 is offered"


def _davinci(client: httpx2.Client, base: str) -> str | None:
    found = _json(client, f"{base}/.well-known/davinci-configuration")
    if "identifier" not in found:
        return "identifier is missing"
    codes = found.get("endpoints", {})
    return None if any(str(c).startswith("davinci_pdex_payer_endpoint#") for c in codes) else "no payer endpoint"


def _refuses_strangers(client: httpx2.Client, base: str) -> str | None:
    answer = client.get(f"{base}/Group", headers={"Accept": "application/fhir+json"})
    if answer.status_code not in (401, 403, 404):
        return f"a call without a token was answered with {answer.status_code}"
    return None if _is_outcome(answer) else "the refusal carries no OperationOutcome"


def _refuses_forged_token(client: httpx2.Client, base: str) -> str | None:
    headers = {"Accept": "application/fhir+json", "Authorization": "Bearer forged"}
    answer = client.get(f"{base}/Patient/1/$everything", headers=headers)
    return None if answer.status_code in (401, 403, 404) else f"a forged token was answered with {answer.status_code}"


def _token_errors(client: httpx2.Client, base: str) -> str | None:
    endpoint = str(_json(client, f"{base}/.well-known/smart-configuration").get("token_endpoint", ""))
    answer = client.post(endpoint, data={"grant_type": "password"})
    if answer.status_code not in (400, 401):
        return f"an unsupported grant was answered with {answer.status_code}"
    return None if "error" in orjson.loads(answer.content) else "the answer has no `error` (RFC 6749, 5.2)"


def _json(client: httpx2.Client, url: str) -> Mapping[str, Any]:
    answer = client.get(url, headers={"Accept": "application/json, application/fhir+json"})
    answer.raise_for_status()
    found = orjson.loads(answer.content)
    return found if isinstance(found, dict) else {}


def _is_outcome(answer: httpx2.Response) -> bool:
    try:
        found = orjson.loads(answer.content)
    except orjson.JSONDecodeError:
        return False
    return isinstance(found, dict) and found.get("resourceType") == "OperationOutcome"


CHECKS: tuple[Check, ...] = (
    Check("capability statement", "FHIR R4, capabilities", True, _metadata),
    Check("payer-to-payer operations declared", "PDex 2.2, CapabilityStatement pdex-server-6-1", True, _operations),
    Check("SMART configuration", "SMART App Launch 2.2, Backend Services", True, _smart),
    Check("signing algorithms", "SMART App Launch 2.2, Backend Services", True, _algorithms),
    Check("Da Vinci configuration", "HRex 1.1, endpoint discovery", False, _davinci),
    Check("refuses calls without a token", "PDex 2.2, security", True, _refuses_strangers),
    Check("refuses forged tokens", "PDex 2.2, security", True, _refuses_forged_token),
    Check("token errors", "RFC 6749, section 5.2", True, _token_errors),
)

"""What we say about ourselves: made from the operations that are really there, so that nothing is promised in vain."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from interpayer.gateway.door import Door, Operation
from interpayer.gateway.scopes import BULK_MATCH, EXPORT_ALIAS, MEMBER_MATCH

# When the shape of this statement last changed; CapabilityStatement.date is about the statement, not the installation.
STATED_ON = "2026-11-21"
GUIDES = (
    "http://hl7.org/fhir/us/davinci-hrex/ImplementationGuide/hl7.fhir.us.davinci-hrex|1.2.0",
    "http://hl7.org/fhir/us/davinci-pdex/ImplementationGuide/hl7.fhir.us.davinci-pdex|2.2.0",
)
# HRex well-known file: name#major.minor; both versions are answered at one address.
PAYER_ENDPOINTS = ("davinci_pdex_payer_endpoint#2.1", "davinci_pdex_payer_endpoint#2.2")
# Beside the guides' own files: how we find people, when a person decides, how long evidence is kept.
IDENTITY_POLICY_PATH = "/.well-known/interpayer-identity-policy"
SECURITY_SYSTEM = "http://terminology.hl7.org/CodeSystem/restful-security-service"


def capability_statement(door: Door, operations: Sequence[Operation]) -> dict[str, Any]:
    """The CapabilityStatement of `/fhir/metadata`: resources, searches and operations as registered."""
    return {
        "resourceType": "CapabilityStatement",
        "status": "active",
        "date": STATED_ON,
        "publisher": door.name,
        "kind": "instance",
        "implementation": {"description": f"Payer-to-payer exchange of {door.name}", "url": door.fhir_base},
        "software": {"name": "Interpayer"},
        "fhirVersion": "4.0.1",
        "format": ["json"],
        "implementationGuide": list(GUIDES),
        "rest": [
            {
                "mode": "server",
                **({"documentation": door.statement()} if door.statement else {}),
                "security": {
                    "service": [{"coding": [{"system": SECURITY_SYSTEM, "code": "SMART-on-FHIR"}]}],
                    "description": "SMART Backend Services; tokens are bound to the TLS client certificate (RFC 8705).",
                },
                "resource": [_resource(name, rows) for name, rows in sorted(_by_resource(operations).items())],
            }
        ],
    }


def standing_statement(years: int) -> str:
    """What this payer never sends, in the same words for every member and every partner (42 CFR 422.121(b)(4)(ii))."""
    return (
        "Never sent: amounts of money (remittances, cost sharing), denied prior authorizations, prior authorizations "
        f"for drugs, prior authorizations closed for more than a year, services of more than {years} years before "
        "the request, and what the law or the member does not allow."
    )


def smart_configuration(door: Door) -> dict[str, Any]:
    """`/.well-known/smart-configuration` (SMART App Launch 2.2, Backend Services)."""
    return {
        "jwks_uri": f"{door.base_url}/.well-known/jwks.json",
        "token_endpoint": door.token_url,
        "grant_types_supported": ["client_credentials"],
        "token_endpoint_auth_methods_supported": ["private_key_jwt"],
        "token_endpoint_auth_signing_alg_values_supported": ["RS384", "ES384"],
        "scopes_supported": [
            MEMBER_MATCH,
            BULK_MATCH,
            EXPORT_ALIAS,
            "system/Group.rs",
            "system/Patient.rs",
            "system/*.rs",
        ],
        "capabilities": ["client-confidential-asymmetric", "permission-v1", "permission-v2"],
        "tls_client_certificate_bound_access_tokens": True,
    }


def davinci_configuration(door: Door) -> dict[str, Any]:
    """`/.well-known/davinci-configuration` (HRex 1.1 and later): who we are and where each version is answered."""
    return {
        "identifier": dict(door.identifier),
        "endpoints": dict.fromkeys(PAYER_ENDPOINTS, door.fhir_base),
    }


def _by_resource(operations: Iterable[Operation]) -> Mapping[str, list[Operation]]:
    found: dict[str, list[Operation]] = {}
    for operation in operations:
        if operation.resource is not None:
            found.setdefault(operation.resource, []).append(operation)
    return found


def _resource(name: str, operations: Sequence[Operation]) -> dict[str, Any]:
    interactions = dict.fromkeys(row.interaction for row in operations if row.interaction)
    searches = dict.fromkeys(search for row in operations for search in row.search)
    named = {row.operation: row.definition for row in operations if row.operation and row.definition}
    parts: dict[str, list[dict[str, Any]]] = {
        "interaction": [{"code": code} for code in interactions],
        "searchParam": [dict(zip(("name", "type"), search.split(":"), strict=True)) for search in searches],
        "operation": [{"name": operation, "definition": url} for operation, url in named.items()],
    }
    return {"type": name, **{part: rows for part, rows in parts.items() if rows}}

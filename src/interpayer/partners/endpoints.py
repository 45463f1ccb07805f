"""Where a partner answers, as its document says it: https addresses, what can be done there, in which environment."""

from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import urlsplit

from interpayer.model.partner import Endpoint, Partner
from interpayer.model.reason import Refusal
from interpayer.system.ids import new_id

ENVIRONMENTS = ("production", "test")
# The operations of the guides that an endpoint may have, by their names; a document that names none means all.
CAPABILITIES = ("bulk-member-match", "davinci-data-export", "member-match", "everything")
ENDPOINT_KNOWN = frozenset(
    {"fhir_base", "capabilities", "version", "environment", "requires_mtls", "maximum_members", "status"}
)


def read_endpoints(value: object) -> tuple[Mapping[str, Any], ...]:
    """The endpoints of a document, checked; `Refusal` names what cannot be accepted."""
    if not isinstance(value, list) or not all(isinstance(row, Mapping) for row in value):
        raise _broken("endpoints must be a list of objects")
    for row in value:
        if set(row) - ENDPOINT_KNOWN:
            raise _broken(f"an endpoint has unknown elements; known are: {', '.join(sorted(ENDPOINT_KNOWN))}")
        check_address(row.get("fhir_base"), what="fhir_base")
        if row.get("environment", "production") not in ENVIRONMENTS:
            raise _broken("an endpoint's environment must be production or test")
        if _capabilities(row) - set(CAPABILITIES):
            raise _broken(f"capabilities must be some of {', '.join(CAPABILITIES)}")
        members = row.get("maximum_members", 1)
        if not isinstance(members, int) or members < 1 or not isinstance(row.get("requires_mtls", True), bool):
            raise _broken("maximum_members must be a positive number, requires_mtls true or false")
    return tuple(value)


def made(named: Sequence[Mapping[str, Any]], partner: Partner) -> tuple[Endpoint, ...]:
    """Endpoints of a partner with fresh ids; what is not said is as the partner itself, or everything."""
    return tuple(
        Endpoint(
            id=new_id("n"),
            partner_id=partner.id,
            fhir_base=str(endpoint["fhir_base"]).rstrip("/"),
            capabilities=tuple(endpoint.get("capabilities") or CAPABILITIES),
            version=str(endpoint.get("version", "2.2")),
            environment=str(endpoint.get("environment") or partner.environment),
            status=str(endpoint.get("status", "active")),
            requires_mtls=bool(endpoint.get("requires_mtls", True)),
            maximum_members=int(endpoint.get("maximum_members", 1000)),
        )
        for endpoint in named
    )


def check_address(url: object, *, what: str) -> str:
    """An https address without credentials, query or fragment; whether its host may be called is asked at the call."""
    if not isinstance(url, str) or not url.isascii() or len(url) > 2000 or any(c.isspace() for c in url):
        raise _broken(f"{what} must be an https address")
    try:
        parts = urlsplit(url)
        plain = parts.scheme == "https" and parts.hostname and not (parts.query or parts.fragment or parts.username)
        _ = parts.port
    except ValueError:
        plain = None
    if not plain:
        raise _broken(f"{what} must be an https address without user, query and fragment")
    return url


def _capabilities(row: Mapping[str, Any]) -> set[str]:
    value = row.get("capabilities") or []
    if not isinstance(value, list) or not all(isinstance(text, str) for text in value):
        raise _broken("capabilities must be a list of texts")
    return set(value)


def _broken(detail: str) -> Refusal:
    return Refusal("request.malformed", detail)

"""A payer we exchange with: who they are, how they are known, where they answer."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum


class PartnerStatus(StrEnum):
    """Where a partner stands in its life."""

    INVITED = "invited"
    TESTING = "testing"
    ACTIVE = "active"
    QUARANTINED = "quarantined"
    SUSPENDED = "suspended"
    RETIRED = "retired"


@dataclass(frozen=True, slots=True)
class Partner:
    """A partner. `organizations` are the identifiers (system|value or bare) of payers it acts for."""

    id: str
    name: str
    status: PartnerStatus
    client_id: str
    organizations: tuple[str, ...]
    scopes: tuple[str, ...]
    jwks: dict[str, object]
    environment: str
    attested_by_contract: bool
    contact: str | None = None
    our_client_id: str | None = None


@dataclass(frozen=True, slots=True)
class Endpoint:
    """Where a partner answers: its FHIR base and what it can do there."""

    id: str
    partner_id: str
    fhir_base: str
    capabilities: tuple[str, ...]
    version: str
    environment: str
    status: str = "active"
    requires_mtls: bool = True
    maximum_members: int = 1000
    maintenance: tuple[tuple[datetime, datetime], ...] = ()


@dataclass(frozen=True, slots=True)
class Caller:
    """Who is at the door now: the partner, and what the token allows.

    `subject`: the only member that the token is good for (PDex names one in `sub`); None means any with a grant.
    `asserted`: what the caller said of its purpose and organization to get the token (UDAP hl7-b2b).
    """

    partner_id: str
    client_id: str
    organizations: tuple[str, ...]
    scopes: tuple[str, ...]
    attested_by_contract: bool
    token_id: str
    subject: str | None = None
    asserted: Mapping[str, object] | None = None


@dataclass(frozen=True, slots=True)
class LegalEntity:
    """A payer that this installation serves; the first identifier is the one we name ourselves by."""

    id: str
    name: str
    identifiers: tuple[str, ...]
    time_zone: str = "America/New_York"
    lines_of_business: tuple[str, ...] = ()
    acts_for: tuple[str, ...] = ()
    test_namespaces: tuple[str, ...] = ()

    @property
    def identifier(self) -> str:
        """The identifier by which partners know us."""
        return self.identifiers[0]

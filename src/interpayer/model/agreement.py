"""What is agreed with a partner beside who it is: whom it acts for, whom to call, how fast, and what its answers mean.

Everything here is frozen and hashable, so that a decision or a client can be kept under it.
"""

from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum


class ContactRole(StrEnum):
    """What somebody at the partner is called for."""

    INCIDENT = "incident"
    PRIVACY = "privacy"
    TECHNICAL = "technical"
    BUSINESS = "business"


@dataclass(frozen=True, slots=True)
class Contact:
    """Somebody at the partner, by role; an address or a number, or both."""

    role: ContactRole
    name: str
    email: str | None = None
    phone: str | None = None


@dataclass(frozen=True, slots=True)
class ActsFor:
    """A payer that the partner acts for: since when, until when (inclusive, None: no end), and what proves it."""

    identifier: str
    since: date
    until: date | None = None
    proof: str | None = None
    line_of_business: str | None = None

    def in_force(self, day: date) -> bool:
        """Whether the partner acts for this payer on the day."""
        return self.since <= day and (self.until is None or day <= self.until)


@dataclass(frozen=True, slots=True)
class RateLimit:
    """So many calls (weighted by cost) a minute, and so many at once after a rest."""

    per_minute: float
    burst: int


@dataclass(frozen=True, slots=True)
class CallLimits:
    """How often the partner may call us; what it does not name is as for everybody (gateway/door.py, RATES)."""

    rates: tuple[tuple[str, RateLimit], ...] = ()
    costs: tuple[tuple[str, int], ...] = ()
    connections: int | None = None

    def rate(self, route_class: str) -> RateLimit | None:
        """The rate agreed for this class of route; None when the usual one holds."""
        return dict(self.rates).get(route_class)

    def cost(self, route_class: str) -> int | None:
        """How many units one call of this class counts; None when the usual cost holds."""
        return dict(self.costs).get(route_class)


@dataclass(frozen=True, slots=True)
class Pace:
    """How fast we may call the partner: calls a minute, and at once after a rest; None: nothing was agreed."""

    per_minute: float | None = None
    burst: int = 10


class Idempotency(StrEnum):
    """What makes a repeat of our request the same request at the partner."""

    KEY = "idempotency_key"
    CORRELATION = "correlation_id"
    NONE = "none"
    UNKNOWN = "unknown"


class Acknowledgement(StrEnum):
    """How the partner learns that we have everything: we delete the job, we send a receipt, or not at all."""

    DELETE = "delete"
    RECEIPT = "receipt"
    NONE = "none"
    UNKNOWN = "unknown"


class ErrorMeaning(StrEnum):
    """Whether the partner's refusals are told by OperationOutcome codes (HRex) or by the HTTP status alone."""

    OUTCOME = "operation_outcome"
    STATUS = "http_status"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Contract:
    """The facts of the contract that machines and people act on; None and `unknown`: not agreed yet."""

    idempotency: Idempotency = Idempotency.UNKNOWN
    acknowledgement: Acknowledgement = Acknowledgement.UNKNOWN
    errors: ErrorMeaning = ErrorMeaning.UNKNOWN
    retention_days: int | None = None
    schema_version: str | None = None
    attestation: str | None = None
    escalation: str | None = None
    reference: str | None = None
    starts_on: date | None = None
    ends_on: date | None = None


@dataclass(frozen=True, slots=True)
class Profile:
    """How the partner wants to be asked (what its guide version or its server leaves open)."""

    mode: str | None = None
    bulk_match_operation: str | None = None
    spec_version: str | None = None
    types: str = "comma"


@dataclass(frozen=True, slots=True)
class Certificate:
    """A client certificate of the partner: known whole, or by its thumbprint (x5t#S256) alone."""

    thumbprint: str
    subject: str | None = None
    names: tuple[str, ...] = ()
    issuer: str | None = None
    starts_at: datetime | None = None
    expires_at: datetime | None = None
    leaves_at: datetime | None = None
    """When it stops counting because another has taken its place; None while it is the one."""


# What holds with a partner with whom nothing of the kind was agreed.
USUAL_LIMITS, ANY_PACE, NO_CONTRACT, USUAL_PROFILE = CallLimits(), Pace(), Contract(), Profile()

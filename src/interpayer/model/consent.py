"""What the member allowed, as our own model; read from FHIR Consent or from the enrollment feed."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum


class Scope(StrEnum):
    """HRex policy: only non-sensitive data, or everything."""

    REGULAR = "regular"
    SENSITIVE = "sensitive"


class Basis(StrEnum):
    """Why the exchange is lawful."""

    OPT_IN = "opt_in"
    STATE_MEDICAID_CONTRACT = "state_medicaid_contract"
    OTHER_LAW = "other_law"


class Verdict(StrEnum):
    """What consent and policy say."""

    GRANTED = "granted"
    NARROWED = "narrowed"
    REFUSED = "refused"


@dataclass(frozen=True, slots=True)
class Consent:
    """One permission: from `sources` to `recipients` (organization identifiers), for a period, with its proof."""

    id: str
    member_id: str | None
    scope: Scope
    sources: tuple[str, ...]
    recipients: tuple[str, ...]
    starts_at: datetime
    ends_at: datetime
    performer: str
    proof: str
    proof_sha256: str | None = None
    basis: Basis = Basis.OPT_IN
    revoked_at: datetime | None = None
    received_from: str | None = None


@dataclass(frozen=True, slots=True)
class Permission:
    """The decision with its reason; `consent_id` names what it rests on."""

    verdict: Verdict
    reason: str | None
    consent_id: str | None
    policy_version: str

    @property
    def is_refused(self) -> bool:
        """True when nothing may go."""
        return self.verdict is Verdict.REFUSED


@dataclass(frozen=True, slots=True)
class MatchGrant:
    """What stands between a match and every later read: partner, member, consent, expiry."""

    id: str
    partner_id: str
    member_id: str
    consent_id: str
    exchange_id: str
    expires_at: datetime
    withdrawn_at: datetime | None = None

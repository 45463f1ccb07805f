"""What the member allowed, as our own model; read from FHIR Consent or from the enrollment feed."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from enum import StrEnum
from typing import Any

from interpayer.model.sensitivity import EVERY_LABEL

# The purpose of every exchange that this product makes; a consent for another purpose is none for it.
PAYER_TO_PAYER = "payer_to_payer"
# Among the parties of a denial or restriction: whoever it is. A permission names its parties.
ANYONE = "*"


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


class Effect(StrEnum):
    """What a statement of the member does: let go, leave something out of all that goes, or forbid."""

    PERMIT = "permit"
    NARROW = "narrow"
    DENY = "deny"


# Among `labels_withheld`: whatever carries any sensitivity label at all, also a label that only this plan knows.
ANY_LABEL = EVERY_LABEL


@dataclass(frozen=True, slots=True)
class Limits:
    """What a permission leaves out; the default leaves nothing out.

    `labels_withheld`: sensitivity categories (`ANY_LABEL`: every labelled record). `types`: the resource types that may
    go (None: all). `types_withheld`: those that may not. `fields_withheld`: element paths without indexes, as
    `ExplanationOfBenefit.item.net`, or `*.note` in every type. `since`, `until`: service days that may go, both
    inclusive.
    """

    labels_withheld: frozenset[str] = frozenset()
    types: frozenset[str] | None = None
    types_withheld: frozenset[str] = frozenset()
    fields_withheld: frozenset[str] = frozenset()
    since: date | None = None
    until: date | None = None

    @property
    def is_open(self) -> bool:
        """True when nothing is left out."""
        return self == NOTHING_WITHHELD

    @property
    def needs_labels(self) -> bool:
        """True when only labelled records can be told apart from the others."""
        return bool(self.labels_withheld)

    def narrowed_by(self, other: "Limits") -> "Limits":
        """What both leave: never more than either (narrowing never widens)."""
        allowed = [types for types in (self.types, other.types) if types is not None]
        days = [day for day in (self.since, other.since) if day]
        ends = [day for day in (self.until, other.until) if day]
        labels = self.labels_withheld | other.labels_withheld
        return Limits(
            # every label is all that can be withheld of them: one way to say it, or equal limits would look unlike
            labels_withheld=frozenset({ANY_LABEL}) if ANY_LABEL in labels else labels,
            types=frozenset.intersection(*allowed) if allowed else None,
            types_withheld=self.types_withheld | other.types_withheld,
            fields_withheld=self.fields_withheld | other.fields_withheld,
            since=max(days, default=None),
            until=min(ends, default=None),
        )

    def is_within(self, other: "Limits") -> bool:
        """True when what these leave is never more than what the others leave."""
        return self.narrowed_by(other) == self.narrowed_by(NOTHING_WITHHELD)

    @property
    def leaves_nothing(self) -> bool:
        """True when no record could ever pass: a permission that contradicts itself."""
        is_without_days = self.since is not None and self.until is not None and self.since > self.until
        return is_without_days or (self.types is not None and not self.types - self.types_withheld)

    def allows_type(self, name: str) -> bool:
        """True when records of this type may go at all."""
        return name not in self.types_withheld and (self.types is None or name in self.types)

    def withholds_label(self, label: str) -> bool:
        """True when a record with this sensitivity label stays here."""
        return label in self.labels_withheld or ANY_LABEL in self.labels_withheld


NOTHING_WITHHELD = Limits()


def limits_as_json(limits: Limits) -> dict[str, Any]:
    """The limits as plain JSON, sorted, only what is not open: `{}` leaves nothing out."""
    told: dict[str, Any] = {}
    for name in ("labels_withheld", "types_withheld", "fields_withheld"):
        if values := getattr(limits, name):
            told[name] = sorted(values)
    if limits.types is not None:
        told["types"] = sorted(limits.types)
    told |= {name: day.isoformat() for name in ("since", "until") if (day := getattr(limits, name))}
    return told


def limits_from_json(told: Mapping[str, object] | None) -> Limits:
    """The limits as `limits_as_json` told them; ValueError for a name or a value that no limits have."""
    if not told:
        return NOTHING_WITHHELD
    given = dict(told)
    limits = Limits(
        labels_withheld=_names(given.pop("labels_withheld", [])),
        types=_names(given.pop("types")) if "types" in given else None,
        types_withheld=_names(given.pop("types_withheld", [])),
        fields_withheld=_names(given.pop("fields_withheld", [])),
        since=date.fromisoformat(str(given.pop("since"))) if "since" in given else None,
        until=date.fromisoformat(str(given.pop("until"))) if "until" in given else None,
    )
    if given:
        raise ValueError(f"{min(given)} is no limit")
    return limits


def _names(value: object) -> frozenset[str]:
    if not isinstance(value, list) or not all(isinstance(name, str) and name for name in value):
        raise ValueError("a limit is a list of names")
    return frozenset(value)


@dataclass(frozen=True, slots=True)
class Authority:
    """By what somebody else decides for the member: the role, its proof, how far and until when it reaches."""

    role: str
    proof: str | None = None
    starts_at: datetime | None = None
    ends_at: datetime | None = None
    limits: Limits = NOTHING_WITHHELD


@dataclass(frozen=True, slots=True)
class Signature:
    """The signature over the signed original as it was verified when the consent was recorded."""

    algorithm: str
    key_thumbprint: str
    verified_at: datetime


@dataclass(frozen=True, slots=True)
class Consent:
    """One statement of a member, or of who decides for them: who may have what from whom, until when, with its proof.

    `issuer`: the organization that took it down. `given_at`: when it was said; None until it is kept. `proof`: where
    the signed original is; `document_sha256`, `signature`: of that original, where it was shown. `proof_sha256`: of the
    resource as received. `attested_by`: who vouches that it is so. `contract`: what a basis other than opt-in rests on.
    """

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
    effect: Effect = Effect.PERMIT
    purpose: str = PAYER_TO_PAYER
    limits: Limits = NOTHING_WITHHELD
    authority: Authority | None = None
    issuer: str | None = None
    given_at: datetime | None = None
    attested_by: str | None = None
    attested_at: datetime | None = None
    document_sha256: str | None = None
    signature: Signature | None = None
    contract: str | None = None


@dataclass(frozen=True, slots=True)
class LegalBasis:
    """Why data may go without an opt-in: a contract or a law; between whom, for which time, and what stays out."""

    id: str
    basis: Basis
    contract: str
    sources: tuple[str, ...]
    recipients: tuple[str, ...]
    starts_at: datetime
    ends_at: datetime
    proof: str
    limits: Limits = NOTHING_WITHHELD
    ended_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Standing:
    """What is known of a member beside the consent in question: the no at this plan, death, all that was said.

    `born_on` is filled in where somebody else speaks for the member.
    """

    withdrawn_at: datetime | None = None
    died_on: date | None = None
    emancipated_on: date | None = None
    born_on: date | None = None
    statements: tuple[Consent, ...] = ()


UNKNOWN_STANDING = Standing()


@dataclass(frozen=True, slots=True)
class Permission:
    """The decision with its reason; `consent_id` names what it rests on, `limits` what it leaves out.

    `obligations`: what has to be done with whatever goes, by the names that policies use. `policies`: the rules that
    decided; `decided_on`: the facts that they were asked about, without any member's data.
    """

    verdict: Verdict
    reason: str | None
    consent_id: str | None
    policy_version: str
    limits: Limits = NOTHING_WITHHELD
    obligations: tuple[str, ...] = ()
    policies: tuple[str, ...] = field(default=(), compare=False)
    decided_on: Mapping[str, Any] = field(default_factory=dict, compare=False)

    @property
    def is_refused(self) -> bool:
        """True when nothing may go."""
        return self.verdict is Verdict.REFUSED


@dataclass(frozen=True, slots=True)
class MatchGrant:
    """What stands between a match and every later read: partner, member, consent, what it leaves out, expiry."""

    id: str
    partner_id: str
    member_id: str
    consent_id: str
    exchange_id: str
    expires_at: datetime
    withdrawn_at: datetime | None = None
    limits: Limits = NOTHING_WITHHELD

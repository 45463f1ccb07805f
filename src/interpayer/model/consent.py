"""What the member allowed, as our own model; read from FHIR Consent or from the enrollment feed."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
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


# Among `labels_withheld`: whatever carries any sensitivity label at all, also a label that only this plan knows.
ANY_LABEL = "*"


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
        return Limits(
            labels_withheld=self.labels_withheld | other.labels_withheld,
            types=frozenset.intersection(*allowed) if allowed else None,
            types_withheld=self.types_withheld | other.types_withheld,
            fields_withheld=self.fields_withheld | other.fields_withheld,
            since=max(days, default=None),
            until=min(ends, default=None),
        )

    def allows_type(self, name: str) -> bool:
        """True when records of this type may go at all."""
        return name not in self.types_withheld and (self.types is None or name in self.types)

    def withholds_label(self, label: str) -> bool:
        """True when a record with this sensitivity label stays here."""
        return label in self.labels_withheld or ANY_LABEL in self.labels_withheld


NOTHING_WITHHELD = Limits()


def limits_as_json(limits: Limits) -> dict[str, list[str] | str]:
    """The limits as plain JSON, sorted, only what is not open: `{}` leaves nothing out."""
    told: dict[str, list[str] | str] = {}
    for name in ("labels_withheld", "types_withheld", "fields_withheld"):
        if values := getattr(limits, name):
            told[name] = sorted(values)
    if limits.types is not None:
        told["types"] = sorted(limits.types)
    told |= {name: day.isoformat() for name in ("since", "until") if (day := getattr(limits, name))}
    return told


def limits_from_json(told: Mapping[str, object] | None) -> Limits:
    """The limits as `limits_as_json` told them; ValueError for a name or a value that no limits have."""
    given = dict(told or {})
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
class Permission:
    """The decision with its reason; `consent_id` names what it rests on, `limits` what it leaves out.

    `obligations`: what has to be done with whatever goes, by the names that policies use.
    """

    verdict: Verdict
    reason: str | None
    consent_id: str | None
    policy_version: str
    limits: Limits = NOTHING_WITHHELD
    obligations: tuple[str, ...] = ()

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

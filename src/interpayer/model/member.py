"""A member as a payer knows them: demographics, ids inside their issuer's namespace, coverages."""

from dataclasses import dataclass
from datetime import date
from enum import StrEnum


class IdKind(StrEnum):
    """What an identifier names (v2-0203 and HRex codes where one exists)."""

    MEMBER = "MB"
    SUBSCRIBER = "subscriber"
    UNIQUE_MEMBER = "UMB"
    PATIENT = "patient"
    SSN_LAST4 = "ssn4"
    OWN = "own"  # the plan's own key of a member row; says nothing outside
    OTHER = "other"


@dataclass(frozen=True, slots=True)
class Identifier:
    """An id with the namespace that gives it meaning; `issuer` is an organization identifier."""

    kind: IdKind
    value: str
    issuer: str | None = None


@dataclass(frozen=True, slots=True)
class Name:
    """A name, and when it was in use; an open period means now."""

    family: str
    given: tuple[str, ...]
    suffix: str | None = None
    used_from: date | None = None
    used_until: date | None = None


@dataclass(frozen=True, slots=True)
class Address:
    """A postal address, US habit."""

    line: str | None = None
    city: str | None = None
    state: str | None = None
    postal_code: str | None = None


@dataclass(frozen=True, slots=True)
class Demographics:
    """What is known of a person; None is missing, never 'equal'."""

    names: tuple[Name, ...]
    birth_date: date | None
    sex: str | None = None
    addresses: tuple[Address, ...] = ()
    phones: tuple[str, ...] = ()
    emails: tuple[str, ...] = ()
    identifiers: tuple[Identifier, ...] = ()


@dataclass(frozen=True, slots=True)
class Coverage:
    """The plan and period that makes a person a member."""

    payer: str
    member_id: str | None
    subscriber_id: str | None = None
    relationship: str | None = None
    starts_on: date | None = None
    ends_on: date | None = None
    plan: str | None = None
    group: str | None = None
    line_of_business: str | None = None
    status: str = "active"


@dataclass(frozen=True, slots=True)
class Enrollment:
    """One row of the plan's enrollment feed, as read."""

    row: int
    demographics: Demographics
    coverage: Coverage
    opt_in: str | None
    opt_in_on: date | None
    opt_in_until: date | None
    opt_in_scope: str | None
    opt_in_proof: str | None
    prior_payer: str | None
    prior_member_id: str | None
    prior_subscriber_id: str | None
    prior_relation: str | None
    as_of: date

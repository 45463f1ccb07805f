"""The outcome of identity: a disposition with its evidence."""

from dataclasses import dataclass
from enum import StrEnum


class Disposition(StrEnum):
    """How sure identity is."""

    CERTAIN = "certain"
    REVIEW = "review"
    NONE = "none"


class Level(StrEnum):
    """What one comparison said."""

    EQUAL = "equal"
    CLOSE = "close"
    DIFFERENT = "different"
    MISSING = "missing"


@dataclass(frozen=True, slots=True)
class Comparison:
    """One field compared, without raw values."""

    field: str
    level: Level
    ledger: str = "personal"
    weight: float | None = None


@dataclass(frozen=True, slots=True)
class Candidate:
    """A person looked at: which rule fitted, and what each comparison said."""

    member_id: str
    rule: str | None
    comparisons: tuple[Comparison, ...]


@dataclass(frozen=True, slots=True)
class Match:
    """Who is meant. `member_id` is set only for `certain`; `reason` is a code of model/reason.py."""

    disposition: Disposition
    reason: str
    member_id: str | None
    evidence_id: str
    rule: str | None
    rule_version: str
    candidates: tuple[Candidate, ...] = ()
    missing: tuple[str, ...] = ()
    confidence: float | None = None

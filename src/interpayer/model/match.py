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
    """One field compared, without raw values. `grade` says what kind of close it is; `frequency` is the share of
    members who have the value, where the weight used one."""

    field: str
    level: Level
    ledger: str = "personal"
    weight: float | None = None
    frequency: float | None = None
    grade: str = ""


@dataclass(frozen=True, slots=True)
class Candidate:
    """A person looked at: which rule fitted, what each comparison said, and what they sum up to in bits."""

    member_id: str
    rule: str | None
    comparisons: tuple[Comparison, ...]
    weight: float | None = None
    personal: float | None = None
    household: float | None = None


@dataclass(frozen=True, slots=True)
class Match:
    """Who is meant. `member_id` is set only for `certain`; `reason` is a code of model/reason.py. `score` is the best
    candidate's weight in bits, `margin` its lead over the `runner_up`: the best candidate that is another person.
    `missing` would have helped; `masked` was sent with nothing usable in it."""

    disposition: Disposition
    reason: str
    member_id: str | None
    evidence_id: str
    rule: str | None
    rule_version: str
    candidates: tuple[Candidate, ...] = ()
    missing: tuple[str, ...] = ()
    confidence: float | None = None
    score: float | None = None
    margin: float | None = None
    runner_up: str | None = None
    model_version: str | None = None
    threshold_version: str | None = None
    purpose: str | None = None
    masked: tuple[str, ...] = ()

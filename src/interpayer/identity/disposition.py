"""The deterministic decision: certain only when exactly one person fits and nothing personal speaks against it."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import IntEnum
from typing import NamedTuple

from interpayer.identity.comparison import Grade, compare, comparisons
from interpayer.identity.rules import Grades, RuleTable, Worth
from interpayer.identity.scoring.model import Model
from interpayer.identity.scoring.thresholds import Limits
from interpayer.identity.scoring.weigh import NO_FREQUENCIES, Frequencies
from interpayer.identity.standardize import Standard
from interpayer.model.match import Candidate, Disposition
from interpayer.model.member import Coverage

_SHOWN = 10
_AGREES = frozenset(
    {Grade.EQUAL, Grade.KNOWN, Grade.MIDDLE, Grade.CUT, Grade.INITIAL, Grade.TYPO, Grade.PART, Grade.SWAPPED}
)


class Standing(IntEnum):
    """What one candidate amounts to, strongest first."""

    FITS = 0
    CONFLICTS = 1
    WEAK = 2
    HOUSEHOLD = 3
    STRANGER = 4


@dataclass(frozen=True, slots=True)
class Known:
    """A member who may be meant. `ruling` is what a person decided about this very request: same, out or None."""

    member_id: str
    person_id: str
    standard: Standard
    coverages: tuple[Coverage, ...] = ()
    ruling: str | None = None


class Judged(NamedTuple):
    """One candidate after comparison."""

    known: Known
    standing: Standing
    reason: str
    rule: str | None
    grades: Grades


@dataclass(frozen=True, slots=True)
class Scales:
    """What the probabilistic tier decides with: the model, the limits in force and how common values are."""

    model: Model
    limits: Limits
    frequencies: Frequencies = NO_FREQUENCIES


@dataclass(frozen=True, slots=True)
class Outcome:
    """The decision before it gets an evidence id. Score, margin and runner-up are set where people were weighed."""

    disposition: Disposition
    reason: str
    member_id: str | None = None
    rule: str | None = None
    candidates: tuple[Candidate, ...] = ()
    missing: tuple[str, ...] = ()
    score: float | None = None
    margin: float | None = None
    runner_up: str | None = None


def decide(
    asked: Standard,
    known: Iterable[Known],
    rules: RuleTable,
    *,
    card: Coverage | None = None,
    scales: Scales | None = None,
) -> Outcome:
    """Who is meant. People are counted, not rows: members linked as one person count once. With `scales` the
    probabilistic tier follows where no rule decides."""
    everyone = list(known)
    judged = sorted((judge(asked, k, rules) for k in everyone if k.ruling != "out"), key=_strength)
    evidence = tuple(_candidate(j) for j in judged if j.standing is not Standing.STRANGER)[:_SHOWN]
    ruled = [j for j in judged if j.known.ruling == "same"]
    fitting = ruled or [j for j in judged if j.standing is Standing.FITS]
    if len({j.known.person_id for j in fitting}) == 1:
        chosen = fitting[0]
        rule = "review" if ruled else chosen.rule
        if not ruled and rules.coverage_gap and _lies_outside(card, chosen.known.coverages):
            return Outcome(Disposition.REVIEW, "identity.coverage_gap", None, rule, evidence)
        return Outcome(Disposition.CERTAIN, "identity.certain", chosen.known.member_id, rule, evidence)
    missing = _missing(asked)
    if fitting:
        return Outcome(Disposition.REVIEW, "identity.ambiguous", None, fitting[0].rule, evidence, missing)
    reason = _review_reason([j for j in judged if j.standing in (Standing.CONFLICTS, Standing.WEAK)])
    if reason:
        return Outcome(Disposition.REVIEW, reason, None, judged[0].rule, evidence, missing)
    reason = _reason_for_none(judged, refused=len(everyone) > len(judged))
    return Outcome(Disposition.NONE, reason, None, None, evidence, missing)


def judge(asked: Standard, known: Known, rules: RuleTable) -> Judged:
    """What one candidate amounts to, and why."""
    grades = compare(asked, known.standard, rules.nicknames)
    rule, conflicts = rules.first_fit(grades), rules.conflicting(grades)
    name = rule.id if rule else None
    if rule and not conflicts and rule.worth is not Worth.NONE:
        standing = Standing.FITS if rule.worth is Worth.CERTAIN else Standing.WEAK
        return Judged(
            known, standing, "identity.certain" if rule.worth is Worth.CERTAIN else "identity.weak", name, grades
        )
    own_id = Grade.EQUAL in (grades["unique_id"], grades["member_id"])
    if own_id or grades["subscriber_id"] is Grade.EQUAL:
        standing, reason = _despite_id(grades, conflicts, own_id)
        return Judged(known, standing, reason, name, grades)
    shared = Grade.EQUAL in (grades["address"], grades["phone"], grades["email"])
    if shared and (rule or grades["family"] in _AGREES):
        return Judged(known, Standing.HOUSEHOLD, "identity.household_only", name, grades)
    return Judged(known, Standing.STRANGER, "identity.not_enrolled", name, grades)


def verify(asked: Standard, known: Known, rules: RuleTable) -> Outcome:
    """Whether these demographics are this one member's; no search, so no uniqueness is asked."""
    grades = compare(asked, known.standard, rules.nicknames)
    conflicts = rules.conflicting(grades)
    rule = next((r.id for r in rules.verification if r.fits(grades)), None)
    evidence = (Candidate(known.member_id, rule, comparisons(grades)),)
    if rule and not conflicts:
        return Outcome(Disposition.CERTAIN, "identity.certain", known.member_id, rule, evidence)
    if {"birth_date", "given"} <= set(conflicts):
        return Outcome(Disposition.NONE, "identity.not_enrolled", None, rule, evidence)
    reason = "identity.conflict_birth_date" if "birth_date" in conflicts else "identity.conflict_name"
    return Outcome(Disposition.REVIEW, reason if conflicts else "identity.weak", None, rule, evidence, _missing(asked))


def _despite_id(grades: Grades, conflicts: Sequence[str], own_id: bool) -> tuple[Standing, str]:
    # An id fits and yet no rule is met cleanly: a slip, a relative on the same card, or an id given to somebody else.
    another = grades["birth_date"] is Grade.DIFFERENT and grades["given"] is Grade.DIFFERENT
    relative = not own_id and (len(conflicts) > 1 or not _one_person_at_all(grades))
    if another or relative:
        return Standing.HOUSEHOLD, "identity.household_only"
    if "birth_date" in conflicts:
        return Standing.CONFLICTS, "identity.conflict_birth_date"
    if "given" in conflicts or "suffix" in conflicts:
        return Standing.CONFLICTS, "identity.conflict_name"
    return Standing.WEAK, "identity.weak"


def _one_person_at_all(grades: Grades) -> bool:
    return grades["given"] in _AGREES or grades["birth_date"] in (Grade.EQUAL, Grade.TYPO)


def _review_reason(judged: Sequence[Judged]) -> str | None:
    if not judged:
        return None
    if len({j.known.person_id for j in judged}) == 1 or judged[0].standing is not judged[1].standing:
        return judged[0].reason
    return "identity.ambiguous"


def _reason_for_none(judged: Sequence[Judged], *, refused: bool) -> str:
    if refused:
        return "identity.reviewer_refused"
    return judged[0].reason if judged else "identity.not_enrolled"


def _lies_outside(card: Coverage | None, coverages: Sequence[Coverage]) -> bool:
    if card is None or card.starts_on is None or not coverages:
        return False
    return not any(_overlaps(card, coverage) for coverage in coverages)


def _overlaps(one: Coverage, two: Coverage) -> bool:
    begins_late = one.starts_on and two.ends_on and one.starts_on > two.ends_on
    ends_early = one.ends_on and two.starts_on and one.ends_on < two.starts_on
    return not (begins_late or ends_early)


def _missing(asked: Standard) -> tuple[str, ...]:
    given = {
        "member_id": asked.member_ids or asked.unique_ids,
        "subscriber_id": asked.subscriber_ids,
        "birth_date": asked.birth_date,
        "given_name": asked.given,
        "family_name": asked.families,
    }
    return tuple(field for field, value in given.items() if not value)


def _candidate(judged: Judged) -> Candidate:
    return Candidate(judged.known.member_id, judged.rule, comparisons(judged.grades))


def _strength(judged: Judged) -> tuple[int, str, bool, str]:
    # The survivor of linked members first, then a stable order: the same request always names the same member.
    known = judged.known
    return judged.standing, judged.rule or "~", known.member_id != known.person_id, known.member_id

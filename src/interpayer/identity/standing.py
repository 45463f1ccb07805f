"""What one candidate amounts to by the rules: fits, conflicts, weak, a relative, or a stranger."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import IntEnum
from typing import NamedTuple

from interpayer.identity.comparison import Grade, compare
from interpayer.identity.rules import Grades, RuleTable, Worth
from interpayer.identity.scoring.model import Model
from interpayer.identity.scoring.patterns import REMEMBERED
from interpayer.identity.scoring.thresholds import Limits
from interpayer.identity.scoring.weigh import NO_FREQUENCIES, Frequencies, Weighed, weigh
from interpayer.identity.standardize import Standard
from interpayer.model.member import Coverage

_AGREES = (
    Grade.EQUAL, Grade.SPELLED, Grade.KNOWN, Grade.MIDDLE, Grade.CUT, Grade.INITIAL, Grade.TYPO, Grade.PART,
    Grade.SWAPPED,
)  # fmt: skip
_OTHER = (Grade.DIFFERENT, Grade.NEAR)


@dataclass(frozen=True, slots=True)
class Scales:
    """What the probabilistic tier decides with: the model, the limits in force and how common values are."""

    model: Model
    limits: Limits
    frequencies: Frequencies = NO_FREQUENCIES


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
    """One candidate after comparison; `weighed` only where there are scales."""

    known: Known
    standing: Standing
    reason: str
    rule: str | None
    grades: Grades
    weighed: Weighed | None = None

    @property
    def total(self) -> float:
        """The weight in bits; none where nothing was weighed."""
        return self.weighed.total if self.weighed else 0.0


def judge(asked: Standard, known: Known, rules: RuleTable, *, scales: Scales | None = None) -> Judged:
    """What one candidate amounts to, and why; weighed too where there are scales."""
    grades = compare(asked, known.standard, rules.nicknames)
    standing, reason, rule = _stands(grades, rules)
    if scales is None:
        return Judged(known, standing, reason, rule, grades)
    weighed = weigh(asked, known.standard, grades, model=scales.model, frequencies=scales.frequencies)
    return Judged(known, standing, reason, rule, grades, weighed)


def strength(judged: Judged) -> tuple[int, str, float, bool, str]:
    """For sorting, strongest first: the survivor of linked members leads, then a stable order."""
    known = judged.known
    survivor = known.member_id != known.person_id
    return judged.standing, judged.rule or "~", -judged.total, survivor, known.member_id


_Stands = tuple[Standing, str, str | None]


def _stands(grades: Grades, rules: RuleTable) -> _Stands:
    # Found out once for each pattern of grades: pairs come in some thousand patterns.
    key = tuple(grades.values())
    known: _Stands | None = rules.standings.get(key)
    if known is None:
        known = _found_out(grades, rules)
        if len(rules.standings) < REMEMBERED:
            rules.standings[key] = known
    return known


def _found_out(grades: Grades, rules: RuleTable) -> _Stands:
    rule, conflicts = rules.first_fit(grades), rules.conflicting(grades)
    name = rule.id if rule else None
    if rule and not conflicts and rule.worth is not Worth.NONE:
        if rule.worth is Worth.CERTAIN:
            return Standing.FITS, "identity.certain", name
        return Standing.WEAK, "identity.weak", name
    own_id = Grade.EQUAL in (grades["unique_id"], grades["member_id"])
    if own_id or grades["subscriber_id"] is Grade.EQUAL:
        return *_despite_id(grades, conflicts, own_id), name
    shared = Grade.EQUAL in (grades["address"], grades["phone"], grades["email"])
    if shared and (rule or grades["family"] in _AGREES):
        return Standing.HOUSEHOLD, "identity.household_only", name
    return Standing.STRANGER, "identity.not_enrolled", name


def _despite_id(grades: Grades, conflicts: Sequence[str], own_id: bool) -> tuple[Standing, str]:
    # An id fits and yet no rule is met cleanly: a slip, a relative on the same card, or an id given to somebody else.
    another = grades["birth_date"] in _OTHER and grades["given"] in _OTHER
    twin = grades["given"] is Grade.DIFFERENT and grades["ssn4"] is Grade.DIFFERENT
    relative = not own_id and (twin or len(conflicts) > 1 or not _one_person_at_all(grades))
    if another or relative:
        return Standing.HOUSEHOLD, "identity.household_only"
    if "birth_date" in conflicts:
        return Standing.CONFLICTS, "identity.conflict_birth_date"
    if "given" in conflicts or "suffix" in conflicts:
        return Standing.CONFLICTS, "identity.conflict_name"
    return Standing.WEAK, "identity.weak"


def _one_person_at_all(grades: Grades) -> bool:
    return grades["given"] in _AGREES or grades["birth_date"] in (Grade.EQUAL, Grade.TYPO)

"""The decision: by a rule, else by weight, certain only when one person fits and nothing personal speaks against it."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from math import log2
from typing import NamedTuple

from interpayer.identity.comparison import compare, comparisons
from interpayer.identity.rules import RuleTable
from interpayer.identity.scoring.guards import bar, fits_name_better, joined, name_in_doubt, same_person_twice, veto
from interpayer.identity.standardize import Standard
from interpayer.identity.standing import Judged, Known, Scales, Standing, judge, strength
from interpayer.model.match import Candidate, Disposition
from interpayer.model.member import Coverage

__all__ = ["BY_WEIGHT", "Known", "Outcome", "Scales", "decide", "verify"]

BY_WEIGHT = "P"
_SHOWN = 10


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
    probabilistic tier decides where no rule does.
    """
    everyone = list(known)
    near = [judge(asked, k, rules, scales=scales) for k in everyone if k.ruling != "out"]
    hearing = _Hearing(asked, sorted(near, key=strength), rules, scales, refused=len(everyone) > len(near))
    ruled = next((j for j in hearing.judged if j.known.ruling == "same"), None)
    fitting = [j for j in hearing.judged if j.standing is Standing.FITS]
    chosen = ruled or (fitting[0] if fitting else hearing.heaviest())
    second = hearing.second(chosen)
    if ruled:
        found = _Finding(Disposition.CERTAIN, "identity.certain", ruled.known.member_id, "review")
    else:
        found = hearing.by_rule(fitting, second) if fitting else hearing.by_weight(chosen, second)
        if found.member_id and chosen and rules.coverage_gap and _lies_outside(card, chosen.known.coverages):
            found = _Finding(Disposition.REVIEW, "identity.coverage_gap", None, found.rule)
    if found.member_id and chosen:
        found = found._replace(member_id=hearing.survivor(chosen))
    return hearing.with_evidence(found, chosen, second)


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


class _Finding(NamedTuple):
    """What was decided, before the evidence is added."""

    disposition: Disposition
    reason: str
    member_id: str | None = None
    rule: str | None = None


@dataclass(frozen=True, slots=True)
class _Hearing:
    """One decision in the making: who is asked for, who is near (strongest first), by which rules and scales."""

    asked: Standard
    judged: Sequence[Judged]
    rules: RuleTable
    scales: Scales | None
    refused: bool

    def by_rule(self, fitting: Sequence[Judged], second: Judged | None) -> _Finding:
        """The deterministic tier: one person fits, and nobody else comes close."""
        chosen = fitting[0]
        # Two numbers on one card are two people until the plan links them.
        if any(other.known.person_id != chosen.known.person_id for other in fitting):
            return _Finding(Disposition.REVIEW, "identity.ambiguous", None, chosen.rule)
        if chosen.weighed and self.scales:
            if second and (fits_name_better(second.grades, chosen.grades) or self._is_close(chosen, second)):
                return _Finding(Disposition.REVIEW, "identity.ambiguous", None, chosen.rule)
            if reason := name_in_doubt(chosen.weighed, self.scales.limits):
                return _Finding(Disposition.REVIEW, reason, None, chosen.rule)
        return _Finding(Disposition.CERTAIN, "identity.certain", chosen.known.member_id, chosen.rule)

    def by_weight(self, best: Judged | None, second: Judged | None) -> _Finding:
        """The probabilistic tier, where no rule decides; without scales or a likely person only what rules say."""
        if self.scales is None or best is None or best.weighed is None or veto(best.grades):
            return self.unsure()
        if not self._deserves_a_look(best):
            return self.unsure()
        limits = self.scales.limits
        reason = bar(best.weighed, limits, score=self.score(best))
        if reason is None and second and self._is_close(best, second):
            reason = "identity.ambiguous"
        enough = self.score(best) >= limits.certain and best.weighed.personal >= limits.personal
        if reason is None and (not enough or (limits.needs_id and not _has_insurance_id(self.asked))):
            reason = "identity.weak"
        if reason is None:
            return _Finding(Disposition.CERTAIN, "identity.certain", best.known.member_id, BY_WEIGHT)
        others = (j for j in self.judged if j.known.person_id != best.known.person_id)
        if reason == "identity.weak" and any(self._is_close(best, other) for other in others):
            reason = "identity.ambiguous"
        return _Finding(Disposition.REVIEW, reason, None, best.rule or BY_WEIGHT)

    def unsure(self) -> _Finding:
        """A case for a person, or nobody."""
        doubtful = [j for j in self.judged if j.standing in (Standing.CONFLICTS, Standing.WEAK)]
        reason = _review_reason([j for j in doubtful if self._deserves_a_look(j)])
        if reason:
            return _Finding(Disposition.REVIEW, reason, None, self.judged[0].rule)
        if self.refused:
            return _Finding(Disposition.NONE, "identity.reviewer_refused")
        return _Finding(Disposition.NONE, self.judged[0].reason if self.judged else "identity.not_enrolled")

    def heaviest(self) -> Judged | None:
        """The likeliest person: the heaviest who is no relative or namesake, else the heaviest of all."""
        if self.scales is None or not self.judged:
            return None
        possible = [j for j in self.judged if veto(j.grades) is None]
        return max(possible or self.judged, key=lambda j: j.total)

    def second(self, chosen: Judged | None) -> Judged | None:
        """The heaviest other person; one so like the chosen that it is the same person enrolled twice is none."""
        if chosen is None or self.scales is None:
            return None
        others = [j for j in self.judged if not self._is_same(chosen, j)]
        return max(others, key=lambda j: j.total, default=None)

    def survivor(self, chosen: Judged) -> str:
        """The member that stands for the person: of linked ones the survivor, where it is near."""
        person = chosen.known.person_id
        return person if any(j.known.member_id == person for j in self.judged) else chosen.known.member_id

    def score(self, judged: Judged) -> float:
        """The odds, in bits, against all people held: that it is this one and not just anybody."""
        people = self.scales.frequencies.population if self.scales else 1
        return judged.total - log2(max(people, 1))

    def with_evidence(self, found: _Finding, chosen: Judged | None, second: Judged | None) -> Outcome:
        """The outcome with who was looked at, what they weighed, and what would help."""
        near = [j for j in self.judged if j.standing is not Standing.STRANGER or j is chosen][:_SHOWN]
        is_weighed = chosen is not None and chosen.weighed is not None
        return Outcome(
            *found,
            candidates=tuple(_candidate(j) for j in near),
            missing=() if found.member_id or found.reason == "identity.coverage_gap" else _missing(self.asked),
            score=round(self.score(chosen), 2) if chosen and is_weighed else None,
            margin=round(chosen.total - second.total, 2) if chosen and second else None,
            runner_up=second.known.member_id if second else None,
        )

    def _is_same(self, one: Judged, two: Judged) -> bool:
        if one.known.person_id == two.known.person_id:
            return True
        left, right = one.known.standard, two.known.standard
        if left.birth_date != right.birth_date or left.given[:1] != right.given[:1]:
            return False
        return same_person_twice(compare(left, right, self.rules.nicknames))

    def _is_close(self, chosen: Judged, second: Judged) -> bool:
        margin = self.scales.limits.margin if self.scales else 0.0
        return chosen.total - second.total < margin

    def _deserves_a_look(self, judged: Judged) -> bool:
        if self.scales is None or judged.weighed is None:
            return True
        limits = self.scales.limits
        # Where nothing joins a name and a birth date to one person, whoever looks at it knows no more than we do.
        lowest = limits.review if joined(judged.weighed) > 0 else limits.alone_review
        return self.score(judged) >= lowest


def _review_reason(judged: Sequence[Judged]) -> str | None:
    if not judged:
        return None
    if len({j.known.person_id for j in judged}) == 1 or judged[0].standing is not judged[1].standing:
        return judged[0].reason
    return "identity.ambiguous"


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


def _has_insurance_id(asked: Standard) -> bool:
    return bool(asked.member_ids or asked.subscriber_ids or asked.unique_ids)


def _candidate(judged: Judged) -> Candidate:
    known, weighed = judged.known, judged.weighed
    if weighed is None:
        return Candidate(known.member_id, judged.rule, comparisons(judged.grades))
    sums = (round(weight, 2) for weight in (weighed.total, weighed.personal, weighed.household))
    return Candidate(known.member_id, judged.rule, weighed.comparisons, *sums)

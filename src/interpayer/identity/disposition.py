"""The decision: by a rule, else by weight, certain only when one person fits and nothing personal speaks against it."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from math import log2

from interpayer.identity.comparison import compare, comparisons
from interpayer.identity.rules import RuleTable
from interpayer.identity.scoring.guards import bar, fits_name_better, veto
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
    chosen: Judged | None = None
    found: Outcome | None
    judged = sorted((judge(asked, k, rules, scales=scales) for k in everyone if k.ruling != "out"), key=strength)
    ruled = [j for j in judged if j.known.ruling == "same"]
    fitting = ruled or [j for j in judged if j.standing is Standing.FITS]
    if len({j.known.person_id for j in fitting}) == 1:
        chosen = fitting[0]
        found = _by_rule(chosen, judged, ruled=bool(ruled))
    elif fitting:
        found = Outcome(Disposition.REVIEW, "identity.ambiguous", None, fitting[0].rule)
    else:
        chosen = _heaviest(judged) if scales else None
        found = _by_weight(asked, chosen, judged, scales) if chosen and scales else None
    if found is None:
        found = _unsure(judged, scales, refused=len(everyone) > len(judged))
    if found.member_id and chosen and not ruled and rules.coverage_gap and _lies_outside(card, chosen.known.coverages):
        found = Outcome(Disposition.REVIEW, "identity.coverage_gap", None, found.rule)
    return _with_evidence(found, asked, judged, chosen=chosen, scales=scales)


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


def _by_rule(chosen: Judged, judged: Sequence[Judged], *, ruled: bool) -> Outcome:
    if ruled:
        return Outcome(Disposition.CERTAIN, "identity.certain", chosen.known.member_id, "review")
    others = [j for j in judged if j.known.person_id != chosen.known.person_id]
    if any(fits_name_better(j.grades, chosen.grades) for j in others):
        return Outcome(Disposition.REVIEW, "identity.ambiguous", None, chosen.rule)
    return Outcome(Disposition.CERTAIN, "identity.certain", chosen.known.member_id, chosen.rule)


def _heaviest(judged: Sequence[Judged]) -> Judged | None:
    # The first of equals in the stable order; relatives and namesakes are out, they only count for the margin.
    possible = [j for j in judged if veto(j.grades) is None]
    return max(possible, key=lambda j: j.total, default=None)


def _by_weight(asked: Standard, best: Judged, judged: Sequence[Judged], scales: Scales) -> Outcome | None:
    """The probabilistic tier; None when even a person's look would be a waste."""
    limits, score = scales.limits, _score(best, scales)
    if score < limits.review or best.weighed is None:
        return None
    reason = bar(best.weighed, joining=limits.joining)
    second = _second(best, judged)
    if reason is None and second and best.total - second.total < limits.margin:
        reason = "identity.ambiguous"
    enough = score >= limits.certain and best.weighed.personal >= limits.personal
    if reason is None and (not enough or (limits.needs_id and not _has_insurance_id(asked))):
        reason = "identity.weak"
    if reason is None:
        return Outcome(Disposition.CERTAIN, "identity.certain", best.known.member_id, BY_WEIGHT)
    return Outcome(Disposition.REVIEW, reason, None, best.rule or BY_WEIGHT)


def _score(judged: Judged, scales: Scales) -> float:
    # Against all people held: the odds that it is this one and not just anybody.
    return judged.total - log2(max(scales.frequencies.population, 1))


def _second(chosen: Judged, judged: Sequence[Judged]) -> Judged | None:
    others = (j for j in judged if j.known.person_id != chosen.known.person_id)
    return max(others, key=lambda j: j.total, default=None)


def _unsure(judged: Sequence[Judged], scales: Scales | None, *, refused: bool) -> Outcome:
    doubtful = [j for j in judged if j.standing in (Standing.CONFLICTS, Standing.WEAK)]
    reason = _review_reason([j for j in doubtful if scales is None or _score(j, scales) >= scales.limits.review])
    if reason:
        return Outcome(Disposition.REVIEW, reason, None, judged[0].rule)
    return Outcome(Disposition.NONE, _reason_for_none(judged, refused=refused))


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


def _with_evidence(
    found: Outcome, asked: Standard, judged: Sequence[Judged], *, chosen: Judged | None, scales: Scales | None
) -> Outcome:
    near = [j for j in judged if j.standing is not Standing.STRANGER or j is chosen]
    missing = () if found.member_id or found.reason == "identity.coverage_gap" else _missing(asked)
    shown = replace(found, candidates=tuple(_candidate(j) for j in near[:_SHOWN]), missing=missing)
    best = chosen or max(judged, key=lambda j: j.total, default=None)
    if scales is None or best is None:
        return shown
    second = _second(best, judged)
    return replace(
        shown,
        score=round(_score(best, scales), 2),
        margin=round(best.total - second.total, 2) if second else None,
        runner_up=second.known.member_id if second else None,
    )


def _has_insurance_id(asked: Standard) -> bool:
    return bool(asked.member_ids or asked.subscriber_ids or asked.unique_ids)


def _candidate(judged: Judged) -> Candidate:
    known, weighed = judged.known, judged.weighed
    if weighed is None:
        return Candidate(known.member_id, judged.rule, comparisons(judged.grades))
    sums = (round(weight, 2) for weight in (weighed.total, weighed.personal, weighed.household))
    return Candidate(known.member_id, judged.rule, weighed.comparisons, *sums)

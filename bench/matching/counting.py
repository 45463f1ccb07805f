"""How well: releases, wrong ones by kind, what a person would have to look at, and what the numbers prove."""

import math
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from bench.matching.answers import Answer, Row

MINUTES_A_CASE = 2
# the names for the kinds that the populations know under finer ones
TROUBLE = {
    "clean": "nothing wrong", "typo": "typo", "birth_date": "wrong birth date", "nickname": "nickname",
    "name_change": "name change", "moved": "moved", "missing": "missing fields", "swap": "fields swapped",
    "twin": "twin", "twin_absent": "twin not enrolled", "ambiguous_twin": "twins, undecidable", "namesake": "namesake",
    "namesake_absent": "namesake not enrolled", "ambiguous_namesake": "namesakes, undecidable",
    "double": "same name and birth date", "near_namesake": "near namesake not enrolled",
    "same_name_birth_date": "same name and birth date not enrolled", "household_absent": "household not enrolled",
    "wrong_id": "wrong id", "wrong_id_absent": "wrong id not enrolled", "reused_id": "reused id", "merged": "merged",
    "enrolled_twice": "enrolled twice", "heavy": "several at once", "not_enrolled": "not enrolled",
}  # fmt: skip


@dataclass(slots=True)
class Kind:
    """What became of the queries of one kind."""

    asked: int = 0
    right: int = 0
    wrong: int = 0
    review: int = 0
    missed: int = 0


@dataclass(slots=True)
class Count:
    """The whole count of one matcher; kinds by the population's names."""

    asked: int = 0
    answerable: int = 0
    right: int = 0
    wrong: int = 0
    reviews: int = 0
    found_in_review: int = 0
    ambiguous_released: int = 0
    kinds: dict[str, Kind] = field(default_factory=lambda: defaultdict(Kind))

    @property
    def releases(self) -> int:
        return self.right + self.wrong

    @property
    def recall(self) -> float:
        return self.right / max(1, self.answerable)

    @property
    def found(self) -> float:
        return (self.right + self.found_in_review) / max(1, self.answerable)

    @property
    def review_rate(self) -> float:
        return self.reviews / max(1, self.asked)

    @property
    def minutes_per_1000(self) -> float:
        return 1000 * self.review_rate * MINUTES_A_CASE

    def wrong_in_10000(self) -> tuple[float, float]:
        """Wrong ones in ten thousand releases: as counted, and the upper end of the 95 % interval."""
        return 1e4 * self.wrong / max(1, self.releases), 1e4 * upper_bound(self.wrong, self.releases)


def count(truths: Iterable[Row], answers: Mapping[str, Answer]) -> Count:
    """Counts answers against the truth; a query without an answer is one that found nobody."""
    total = Count()
    for truth in truths:
        answer = answers.get(truth["query_id"], Answer("none"))
        add(total, truth, answer)
    return total


def add(total: Count, truth: Row, answer: Answer) -> None:
    """A case counts as found when it names the right person, or names nobody and leaves the choice to a person."""
    accepted = truth["accept"].split(";") if truth["accept"] else []
    is_positive, kind = truth["group"] == "positive", total.kinds[truth["kind"]]
    total.asked += 1
    kind.asked += 1
    total.answerable += is_positive
    if answer.state == "certain":
        is_right = is_positive and answer.member_key in accepted
        total.right, kind.right = total.right + is_right, kind.right + is_right
        total.wrong, kind.wrong = total.wrong + (not is_right), kind.wrong + (not is_right)
        total.ambiguous_released += truth["group"] == "ambiguous"
    elif answer.state == "review":
        total.reviews += 1
        kind.review += 1
        total.found_in_review += is_positive and (not answer.member_key or answer.member_key in accepted)
    else:
        kind.missed += is_positive


def together(counts: Iterable[Count]) -> Count:
    """Several counts as one."""
    total = Count()
    for one in counts:
        for name in ("asked", "answerable", "right", "wrong", "reviews", "found_in_review", "ambiguous_released"):
            setattr(total, name, getattr(total, name) + getattr(one, name))
        for name, kind in one.kinds.items():
            known = total.kinds[name]
            for part in ("asked", "right", "wrong", "review", "missed"):
                setattr(known, part, getattr(known, part) + getattr(kind, part))
    return total


def upper_bound(wrong: int, of: int, confidence: float = 0.95) -> float:
    """The upper end of the Clopper-Pearson interval for a share, `confidence` being that of the two-sided interval."""
    if of == 0 or wrong >= of:
        return 1.0
    rest = (1 - confidence) / 2
    low, high = wrong / of, 1.0
    for _ in range(60):
        middle = (low + high) / 2
        low, high = (middle, high) if _at_most(wrong, of, middle) > rest else (low, middle)
    return high


def _at_most(wrong: int, of: int, share: float) -> float:
    """P(X <= wrong) of a binomial, by logarithms."""
    if share >= 1:
        return 0.0
    base = math.lgamma(of + 1)
    return sum(
        math.exp(
            base - math.lgamma(k + 1) - math.lgamma(of - k + 1) + k * math.log(share) + (of - k) * math.log1p(-share)
        )
        for k in range(wrong + 1)
    )


def recall_at(truths: Iterable[Row], answers: Mapping[str, Answer], precision: float = 0.9999) -> float:
    """The most that could be released at this precision by any threshold on the score, chosen after the fact."""
    ranked: Counter[float] = Counter()
    right: Counter[float] = Counter()
    answerable = 0
    for truth in truths:
        answerable += truth["group"] == "positive"
        answer = answers.get(truth["query_id"])
        if answer is None or not answer.member_key:
            continue
        ranked[answer.score] += 1
        right[answer.score] += truth["group"] == "positive" and answer.member_key in truth["accept"].split(";")
    best, released, correct = 0, 0, 0
    for score in sorted(ranked, reverse=True):
        released, correct = released + ranked[score], correct + right[score]
        if correct >= precision * released:
            best = correct
    return best / max(1, answerable)

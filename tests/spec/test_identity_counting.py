"""What the identity bench counts and claims, as tables: releases, cases, and the bound that the numbers prove."""

import pytest

from bench.matching.answers import Answer
from bench.matching.counting import count, recall_at, together, upper_bound

# wrong, of, upper end of the exact two-sided 95 % interval; the first by hand (1 - 0.025 ** (1 / of)), the others from
# published tables of the Clopper-Pearson interval
BOUNDS = [(0, 10, 0.3085), (0, 100, 0.03622), (0, 100_000, 3.689e-05), (1, 10, 0.4450), (5, 100, 0.1128), (10, 10, 1.0)]
# (group, accepted), the answer -> releases, wrong, reviews, found in review, ambiguous released
CASES = [
    ("the right person", ("positive", "m1"), Answer("certain", "m1"), (1, 0, 0, 0, 0)),
    ("one of two rows of one person", ("positive", "m1;m2"), Answer("certain", "m2"), (1, 0, 0, 0, 0)),
    ("somebody else", ("positive", "m1"), Answer("certain", "m9"), (1, 1, 0, 0, 0)),
    ("anybody, when nobody is meant", ("negative", ""), Answer("certain", "m1"), (1, 1, 0, 0, 0)),
    ("one of two whom nobody can tell apart", ("ambiguous", "m1;m2"), Answer("certain", "m1"), (1, 1, 0, 0, 1)),
    ("a case without a name", ("positive", "m1"), Answer("review"), (0, 0, 1, 1, 0)),
    ("a case with the wrong name", ("positive", "m1"), Answer("review", "m9"), (0, 0, 1, 0, 0)),
    ("a case about nobody", ("negative", ""), Answer("review"), (0, 0, 1, 0, 0)),
    ("nobody", ("positive", "m1"), Answer("none"), (0, 0, 0, 0, 0)),
]


@pytest.mark.parametrize(("wrong", "of", "expected"), BOUNDS)
def test_the_bound_is_clopper_and_pearson(wrong: int, of: int, expected: float) -> None:
    assert upper_bound(wrong, of) == pytest.approx(expected, rel=2e-3)


@pytest.mark.parametrize(
    ("group_accept", "answer", "expected"), [case[1:] for case in CASES], ids=[c[0] for c in CASES]
)
def test_an_answer_is_counted(group_accept: tuple[str, str], answer: Answer, expected: tuple[int, ...]) -> None:
    group, accept = group_accept
    truth = {"query_id": "q1", "kind": "clean", "group": group, "accept": accept}
    one = count([truth], {"q1": answer})
    seen = (one.releases, one.wrong, one.reviews, one.found_in_review, one.ambiguous_released)
    assert seen == expected
    both = together([one, one])
    assert (both.asked, both.releases, both.kinds["clean"].wrong) == (2, 2 * one.releases, 2 * one.wrong)


def test_no_answer_is_nobody_found() -> None:
    one = count([{"query_id": "q1", "kind": "clean", "group": "positive", "accept": "m1"}], {})
    assert (one.answerable, one.right, one.kinds["clean"].missed) == (1, 0, 1)


def test_the_best_threshold_stops_before_the_first_wrong_one() -> None:
    truths = [{"query_id": f"q{n}", "group": "positive", "accept": f"m{n}"} for n in range(4)]
    answers = {f"q{n}": Answer("certain", f"m{n}" if n != 2 else "m9", 10.0 - n) for n in range(4)}
    assert recall_at(truths, answers) == 0.5

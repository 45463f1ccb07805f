"""How much evidence is enough: the limit follows from the budget and its bound, never from taste."""

import random

import pytest

from interpayer.identity.learning.bounds import upper_bound
from interpayer.identity.learning.calibration import BY_RULE, Budget, Labelled, calibrate


def labels(*, right, wrong):
    return [Labelled(score, is_right=True) for score in right] + [Labelled(score, is_right=False) for score in wrong]


def test_the_limit_goes_down_until_the_wrong_ones_begin():
    # a thousand right ones from 5 to 30 bits; below 9 bits every second one is somebody else
    right = [5 + n / 40 for n in range(1_000)]
    found = calibrate(labels(right=right, wrong=[5 + n / 20 for n in range(80)]), Budget(0.01))
    assert found.limit == 9.0
    assert found.point.wrong == 0
    assert found.point.bound <= 0.01
    # one step further the bound breaks: that it was tried is told
    assert found.tried[-1].limit == 8.5
    assert found.tried[-1].bound > 0.01


def test_too_few_labels_say_how_many_are_needed():
    found = calibrate(labels(right=[20.0] * 500, wrong=[]), Budget(1e-4))
    assert found.limit is None
    assert "29,956" in found.why
    assert "500" in found.why


def test_wrong_ones_at_the_top_prove_no_limit_at_all():
    found = calibrate(labels(right=[30.0] * 400, wrong=[40.0] * 40), Budget(0.01))
    assert found.limit is None
    assert "wrong at the start" in found.why


def test_releases_by_a_rule_count_at_every_limit():
    by_rule = [Labelled(BY_RULE, is_right=True)] * 600
    found = calibrate([*by_rule, Labelled(12.0, is_right=True)], Budget(0.01, lowest=4.0))
    assert (found.limit, found.point.released) == (12.0, 601)
    wrong_rule = [Labelled(BY_RULE, is_right=False)] * 30
    assert calibrate([*by_rule, *wrong_rule], Budget(0.01)).limit is None


def test_nobody_goes_below_the_lowest_limit():
    right = [5 + n / 40 for n in range(1_000)]
    assert calibrate(labels(right=right, wrong=[]), Budget(0.01, lowest=12.0)).limit == 12.0
    assert calibrate(labels(right=right, wrong=[]), Budget(0.01)).limit == 5.0


def test_a_limit_that_releases_nobody_more_is_not_lowered():
    found = calibrate(labels(right=[20.0] * 500 + [12.0] * 500, wrong=[]), Budget(0.01))
    assert found.limit == 12.0
    assert found.tried[-1].limit == 0.0, "lower ones were tried, and release nobody more"


def test_what_is_never_released_counts_nowhere():
    held_back = [Labelled(None, is_right=False)] * 500
    assert calibrate([*held_back, *labels(right=[20.0] * 400, wrong=[])], Budget(0.01)).tried[-1].released == 400


def test_the_bound_keeps_its_word_over_many_draws():
    """In at most one of twenty draws may the true share at the proven limit be above the budget."""
    draw, budget, broken = random.Random(7), Budget(0.02), 0
    rounds = 120
    for _ in range(rounds):
        drawn = [(score, draw.random() > _share_wrong(score)) for score in (draw.uniform(0, 20) for _ in range(900))]
        found = calibrate([Labelled(score, is_right) for score, is_right in drawn], budget)
        if found.limit is not None and _share_from(found.limit) > budget.share:
            broken += 1
    # five percent is what may break; a few more by chance is what 120 draws allow
    assert broken / rounds <= 0.05 + 2 * (0.05 * 0.95 / rounds) ** 0.5
    assert upper_bound(broken, rounds, confidence=0.5) < 0.1


def _share_wrong(score):
    return 0.5 if score < 2 else 0.02 if score < 8 else 0.001


def _share_from(limit):
    """The true share of wrong ones at or above a limit, for scores spread evenly from 0 to 20."""
    parts = [(0, 2, 0.5), (2, 8, 0.02), (8, 20, 0.001)]
    spans = [(max(min(high, 20) - max(low, limit), 0), share) for low, high, share in parts]
    return sum(span * share for span, share in spans) / sum(span for span, _ in spans)


@pytest.mark.parametrize("share", [0.01, 0.05])
def test_a_larger_budget_never_raises_the_limit(share):
    some = labels(right=[5 + n / 40 for n in range(1_000)], wrong=[5 + n / 20 for n in range(80)])
    strict, loose = calibrate(some, Budget(share)), calibrate(some, Budget(share * 2))
    assert loose.limit <= strict.limit

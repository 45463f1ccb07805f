"""The exact bound on wrong releases, against numbers that others computed."""

import pytest

from interpayer.identity.learning.bounds import needed, upper_bound


@pytest.mark.parametrize(
    ("wrong", "released", "confidence", "expected"),
    [
        (0, 10, 0.95, 1 - 0.05 ** (1 / 10)),  # nothing wrong: the root of the chance of that
        (0, 29_956, 0.95, 1e-4),  # the rule of three: 3 / 30,000
        (1, 14_546, 0.975, 3.83e-4),  # the two-sided bound that identity.md, section 1, states
        (5, 50, 0.95, 0.1989),  # table of Clopper and Pearson
        (10, 100, 0.95, 0.1637),
    ],
)
def test_the_bound_is_clopper_and_pearsons(wrong, released, confidence, expected):
    assert upper_bound(wrong, released, confidence=confidence) == pytest.approx(expected, rel=2e-3)


def test_nothing_seen_proves_nothing():
    assert upper_bound(0, 0, confidence=0.95) == 1.0
    assert upper_bound(3, 3, confidence=0.95) == 1.0


def test_more_releases_prove_more_and_more_mistakes_less():
    bounds = [upper_bound(2, n, confidence=0.95) for n in (10, 100, 1_000, 10_000)]
    assert bounds == sorted(bounds, reverse=True)
    mistakes = [upper_bound(k, 1_000, confidence=0.95) for k in range(8)]
    assert mistakes == sorted(mistakes)


@pytest.mark.parametrize("wrong", [0, 1, 4])
def test_needed_is_the_first_number_that_proves_the_budget(wrong):
    enough = needed(wrong, 1e-3, confidence=0.95)
    assert upper_bound(wrong, enough, confidence=0.95) <= 1e-3 < upper_bound(wrong, enough - 1, confidence=0.95)

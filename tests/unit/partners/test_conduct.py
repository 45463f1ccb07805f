"""Scraping: which number reaches which level, and what is usual for a partner."""

from datetime import timedelta

import pytest

from interpayer.partners.conduct import Level, Limits, Tally, judge

LIMITS = Limits(
    missing=(5, 10, 20),
    counting=(2, 3, 4),
    volume=(2, 4, 8),
    volume_floor=100,
    span=timedelta(hours=24),
    rest=timedelta(hours=24),
    slow_s=5,
)


@pytest.mark.parametrize(
    ("number", "level"),
    [(4, None), (5, Level.NOTICED), (9, Level.NOTICED), (10, Level.SLOWED), (20, Level.REFUSED), (999, Level.REFUSED)],
)
def test_a_number_reaches_the_last_step_that_it_passes(number, level):
    found = judge(Tally(missing=number), LIMITS)
    assert [pattern.level for pattern in found] == ([level] if level else [])


def test_ids_that_are_none_of_ours_count_twice_as_a_pattern_of_their_own():
    found = {pattern.name: pattern.level for pattern in judge(Tally(missing=5, counting=4), LIMITS)}
    assert found == {"missing": Level.NOTICED, "counting": Level.REFUSED}


@pytest.mark.parametrize(
    ("calls", "busiest", "level"),
    [
        (199, 0, None),  # never below the floor
        (200, 0, Level.NOTICED),
        (1999, 1000, None),  # a busy partner may be busy
        (2000, 1000, Level.NOTICED),
        (8000, 1000, Level.REFUSED),
    ],
)
def test_volume_is_measured_against_what_is_usual_for_the_partner(calls, busiest, level):
    found = judge(Tally(calls=calls, busiest=busiest), LIMITS)
    assert [pattern.level for pattern in found] == ([level] if level else [])

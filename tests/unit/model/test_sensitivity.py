"""The one rule of what stays: labels of a record against the labels withheld."""

import pytest

from interpayer.model.sensitivity import EVERY_LABEL, is_withheld


@pytest.mark.parametrize(
    ("labels", "withheld", "stays"),
    [
        (set(), set(), False),
        (set(), {EVERY_LABEL}, False),
        ({"hiv"}, set(), False),
        ({"hiv"}, {EVERY_LABEL}, True),
        ({"hiv"}, {"hiv"}, True),
        ({"hiv"}, {"mental_health"}, False),
        ({"plan_vip"}, {EVERY_LABEL}, True),
        ({"unstructured"}, {"mental_health"}, True),
        ({"restricted"}, {"mental_health"}, True),
        ({"unstructured"}, {"minor_own"}, False),
        ({"unstructured", "minor_own"}, {"minor_own"}, True),
        ({"unstructured"}, set(), False),
        ({"psychotherapy_notes"}, set(), True),
    ],
)
def test_what_stays(labels: set[str], withheld: set[str], stays: bool) -> None:
    assert is_withheld(labels, withheld) is stays

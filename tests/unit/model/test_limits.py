"""What a permission leaves out: narrowing never widens, and what was kept is what was said."""

from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from interpayer.model.consent import ANY_LABEL, NOTHING_WITHHELD, Limits, limits_as_json, limits_from_json

NAMES = st.frozensets(st.sampled_from(["Condition", "Claim", "Observation", "Coverage"]))
DAYS = st.none() | st.dates(date(2020, 1, 1), date(2020, 1, 9))
LIMITS = st.builds(Limits, NAMES, st.none() | NAMES, NAMES, NAMES, DAYS, DAYS)


@given(LIMITS, LIMITS)
def test_narrowing_never_widens(one, two):
    both = one.narrowed_by(two)
    for name in ("Condition", "Claim", "Observation", "Coverage"):
        assert not both.allows_type(name) or (one.allows_type(name) and two.allows_type(name))
        assert both.withholds_label(name) == (one.withholds_label(name) or two.withholds_label(name))
    for part in (one, two):
        assert part.since is None or both.since >= part.since
        assert part.until is None or both.until <= part.until
    assert both == two.narrowed_by(one)
    assert both.narrowed_by(one) == both


@given(LIMITS)
def test_what_was_kept_is_what_was_said(limits):
    assert limits_from_json(limits_as_json(limits)) == limits
    assert limits.narrowed_by(NOTHING_WITHHELD) == limits
    assert limits.is_open == (limits_as_json(limits) == {})


def test_any_label_withholds_labels_nobody_listed():
    limits = Limits(labels_withheld=frozenset({ANY_LABEL}))
    assert limits.withholds_label("of-this-plan-only")
    assert limits.needs_labels
    assert not Limits(labels_withheld=frozenset({"hiv"})).withholds_label("part_2")


def test_no_types_at_all_is_not_all_types():
    assert not limits_from_json({"types": []}).allows_type("Claim")
    assert limits_from_json({}).allows_type("Claim")


@pytest.mark.parametrize(
    "told", [{"labels": ["x"]}, {"types": "Claim"}, {"types": [""]}, {"since": "soon"}, {"fields_withheld": [1]}]
)
def test_unknown_limits_are_refused_and_not_ignored(told):
    with pytest.raises(ValueError, match=r".+"):
        limits_from_json(told)

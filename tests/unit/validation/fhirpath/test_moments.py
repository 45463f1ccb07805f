"""Dates are compared as far as both go, and as instants where both have a zone."""

import pytest

from interpayer.validation.fhirpath.moments import compare_moments


@pytest.mark.parametrize(
    ("left", "right", "order"),
    [
        ("2024-01-02", "2024-01-03", -1),
        ("2024-01-03", "2024-01-02", 1),
        ("2024", "2024", 0),
        ("2023", "2024-05", -1),
        ("2024", "2024-05", None),
        ("2024-05-06", "2024-05-06T10:00:00Z", None),
        ("2024-05-06", "2024-05-07T10:00:00Z", -1),
        ("2024-05-06T10:00:00+02:00", "2024-05-06T09:00:00Z", -1),
        ("2024-05-06T10:00:00Z", "2024-05-06T10:00:00.000Z", 0),
        ("2024-05-06T23:30:00-05:00", "2024-05-07T04:30:00Z", 0),
        ("2016-12-31T23:59:60Z", "2017-01-01T00:00:00Z", 0),
        ("10:30", "10:29:59", 1),
        ("10:30", "10:30:59", None),
        ("never", "2024", None),
        ("", "2024", None),
        ("2024-02-31T00:00:00Z", "2024-03-01T00:00:00Z", -1),
    ],
)
def test_order(left: str, right: str, order: int | None) -> None:
    assert compare_moments(left, right) == order

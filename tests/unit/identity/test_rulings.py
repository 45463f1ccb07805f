"""What one ruling says of each candidate."""

import pytest

from interpayer.identity.rulings import spread


@pytest.mark.parametrize(
    ("decision", "member_id", "expected"),
    [
        ("same", "m-1", {"m-1": "same", "m-2": "different"}),
        ("different", None, {"m-1": "different", "m-2": "different"}),
        ("different", "m-2", {"m-2": "different"}),
        ("undecidable", None, {"m-1": "undecidable", "m-2": "undecidable"}),
    ],
)
def test_spread(decision, member_id, expected):
    assert spread(decision, ["m-1", "m-2"], member_id) == expected

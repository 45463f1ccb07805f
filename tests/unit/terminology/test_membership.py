"""Yes, no, or it cannot be said."""

import pytest

from interpayer.terminology.content import Inclusion
from interpayer.terminology.membership import holds
from interpayer.terminology.translate import Code

SETS = {
    "listed": (Inclusion("s", "a"), Inclusion("s", "b")),
    "whole": (Inclusion("s"),),
    "unloaded": (Inclusion("other"),),
    "ruled": (Inclusion("s", rule="is-a x"), Inclusion("s", "a")),
    "without": (Inclusion("s"), Inclusion("s", "b", is_excluded=True)),
    "of sets": (Inclusion(value_set="listed"), Inclusion(value_set="missing")),
    "round": (Inclusion(value_set="round"), Inclusion("s", "a")),
}


@pytest.mark.parametrize(
    ("name", "code", "expected"),
    [
        ("listed", "a", True),
        ("listed", "z", False),
        ("whole", "a", True),
        ("whole", "z", False),
        ("unloaded", "a", False),
        ("ruled", "a", True),
        ("ruled", "b", None),
        ("without", "a", True),
        ("without", "b", False),
        ("of sets", "a", True),
        ("of sets", "z", None),
        ("round", "a", True),
        ("round", "z", None),
        ("missing", "a", None),
    ],
)
def test_a_set_holds_a_code_or_not_or_nobody_can_say(name: str, code: str, expected: bool | None) -> None:
    has = {"s": {"a", "b"}}
    found = holds(name, Code("s", code), inclusions_of=SETS.get, has_code=lambda c: c.code in has[c.system])
    assert found is expected


def test_a_system_that_is_not_loaded_says_nothing() -> None:
    assert holds("whole", Code("s", "a"), inclusions_of=SETS.get, has_code=lambda code: None) is None

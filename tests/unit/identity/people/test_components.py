"""Who hangs together once a judgement is taken away."""

from hypothesis import given
from hypothesis import strategies as st

from interpayer.identity.people.components import component

CHAIN = [("a", "b"), ("c", "b"), ("d", "c")]


def test_everybody_over_others():
    assert component("a", CHAIN) == {"a", "b", "c", "d"}
    assert component("x", CHAIN) == {"x"}


def test_without_one_judgement_two_sides_are_left():
    rest = [edge for edge in CHAIN if edge != ("c", "b")]
    assert component("b", rest) == {"a", "b"}
    assert component("c", rest) == {"c", "d"}


@given(st.lists(st.tuples(st.sampled_from("abcdef"), st.sampled_from("abcdef")), max_size=12))
def test_hanging_together_has_no_direction_and_no_order(edges):
    for start in "abcdef":
        found = component(start, edges)
        assert found == component(start, [(two, one) for one, two in reversed(edges)])
        assert all(component(other, edges) == found for other in found)

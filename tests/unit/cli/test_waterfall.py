"""The bars of a waterfall."""

from interpayer.cli.waterfall import bar_of


def test_a_bar_goes_from_the_sum_before_to_the_sum_with_it():
    up = bar_of(0.0, 18.0, lowest=-18.0, highest=18.0, certain=9.0)
    assert up == " " * 18 + "+" * 18
    down = bar_of(0.0, -18.0, lowest=-18.0, highest=18.0, certain=9.0)
    assert down == "-" * 18 + "|" + " " * 8 + ":"
    assert bar_of(1.0, 1.0, lowest=1.0, highest=1.0) == ""

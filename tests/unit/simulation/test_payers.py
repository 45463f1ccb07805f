"""Plans: who is where when."""

from datetime import date
from itertools import pairwise

from interpayer.simulation.ids import member_number, npi
from interpayer.simulation.members import people
from interpayer.simulation.payers import PLANS, World, line_of_business, stays

WORLD = World(7)


def _passes_luhn(number: str) -> bool:
    digits = [int(digit) for digit in "80840" + number]
    doubled = [digit * 2 if place % 2 else digit for place, digit in enumerate(reversed(digits))]
    return sum(digit - 9 if digit > 9 else digit for digit in doubled) % 10 == 0


def test_stays_follow_each_other_or_run_side_by_side() -> None:
    concurrent = moved = 0
    for person in people(7, 1200):
        path = stays(WORLD, person)
        assert path
        for before, after in pairwise(path):
            assert before.starts_on < after.starts_on
            moved += before.ends_on is not None
            concurrent += before.ends_on is None
            assert before.ends_on is None or before.ends_on < after.starts_on
    assert 0.05 < concurrent / 1200 < 0.2
    assert 0.5 < moved / 1200 < 0.75


def test_some_stays_reach_back_more_than_five_years() -> None:
    starts = [stays(WORLD, person)[0].starts_on for person in people(7, 600)]
    assert any(start < date(2021, 11, 21) for start in starts)
    assert min(starts) > date(2017, 1, 1)


def test_three_plans_make_paths_of_three() -> None:
    world = World(7, plans=PLANS)
    lengths = {len(stays(world, person)) for person in people(7, 600)}
    assert lengths == {1, 2, 3}


def test_a_world_of_one_plan_knows_everybody() -> None:
    world = World(7, plans=PLANS[:1])
    assert all(len(stays(world, person)) == 1 for person in people(7, 60))


def test_lines_of_business_go_by_age() -> None:
    lines = {line_of_business(WORLD, person): person for person in people(7, 600)}
    assert set(lines) == {"medicare_advantage", "medicaid", "chip", "marketplace"}
    assert lines["medicare_advantage"].born_on.year < 1962
    assert lines["chip"].born_on.year > 2006


def test_member_numbers_never_meet() -> None:
    numbers = [member_number(7, PLANS[0], counter) for counter in range(5000)]
    numbers += [member_number(7, PLANS[0], counter, again=True) for counter in range(5000)]
    assert len(set(numbers)) == len(numbers)


def test_npis_have_a_right_check_digit() -> None:
    assert npi(123456789) == "1234567893"
    assert all(_passes_luhn(plan.npi) for plan in PLANS)
    assert all(_passes_luhn(npi(150_000_000 + number)) for number in range(50))

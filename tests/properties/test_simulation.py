"""Laws of the simulation, for any seed and any slice."""

from hypothesis import given, settings
from hypothesis import strategies as some

from interpayer.simulation.cast import demo_cast
from interpayer.simulation.history import member_records
from interpayer.simulation.members import SHOWCASE, Kind, people, person_at
from interpayer.simulation.payers import PLANS, World
from interpayer.simulation.views import plan_views

seeds = some.integers(0, 2**63)


@settings(max_examples=40, deadline=None)
@given(seed=seeds, start=some.integers(0, 500), length=some.integers(0, 60))
def test_a_slice_equals_the_same_part_of_the_whole(seed: int, start: int, length: int) -> None:
    stop = start + length
    assert list(people(seed, stop, start=start)) == [person_at(seed, index) for index in range(start, stop)]


@settings(max_examples=40, deadline=None)
@given(seed=seeds, far=some.integers(0, 10**8))
def test_people_far_out_are_as_cheap_as_the_first(seed: int, far: int) -> None:
    assert person_at(seed, far).index == far


@settings(max_examples=30, deadline=None)
@given(seed=seeds, plan_count=some.integers(2, 3))
def test_every_seed_has_a_full_showcase_and_a_cast(seed: int, plan_count: int) -> None:
    world = World(seed, plans=PLANS[:plan_count])
    assert {person.kind for person in people(seed, SHOWCASE)} == set(Kind)
    cast = demo_cast(world, SHOWCASE)
    assert len(cast.ambiguous.theirs) == len(cast.ambiguous_twin.theirs) == 2
    assert cast.withdrawn.theirs[0].opt_in.answer == "withdrawn"
    assert len(cast.ordinary) >= 5


@settings(max_examples=20, deadline=None)
@given(seed=seeds, start=some.integers(0, 5000))
def test_no_member_id_serves_two_and_records_can_be_made_for_all(seed: int, start: int) -> None:
    world = World(seed, plans=PLANS)
    for plan in world.plans:
        views = [view for person in people(seed, start + 24, start=start) for view in plan_views(world, person, plan)]
        assert len({view.member_id for view in views}) == len(views)
        for view in views:
            assert view.windows
            assert list(member_records(world, view, 8))

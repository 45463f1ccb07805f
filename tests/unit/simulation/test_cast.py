"""The people of the demo's stories."""

import pytest

from interpayer.simulation.cast import Story, demo_cast
from interpayer.simulation.members import Kind
from interpayer.simulation.payers import PLANS, World


@pytest.mark.parametrize("seed", range(12))
def test_every_world_has_its_cast(seed: int) -> None:
    cast = demo_cast(World(seed), 300)
    for role in (cast.delivered, cast.ambiguous, cast.ambiguous_twin, cast.withdrawn, *cast.ordinary):
        assert role.ours.opt_in.answer == "yes"
        assert role.ours.opt_in.scope == "sensitive"
        assert role.told.payer == "payer-a"
        assert role.theirs
    assert len(cast.ordinary) == 12


def test_the_delivered_one_is_certain_by_card_name_and_birth_date() -> None:
    role = demo_cast(World(7), 36).delivered
    (old,) = role.theirs
    assert role.story is Story.DELIVERED
    assert role.told.member_id == old.member_id
    assert role.ours.demographics.family.upper() == old.demographics.family
    assert role.ours.demographics.given.upper() == old.demographics.given
    assert role.ours.demographics.birth_date == old.demographics.birth_date
    assert role.ours.demographics.address_line.upper() != old.demographics.address_line


def test_the_ambiguous_ones_could_be_either_of_two() -> None:
    cast = demo_cast(World(7), 36)
    for role in (cast.ambiguous, cast.ambiguous_twin):
        right, other = role.theirs
        assert role.told.member_id == ""
        assert role.told.subscriber_id == right.subscriber_id == other.subscriber_id
        assert right.demographics.birth_date == other.demographics.birth_date
        assert right.demographics.family == other.demographics.family
        assert right.demographics.sex == other.demographics.sex
        assert right.demographics.given[0] == other.demographics.given[0] == role.ours.demographics.given[0].upper()
        assert right.member_id != other.member_id


def test_the_withdrawn_one_said_no_at_the_old_plan_after_saying_yes_at_the_new_one() -> None:
    role = demo_cast(World(7), 36).withdrawn
    assert role.person.kind is Kind.WITHDRAWN
    assert role.theirs[0].opt_in.answer == "withdrawn"
    assert role.theirs[0].opt_in.on is not None
    assert role.ours.opt_in.on is not None
    assert role.told.member_id == role.theirs[0].member_id


def test_nobody_plays_twice() -> None:
    cast = demo_cast(World(7), 300)
    roles = (cast.delivered, cast.ambiguous, cast.ambiguous_twin, cast.withdrawn, *cast.ordinary)
    assert len({role.person.index for role in roles}) == len(roles)


def test_a_cast_needs_room() -> None:
    with pytest.raises(ValueError, match="two plans"):
        demo_cast(World(7, plans=PLANS[:1]), 300)
    with pytest.raises(ValueError, match="36 people"):
        demo_cast(World(7), 35)

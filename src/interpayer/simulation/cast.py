"""The people of the demo's stories, found in every world of 36 people or more."""

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum

from interpayer.simulation.members import SHOWCASE, Kind, Person, people, person_at
from interpayer.simulation.payers import World
from interpayer.simulation.spelling import is_second_twin
from interpayer.simulation.views import MemberView, Prior, plan_views

ORDINARY = 12


class Story(StrEnum):
    """What happens to a request for this person."""

    DELIVERED = "delivered"
    AMBIGUOUS = "ambiguous"
    WITHDRAWN = "withdrawn"
    ORDINARY = "ordinary"


@dataclass(frozen=True, slots=True)
class Role:
    """One person in a story: what the new plan knows and was told, and what the old plan has.

    `ours` is the enrollment at the plan that asks; `told` the old card (a part may be empty); `theirs` the one or two
    enrollments that come into question at the plan that is asked, the right answer first.
    """

    story: Story
    person: Person
    ours: MemberView
    told: Prior
    theirs: tuple[MemberView, ...]


@dataclass(frozen=True, slots=True)
class Cast:
    """Who plays: one per story, a spare ambiguous one (a twin down as an initial), and the ordinary ones."""

    delivered: Role
    ambiguous: Role
    ambiguous_twin: Role
    withdrawn: Role
    ordinary: tuple[Role, ...]


def demo_cast(world: World, count: int) -> Cast:
    """The same people for the same world; ValueError when it has fewer than two plans or 36 people.

    The ordinary ones have a right member id and said yes to everything; a small world may have fewer.
    """
    if count < SHOWCASE or len(world.plans) < 2:
        raise ValueError(f"a cast needs {SHOWCASE} people and two plans")
    front = list(people(world.seed, SHOWCASE))
    twin = next(person for person in front if is_second_twin(person))
    return Cast(
        delivered=_play(world, Story.DELIVERED, _first(front, Kind.MOVED)),
        ambiguous=_play(world, Story.AMBIGUOUS, _first(front, Kind.DUPLICATED)),
        ambiguous_twin=_play(world, Story.AMBIGUOUS, twin),
        withdrawn=_play(world, Story.WITHDRAWN, _first(front, Kind.WITHDRAWN)),
        ordinary=tuple(_ordinary(world, count, ORDINARY)),
    )


def _first(front: list[Person], kind: Kind) -> Person:
    return next(person for person in front if person.kind is kind)


def _play(world: World, story: Story, person: Person) -> Role:
    (ours,) = plan_views(world, person, world.plans[-1])
    theirs = plan_views(world, person, world.plans[0])
    if person.kind is Kind.TWIN and person.double is not None:
        theirs += plan_views(world, person_at(world.seed, person.double), world.plans[0])
    told = next(prior for prior in ours.priors if prior.payer == world.plans[0].id)
    return Role(story, person, ours, told, theirs)


def _ordinary(world: World, count: int, wanted: int) -> Iterator[Role]:
    for person in people(world.seed, count):
        if wanted == 0:
            return
        if person.kind is Kind.ORDINARY and _is_plain(world, person):
            wanted -= 1
            yield _play(world, Story.ORDINARY, person)


def _is_plain(world: World, person: Person) -> bool:
    """True when both plans spell alike, the card is right, and the member said yes to everything."""
    ours = plan_views(world, person, world.plans[-1])
    theirs = plan_views(world, person, world.plans[0])
    if len(ours) != 1 or len(theirs) != 1:
        return False
    new, old = ours[0].demographics, theirs[0].demographics
    return (
        ours[0].opt_in.answer == "yes"
        and ours[0].opt_in.scope == "sensitive"
        and any(prior.member_id == theirs[0].member_id for prior in ours[0].priors)
        and (new.family.upper(), new.birth_date) == (old.family.upper(), old.birth_date)
    )

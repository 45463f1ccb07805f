"""How a plan knows a person: under its own ids, for its own periods, with what the member has told it."""

from dataclasses import dataclass, replace
from datetime import date, timedelta
from random import Random

from interpayer.simulation.ids import dependent_suffix, member_number
from interpayer.simulation.members import Kind, Person
from interpayer.simulation.names import dice
from interpayer.simulation.payers import Plan, Stay, World, line_of_business, stays
from interpayer.simulation.spelling import Demographics, as_known, as_known_again, is_second_twin


@dataclass(frozen=True, slots=True)
class Window:
    """One coverage of a member at a plan."""

    group: str
    line_of_business: str
    starts_on: date
    ends_on: date | None
    status: str  # active | terminated | void


@dataclass(frozen=True, slots=True)
class OptIn:
    """What the member said about asking other payers; `answer` is empty when they were not asked."""

    answer: str = ""  # yes | no | withdrawn
    on: date | None = None
    until: date | None = None
    scope: str = ""  # sensitive (everything) | regular (only what is not sensitive)
    proof: str = ""


@dataclass(frozen=True, slots=True)
class Prior:
    """The other payer as the member told it: its ids may be missing or wrong."""

    payer: str
    relation: str  # previous | concurrent
    member_id: str = ""
    subscriber_id: str = ""


@dataclass(frozen=True, slots=True)
class MemberView:
    """One enrollment of one person at one plan; a person enrolled twice has two."""

    plan: Plan
    person_index: int
    enrollment: int
    member_id: str
    subscriber_id: str
    relationship: str
    demographics: Demographics
    windows: tuple[Window, ...]
    opt_in: OptIn
    priors: tuple[Prior, ...]

    @property
    def patient_id(self) -> str:
        """The plan's own FHIR id of this member."""
        return f"pat-{self.member_id.lower()}"


def plan_views(world: World, person: Person, plan: Plan) -> tuple[MemberView, ...]:
    """How `plan` knows `person`: not at all (empty), as one member, or as one person enrolled twice."""
    path = stays(world, person)
    for order, stay in enumerate(path):
        if stay.plan.id == plan.id:
            first = _view(world, person, stay, path[:order])
            # only plans that are asked have somebody twice: it is their answer that becomes ambiguous
            if person.kind is Kind.DUPLICATED and order == 0:
                return first, _second_enrollment(world, person, first)
            return (first,)
    return ()


def _view(world: World, person: Person, stay: Stay, earlier: tuple[Stay, ...]) -> MemberView:
    plan = stay.plan
    rolls = dice(world.seed, "view", plan.id, person.index)
    member_id, subscriber_id = _ids(world, person, plan)
    return MemberView(
        plan=plan,
        person_index=person.index,
        enrollment=0,
        member_id=member_id,
        subscriber_id=subscriber_id,
        relationship=person.relationship,
        demographics=as_known(person, rolls, is_asker=bool(earlier), writes_upper_case=plan.writes_upper_case),
        windows=_windows(world, person, stay, rolls),
        opt_in=_opt_in(world, person, stay, rolls) if earlier else _opt_out(world, person, rolls),
        priors=tuple(_told(world, person, stay, before) for before in reversed(earlier)),
    )


def _ids(world: World, person: Person, plan: Plan) -> tuple[str, str]:
    """Member id and subscriber id: the family's number with two digits for the person, or a number for each."""
    subscriber_id = f"{plan.prefix}{member_number(world.seed, plan, person.household):09d}"
    if plan.has_dependent_suffix:
        return subscriber_id + dependent_suffix(person.place), subscriber_id
    return f"{plan.prefix}M{member_number(world.seed, plan, person.index):09d}", subscriber_id


def _second_enrollment(world: World, person: Person, first: MemberView) -> MemberView:
    """The same person once more, under another member id; half of them on a card of their own."""
    plan = first.plan
    rolls = dice(world.seed, "again", plan.id, person.index)
    subscriber_id = first.subscriber_id
    if not person.is_showcase and rolls.random() < 0.5:
        subscriber_id = f"{plan.prefix}{member_number(world.seed, plan, person.household, again=True):09d}"
    member_id = f"{plan.prefix}M{member_number(world.seed, plan, person.index, again=True):09d}"
    if plan.has_dependent_suffix:
        member_id = subscriber_id + dependent_suffix(90 + person.place)
    known = as_known_again(first.demographics, rolls)
    return replace(first, enrollment=1, member_id=member_id, subscriber_id=subscriber_id, demographics=known)


def _windows(world: World, person: Person, stay: Stay, rolls: Random) -> tuple[Window, ...]:
    line = line_of_business(world, person)
    starts_on = max(stay.starts_on, person.born_on)  # nobody is covered before birth
    status = "terminated" if stay.ends_on and stay.ends_on <= world.as_of else "active"
    found = [Window(f"GRP{rolls.randrange(100, 999)}", line, starts_on, stay.ends_on, status)]
    if person.kind is Kind.OVERLAPPING:
        # a second coverage that overlaps the first and ends on another day: which one is right?
        middle = starts_on + ((stay.ends_on or world.as_of) - starts_on) / 2
        until = stay.ends_on + timedelta(days=31) if stay.ends_on else None
        found.append(Window(f"GRP{rolls.randrange(100, 999)}", line, middle, until, status))
    if not person.is_showcase and rolls.random() < 0.02:
        found.append(Window("GRP000", line, starts_on, starts_on, "void"))
    return tuple(found)


def _opt_in(world: World, person: Person, stay: Stay, rolls: Random) -> OptIn:
    """At a plan that may ask others: most say yes on joining."""
    roll = 0.0 if person.is_showcase else rolls.random()
    if roll >= 0.92:
        return OptIn()
    given_on = min(stay.starts_on + timedelta(days=rolls.randrange(1, 10)), world.as_of)
    answer = "yes" if roll < 0.8 else "no" if roll < 0.88 else "withdrawn"
    return OptIn(
        answer=answer,
        on=world.as_of - timedelta(days=rolls.randrange(2, 15)) if answer == "withdrawn" else given_on,
        until=world.as_of + timedelta(days=180 + rolls.randrange(185)) if answer == "yes" else None,
        scope="sensitive" if person.is_showcase or rolls.random() < 0.8 else "regular",
        proof=f"doc-optin-{person.index}-{stay.plan.id}",
    )


def _opt_out(world: World, person: Person, rolls: Random) -> OptIn:
    """At the first plan: silence, but for those who came back to forbid any sharing."""
    if person.kind is not Kind.WITHDRAWN:
        return OptIn()
    lately = world.as_of - timedelta(days=rolls.randrange(2, 15))
    return OptIn("withdrawn", lately, None, "sensitive", f"doc-optout-{person.index}")


def _told(world: World, person: Person, stay: Stay, before: Stay) -> Prior:
    """What the member says about an earlier card: usually all of it, sometimes less, sometimes wrong."""
    rolls = dice(world.seed, "told", stay.plan.id, before.plan.id, person.index)
    member_id, subscriber_id = _ids(world, person, before.plan)
    relation = "concurrent" if before.ends_on is None else "previous"
    roll = 0.0 if person.is_showcase else rolls.random()
    if person.kind is Kind.DUPLICATED or is_second_twin(person) or 0.78 <= roll < 0.88:
        return Prior(before.plan.id, relation, subscriber_id=subscriber_id)
    if roll < 0.78:
        return Prior(before.plan.id, relation, member_id, subscriber_id)
    if roll < 0.93:
        # two digits change places
        wrong = member_id[:-4] + member_id[-3] + member_id[-4] + member_id[-2:]
        return Prior(before.plan.id, relation, wrong)
    return Prior(before.plan.id, relation)

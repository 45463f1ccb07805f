"""Plans, and who was with which of them when: a household moves from plan to plan, or is with two at once."""

from dataclasses import dataclass
from datetime import date, timedelta

from interpayer.simulation.members import Person
from interpayer.simulation.names import dice

_LINES = ("medicare_advantage", "medicaid", "chip", "marketplace")


@dataclass(frozen=True, slots=True)
class Plan:
    """A health plan with its habits: how it writes names down, and how it makes up member ids."""

    id: str  # the organization identifier by which members and partners name it
    name: str
    naic: str
    npi: str
    prefix: str
    writes_upper_case: bool = False
    has_dependent_suffix: bool = False  # member id = subscriber id + two digits

    @property
    def member_system(self) -> str:
        """The namespace of this plan's member ids."""
        return f"https://{self.id}.example/fhir/member-id"

    @property
    def claim_system(self) -> str:
        """The namespace of this plan's claim numbers."""
        return f"https://{self.id}.example/fhir/claim-id"


PLANS = (
    Plan("payer-a", "Alder Valley Health Plan", "90001", "1900000013", "A", True, True),
    Plan("payer-b", "Birchline Health", "90002", "1900000021", "BL"),
    Plan("payer-c", "Cedar Mutual Care", "90003", "1900000039", "C", False, True),
)


@dataclass(frozen=True, slots=True)
class World:
    """Everything that decides a simulation: same world, same bytes. Plans stand in the order people move."""

    seed: int
    as_of: date = date(2026, 11, 21)
    plans: tuple[Plan, ...] = PLANS[:2]

    def plan(self, plan_id: str) -> Plan:
        """The plan of that id; KeyError when this world has none."""
        for plan in self.plans:
            if plan.id == plan_id:
                return plan
        raise KeyError(plan_id)


@dataclass(frozen=True, slots=True)
class Stay:
    """A household's time with one plan; `ends_on` is None while it lasts."""

    plan: Plan
    starts_on: date
    ends_on: date | None
    is_last: bool


def stays(world: World, person: Person) -> tuple[Stay, ...]:
    """The plans of this person's household in order; the last two may run side by side."""
    rolls = dice(world.seed, "stays", person.household)
    plans = _path(world, person, rolls.random(), rolls.random())
    is_concurrent = not person.is_showcase and rolls.random() < 1 / 6
    starts_on = _month_start(world.as_of - timedelta(days=rolls.randrange(20, 200 if person.is_showcase else 400)))
    found = [Stay(plans[-1], starts_on, _left_without_heir(world, len(plans), starts_on, rolls.random()), True)]
    for plan in reversed(plans[:-1]):
        later = found[0].starts_on
        ends_on = None if is_concurrent and len(found) == 1 else later - timedelta(days=1)
        # a long stay reaches back more than five years: what is older than the guide's floor must exist, too
        shortest = 2100 if person.is_showcase else 500
        earlier = _month_start(later - timedelta(days=rolls.randrange(shortest, 2500)))
        found.insert(0, Stay(plan, earlier, ends_on, False))
    # nobody is enrolled before birth
    return tuple(stay for stay in found if stay.ends_on is None or stay.ends_on > person.born_on)


def line_of_business(world: World, person: Person) -> str:
    """The line of business that fits the person's age, or the household's luck."""
    age = (world.as_of - person.born_on).days // 365
    if age >= 65:
        return _LINES[0]
    roll = dice(world.seed, "line", person.household).random()
    if roll < 0.4:
        return _LINES[1] if age >= 19 else _LINES[2]
    return _LINES[3]


def _path(world: World, person: Person, length_roll: float, start_roll: float) -> tuple[Plan, ...]:
    """Which plans: 28 in 100 households know one only; showcase households went from the first to the last."""
    plans = world.plans
    if len(plans) == 1:
        return plans
    if person.is_showcase:
        return (plans[0], plans[-1])
    length = 1
    if length_roll >= 0.28:
        length = 2 + int((length_roll - 0.28) / 0.72 * (len(plans) - 1))
    start = int(start_roll * (len(plans) - length + 1))
    return plans[start : start + length]


def _left_without_heir(world: World, plan_count: int, starts_on: date, roll: float) -> date | None:
    """One in five of those with a single plan has left it, and nobody knows whereto."""
    if plan_count > 1 or roll >= 0.2:
        return None
    return starts_on + timedelta(days=int((world.as_of - starts_on).days * roll * 5))


def _month_start(day: date) -> date:
    return day.replace(day=1)

"""One member's chart while it is being written: whose, in which period, and the next free id."""

from dataclasses import dataclass
from datetime import date, timedelta
from random import Random

from interpayer.simulation.elements import Resource, reference
from interpayer.simulation.names import dice
from interpayer.simulation.payers import Plan, World
from interpayer.simulation.providers import ORGANIZATIONS, PRACTITIONERS
from interpayer.simulation.views import MemberView


@dataclass(slots=True)
class Chart:
    """What all records of one member at one plan share."""

    world: World
    view: MemberView
    rolls: Random
    serial: int = 0

    @property
    def plan(self) -> Plan:
        """The plan that holds this chart."""
        return self.view.plan

    @property
    def patient(self) -> Resource:
        """Reference to the plan's own Patient."""
        return reference("Patient", self.view.patient_id)

    @property
    def coverage(self) -> Resource:
        """Reference to the first Coverage."""
        return reference("Coverage", coverage_id(self.view, 0))

    @property
    def insurer(self) -> Resource:
        """Reference to the plan's own Organization."""
        return reference("Organization", self.plan.id)

    @property
    def age(self) -> int:
        """Full years on the world's day."""
        return (self.world.as_of - self.view.demographics.birth_date).days // 365

    @property
    def last_day(self) -> date:
        """The last day of coverage that has come."""
        return min(self.view.windows[0].ends_on or self.world.as_of, self.world.as_of)

    def next_id(self, prefix: str) -> str:
        """An id no other resource of this plan has."""
        self.serial += 1
        return f"{prefix}-{self.view.member_id.lower()}-{self.serial}"

    def day(self) -> date:
        """A day on which the member was covered here."""
        start = self.view.windows[0].starts_on
        return start + timedelta(days=self.rolls.randrange(max((self.last_day - start).days, 1)))

    def soon(self, day: date, at_most: int = 30) -> date:
        """A day after `day`, but not after the world's."""
        return min(day + timedelta(days=1 + self.rolls.randrange(at_most)), max(day, self.world.as_of))

    def practitioner(self) -> Resource:
        """Reference to one of the plan's practitioners."""
        return reference("Practitioner", f"prac-{self.rolls.randrange(PRACTITIONERS)}")

    def organization(self) -> Resource:
        """Reference to one of the plan's provider organizations."""
        return reference("Organization", f"org-{self.rolls.randrange(ORGANIZATIONS)}")


def open_chart(world: World, view: MemberView) -> Chart:
    """An empty chart; its dice depend on the plan and the enrollment only."""
    rolls = dice(world.seed, "chart", view.plan.id, view.person_index, view.enrollment)
    return Chart(world=world, view=view, rolls=rolls)


def coverage_id(view: MemberView, order: int) -> str:
    """The plan's id of a member's coverage number `order`."""
    return f"cov-{view.member_id.lower()}-{order}"

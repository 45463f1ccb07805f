"""A member's whole record at one plan, episode by episode, what is referred to before what refers."""

from collections.abc import Callable, Iterator
from datetime import timedelta
from itertools import islice
from typing import TypeAlias

from interpayer.simulation import claims, clinical, codes
from interpayer.simulation.authorizations import COURSES, authorization, course_for
from interpayer.simulation.chart import Chart, open_chart
from interpayer.simulation.elements import Resource
from interpayer.simulation.enrollment import coverages, patient
from interpayer.simulation.members import SHOWCASE
from interpayer.simulation.payers import World
from interpayer.simulation.views import MemberView

Episode: TypeAlias = Callable[[Chart], Iterator[Resource]]
DEFAULT_RECORDS = 12
_SPREAD = 3  # a member has that many records more or less than asked for


def member_records(world: World, view: MemberView, per_member: int = DEFAULT_RECORDS) -> Iterator[Resource]:
    """Patient and coverages, then episodes until there are about `per_member` records.

    Members of the showcase have one of everything instead, so that every payload rule has something to do.
    """
    chart = open_chart(world, view)
    known = [patient(chart), *coverages(chart)]
    yield from known
    if view.person_index < SHOWCASE:
        yield from _one_of_everything(chart)
        return
    wanted = per_member + chart.rolls.randrange(-_SPREAD, _SPREAD + 1)
    yield from islice(_episodes(chart), max(wanted - len(known), 0))


def _episodes(chart: Chart) -> Iterator[Resource]:
    """Episodes without end, drawn by how often they happen."""
    while True:
        (episode,) = chart.rolls.choices(_OFTEN, weights=_HOW_OFTEN)
        yield from episode(chart)


def _one_of_everything(chart: Chart) -> Iterator[Resource]:
    for episode in _OFTEN:
        if episode is not _authorization:
            yield from episode(chart)
    for order in range(len(COURSES)):
        yield from _authorization_of(chart, order)


def _visit(chart: Chart) -> Iterator[Resource]:
    day = chart.day()
    is_sensitive = chart.rolls.random() < 0.08
    code = chart.rolls.choice(codes.SENSITIVE_DIAGNOSES if is_sensitive else codes.DIAGNOSES)
    visit = clinical.encounter(chart, day, ended_on=day, kind="AMB")
    yield visit
    yield claims.professional(chart, day, code)
    yield clinical.visit_diagnosis(chart, visit, code)


def _outpatient(chart: Chart) -> Iterator[Resource]:
    day = chart.day()
    visit = clinical.encounter(chart, day, ended_on=day, kind="EMER")
    yield visit
    yield claims.outpatient(chart, day, chart.rolls.choice(codes.DIAGNOSES))
    yield clinical.procedure(chart, visit)


def _stay(chart: Chart) -> Iterator[Resource]:
    day = chart.day()
    discharged_on = min(day + timedelta(days=chart.rolls.randrange(1, 9)), max(day, chart.world.as_of))
    visit = clinical.encounter(chart, day, ended_on=discharged_on, kind="IMP")
    yield visit
    diagnosis = chart.rolls.choice(codes.INPATIENT_DIAGNOSES)
    yield claims.inpatient(chart, day, discharged_on=discharged_on, diagnosis=diagnosis)
    yield clinical.procedure(chart, visit)
    yield clinical.document(chart, discharged_on, visit)


def _drug(chart: Chart) -> Iterator[Resource]:
    day = chart.day()
    ingredient, package = chart.rolls.choice(codes.DRUGS)
    yield clinical.prescription(chart, day, ingredient)
    yield claims.pharmacy(chart, day, package)


def _teeth(chart: Chart) -> Iterator[Resource]:
    yield claims.oral(chart, chart.day())


def _measurements(chart: Chart) -> Iterator[Resource]:
    day = chart.day()
    yield clinical.laboratory(chart, day)
    yield clinical.blood_pressure(chart, day)


def _vaccine(chart: Chart) -> Iterator[Resource]:
    yield clinical.immunization(chart, chart.day())


def _allergy(chart: Chart) -> Iterator[Resource]:
    yield clinical.allergy(chart, chart.day())


def _problem(chart: Chart) -> Iterator[Resource]:
    yield clinical.problem(chart, chart.day(), chart.rolls.choice(codes.DIAGNOSES))


def _authorization(chart: Chart) -> Iterator[Resource]:
    # the courses take turns over the members, so that a small plan has all of them, too
    yield from _authorization_of(chart, chart.view.person_index + chart.serial)


def _authorization_of(chart: Chart, turn: int) -> Iterator[Resource]:
    course = course_for(chart, turn)
    document = None
    if not course.is_drug:
        # the papers came in with the request, so not later than the earliest possible one
        sent_on = max(chart.last_day - timedelta(days=course.days_ago[1]), chart.view.windows[0].starts_on)
        document = clinical.document(chart, sent_on)
        yield document
    yield authorization(chart, course, document["id"] if document else None)


_OFTEN: tuple[Episode, ...] = (
    _visit, _drug, _measurements, _teeth, _vaccine, _problem, _outpatient, _stay, _allergy, _authorization,
)  # fmt: skip
_HOW_OFTEN = (28, 22, 14, 8, 8, 6, 5, 3, 3, 5)

"""Writes what one plan holds into a folder, member by member: memory does not grow with the plan."""

import csv
import json
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from itertools import chain
from pathlib import Path
from typing import TextIO

from interpayer.simulation.elements import Resource
from interpayer.simulation.enrollment import COLUMNS, rows
from interpayer.simulation.history import DEFAULT_RECORDS, member_records
from interpayer.simulation.members import Person, people
from interpayer.simulation.payers import World
from interpayer.simulation.providers import organizations, practitioners
from interpayer.simulation.views import MemberView, plan_views

ENROLLMENTS = "enrollments.csv"
RECORDS = "fhir"
TRUTH = "truth.ndjson"
Progress = Callable[[int, int], None]
RECORD_TYPES = (
    "Patient", "Coverage", "ExplanationOfBenefit", "Condition", "Encounter", "Observation", "MedicationRequest",
    "AllergyIntolerance", "Immunization", "Procedure", "Practitioner", "Organization", "DocumentReference",
)  # fmt: skip
_EVERY = 500  # people between two reports of progress


@dataclass(slots=True)
class Written:
    """What a run wrote: members (a person enrolled twice counts twice), rows and records by type."""

    directory: Path
    people: int = 0
    members: int = 0
    rows: int = 0
    records: Counter[str] = field(default_factory=Counter)


def write_plan(
    directory: Path,
    world: World,
    *,
    plan: str,
    count: int,
    records_per_member: int = DEFAULT_RECORDS,
    progress: Progress | None = None,
) -> Written:
    """Writes `enrollments.csv`, `fhir/<Type>.ndjson` and `truth.ndjson` of one plan in a world of `count` people.

    Every plan of the same world and count knows the same people. `progress` is told (people done, people in all).
    """
    ours = world.plan(plan)
    (directory / RECORDS).mkdir(parents=True, exist_ok=True)
    with ExitStack() as files:
        folder = _Folder(directory, files)
        folder.write_all(chain(organizations(world, ours), practitioners(world)))
        for person in people(world.seed, count):
            folder.write_truth(truth_of(world, person))
            for view in plan_views(world, person, ours):
                folder.write_enrollment(rows(view, world.as_of))
                folder.write_all(member_records(world, view, records_per_member))
            _report(progress, folder.written.people, count)
    return folder.written


def views(world: World, plan: str, count: int) -> Iterator[MemberView]:
    """Every enrollment at one plan, in the order in which `write_plan` writes them."""
    ours = world.plan(plan)
    for person in people(world.seed, count):
        yield from plan_views(world, person, ours)


def truth_of(world: World, person: Person) -> Resource:
    """Who is who: the person's index and kind, and the member ids under which each plan has them."""
    return {
        "person": person.index,
        "kind": person.kind.value,
        "household": person.household,
        "double": person.double,
        "members": {plan.id: [view.member_id for view in plan_views(world, person, plan)] for plan in world.plans},
    }


class _Folder:
    """The open files of one run, and the count of what went into them."""

    def __init__(self, directory: Path, files: ExitStack) -> None:
        self.written = Written(directory)
        self._table = csv.writer(files.enter_context(_open(directory / ENROLLMENTS)), lineterminator="\n")
        self._table.writerow(COLUMNS)
        self._truth = files.enter_context(_open(directory / TRUTH))
        self._records = {
            kind: files.enter_context(_open(directory / RECORDS / f"{kind}.ndjson")) for kind in RECORD_TYPES
        }

    def write_all(self, records: Iterable[Resource]) -> None:
        for record in records:
            kind = record["resourceType"]
            self._records[kind].write(_line(record))
            self.written.records[kind] += 1

    def write_truth(self, truth: Resource) -> None:
        self._truth.write(_line(truth))
        self.written.people += 1

    def write_enrollment(self, feed: Iterable[tuple[str, ...]]) -> None:
        self.written.members += 1
        for row in feed:
            self._table.writerow(row)
            self.written.rows += 1


def _report(progress: Progress | None, done: int, count: int) -> None:
    if progress and (done % _EVERY == 0 or done == count):
        progress(done, count)


def _line(value: Resource) -> str:
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False) + "\n"


def _open(path: Path) -> TextIO:
    return path.open("w", encoding="utf-8", newline="")

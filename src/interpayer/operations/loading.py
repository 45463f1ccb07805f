"""`load fhir`: what this plan's own systems hold: checked, attributed to members, kept; twice changes nothing.

Two passes over the files: whose Patient each one is must be known before anything of theirs is taken in.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import Any, TypeVar

from interpayer.adapters.base import Found
from interpayer.adapters.fhir_files import read_path
from interpayer.exchange.merging import keep
from interpayer.exchange.source_taking import known_of
from interpayer.exchange.tools import Tools
from interpayer.exchange.transitions import Actor
from interpayer.identity import store as identity_store
from interpayer.model.event import Event
from interpayer.model.member import Coverage
from interpayer.model.record import Quarantined, Record
from interpayer.normalization.intake import Arrival, Known, Outline, canonicalize, outline
from interpayer.normalization.merge import local_id_of
from interpayer.normalization.rehearsal import Rehearsal
from interpayer.operations import patients, store
from interpayer.records import store as records_store
from interpayer.records.loading import Tally, begin_load
from interpayer.system.clock import now
from interpayer.system.database import Connection
from interpayer.system.ids import new_id
from interpayer.validation.check import check

BATCH = 1000
Progress = Callable[[str, int], None]
_Item = TypeVar("_Item")


@dataclass(slots=True)
class FhirReport:
    """What a load did: every resource read is a record (new, same, changed, older) or quarantined."""

    load_id: str
    read: int = 0
    patients_linked: int = 0
    patients_unknown: int = 0
    members_made: int = 0
    unmarked: int = 0
    """In a test installation: resources that do not say they are made up. Real people's data do not belong here."""
    saved: Tally = field(default_factory=Tally)
    quarantined: Counter[str] = field(default_factory=Counter)

    def counts(self) -> dict[str, Any]:
        """The numbers as plain values."""
        names = ("read", "patients_linked", "patients_unknown", "members_made", "unmarked")
        apart = {"quarantined": dict(self.quarantined)}
        return {**{name: getattr(self, name) for name in names}, **self.saved.numbers(), **apart}


@dataclass(frozen=True, slots=True)
class _Load:
    """What every batch of one load shares."""

    tools: Tools
    report: FhirReport
    late: list[Found]
    """Resources that only what they refer to can attribute; taken in last."""


def load(
    tools: Tools, path: Path, *, actor: Actor, as_members: bool = False, progress: Progress | None = None
) -> FhirReport:
    """Load a file or folder of FHIR, batch by batch, each in a transaction of its own.

    Patients are members by their member number. `as_members` makes members out of the Patients that are none, for
    data that come without an enrollment feed; otherwise what belongs to them is quarantined and counted.
    """
    run = _Load(tools, FhirReport(new_id("l")), [])
    tell = progress or _silent
    _know_patients(run, path, as_members=as_members, tell=tell)
    for batch in _batches(read_path(path)):
        with tools.database.transaction() as conn:
            _take_in(run, conn, batch, is_last_call=False)
        run.report.read += len(batch)
        tell("records", run.report.read)
    for late in _batches(run.late):
        with tools.database.transaction() as conn:
            _take_in(run, conn, late, is_last_call=True)
    with tools.database.transaction() as conn:
        _finish(run, conn, actor)
    return run.report


def _know_patients(run: _Load, path: Path, *, as_members: bool, tell: Progress) -> None:
    """First pass: link the Patients to members; of the others make members where wanted."""
    tools, report = run.tools, run.report
    unknown: list[dict[str, Any]] = []
    coverages: dict[str, list[Coverage]] = {}
    types = ("Patient", "Coverage") if as_members else ("Patient",)
    for batch in _batches(_resources(path, types, tools.rehearsal)):
        found = [resource for resource in batch if resource["resourceType"] == "Patient"]
        with tools.database.transaction() as conn:
            known = patients.link(tools, conn, found)
        report.patients_linked += len(known)
        unknown += [patient for patient in found if local_id_of(patient) not in known]
        for patient_id, coverage in patients.coverages_in(tools, batch):
            coverages.setdefault(patient_id, []).append(coverage)
        tell("patients", report.patients_linked + len(unknown))
    for batch in _batches(unknown) if as_members else ():
        with tools.database.transaction() as conn:
            report.members_made += len(patients.enroll(tools, conn, batch, coverages))
    report.patients_unknown = len(unknown) - report.members_made


def _take_in(run: _Load, conn: Connection, batch: Sequence[Found], *, is_last_call: bool) -> None:
    """One batch: new ids, payload rules, records; what cannot become one is quarantined."""
    tools = run.tools
    # the lock that exports wait for comes before everything else
    arrival = Arrival(
        source=tools.fhir_base,
        our_author=tools.fhir_base,
        own=True,
        record_id=tools.vault.record_id,
        available_at=begin_load(conn),
        rules=tools.payload_rules,
        sets=tools.sets,
        rehearsal=tools.rehearsal,
    )
    outlines: list[Outline] = []
    quarantined = [_unreadable(found, arrival) for found in batch if found.content is None]
    if tools.environment == "test":
        said = [found for found in batch if found.content is not None and not is_last_call]
        run.report.unmarked += sum(not tools.rehearsal.is_marked(f.content or {}) for f in said)
    for found in batch:
        if found.content is not None:
            one = outline(found.content, found.raw, arrival)
            if one.needs_owner and not is_last_call:
                run.late.append(found)
            else:
                outlines.append(one)
    known = _known(tools, conn, outlines, arrival)
    records: list[Record] = []
    for one in outlines:
        made = canonicalize(one, arrival, known, broken=[issue.rule for issue in check(one.resource)])
        if isinstance(made, Quarantined):
            quarantined.append(made)
        else:
            records += made
    run.report.saved.add(keep(tools, conn, records).report)
    run.report.quarantined.update(records_store.quarantine(conn, tools.codec, quarantined))


def _known(tools: Tools, conn: Connection, outlines: Sequence[Outline], arrival: Arrival) -> Known:
    ids = sorted({patient for one in outlines for patient in one.patients})
    members = identity_store.patient_links(conn, tools.vault, arrival.source, ids)
    return known_of(tools, conn, outlines, members=members, arrival=arrival)


def _finish(run: _Load, conn: Connection, actor: Actor) -> None:
    report, counts = run.report, run.report.counts()
    store.keep_load(conn, report.load_id, kind="fhir", at=now(), by=actor.id, counts=counts)
    run.tools.ledger.append(
        conn,
        Event(
            *("records.loaded", f"load:{report.load_id}", actor.type, actor.id),
            outcome="partial" if report.quarantined else "ok",
            facts={"load": report.load_id, **counts},
        ),
    )


def _unreadable(found: Found, arrival: Arrival) -> Quarantined:
    return Quarantined(found.problem or "record.invalid", "", arrival.source, found.raw, rules=("json",))


def _resources(path: Path, types: Sequence[str], rehearsal: Rehearsal) -> Iterator[dict[str, Any]]:
    for found in read_path(path):
        if found.content is None or found.content["resourceType"] not in types:
            continue
        if not rehearsal.refuses(found.content):
            yield found.content


def _batches(items: Iterable[_Item]) -> Iterator[list[_Item]]:
    taken = iter(items)
    while batch := list(islice(taken, BATCH)):
        yield batch


def _silent(_what: str, _count: int) -> None:
    """Nobody wants to know how far it is."""

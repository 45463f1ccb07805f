"""`source load`: take in what a declared source has; twice changes nothing.

(1) every record is refined, attributed and saved, batch by batch, each in a transaction of its own; (2) what could not
be attributed is taken up again at the end, when every Patient of the source is known. In between it lies on disk,
sealed: memory does not grow with the source.
"""

from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time
from itertools import islice
from typing import Any

from interpayer.adapters import store as sources_store
from interpayer.adapters.base import Source
from interpayer.adapters.catalog import InFiles
from interpayer.adapters.declaration import Declaration
from interpayer.exchange.source_people import People
from interpayer.exchange.source_taking import Batch, Taken, take_in
from interpayer.exchange.source_translating import refinery_of
from interpayer.exchange.sources.account import Account
from interpayer.exchange.sources.refining import Refined, Refinery
from interpayer.exchange.tools import Tools
from interpayer.exchange.transitions import Actor
from interpayer.model.event import Event
from interpayer.model.reason import Refusal
from interpayer.operations import store
from interpayer.operations.sourcing.collecting import seldom_collected
from interpayer.operations.sourcing.waiting import Waiting
from interpayer.records.loading import Tally, begin_load
from interpayer.system.clock import now
from interpayer.system.ids import new_id

BATCH = 1000
Progress = Callable[[str, int], None]


@dataclass(slots=True)
class LoadReport:
    """What a load did: the account of what was read, and what became of the resources in the store."""

    load_id: str
    account: Account
    patients_linked: int = 0
    members_made: int = 0
    saved: Tally = field(default_factory=Tally)
    quarantined: Counter[str] = field(default_factory=Counter)

    def counts(self) -> dict[str, Any]:
        """The numbers as plain values."""
        people = {"patients_linked": self.patients_linked, "members_made": self.members_made}
        apart = {"quarantined": dict(self.quarantined)}
        return {"records": self.account.numbers(), **people, **self.saved.numbers(), **apart}


@dataclass(frozen=True, slots=True)
class _Load:
    tools: Tools
    declaration: Declaration
    source: Source
    refinery: Refinery
    people: People
    report: LoadReport
    tell: Progress
    saved: set[bytes] = field(default_factory=set)


def load(
    tools: Tools,
    declaration: Declaration,
    *,
    actor: Actor,
    as_members: bool = False,
    progress: Progress | None = None,
) -> LoadReport:
    """Take in everything that the source has, and keep its declaration. Raises Refusal, Fault, FileNotFoundError."""
    run = _Load(
        tools,
        declaration,
        tools.workshop.source(declaration),
        refinery_of(tools, declaration),
        People(tools, declaration, as_members=as_members),
        LoadReport(new_id("l"), Account(declaration.name, declaration.kind, declaration.version)),
        progress or _silent,
    )
    as_of = data_as_of(declaration, run.source, now())
    with tools.database.transaction() as conn:
        sources_store.save_declaration(conn, declaration)
    with Waiting() as waiting, seldom_collected():
        _first_pass(run, waiting)
        _second_pass(run, waiting)
    _finish(run, actor, as_of)
    return run.report


def data_as_of(declaration: Declaration, source: Source, at: datetime) -> datetime:
    """How current the content is: as declared, by its newest file, else now."""
    if declaration.as_of == "file" and isinstance(source, InFiles):
        times = [file.stat().st_mtime for file, _ in source.files()]
        return datetime.fromtimestamp(max(times), UTC) if times else at
    if declaration.as_of and declaration.as_of != "file":
        try:
            return datetime.combine(date.fromisoformat(declaration.as_of), time(), UTC)
        except ValueError:
            raise Refusal("request.malformed", "`as_of` must be `file` or a date") from None
    return at


def _first_pass(run: _Load, waiting: Waiting) -> None:
    """Everything once; what could not be attributed yet waits."""
    for batch in _batches(map(run.refinery.refine, run.source.read())):
        for one in batch:
            run.report.account.add(one)
        for one in _take(run, batch, is_last=False).waiting:
            waiting.put(one)
        run.tell("records", run.report.account.read)


def _second_pass(run: _Load, waiting: Waiting) -> None:
    done = 0
    for batch in _batches(iter(waiting)):
        _take(run, batch, is_last=True)
        done += len(batch)
        run.tell("records that waited for their patient", done)


def _take(run: _Load, batch: list[Refined], *, is_last: bool) -> Taken:
    with run.tools.database.transaction() as conn:
        # the lock that exports wait for comes before everything else
        at = begin_load(conn)
        taken = take_in(
            run.tools, conn, Batch(run.declaration, batch, at, is_last=is_last, saved=run.saved), run.people.who_is
        )
    run.report.saved.add(taken.saved)
    run.report.quarantined.update(taken.quarantined)
    return taken


def _finish(run: _Load, actor: Actor, as_of: datetime) -> None:
    report, at = run.report, now()
    report.patients_linked, report.members_made = run.people.linked, run.people.made
    counts = report.counts()
    with run.tools.database.transaction() as conn:
        content = report.account.as_json()
        sources_store.note_read(conn, run.declaration.name, at=at, data_as_of=as_of, account=content)
        store.keep_load(conn, report.load_id, kind="source", at=at, by=actor.id, counts=counts)
        run.tools.ledger.append(
            conn,
            Event(
                *("records.loaded", f"load:{report.load_id}", actor.type, actor.id),
                outcome="partial" if report.quarantined else "ok",
                facts={"load": report.load_id, "source": run.declaration.name, **counts},
            ),
        )


def _batches(items: Iterator[Refined]) -> Iterator[list[Refined]]:
    while batch := list(islice(items, BATCH)):
        yield batch


def _silent(_what: str, _count: int) -> None:
    """Nobody wants to know how far it is."""

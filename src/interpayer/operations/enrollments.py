"""`load enrollments`: members, their opt-ins and withdrawals, and the standing requests that follow."""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass, field
from itertools import islice
from pathlib import Path

from interpayer.consent import store as consent_store
from interpayer.exchange.tools import Tools
from interpayer.exchange.transitions import Actor
from interpayer.identity import graph
from interpayer.identity import store as identity_store
from interpayer.identity.enrollment import upsert_enrollments
from interpayer.model.event import Event
from interpayer.model.member import Enrollment
from interpayer.operations import consents, standing, store
from interpayer.operations.feed import RowFault, read_feed
from interpayer.operations.opting import Wishes, consent_from, wishes_of, withdrawn_since
from interpayer.system.clock import now
from interpayer.system.database import Connection
from interpayer.system.ids import new_id

CHUNK = 1000
# What a refused row should be looked at for.
_COLUMN = {"identity.conflict_birth_date": "birth_date"}
_UNNAMED = "member_id"
Progress = Callable[[int], None]


@dataclass(slots=True)
class EnrollmentReport:
    """What the feed did, for reconciliation: every row is in exactly one of new … refused."""

    load_id: str
    rows: int = 0
    new: int = 0
    changed: int = 0
    corrected: int = 0
    unchanged: int = 0
    refused: int = 0
    consents: int = 0
    withdrawals: int = 0
    opted_in_again: int = 0
    revoked: int = 0
    exchanges_stopped: int = 0
    standing_made: int = 0
    standing_stopped: int = 0
    faults: list[RowFault] = field(default_factory=list)

    def counts(self) -> dict[str, int]:
        """The numbers, without the faults."""
        return {name: value for name, value in asdict(self).items() if isinstance(value, int)}


@dataclass(frozen=True, slots=True)
class _Load:
    """What every chunk of one load shares."""

    tools: Tools
    actor: Actor
    report: EnrollmentReport


def load(tools: Tools, path: Path, *, actor: Actor, progress: Progress | None = None) -> EnrollmentReport:
    """Load the feed chunk by chunk, each in a transaction of its own; loading it again changes nothing.

    `FeedFault` when the file is no feed. `progress` is told how many rows are done.
    """
    run = _Load(tools, actor, EnrollmentReport(new_id("l")))
    for chunk in _chunks(read_feed(path, tools.entity.identifier), CHUNK):
        unread = [row for row in chunk if isinstance(row, RowFault)]
        with tools.database.transaction() as conn:
            counted, faults = _load_chunk(run, conn, [row for row in chunk if isinstance(row, Enrollment)])
        counted["refused"] += len(unread)
        _add(run.report, counted, [*unread, *faults], rows=len(chunk))
        if progress:
            progress(run.report.rows)
    with tools.database.transaction() as conn:
        _finish(run, conn)
    return run.report


def _load_chunk(run: _Load, conn: Connection, rows: Sequence[Enrollment]) -> tuple[Counter[str], list[RowFault]]:
    """One chunk: members first, then what they said about sharing, then what follows from it."""
    outcomes = upsert_enrollments(conn, run.tools.vault, rows)
    counted = Counter(outcome.change for outcome in outcomes)
    refused = [o for o in outcomes if o.change == "refused"]
    faults = [RowFault(o.row, _COLUMN.get(o.reason or "", _UNNAMED), f"was refused: {o.reason}") for o in refused]
    # an older row than the one known says nothing about today
    said = [
        (row, outcome.member_id)
        for row, outcome in zip(rows, outcomes, strict=True)
        if outcome.member_id and outcome.change != "refused" and outcome.reason != "source.stale"
    ]
    wishes = wishes_of(said)
    _withdraw(run, conn, wishes, counted)
    _opt_in(run, conn, wishes, counted)
    _end(run, conn, wishes, counted)
    return counted, [*faults, *wishes.faults]


def _withdraw(run: _Load, conn: Connection, wishes: Wishes, counted: Counter[str]) -> None:
    """Opt-outs that are new; they hold for every membership of the person."""
    known = consent_store.withdrawn_at(conn, list(wishes.withdrawn))
    fresh = {m: row for m, row in wishes.withdrawn.items() if m not in known}
    if not fresh:
        return
    people, at = graph.person_members(conn, list(fresh)), now()
    said = {other: row for m, row in fresh.items() for other in people.get(m, (m,))}
    rows = [
        consent_store.Withdrawal(m, withdrawn_since(row, at), run.actor.id, row.opt_in_proof or "enrollment feed")
        for m, row in said.items()
    ]
    stopped = consents.withdraw_many(run.tools, conn, rows, actor=run.actor)
    counted["withdrawals"] += len(fresh)
    counted["exchanges_stopped"] += len(stopped.exchanges)
    counted["standing_stopped"] += len(stopped.standing)


def _opt_in(run: _Load, conn: Connection, wishes: Wishes, counted: Counter[str]) -> None:
    """Consents and standing requests out of opt-ins. A withdrawal ends only by an opt-in of a later day."""
    withdrawn = consent_store.withdrawn_at(conn, [member_id for _, member_id in wishes.opted_in])
    living: list[tuple[Enrollment, str]] = []
    for row, member_id in wishes.opted_in:
        since = withdrawn.get(member_id)
        if since is not None and row.opt_in_on is not None and row.opt_in_on > since.date():
            counted["opted_in_again"] += consents.lift(run.tools, conn, member_id, at=now(), actor=run.actor)
            del withdrawn[member_id]
        if member_id not in withdrawn:
            living.append((row, member_id))
        else:
            wishes.faults.append(RowFault(row.row, "opt_in_on", "is not after the member's withdrawal, which stands"))
    entity, years = run.tools.entity.identifier, run.tools.policy().exchange.majority_years
    wanted = [consent_from(row, m, entity=entity, majority_years=years) for row, m in living]
    kept = consents.record_many(run.tools, conn, wanted, actor=run.actor)
    counted["consents"] += sum(given.id == k.id for given, k in zip(wanted, kept, strict=True))
    rows = [(row, m, k.id) for (row, m), k in zip(living, kept, strict=True) if k.revoked_at is None]
    counted["standing_made"] += len(standing.from_enrollments(run.tools, conn, rows))


def _end(run: _Load, conn: Connection, wishes: Wishes, counted: Counter[str]) -> None:
    """What a plain no, or the end of the membership, ends."""
    today = now().date()
    left = [m for m in wishes.not_covered if not identity_store.covered_on(conn, m, today)]
    for reason, members in (("coverage ended", left), ("opted out", list(wishes.declined))):
        stopped = standing.stop(run.tools, conn, member_ids=members, reason=reason, actor=run.actor)
        counted["standing_stopped"] += len(stopped)
    counted["revoked"] += consents.revoke_own(run.tools, conn, list(wishes.declined), actor=run.actor)


def _finish(run: _Load, conn: Connection) -> None:
    report, actor = run.report, run.actor
    store.keep_load(conn, report.load_id, kind="enrollments", at=now(), by=actor.id, counts=report.counts())
    run.tools.ledger.append(
        conn,
        Event(
            *("enrollments.loaded", f"load:{report.load_id}", actor.type, actor.id),
            outcome="partial" if report.faults else "ok",
            facts={"load": report.load_id, **report.counts(), "faults": len(report.faults)},
        ),
    )


def _add(report: EnrollmentReport, counted: Counter[str], faults: list[RowFault], *, rows: int) -> None:
    report.rows += rows
    for name, value in counted.items():
        setattr(report, name, getattr(report, name) + value)
    report.faults += sorted(faults, key=lambda fault: fault.row)


def _chunks(rows: Iterable[Enrollment | RowFault], size: int) -> Iterator[list[Enrollment | RowFault]]:
    taken = iter(rows)
    while chunk := list(islice(taken, size)):
        yield chunk

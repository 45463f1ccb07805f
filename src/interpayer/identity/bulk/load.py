"""`identity load`: a file of members into the index, through the same step as every other load."""

from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from zlib import crc32

from interpayer.identity import graph
from interpayer.identity.bulk.columns import REQUIRED_OF_MEMBER, read_member
from interpayer.identity.bulk.files import Cells, as_row, check_columns, open_table
from interpayer.identity.bulk.lanes import Floor, open_lanes
from interpayer.identity.bulk.rebuild import count_anew
from interpayer.identity.enrollment import keeping_of, lock_all_loads, take_rows
from interpayer.identity.index.store import (
    add_counts,
    begin_counting,
    end_counting,
    members_by_key,
    people_of,
    publish,
)
from interpayer.identity.keeping import Keeping, own_key_hash
from interpayer.system.database import Connection, Database

# Rows of one transaction. Keys spread over the whole index: the more come at once, sorted, the fewer of its pages are
# touched again and again. A third as many cost an eighth more of everything.
CHUNK = 12_000
# Who says that two rows are one person, where the file does.
LOADER = "identity load"
_MERGED = graph.Grounds(LOADER, "merged_into", source="enrollment")
# Above so many new members the database looks its tables over, so that it plans for what they are now.
SMALL = 10_000
# A row of faults more than these is only counted.
SHOWN = 100

Progress = Callable[[int], None]
Counts = Mapping[tuple[str, int], int]


@dataclass(slots=True)
class LoadReport:
    """What a load did: every row is in exactly one of new … refused; `faults` are row numbers with their reasons."""

    rows: int = 0
    new: int = 0
    changed: int = 0
    corrected: int = 0
    unchanged: int = 0
    refused: int = 0
    merged: int = 0
    faults: list[tuple[int, str]] = field(default_factory=list)

    def add(self, changes: Mapping[str, int], faults: list[tuple[int, str]]) -> None:
        """One piece more."""
        for change, number in changes.items():
            setattr(self, change, getattr(self, change) + number)
            self.rows += number
        self.faults += faults[: SHOWN - len(self.faults)]

    def counts(self) -> dict[str, int]:
        """The numbers, without the faults."""
        names = ("rows", "new", "changed", "corrected", "unchanged", "refused", "merged")
        return {name: getattr(self, name) for name in names}


@dataclass(frozen=True, slots=True)
class Order:
    """What to load: the file, whose members they are, and the day the file speaks of."""

    path: Path
    payer: str
    as_of: date
    lanes: int | None = None


@dataclass(frozen=True, slots=True)
class _Piece:
    """Rows for one lane, with their numbers in the file."""

    header: Cells
    rows: list[tuple[int, Cells]]
    payer: str
    as_of: date


@dataclass(frozen=True, slots=True)
class _Lane:
    """What a process keeps between its pieces."""

    database: Database
    keeping: Keeping


_LANE: list[_Lane] = []


def load_members(floor: Floor, order: Order, *, progress: Progress | None = None) -> LoadReport:
    """Load the file; loading it again changes nothing. `Refusal` when it is no file of members.

    Each chunk is kept as it is done, so a load that was cut off is finished by starting it again.
    """
    report, merges = LoadReport(), list[tuple[str, str]]()
    check_columns(order.path, REQUIRED_OF_MEMBER)
    with floor.connection() as conn:
        lock_all_loads(conn)
        with conn.transaction():
            unfinished = begin_counting(conn)
        counted = _in_lanes(floor, order, report, merges, progress)
        with conn.transaction():
            report.merged = _merge(conn, keeping_of(floor.vault), order.payer, merges)
        if unfinished:
            count_anew(floor, conn, lanes=order.lanes)
        with conn.transaction():
            add_counts(conn, {} if unfinished else counted)
            end_counting(conn)
            publish(conn)
    if report.new > SMALL:
        floor.look_over()
    return report


def _in_lanes(
    floor: Floor, order: Order, report: LoadReport, merges: list[tuple[str, str]], progress: Progress | None
) -> Counts:
    counted: Counter[tuple[str, int]] = Counter()
    with order.path.open(newline="", encoding="utf-8-sig") as file, ExitStack() as ends:
        header, rows = open_table(file, REQUIRED_OF_MEMBER)
        lanes = ends.enter_context(open_lanes(order.lanes, _begin, floor))
        for changes, faults in lanes.run(_take, _pieces(header, rows, order, merges=merges, lanes=len(lanes))):
            report.add(changes, faults)
            if progress:
                progress(report.rows)
        for counts in lanes.each(_counts):
            counted.update(counts)
    return counted


def _pieces(
    header: Cells, rows: Iterator[Cells], order: Order, *, merges: list[tuple[str, str]], lanes: int
) -> Iterator[tuple[int, _Piece]]:
    """Rows by lane: those of one key stay in order. Merges are noted for the end, when everybody is there."""
    key = header.index("member_key")
    into = header.index("merged_into") if "merged_into" in header else None
    kept: dict[int, list[tuple[int, Cells]]] = defaultdict(list)
    for number, cells in enumerate(rows, start=2):
        own = cells[key] if key < len(cells) else ""
        lane = crc32(own.encode()) % lanes
        kept[lane].append((number, cells))
        if into is not None and into < len(cells) and cells[into]:
            merges.append((own, cells[into]))
        if len(kept[lane]) == CHUNK:
            yield lane, _Piece(header, kept.pop(lane), order.payer, order.as_of)
    for lane, rest in kept.items():
        yield lane, _Piece(header, rest, order.payer, order.as_of)


def _begin(floor: Floor) -> None:
    _LANE[:] = [_Lane(floor.database(), keeping_of(floor.vault))]


def _take(piece: _Piece) -> tuple[Counter[str], list[tuple[int, str]]]:
    lane = _LANE[0]
    rows = [
        read_member(as_row(piece.header, cells), number, payer=piece.payer, as_of=piece.as_of)
        for number, cells in piece.rows
    ]
    with lane.database.transaction() as conn:
        outcomes = take_rows(conn, lane.keeping, rows)
    faults = [(o.row, o.reason or "") for o in outcomes if o.change == "refused"]
    return Counter(str(o.change) for o in outcomes), faults


def _counts() -> Counts:
    return _LANE[0].keeping.counts.hashed()


def _merge(conn: Connection, keeping: Keeping, payer: str, merges: list[tuple[str, str]]) -> int:
    """Link the rows that the plan says are one person; the number of new links. Unknown keys are left aside."""
    keys = {key for pair in merges for key in pair}
    hashes = {key: own_key_hash(keeping.keys, payer, key) for key in keys}
    members = members_by_key(conn, list(hashes.values()))
    ids = {key: members[hashed][0] for key, hashed in hashes.items() if hashed in members}
    people = people_of(conn, list(ids.values()))
    survivors: dict[str, str] = {}
    done = 0
    for key, into in merges:
        one, other = ids.get(key), ids.get(into)
        if not one or not other:
            continue
        gone, stays = _last(survivors, people[one]), _last(survivors, people[other])
        # what a person judged to be two people stays two, however often the file says otherwise
        if gone != stays and graph.merge_as_told(conn, one, other, grounds=_MERGED):
            survivors[gone] = stays
            done += 1
    return done


def _last(survivors: Mapping[str, str], person: str) -> str:
    while person in survivors:
        person = survivors[person]
    return person

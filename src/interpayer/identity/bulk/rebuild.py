"""The index made anew from the members held: after an upgrade that reads members differently, or counts them again."""

from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

from interpayer.identity.bulk.lanes import Floor, open_lanes
from interpayer.identity.enrollment import keeping_of, lock_all_loads
from interpayer.identity.index.codec import FORM, Indexed, decode, encode
from interpayer.identity.index.making import (
    clear,
    clear_counts,
    complete,
    forms_between,
    highest_number,
    keep_forms,
)
from interpayer.identity.index.store import add_counts, publish, state, write_blocks
from interpayer.identity.keeping import Keeping, hashes_of, own_key
from interpayer.identity.store import held_members
from interpayer.system.database import Connection, Database

# Members of one transaction. Their keys spread over the whole index: the more come at once, sorted, the fewer of its
# pages are touched again and again.
CHUNK = 20_000

Progress = Callable[[int], None]
Counts = Mapping[tuple[str, int], int]


@dataclass(frozen=True, slots=True)
class _Piece:
    """Members by number; whether they are standardized again, and whether their keys are written."""

    first: int
    last: int
    afresh: bool
    keys: bool


@dataclass(frozen=True, slots=True)
class _Lane:
    """What a process keeps between its pieces."""

    database: Database
    keeping: Keeping


_LANE: list[_Lane] = []


def make_index(
    floor: Floor, *, lanes: int | None = None, afresh: bool = False, progress: Progress | None = None
) -> int:
    """Make the index anew; the number of members. Meanwhile nobody is matched: `system.index_stale`.

    The members are standardized again when `afresh` is set or the index is of another form.
    """
    with floor.connection() as conn:
        lock_all_loads(conn)
        known = state(conn)
        again = afresh or known is None or known["form"] != FORM
        with conn.transaction():
            clear(conn)
        counts, members = _over_all(floor, conn, (again, True), lanes=lanes, progress=progress)
        with conn.transaction():
            add_counts(conn, counts)
            complete(conn)
            publish(conn)
    floor.look_over()
    return members


def count_anew(floor: Floor, conn: Connection, *, lanes: int | None = None) -> None:
    """Count the values of all members again, after a load that was cut off before it had counted."""
    counts, _ = _over_all(floor, conn, (False, False), lanes=lanes, progress=None)
    with conn.transaction():
        clear_counts(conn)
        add_counts(conn, counts)


def _over_all(
    floor: Floor, conn: Connection, what: tuple[bool, bool], *, lanes: int | None, progress: Progress | None
) -> tuple[Counts, int]:
    counted: Counter[tuple[str, int]] = Counter()
    done = 0
    with open_lanes(lanes, _begin, floor) as opened:
        for number in opened.run(_index, _pieces(highest_number(conn), what)):
            done += number
            if progress:
                progress(done)
        for counts in opened.each(_counts):
            counted.update(counts)
    return counted, done


def _pieces(highest: int, what: tuple[bool, bool]) -> Iterator[tuple[int, _Piece]]:
    for lane, first in enumerate(range(1, highest + 1, CHUNK)):
        yield lane, _Piece(first, first + CHUNK - 1, *what)


def _begin(floor: Floor) -> None:
    _LANE[:] = [_Lane(floor.database(), keeping_of(floor.vault))]


def _counts() -> Counts:
    return _LANE[0].keeping.counts.hashed()


def _index(piece: _Piece) -> int:
    keeping = _LANE[0].keeping
    with _LANE[0].database.transaction() as conn:
        rows = forms_between(conn, piece.first, piece.last)
        again = [member_id for _, member_id, _, form in rows if piece.afresh or form is None]
        fresh = _standardized_again(conn, keeping, again)
        pairs: list[tuple[int, int]] = []
        for number, member_id, payer, form in rows:
            indexed = fresh.get(member_id) or decode(keeping.keys.unseal(form or b"", member_id))
            keeping.counts.add(indexed.standard)
            if piece.keys:
                hashes = hashes_of(keeping, indexed.standard, payer, own=indexed.own_key)
                pairs += [(hashed, number) for hashed in hashes]
        write_blocks(conn, pairs)
    return len(rows)


def _standardized_again(conn: Connection, keeping: Keeping, member_ids: list[str]) -> dict[str, Indexed]:
    fresh = {}
    forms = []
    for member_id, held in held_members(conn, keeping.vault, member_ids).items():
        plain = encode(held.standard, own_key(held), held.profile.coverages)
        forms.append((member_id, keeping.keys.seal(plain, member_id)))
        fresh[member_id] = decode(plain)
    if forms:
        keep_forms(conn, forms)
    return fresh

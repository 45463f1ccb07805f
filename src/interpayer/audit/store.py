"""The ledger's SQL for sealing, verification and export. (Appending and reading events: ledger.py.)"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime

from interpayer.audit.evidence import Checkpoint, Entry, Source, Tip
from interpayer.audit.merkle import Frontier
from interpayer.system.database import Connection

# Any number, but always this one: the lock of the one sealer of a database.
SEALER_LOCK = 0x1ED6E2
_CHUNK = 5_000
_SEALED = """
select chain, seq, at_us, prev, header, hash, name, partner, member, exchange, body, position, checkpoint
  from audit.evidence where position is not null order by position
"""
_UNSEALED = """
select chain, seq, at_us, prev, header, hash, name, partner, member, exchange, body, position, checkpoint
  from audit.evidence where position is null order by id
"""


@dataclass(frozen=True, slots=True)
class Waiting:
    """Events that can be sealed now, in order; `horizon` bounds the next search, `floor` bounded this one."""

    event_ids: list[int]
    hashes: list[bytes]
    horizon: str
    floor: str
    at: datetime


def sealer_is_free(conn: Connection) -> bool:
    """Take the sealer's lock until the transaction ends; False when somebody else has it."""
    row = conn.execute("select pg_try_advisory_xact_lock(%s) as free", (SEALER_LOCK,)).fetchone()
    return row is not None and bool(row["free"])


def last_tree(conn: Connection) -> Frontier:
    """The tree as the last checkpoint left it."""
    row = conn.execute("select size, frontier from audit.checkpoint order by number desc limit 1").fetchone()
    return Frontier(row["size"], row["frontier"]) if row is not None else Frontier()


def unsealed(conn: Connection, most: int) -> Waiting:
    """Committed events without a position that no running transaction can still precede, oldest first."""
    rows = conn.execute("select * from audit.unsealed(%s)", (most,)).fetchall()
    clock = conn.execute("select clock_timestamp() as at").fetchone()
    assert clock is not None
    return Waiting(
        [row["event_id"] for row in rows],
        [row["hash"] for row in rows],
        horizon=rows[0]["horizon"] if rows else "0",
        floor=rows[0]["floor"] if rows else "0",
        at=clock["at"],
    )


def seal(conn: Connection, waiting: Waiting, tree: Frontier, *, note: str, at_s: int, horizon: str) -> int:
    """Keep the positions of events and the checkpoint over them; its number. Refused if not next in line."""
    row = conn.execute(
        "select audit.seal(%s::bigint[], %s, %s, %s::bytea[], %s, to_timestamp(%s), %s::xid8) as number",
        (waiting.event_ids, tree.size - len(waiting.event_ids), tree.root, tree.roots, note, at_s, horizon),
    ).fetchone()
    assert row is not None
    return int(row["number"])


def notes_from(conn: Connection, size: int) -> list[tuple[int, str]]:
    """The notes of checkpoints of at least this size, smallest first."""
    rows = conn.execute("select size, note from audit.checkpoint where size >= %s order by size", (size,))
    return [(row["size"], row["note"]) for row in rows]


def ledger_source(conn: Connection) -> Source:
    """The whole ledger as of one moment, streamed. Must begin the caller's transaction."""
    conn.execute("set transaction isolation level repeatable read, read only")
    return Source(entries=_entries(conn), checkpoints=_checkpoints(conn), tips=_tips(conn))


def leaf_hashes(conn: Connection, size: int) -> Sequence[bytes]:
    """The leaves of the tree of that size, for proofs."""
    rows = conn.execute("select hash from audit.timeline where position < %s order by position", (size,))
    return [row["hash"] for row in rows]


def _entries(conn: Connection) -> Iterator[Entry]:
    for part in (_SEALED, _UNSEALED):
        with conn.cursor(name="ledger_entries") as cursor:
            cursor.itersize = _CHUNK
            cursor.execute(part)
            for row in cursor:
                yield Entry(**row)


def _checkpoints(conn: Connection) -> Iterator[Checkpoint]:
    rows = conn.execute(
        "select number, size, root, (extract(epoch from at) * 1000000)::bigint as at_us, frontier, note"
        "  from audit.checkpoint order by number"
    )
    for row in rows:
        yield Checkpoint(**row | {"frontier": tuple(row["frontier"])})


def _tips(conn: Connection) -> Iterator[Tip]:
    with conn.cursor(name="ledger_tips") as cursor:
        cursor.itersize = _CHUNK
        cursor.execute("select * from audit.tip")
        for row in cursor:
            yield Tip(**row)

"""The index as files that a cluster can read. Nothing in them is open: hashes are keyed, forms are sealed."""

from collections.abc import Iterator, Sequence
from pathlib import Path

from psycopg.rows import tuple_row

from interpayer.identity.index.store import state
from interpayer.model.reason import Fault, FaultKind
from interpayer.system.database import Connection

BLOCKS, MEMBERS = "blocks", "members"
_LINES = 1_000_000  # in one file, so that a cluster has something to share out
_COPIES = {
    BLOCKS: "copy (select hash, member_no from identity.block order by hash, member_no) to stdout (format csv)",
    MEMBERS: """
        copy (select member_no, member_id, person_id, encode(standard, 'hex') from identity.member
               where standard is not null order by member_no) to stdout (format csv)
        """,
}


def write_snapshot(conn: Connection, folder: Path) -> int:
    """Writes the index into a new folder; its revision. The caller's transaction should be one that sees one moment."""
    for name, copy in _COPIES.items():
        (folder / name).mkdir(parents=True)
        _write(conn, copy, folder / name)
    return live_revision(conn)


def live_revision(conn: Connection) -> int:
    """The revision in force; Fault `system.index_stale` when there is no index."""
    row = state(conn)
    if row is None:
        raise Fault(FaultKind.CONDITIONAL, "system.index_stale")
    return int(row["revision"])


def ruled_members(conn: Connection, fingerprints: Sequence[str]) -> list[tuple[int, int]]:
    """(member number, place of the request) of everybody whom a person named for one of these requests."""
    query = """
        select m.member_no, q.place
          from unnest(%s::text[]) with ordinality q (subject, place)
          join identity.judgement j on j.kind = 'request' and j.subject = q.subject and j.superseded_at is null
          join identity.member m on m.member_id = j.member_id
        """
    with conn.cursor(row_factory=tuple_row, binary=True) as cursor:
        return cursor.execute(query, [fingerprints]).fetchall()


def _write(conn: Connection, copy: str, folder: Path) -> None:
    with conn.cursor() as cursor, cursor.copy(copy.encode()) as lines:
        for number, part in enumerate(_parts(bytes(line) for line in lines)):
            (folder / f"part-{number:05d}.csv").write_bytes(b"".join(part))


def _parts(lines: Iterator[bytes]) -> Iterator[list[bytes]]:
    part: list[bytes] = []
    for line in lines:
        part.append(line)
        if len(part) == _LINES:
            yield part
            part = []
    if part:
        yield part

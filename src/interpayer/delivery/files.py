"""The files of a job, and where each person's lines lie in them."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple

from interpayer.system.clock import now
from interpayer.system.database import Connection
from interpayer.system.ids import new_id

_FILE = (
    "select f.id, f.job_id, f.kind, f.type, f.lines, f.plain_length, f.gzip_length, f.sha256, f.revision, "
    "f.fetched_at from delivery.file f "
)
_PLAIN = re.compile(r"[A-Za-z0-9.-]{1,64}\Z")
_ADD_SEGMENTS = """
insert into delivery.segment (file_id, position, part, start, gzip_length, plain_length, lines, sha256, member_id)
select %s, * from unnest(%s::int[], %s::int[], %s::int[], %s::int[], %s::bigint[], %s::int[], %s::text[], %s::text[])
"""


@dataclass(frozen=True, slots=True)
class File:
    """One file of a manifest. ``sha256`` is of the plain NDJSON; None while the file is being rebuilt.

    ``gzip_length`` counts the members as they lie; joined for a reader they are shorter (``download.Download``).
    """

    id: str
    job_id: str
    kind: str
    type: str
    lines: int
    plain_length: int
    gzip_length: int
    sha256: str | None
    revision: int
    fetched_at: datetime | None

    @property
    def etag(self) -> str:
        """Strong, of the gzip representation; changes with every change of the content."""
        return f'"{self.id}.{self.revision}"'


class Segment(NamedTuple):
    """One gzip member: where it lies in its part, and whose lines it holds (shared: who depends on them)."""

    position: int
    part: int
    start: int
    gzip_length: int
    plain_length: int
    lines: int
    sha256: str
    member_id: str | None
    dependents: tuple[str, ...] | None


@dataclass(frozen=True, slots=True)
class Share:
    """What a job holds of one member: lines, and a digest over each type's lines (shared resources left out).

    ``content`` counts the lines that are neither the Patient nor Provenance: none of them means an empty answer.
    """

    count: int
    content: int
    digest: str


def files(conn: Connection, job_id: str) -> list[File]:
    """The job's files with at least one line, by kind and type."""
    statement = _FILE + "where f.job_id = %s and f.lines > 0 order by f.kind desc, f.type"
    return [File(**row) for row in conn.execute(statement, (job_id,))]


def read_file(conn: Connection, file_id: str) -> File | None:
    """A file, whatever the state of its job: for our own steps."""
    row = conn.execute(_FILE + "where f.id = %s", (file_id,)).fetchone()
    return File(**row) if row else None


def file(conn: Connection, file_id: str, partner_id: str | None) -> File | None:
    """A file that can be fetched now; None when there is none, it is another partner's, or its time is over."""
    statement = _FILE + (
        "join delivery.job j on j.id = f.job_id where f.id = %s and (%s::text is null or j.partner_id = %s) "
        "and j.state in ('ready', 'fetched')"
    )
    row = conn.execute(statement, (file_id, partner_id, partner_id)).fetchone()
    return File(**row) if row else None


def add_file(conn: Connection, job_id: str, *, kind: str, resource_type: str) -> str:
    """An empty file of the job; its id."""
    file_id = new_id("f")
    conn.execute(
        "insert into delivery.file (id, job_id, kind, type, lines, plain_length, gzip_length) "
        "values (%s, %s, %s, %s, 0, 0, 0)",
        (file_id, job_id, kind, resource_type),
    )
    return file_id


def finish_file(conn: Connection, file_id: str, sha256: str) -> None:
    """Sum up what was written of a file."""
    conn.execute(
        "update delivery.file f set sha256 = %s, lines = s.lines, plain_length = s.plain, gzip_length = s.gzip "
        "from (select coalesce(sum(lines), 0) as lines, coalesce(sum(plain_length), 0) as plain, "
        "coalesce(sum(gzip_length), 0) as gzip from delivery.segment where file_id = %s and dropped_at is null) s "
        "where f.id = %s",
        (sha256, file_id, file_id),
    )


def count_parts(conn: Connection, job_id: str, numbers: int) -> None:
    """Note that this many part numbers of the job were given out."""
    conn.execute("update delivery.job set parts = greatest(parts, %s) where id = %s", (numbers, job_id))


def next_part(conn: Connection, job_id: str) -> int:
    """A part number of this job that was never used."""
    row = conn.execute("update delivery.job set parts = parts + 1 where id = %s returning parts", (job_id,)).fetchone()
    if row is None:
        raise LookupError("no such job")
    return int(row["parts"]) - 1


def part_numbers(conn: Connection, job_id: str) -> tuple[set[int], int]:
    """The part numbers in use, and how many were ever given out."""
    rows = conn.execute(
        "select p.number, j.parts from delivery.job j left join delivery.file f on f.job_id = j.id "
        "left join delivery.part p on p.file_id = f.id where j.id = %s",
        (job_id,),
    ).fetchall()
    return {row["number"] for row in rows if row["number"] is not None}, max((row["parts"] for row in rows), default=0)


def add_part(conn: Connection, file_id: str, *, position: int, number: int) -> None:
    """Note where a part of a file lies."""
    conn.execute(
        "insert into delivery.part (file_id, position, number) values (%s, %s, %s)", (file_id, position, number)
    )


def replace_part(conn: Connection, file_id: str, *, position: int, number: int | None) -> None:
    """A rebuilt part lies elsewhere; None: nothing of it is left."""
    if number is None:
        conn.execute("delete from delivery.part where file_id = %s and position = %s", (file_id, position))
    else:
        conn.execute(
            "update delivery.part set number = %s where file_id = %s and position = %s", (number, file_id, position)
        )


def part_positions(conn: Connection, file_id: str) -> dict[int, int]:
    """Position and number of each part, in order."""
    statement = "select position, number from delivery.part where file_id = %s order by position"
    return {row["position"]: row["number"] for row in conn.execute(statement, (file_id,))}


def add_segments(conn: Connection, file_id: str, added: Sequence[Segment]) -> None:
    """Note the segments of a part in one statement, its arrays written by hand: there are as many as members and types.

    No COPY, because what is exported may be read on this connection at the same time.
    """
    columns = list(zip(*added, strict=True))
    arrays = [f"{{{','.join(map(str, column))}}}" for column in columns[:7]]
    owners = ",".join("NULL" if owner is None else _plain(owner) for owner in columns[7])
    conn.execute(_ADD_SEGMENTS, (file_id, *arrays, f"{{{owners}}}"))
    for segment in added:
        if segment.dependents:
            conn.execute(
                "update delivery.segment set dependents = %s where file_id = %s and position = %s",
                (list(segment.dependents), file_id, segment.position),
            )


def _plain(member_id: str) -> str:
    """The id, if it is one that needs no escape; ours are."""
    if not _PLAIN.match(member_id):
        raise ValueError("not a plain id")
    return member_id


def segments(conn: Connection, file_id: str) -> list[tuple[int, int, int, int]]:
    """Part, start, gzip length and plain length of each segment that still stands, in order."""
    rows = conn.execute(
        "select part, start, gzip_length, plain_length from delivery.segment "
        "where file_id = %s and dropped_at is null order by position",
        (file_id,),
    )
    return [(row["part"], row["start"], row["gzip_length"], row["plain_length"]) for row in rows]


def set_digest(conn: Connection, file_id: str, *, sha256: str, revision: int) -> bool:
    """The checksum of a rebuilt file; False when it changed again meanwhile."""
    cursor = conn.execute(
        "update delivery.file set sha256 = %s where id = %s and revision = %s", (sha256, file_id, revision)
    )
    return cursor.rowcount == 1


def forget_places(conn: Connection, job_id: str) -> None:
    """Forget where the job's lines lay; counts and checksums of its files stay."""
    rows = conn.execute("select id from delivery.file where job_id = %s", (job_id,)).fetchall()
    file_ids = [row["id"] for row in rows]
    conn.execute("delete from delivery.part where file_id = any(%s)", (file_ids,))
    conn.execute("delete from delivery.segment where file_id = any(%s)", (file_ids,))


def member_share(conn: Connection, job_id: str, member_ids: Sequence[str]) -> dict[str, Share]:
    """What the job holds of each member; members without a line are missing.

    The digest is SHA-256 over ``<type>:<sha256 of the lines>`` of each type, by type, one per line.
    """
    rows = conn.execute(
        "select s.member_id, sum(s.lines) as count, "
        "coalesce(sum(s.lines) filter (where f.type not in ('Patient', 'Provenance')), 0) as content, "
        "encode(sha256(convert_to(string_agg("
        "f.type || ':' || s.sha256, e'\\n' order by f.type, s.position), 'UTF8')), 'hex') as digest "
        "from delivery.segment s join delivery.file f on f.id = s.file_id "
        "where f.job_id = %s and f.kind = 'output' and s.member_id = any(%s) and s.dropped_at is null group by 1",
        (job_id, list(member_ids)),
    )
    return {row["member_id"]: Share(int(row["count"]), int(row["content"]), row["digest"]) for row in rows}


def mark_fetched(conn: Connection, file_id: str) -> bool:
    """A file was fetched whole; True when with it every output file of its job was."""
    conn.execute("update delivery.file set fetched_at = coalesce(fetched_at, %s) where id = %s", (now(), file_id))
    row = conn.execute(
        "select bool_and(fetched_at is not null) as whole from delivery.file where kind <> 'error' and lines > 0 "
        "and job_id = (select job_id from delivery.file where id = %s)",
        (file_id,),
    ).fetchone()
    return bool(row and row["whole"])

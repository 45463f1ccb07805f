"""Taking a member out of files that can still be fetched: no byte more at once, the bytes themselves soon after."""

import hashlib
from dataclasses import dataclass

from interpayer.delivery.download import joined, plan_download
from interpayer.delivery.files import File, next_part, part_positions, read_file, replace_part, segments, set_digest
from interpayer.delivery.parts import Parts
from interpayer.delivery.store import add_issue
from interpayer.system.clock import now
from interpayer.system.database import Connection

WITHDRAWN = "delivery.member_withdrawn"
WITHDRAWN_TEXT = (
    "Data that may no longer be exchanged were taken out of the files of this job; read the manifest again."
)


@dataclass(frozen=True, slots=True)
class Dropped:
    """A file that lost a member's lines."""

    job_id: str
    file_id: str
    partner_id: str
    batch_id: str | None
    exchange_id: str | None
    was_fetched: bool


def drop_member(conn: Connection, member_id: str, *, job_id: str | None = None) -> list[Dropped]:
    """Take a member out of every file that can still be fetched (or of one job's): new ETag and counts at once.

    No byte of the member is served once this is committed; ``ndjson.rebuild_file`` then removes the bytes themselves.
    """
    touched = conn.execute(_DROP, {"member": member_id, "job": job_id, "at": now()}).fetchall()
    for touched_job in {row["job_id"] for row in touched}:
        add_issue(conn, touched_job, code=WITHDRAWN, text=WITHDRAWN_TEXT)
    return [
        Dropped(
            r["job_id"], r["file_id"], r["partner_id"], r["batch_id"], r["exchange_id"], r["fetched_at"] is not None
        )
        for r in touched
    ]


_DROP = """
with standing as (
    select f.id from delivery.file f join delivery.job j on j.id = f.job_id
    where j.state in ('kicked_off', 'running', 'ready', 'fetched') and (%(job)s::text is null or j.id = %(job)s)
), own as (
    update delivery.segment set dropped_at = %(at)s
    where member_id = %(member)s and dropped_at is null and file_id in (select id from standing)
    returning file_id, lines, plain_length, gzip_length
), depending as (
    update delivery.segment set dependents = array_remove(dependents, %(member)s),
        dropped_at = case when dependents <@ array[%(member)s::text] then %(at)s end
    where dependents @> array[%(member)s::text] and dropped_at is null and file_id in (select id from standing)
    returning file_id, lines, plain_length, gzip_length, dropped_at
), lost as (
    select file_id, sum(lines) as lines, sum(plain_length) as plain_length, sum(gzip_length) as gzip_length from (
        select file_id, lines, plain_length, gzip_length from own
        union all select file_id, lines, plain_length, gzip_length from depending where dropped_at is not null
    ) gone group by file_id
)
update delivery.file f set revision = f.revision + 1, sha256 = null, lines = f.lines - lost.lines,
    plain_length = f.plain_length - lost.plain_length, gzip_length = f.gzip_length - lost.gzip_length
from lost join delivery.file g on g.id = lost.file_id join delivery.job j on j.id = g.job_id
where f.id = lost.file_id
returning f.job_id, f.id as file_id, j.partner_id, j.batch_id, j.exchange_id, f.fetched_at
"""


def rebuild_file(conn: Connection, parts: Parts, file_id: str) -> File | None:
    """Remove the bytes of dropped members and make the checksum anew; None when the file is gone.

    Call it after ``drop_member`` was committed, and ``sweep_parts`` after this one is: until then the old bytes lie
    there, unnamed. What still stands keeps its bytes and its ETag.
    """
    before = read_file(conn, file_id)
    if before is None:
        return None
    for position in _parts_with_dropped(conn, file_id):
        _rebuild_part(conn, parts, file_id, position=position)
    digest = hashlib.sha256()
    for piece in joined(parts, plan) if (plan := plan_download(conn, file_id)) else ():
        digest.update(piece)
    set_digest(conn, file_id, sha256=digest.hexdigest(), revision=before.revision)
    return read_file(conn, file_id)


def to_rebuild(conn: Connection, *, limit: int = 100) -> list[tuple[str, str]]:
    """(job id, file id) of files that still hold bytes of dropped members: what upkeep rebuilds."""
    rows = conn.execute(
        "select distinct f.job_id, f.id from delivery.segment s join delivery.file f on f.id = s.file_id "
        "join delivery.job j on j.id = f.job_id where s.dropped_at is not null and j.state in ('ready', 'fetched') "
        "order by 1, 2 limit %s",
        (limit,),
    )
    return [(row["job_id"], row["id"]) for row in rows]


def _rebuild_part(conn: Connection, parts: Parts, file_id: str, *, position: int) -> None:
    old = parts.read(part_positions(conn, file_id)[position])
    kept = [old[start : start + length] for part, start, length, _ in segments(conn, file_id) if part == position]
    number = next_part(conn, parts.job_id) if kept else None
    if number is not None:
        parts.write(number, b"".join(kept))
    replace_part(conn, file_id, position=position, number=number)
    _forget_dropped(conn, file_id, part=position)


def _parts_with_dropped(conn: Connection, file_id: str) -> list[int]:
    """Positions of the parts that still hold bytes of dropped segments."""
    rows = conn.execute(
        "select distinct part from delivery.segment where file_id = %s and dropped_at is not null order by part",
        (file_id,),
    )
    return [row["part"] for row in rows]


def _forget_dropped(conn: Connection, file_id: str, *, part: int) -> None:
    """The bytes of dropped segments are gone from this part: close the gaps in its index."""
    conn.execute(
        "delete from delivery.segment where file_id = %s and part = %s and dropped_at is not null", (file_id, part)
    )
    conn.execute(
        "update delivery.segment s set start = n.start from (select position, coalesce(sum(gzip_length) over "
        "(order by position rows between unbounded preceding and 1 preceding), 0) as start "
        "from delivery.segment where file_id = %s and part = %s) n "
        "where s.file_id = %s and s.position = n.position",
        (file_id, part, file_id),
    )

"""What learning reads and what was adopted. The caller owns the transaction."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any

from interpayer.system.database import Connection

_PIECE = 5_000


def members(conn: Connection, payer: str) -> Iterator[Sequence[Mapping[str, Any]]]:
    """Everybody held of a payer, in pieces: member_id, person_id and the sealed comparable form."""
    after = 0
    while True:
        rows = conn.execute(
            """
            select member_no, member_id, person_id, standard from identity.member
             where member_no > %s and payer = %s and standard is not null order by member_no limit %s
            """,
            [after, payer, _PIECE],
        ).fetchall()
        if not rows:
            return
        yield rows
        after = rows[-1]["member_no"]


def sample(conn: Connection, payer: str, count: int) -> Sequence[Mapping[str, Any]]:
    """So many members of a payer, the same ones each time while nobody comes or goes."""
    return conn.execute(
        """
        select member_id, person_id, standard from identity.member
         where payer = %s and standard is not null order by md5(member_id) limit %s
        """,
        [payer, count],
    ).fetchall()


def adopt(conn: Connection, kind: str, version: str, *, content: str, by: str, why: str) -> bool:
    """Put a file into force; what was in force is superseded, never erased. False when it is in force already."""
    conn.execute("select pg_advisory_xact_lock(hashtext('identity.adopted'))")
    current = conn.execute(
        "select version from identity.adopted where kind = %s and superseded_at is null", [kind]
    ).fetchone()
    if current is not None and current["version"] == version:
        return False
    conn.execute(
        "update identity.adopted set superseded_at = clock_timestamp() where kind = %s and superseded_at is null",
        [kind],
    )
    conn.execute(
        "insert into identity.adopted (kind, version, content, adopted_by, why) values (%s, %s, %s, %s, %s)",
        [kind, version, content, by, why],
    )
    return True


def keep_before(conn: Connection, kind: str, version: str, content: str) -> None:
    """Keep the file that came with the release, as one that was in force before."""
    conn.execute(
        """
        insert into identity.adopted (kind, version, content, adopted_by, why, superseded_at)
        select %s, %s, %s, 'the release', 'shipped', clock_timestamp()
         where not exists (select from identity.adopted where version = %s)
        """,
        [kind, version, content, version],
    )


def in_force(conn: Connection) -> dict[str, dict[str, Any]]:
    """The adopted model and thresholds in force, by kind; a kind that was never adopted is absent."""
    rows = conn.execute(
        "select kind, version, content, adopted_at, adopted_by, why from identity.adopted where superseded_at is null"
    )
    return {row["kind"]: dict(row) for row in rows}


def content_of(conn: Connection, version: str) -> str | None:
    """The text of a version that is or was in force; None when it was never adopted here."""
    row = conn.execute(
        "select content from identity.adopted where version = %s order by adopted_id desc limit 1", [version]
    ).fetchone()
    return str(row["content"]) if row else None


def forget_evidence(conn: Connection, before: datetime, limit: int) -> int:
    """Delete evidence whose time is over, oldest first; how much. What an open case rests on, or is held, stays."""
    return conn.execute(
        """
        delete from identity.evidence where evidence_id in (
            select e.evidence_id from identity.evidence e
             where e.at < %s and not operations.is_held(e.member_id, null, null) and not exists (
                   select from identity.review_case c
                    where c.evidence_id = e.evidence_id and c.state in ('open', 'assigned'))
             order by e.at limit %s)
        """,
        [before, limit],
    ).rowcount


def decided_cases(conn: Connection, partner_id: str | None) -> Sequence[Mapping[str, Any]]:
    """The labels of cases that only too little evidence had opened: the heaviest candidate of each, as decided."""
    return conn.execute(
        """
        select distinct on (l.case_id) l.case_id, l.decision, l.score
          from identity.label l join identity.review_case c using (case_id)
         where c.reason = 'identity.weak' and l.superseded_at is null and l.score is not null
           and (%s::text is null or c.partner_id = %s)
         order by l.case_id, l.score desc, l.member_id
        """,
        [partner_id, partner_id],
    ).fetchall()

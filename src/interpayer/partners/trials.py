"""What was tried, kept and learned with a partner: runs of checks, samples of what it sends, lessons."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from interpayer.partners.gate import Trial
from interpayer.system.database import Connection
from interpayer.system.ids import new_id


@dataclass(frozen=True, slots=True)
class Sample:
    """Something that a partner sends, as it came: `kind` says what our reader for it is."""

    id: str
    kind: str
    is_good: bool
    name: str
    sha256: str
    added_at: datetime
    added_by: str


@dataclass(frozen=True, slots=True)
class Lesson:
    """What working with a partner taught, and whether client or documents carry it by now."""

    id: str
    topic: str
    words: str
    learned_at: datetime
    learned_by: str
    exchange_id: str | None
    closed_at: datetime | None
    closed_by: str | None


def keep_run(conn: Connection, partner_id: str, trials: Sequence[Trial], *, by: str) -> str:
    """Keep one run of checks; returns its id."""
    run = new_id("t")
    for one in trials:
        conn.execute(
            "insert into partners.trial (partner_id, run, at, endpoint_id, check_name, state, words, by)"
            " values (%s, %s, %s, %s, %s, %s, %s, %s)",
            [partner_id, run, one.at, one.endpoint_id, one.check, one.state, one.words[:500], by],
        )
    return run


def last_run(conn: Connection, partner_id: str) -> tuple[Trial, ...]:
    """The checks of the latest run, in their order; nothing when there was none."""
    rows = conn.execute(
        """
        select at, endpoint_id, check_name, state, words from partners.trial
         where run = (select run from partners.trial where partner_id = %s order by id desc limit 1) order by id
        """,
        [partner_id],
    ).fetchall()
    return tuple(Trial(row["at"], row["endpoint_id"], row["check_name"], row["state"], row["words"]) for row in rows)


def keep_sample(conn: Connection, partner_id: str, sample: Sample, *, sealed: bytes) -> bool:
    """Keep a sample, sealed; False when the partner has this one already."""
    kept = conn.execute(
        "insert into partners.sample (id, partner_id, kind, is_good, name, sha256, sealed, added_at, added_by)"
        " values (%s, %s, %s, %s, %s, %s, %s, %s, %s) on conflict (partner_id, sha256) do nothing",
        [sample.id, partner_id, sample.kind, sample.is_good, sample.name, sample.sha256, sealed, sample.added_at,
         sample.added_by],
    )  # fmt: skip
    return kept.rowcount == 1


def samples(conn: Connection, partner_id: str) -> tuple[tuple[Sample, bytes], ...]:
    """The partner's samples with their sealed bytes, oldest first."""
    rows = conn.execute(
        "select id, kind, is_good, name, sha256, added_at, added_by, sealed from partners.sample"
        " where partner_id = %s order by added_at, id",
        [partner_id],
    ).fetchall()
    return tuple((Sample(**{k: v for k, v in row.items() if k != "sealed"}), bytes(row["sealed"])) for row in rows)


def keep_lesson(conn: Connection, partner_id: str, lesson: Lesson) -> None:
    """Keep what was learned."""
    conn.execute(
        "insert into partners.lesson (id, partner_id, topic, words, learned_at, learned_by, exchange_id)"
        " values (%s, %s, %s, %s, %s, %s, %s)",
        [lesson.id, partner_id, lesson.topic, lesson.words, lesson.learned_at, lesson.learned_by, lesson.exchange_id],
    )


def close_lesson(conn: Connection, lesson_id: str, *, at: datetime, by: str) -> str | None:
    """Say that client or documents carry it now; the partner it was about, None when there is no such open lesson."""
    row = conn.execute(
        "update partners.lesson set closed_at = %s, closed_by = %s where id = %s and closed_at is null"
        " returning partner_id",
        [at, by, lesson_id],
    ).fetchone()
    return None if row is None else str(row["partner_id"])


def lessons(conn: Connection, partner_id: str | None = None) -> list[tuple[str, Lesson]]:
    """Partner id and lesson, of one partner or of all, oldest first."""
    rows = conn.execute(
        "select partner_id, id, topic, words, learned_at, learned_by, exchange_id, closed_at, closed_by"
        " from partners.lesson where %(partner)s::text is null or partner_id = %(partner)s order by learned_at, id",
        {"partner": partner_id},
    ).fetchall()
    return [(row.pop("partner_id"), Lesson(**row)) for row in rows]

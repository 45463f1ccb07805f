"""Policy versions, which of them is in force, and what was decided on which facts. The caller owns the transaction."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from interpayer.policy.bundle import Bundle
from interpayer.system.database import Connection, as_json

_KEEP = """insert into policy.decision (version, kind, facts, allow, policies, reasons, obligations, times, subject)
select v, k, f, a, p::text[], r::text[], o::text[], t, s from unnest(%s::text[], %s::text[], %s::jsonb[], %s::boolean[],
    %s::text[], %s::text[], %s::text[], %s::int[], %s::text[]) as d (v, k, f, a, p, r, o, t, s)"""


@dataclass(frozen=True, slots=True)
class Kept:
    """One decision with its facts as JSON; `subject` is an exchange or a job, `times` how often it was asked."""

    version: str
    kind: str
    facts: Mapping[str, Any]
    allow: bool
    policies: tuple[str, ...]
    reasons: tuple[str, ...]
    obligations: tuple[str, ...]
    times: int = 1
    subject: str | None = None
    at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Release:
    """One act that put a version into force."""

    number: int
    version: str
    act: str
    released_by: str
    approved_by: str | None
    reason: str
    released_at: datetime


@dataclass(frozen=True, slots=True)
class Proposal:
    """A version that waits, or waited, for a second name."""

    id: str
    version: str
    proposed_by: str
    reason: str
    proposed_at: datetime
    state: str
    ended_by: str | None
    ended_at: datetime | None


def publish(conn: Connection, bundle: Bundle, *, by: str, own: Mapping[str, str] | None = None) -> bool:
    """Keep this version so that the ledger's reference to it can always be read; False when it was kept before."""
    row = conn.execute(
        "insert into policy.bundle (version, files, own, published_by) values (%s, %s, %s, %s) "
        "on conflict (version) do nothing returning 1",
        [bundle.version, as_json(dict(bundle.files)), as_json(dict(own or {})), by],
    ).fetchone()
    return row is not None


def is_published(conn: Connection, version: str) -> bool:
    """Whether this version is known here; an unknown one is a no (`policy.version_unknown`)."""
    return conn.execute("select 1 from policy.bundle where version = %s", [version]).fetchone() is not None


def files_of(conn: Connection, version: str) -> dict[str, str] | None:
    """The files of a version by name; None when unknown."""
    row = conn.execute("select files from policy.bundle where version = %s", [version]).fetchone()
    return dict(row["files"]) if row else None


def own_files_of(conn: Connection, version: str) -> dict[str, str] | None:
    """What of a version is the plan's own; None when the version is unknown."""
    row = conn.execute("select own from policy.bundle where version = %s", [version]).fetchone()
    return dict(row["own"]) if row else None


def newest_release(conn: Connection) -> int:
    """The number of the release in force; 0 for what ships."""
    row = conn.execute("select max(number) as number from policy.release").fetchone()
    return int(row["number"] or 0) if row else 0


def own_files_in_force(conn: Connection) -> tuple[int, dict[str, str]]:
    """The release in force with the plan's own files; (0, nothing) for what ships."""
    row = conn.execute(
        "select r.number, b.own from policy.release r join policy.bundle b using (version) order by number desc limit 1"
    ).fetchone()
    return (int(row["number"]), dict(row["own"])) if row else (0, {})


def lock_releases(conn: Connection) -> None:
    """Let nobody else release a version before this transaction ends."""
    conn.execute("select pg_advisory_xact_lock(hashtext('policy.release'))")


def release(conn: Connection, version: str, *, act: str, by: str, reason: str, approved_by: str | None = None) -> int:
    """Put a kept version into force; the number of the release."""
    row = conn.execute(
        "insert into policy.release (version, act, released_by, approved_by, reason) values (%s, %s, %s, %s, %s) "
        "returning number",
        [version, act, by, approved_by, reason],
    ).fetchone()
    assert row is not None
    return int(row["number"])


def releases(conn: Connection, *, limit: int = 100) -> list[Release]:
    """What was put into force, newest first."""
    rows = conn.execute("select * from policy.release order by number desc limit %s", [limit]).fetchall()
    return [Release(**row) for row in rows]


def was_in_force(conn: Connection, version: str) -> bool:
    """Whether a release ever put this version into force."""
    found = conn.execute("select 1 from policy.release where version = %s limit 1", [version]).fetchone()
    return found is not None


def propose(conn: Connection, proposal_id: str, version: str, *, by: str, reason: str) -> None:
    """Let a version wait for a second name."""
    conn.execute(
        "insert into policy.proposal (id, version, proposed_by, reason) values (%s, %s, %s, %s)",
        [proposal_id, version, by, reason],
    )


def proposal(conn: Connection, proposal_id: str) -> Proposal | None:
    """One proposal, locked until the transaction ends; None when there is none of this id."""
    row = conn.execute("select * from policy.proposal where id = %s for update", [proposal_id]).fetchone()
    return Proposal(**row) if row else None


def proposals(conn: Connection, *, limit: int = 100) -> list[Proposal]:
    """The open proposals first, then those that ended, newest first."""
    rows = conn.execute(
        "select * from policy.proposal order by state <> 'open', proposed_at desc limit %s", [limit]
    ).fetchall()
    return [Proposal(**row) for row in rows]


def end_proposal(conn: Connection, proposal_id: str, *, state: str, by: str) -> None:
    """Say that a proposal was approved or withdrawn."""
    conn.execute(
        "update policy.proposal set state = %s, ended_by = %s, ended_at = now() where id = %s and state = 'open'",
        [state, by, proposal_id],
    )


def keep(conn: Connection, decisions: Iterable[Kept]) -> None:
    """Keep decisions with their facts; one statement, however many they are."""
    rows = [*decisions]
    if rows:
        columns = zip(*(_row(row) for row in rows), strict=True)
        conn.execute(_KEEP, [[*column] for column in columns])


def last(conn: Connection, count: int, *, subject: str | None = None) -> list[Kept]:
    """The last decisions that were kept, newest first; of one exchange or job only where it is named."""
    rows = conn.execute(
        "select version, kind, facts, allow, policies, reasons, obligations, times, subject, at from policy.decision "
        "where %(subject)s::text is null or subject = %(subject)s order by id desc limit %(count)s",
        {"subject": subject, "count": count},
    ).fetchall()
    lists = ("policies", "reasons", "obligations")
    return [Kept(**{**row, **{name: tuple(row[name]) for name in lists}}) for row in rows]


def forget(conn: Connection, *, before: datetime, most: int) -> int:
    """Delete decisions from before this moment, at most so many, those on what is held left out; how many."""
    done = conn.execute(
        "delete from policy.decision where id in (select id from policy.decision where at < %s"
        " and not operations.is_held(null, subject, null) order by id limit %s)",
        [before, most],
    )
    return done.rowcount


def _row(one: Kept) -> tuple[Any, ...]:
    lists = (_array(one.policies), _array(one.reasons), _array(one.obligations))
    return (one.version, one.kind, as_json(dict(one.facts)), one.allow, *lists, one.times, one.subject)


def _array(names: tuple[str, ...]) -> str:
    # an array of arrays must not be ragged: each goes as text, in the form that the server reads arrays in
    quoted = (name.replace("\\", "\\\\").replace('"', '\\"') for name in names)
    return "{" + ",".join(f'"{name}"' for name in quoted) + "}"

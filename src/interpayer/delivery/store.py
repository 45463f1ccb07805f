"""Jobs: a match or an export that runs for a partner, or ours at a partner; each belongs to exactly one partner."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from interpayer.system.clock import now
from interpayer.system.database import Connection, as_json
from interpayer.system.ids import new_id
from interpayer.system.keys import Vault, seal, unseal

# Which state follows which (exchange.md, section 2); anything else is refused.
MOVES: Mapping[str, frozenset[str]] = {
    "kicked_off": frozenset({"running", "ready", "failed", "deleted"}),
    "running": frozenset({"kicked_off", "ready", "failed", "deleted"}),
    "ready": frozenset({"fetched", "failed", "expired", "deleted"}),
    "fetched": frozenset({"expired", "deleted"}),
    "failed": frozenset({"kicked_off", "expired", "deleted"}),
    "expired": frozenset(),
    "deleted": frozenset(),
}
_JOB = (
    "select id, role, kind, partner_id, state, reason, batch_id, exchange_id, url, progress, detail, created_at, "
    "state_at, transaction_time, expires_at from delivery.job "
)


@dataclass(frozen=True, slots=True)
class NewJob:
    """A job to be kept. The request holds member data and is sealed; ``url`` is the kick-off URL for the manifest."""

    kind: str
    partner_id: str
    request: bytes
    url: str
    role: str = "responder"
    batch_id: str | None = None
    exchange_id: str | None = None
    detail: Mapping[str, Any] = field(default_factory=dict)
    id: str | None = None


@dataclass(frozen=True, slots=True)
class Job:
    """A job as it stands."""

    id: str
    role: str
    kind: str
    partner_id: str
    state: str
    reason: str | None
    batch_id: str | None
    exchange_id: str | None
    url: str
    progress: int
    detail: Mapping[str, Any]
    created_at: datetime
    state_at: datetime
    transaction_time: datetime | None
    expires_at: datetime | None


def create_job(conn: Connection, vault: Vault, job: NewJob) -> str:
    """Keep a job, kicked off; its id. The same id twice is kept once."""
    key, wrapped = vault.new_data_key()
    job_id, at = job.id or new_id("j"), now()
    conn.execute(
        "insert into delivery.job (id, role, kind, partner_id, state, batch_id, exchange_id, url, detail, created_at, "
        "state_at, data_key, request) values (%s, %s, %s, %s, 'kicked_off', %s, %s, %s, %s, %s, %s, %s, %s) "
        "on conflict (id) do nothing",
        (
            job_id, job.role, job.kind, job.partner_id, job.batch_id, job.exchange_id, job.url,
            as_json(dict(job.detail)), at, at, wrapped, seal(key, job.request, context=job_id.encode()),
        ),
    )  # fmt: skip
    return job_id


def job(conn: Connection, job_id: str, partner_id: str | None) -> Job | None:
    """The job; None when there is none or it is another partner's. Only our own steps may leave the partner out."""
    statement = _JOB + "where id = %s and (%s::text is null or partner_id = %s)"
    row = conn.execute(statement, (job_id, partner_id, partner_id)).fetchone()
    return Job(**row) if row else None


def known_job(conn: Connection, job_id: str) -> Job:
    """The job that our own work is about, whoever it belongs to; LookupError when it is gone."""
    found = job(conn, job_id, None)
    if found is None:
        raise LookupError("no such job")
    return found


def list_jobs(
    conn: Connection, *, partner_id: str | None = None, states: Sequence[str] | None = None, limit: int = 100
) -> list[Job]:
    """Jobs, newest first."""
    statement = (
        _JOB + "where (%(partner)s::text is null or partner_id = %(partner)s) "
        "and (%(states)s::text[] is null or state = any(%(states)s)) order by created_at desc, id limit %(limit)s"
    )
    parameters = {"partner": partner_id, "states": list(states) if states else None, "limit": limit}
    return [Job(**row) for row in conn.execute(statement, parameters)]


def job_request(conn: Connection, vault: Vault, job_id: str) -> bytes:
    """What was asked, as it came."""
    row = conn.execute("select data_key, request from delivery.job where id = %s", (job_id,)).fetchone()
    if row is None:
        raise LookupError("no such job")
    return unseal(vault.unwrap(row["data_key"]), row["request"], context=job_id.encode())


def job_key(conn: Connection, vault: Vault, job_id: str) -> bytes:
    """The key of the job's files."""
    row = conn.execute("select data_key from delivery.job where id = %s", (job_id,)).fetchone()
    if row is None:
        raise LookupError("no such job")
    return vault.unwrap(row["data_key"])


def set_state(
    conn: Connection,
    job_id: str,
    state: str,
    *,
    reason: str | None = None,
    transaction_time: datetime | None = None,
    expires_at: datetime | None = None,
) -> bool:
    """Move the job on; False when it is not in a state from which this may follow (deleted meanwhile, say)."""
    sources = [source for source, targets in MOVES.items() if state in targets]
    cursor = conn.execute(
        "update delivery.job set state = %s, reason = %s, state_at = %s, "
        "transaction_time = coalesce(%s, transaction_time), expires_at = coalesce(%s, expires_at), "
        "progress = case when %s = 'ready' then 100 else progress end where id = %s and state = any(%s)",
        (state, reason, now(), transaction_time, expires_at, state, job_id, sources),
    )
    return cursor.rowcount == 1


def set_progress(conn: Connection, job_id: str, percent: int) -> None:
    """How far it is, for X-Progress; never goes back."""
    conn.execute(
        "update delivery.job set progress = greatest(progress, %s) where id = %s", (min(max(percent, 0), 100), job_id)
    )


def set_detail(conn: Connection, job_id: str, detail: Mapping[str, Any]) -> None:
    """Add to what the job knows of itself (ids, codes, counts; no member data)."""
    conn.execute("update delivery.job set detail = detail || %s where id = %s", (as_json(dict(detail)), job_id))


def expired_jobs(conn: Connection, at: datetime, *, limit: int = 100) -> list[str]:
    """Jobs whose files are due for removal."""
    rows = conn.execute(
        "select id from delivery.job where state in ('ready', 'fetched') and expires_at <= %s "
        "order by expires_at limit %s",
        (at, limit),
    )
    return [row["id"] for row in rows]


def leftover_jobs(conn: Connection, *, limit: int = 100) -> list[str]:
    """Jobs that are over while bytes of theirs are still named: deleted while their files were being written, say."""
    rows = conn.execute(
        "select distinct j.id from delivery.job j join delivery.file f on f.job_id = j.id "
        "join delivery.part p on p.file_id = f.id where j.state in ('failed', 'expired', 'deleted') limit %s",
        (limit,),
    )
    return [row["id"] for row in rows]


def add_issue(conn: Connection, job_id: str, *, code: str, text: str, severity: str = "information") -> None:
    """A line for the job's error file, each once; ``text`` must be free of member data."""
    conn.execute("select from delivery.job where id = %s for update", (job_id,))
    conn.execute(
        "insert into delivery.issue (job_id, position, code, diagnostics, severity) "
        "select %s, coalesce(max(position), 0) + 1, %s, %s, %s from delivery.issue where job_id = %s "
        "on conflict do nothing",
        (job_id, code, text, severity, job_id),
    )


def issues(conn: Connection, job_id: str) -> list[dict[str, Any]]:
    """The lines of the job's error file, as code, diagnostics and severity."""
    statement = "select code, diagnostics, severity from delivery.issue where job_id = %s order by position"
    return conn.execute(statement, (job_id,)).fetchall()

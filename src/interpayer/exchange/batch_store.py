"""Batches (one call for many members) and the Groups that answer a bulk match."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from interpayer.model.consent import Limits, limits_as_json, limits_from_json
from interpayer.system.database import Connection, as_json


@dataclass(frozen=True, slots=True)
class MatchGroup:
    """One Group of a match answer, as sealed bytes, with the members that it names."""

    id: str
    job_id: str
    partner_id: str
    kind: str
    made_at: datetime
    sealed: bytes
    members: tuple[tuple[str, str], ...]
    """(member id, exchange id) of each matched member; empty for the other kinds."""
    size: int


def collecting(conn: Connection, *, partner_id: str, endpoint_id: str, mode: str) -> str | None:
    """The batch that still takes exchanges for this route, locked; None when there is none."""
    row = conn.execute(
        """select id from exchange.batch where role = 'requester' and state = 'collecting'
             and partner_id = %s and endpoint_id = %s and mode = %s for update""",
        (partner_id, endpoint_id, mode),
    ).fetchone()
    return row["id"] if row else None


def open_batch(conn: Connection, batch_id: str, *, fields: Mapping[str, Any]) -> bool:
    """Open a batch; False when another one began to collect for the same route meanwhile."""
    row = conn.execute(
        """insert into exchange.batch (id, role, partner_id, endpoint_id, mode, state, opened_at, correlation_id)
           values (%s, %s, %s, %s, %s, %s, %s, %s) on conflict do nothing returning id""",
        (
            *(batch_id, fields["role"], fields["partner_id"], fields["endpoint_id"], fields["mode"], fields["state"]),
            *(fields["opened_at"], fields["correlation_id"]),
        ),
    ).fetchone()
    return row is not None


def batch(conn: Connection, batch_id: str, *, lock: bool = False) -> dict[str, Any]:
    """One batch; LookupError when it is unknown."""
    if lock:
        conn.execute("select id from exchange.batch where id = %s for update", (batch_id,))
    row = conn.execute("select * from exchange.batch where id = %s", (batch_id,)).fetchone()
    if row is None:
        raise LookupError("batch is unknown")
    return row


def update_batch(conn: Connection, batch_id: str, **fields: Any) -> None:
    """Set the named columns of a batch; `details` is merged."""
    known = ("state", "match_url", "export_url", "group_ids", "transaction_time", "attempt", "endpoint_id", "mode")
    unknown = set(fields) - {*known, "details"}
    if unknown:
        raise ValueError(f"unknown columns: {sorted(unknown)}")
    conn.execute(
        """update exchange.batch set state = coalesce(%(state)s, state),
             match_url = coalesce(%(match_url)s, match_url), export_url = coalesce(%(export_url)s, export_url),
             group_ids = coalesce(%(group_ids)s, group_ids), attempt = coalesce(%(attempt)s, attempt),
             transaction_time = coalesce(%(transaction_time)s, transaction_time),
             endpoint_id = coalesce(%(endpoint_id)s, endpoint_id), mode = coalesce(%(mode)s, mode),
             details = details || %(details)s
           where id = %(id)s""",
        {
            **dict.fromkeys(known),
            **fields,
            "id": batch_id,
            "details": as_json(dict(fields.get("details") or {})),
        },
    )


def batches(conn: Connection, *, limit: int = 50) -> list[dict[str, Any]]:
    """The latest batches."""
    return conn.execute("select * from exchange.batch order by opened_at desc limit %s", (limit,)).fetchall()


def save_groups(conn: Connection, groups: Sequence[MatchGroup]) -> None:
    """Keep the Groups of one match answer; saving the same again changes nothing."""
    with conn.cursor() as cursor:
        cursor.executemany(
            """insert into exchange.match_group (id, job_id, partner_id, kind, members, made_at, sealed)
               values (%s, %s, %s, %s, %s, %s, %s) on conflict do nothing""",
            [(g.id, g.job_id, g.partner_id, g.kind, g.size, g.made_at, g.sealed) for g in groups],
        )
        cursor.executemany(
            """insert into exchange.group_member (group_id, member_id, exchange_id) values (%s, %s, %s)
               on conflict do nothing""",
            [(g.id, member_id, exchange_id) for g in groups for member_id, exchange_id in g.members],
        )


def group(conn: Connection, group_id: str, partner_id: str) -> dict[str, Any] | None:
    """One Group of this partner; None when it is unknown or somebody else's."""
    return conn.execute(
        "select * from exchange.match_group where id = %s and partner_id = %s", (group_id, partner_id)
    ).fetchone()


def groups_of(conn: Connection, partner_id: str) -> list[dict[str, Any]]:
    """The Groups of this partner, newest first."""
    return conn.execute(
        "select * from exchange.match_group where partner_id = %s order by made_at desc, id limit 500", (partner_id,)
    ).fetchall()


def group_members(conn: Connection, group_id: str, only: Sequence[str] | None = None) -> dict[str, str]:
    """Member id to exchange id of a match Group; only the named members where given."""
    rows = conn.execute(
        """select member_id, exchange_id from exchange.group_member
           where group_id = %s and (%s::text[] is null or member_id = any(%s)) order by member_id""",
        (group_id, list(only) if only is not None else None, list(only) if only is not None else None),
    ).fetchall()
    return {row["member_id"]: row["exchange_id"] for row in rows}


def save_outcomes(conn: Connection, job_id: str, rows: Sequence[tuple[int, str, str, str | None]]) -> None:
    """Keep what a match job decided: (place in the request, exchange id, kind, member id)."""
    with conn.cursor() as cursor:
        cursor.executemany(
            """insert into exchange.match_outcome (job_id, place, exchange_id, kind, member_id)
               values (%s, %s, %s, %s, %s)""",
            [(job_id, *row) for row in rows],
        )


def is_decided(conn: Connection, job_id: str, place: int) -> bool:
    """Whether the member at this place of a job has an outcome."""
    query = "select 1 from exchange.match_outcome where job_id = %s and place = %s"
    return conn.execute(query, (job_id, place)).fetchone() is not None


def outcomes(conn: Connection, job_id: str) -> list[dict[str, Any]]:
    """What a match job decided, in the order of the request."""
    return conn.execute("select * from exchange.match_outcome where job_id = %s order by place", (job_id,)).fetchall()


def keep_answer(conn: Connection, batch_id: str, sealed: bytes) -> None:
    """Keep the partner's match answer, sealed; the same answer again replaces it."""
    conn.execute("update exchange.batch set answer_sealed = %s where id = %s", (sealed, batch_id))


def answer(conn: Connection, batch_id: str) -> bytes:
    """The partner's match answer, sealed."""
    row = conn.execute("select answer_sealed from exchange.batch where id = %s", (batch_id,)).fetchone()
    if row is None or row["answer_sealed"] is None:
        raise LookupError("the batch has no answer yet")
    return bytes(row["answer_sealed"])


def save_job_members(conn: Connection, job_id: str, exchange_of: Mapping[str, str]) -> None:
    """Keep which exchange each member's part of an export belongs to."""
    with conn.cursor() as cursor:
        cursor.executemany(
            """insert into exchange.job_member (job_id, member_id, exchange_id) values (%s, %s, %s)
               on conflict (job_id, member_id) do update set exchange_id = excluded.exchange_id""",
            [(job_id, member_id, exchange_id) for member_id, exchange_id in exchange_of.items()],
        )


def job_members(conn: Connection, job_id: str) -> dict[str, str]:
    """Member id to exchange id of an export job."""
    rows = conn.execute(
        "select member_id, exchange_id from exchange.job_member where job_id = %s order by member_id", (job_id,)
    ).fetchall()
    return {row["member_id"]: row["exchange_id"] for row in rows}


def save_limits(conn: Connection, job_id: str, limits: Mapping[str, Limits]) -> None:
    """Keep under which limits each member's lines are written; who is not named has no lines."""
    conn.execute("update exchange.job_member set limits = null where job_id = %s", (job_id,))
    conn.execute(
        """update exchange.job_member j set limits = v.limits::jsonb from unnest(%s::text[], %s::text[])
             as v(member_id, limits) where j.job_id = %s and j.member_id = v.member_id""",
        (list(limits), [json.dumps(limits_as_json(one)) for one in limits.values()], job_id),
    )


def limits_written(conn: Connection, job_id: str) -> dict[str, Limits]:
    """Under which limits each member's lines of this job were written; who has none is missing."""
    rows = conn.execute(
        "select member_id, limits from exchange.job_member where job_id = %s and limits is not null", (job_id,)
    )
    return {row["member_id"]: limits_from_json(row["limits"]) for row in rows}

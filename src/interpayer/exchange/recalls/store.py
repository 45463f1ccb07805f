"""Recalls as they stand: which exchanges, whom we told and what they answered, and what partners told us."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from interpayer.system.database import Connection, as_json


@dataclass(frozen=True, slots=True)
class NewRecall:
    """A recall that begins: at a person of ours, or at a partner (`told_by`) that has one of its own."""

    id: str
    exchange_ids: Sequence[str]
    reason: str
    by: str
    at: datetime
    due_at: datetime
    told_by: str | None = None
    their_recall: str | None = None


def add(conn: Connection, new: NewRecall) -> bool:
    """Open a recall; False when this partner told us of the same one before."""
    added = conn.execute(
        """insert into exchange.recall (id, exchange_ids, reason, state, opened_by, opened_at, due_at, told_by,
             their_recall)
           values (%s, %s, %s, 'open', %s, %s, %s, %s, %s)
           on conflict (told_by, their_recall) where told_by is not null do nothing""",
        (
            *(new.id, list(new.exchange_ids), new.reason, new.by, new.at, new.due_at),
            *(new.told_by, new.their_recall),
        ),
    )
    return added.rowcount == 1


def update(
    conn: Connection, recall_id: str, *, state: str, scope: Mapping[str, Any], closed_at: datetime | None = None
) -> None:
    """Bring a recall further; the scope is merged."""
    conn.execute(
        """update exchange.recall set state = %s, scope = scope || %s, closed_at = coalesce(%s, closed_at)
            where id = %s""",
        (state, as_json(dict(scope)), closed_at, recall_id),
    )


def recall(conn: Connection, recall_id: str) -> dict[str, Any] | None:
    """One recall, locked; None when unknown."""
    return conn.execute("select * from exchange.recall where id = %s for update", (recall_id,)).fetchone()


def listed(conn: Connection, *, limit: int = 100) -> list[dict[str, Any]]:
    """The latest recalls, with how many of those told have not answered."""
    return conn.execute(
        """select r.*, (select count(*) from exchange.recall_recipient t
                         where t.recall_id = r.id and t.state <> 'answered') as unanswered,
                  r.closed_at is null and r.due_at < clock_timestamp() as is_overdue
             from exchange.recall r order by opened_at desc, id limit %s""",
        (limit,),
    ).fetchall()


def add_recipients(conn: Connection, recall_id: str, partner_ids: Sequence[str]) -> None:
    """These partners are to be told."""
    conn.execute(
        "insert into exchange.recall_recipient (recall_id, partner_id, state) "
        "select %s, unnest(%s::text[]), 'ready' on conflict do nothing",
        (recall_id, list(partner_ids)),
    )


def recipients(conn: Connection, recall_id: str) -> list[dict[str, Any]]:
    """Whom we told, and what they answered."""
    return conn.execute(
        "select * from exchange.recall_recipient where recall_id = %s order by partner_id", (recall_id,)
    ).fetchall()


def recipient(conn: Connection, recall_id: str, partner_id: str) -> dict[str, Any] | None:
    """One of those to be told, locked."""
    return conn.execute(
        "select * from exchange.recall_recipient where recall_id = %s and partner_id = %s for update",
        (recall_id, partner_id),
    ).fetchone()


def told(conn: Connection, recall_id: str, partner_id: str, *, state: str, at: datetime, reason: str | None) -> None:
    """The notice was delivered (`sent`), or has to go as a `letter`, with the reason. An answer is not unsaid."""
    conn.execute(
        """update exchange.recall_recipient set state = case when state = 'answered' then state else %s end,
             sent_at = %s, reason = %s where recall_id = %s and partner_id = %s""",
        (state, at, reason, recall_id, partner_id),
    )


def answered(conn: Connection, recall_id: str, partner_id: str, *, reply: str, by: str, at: datetime) -> None:
    """What the recipient says it did; the latest word counts."""
    conn.execute(
        """update exchange.recall_recipient set state = 'answered', reply = %s, replied_by = %s, replied_at = %s
            where recall_id = %s and partner_id = %s""",
        (reply, by, at, recall_id, partner_id),
    )


def fallen_silent(conn: Connection, at: datetime) -> list[dict[str, Any]]:
    """Recipients who have not answered when the clock ran out, marked so, once each."""
    return conn.execute(
        """update exchange.recall_recipient t set state = 'silent', reply = 'silent' from exchange.recall r
            where r.id = t.recall_id and t.state in ('sent', 'letter') and r.due_at < %s and r.closed_at is null
            returning t.recall_id, t.partner_id""",
        (at,),
    ).fetchall()


@dataclass(frozen=True, slots=True)
class Received:
    """A partner's notice as it came, sealed; `notice` is its own id at the partner."""

    id: str
    partner_id: str
    notice: str
    kind: str
    at: datetime
    sealed: bytes


def receive(conn: Connection, new: Received) -> str | None:
    """Keep a notice; its id, or None when it came before."""
    row = conn.execute(
        """insert into exchange.recall_received (id, partner_id, notice, kind, received_at, sealed)
           values (%s, %s, %s, %s, %s, %s) on conflict do nothing returning id""",
        (new.id, new.partner_id, new.notice, new.kind, new.at, new.sealed),
    ).fetchone()
    return str(row["id"]) if row else None


def received(conn: Connection, notice_id: str) -> dict[str, Any] | None:
    """A partner's notice, locked."""
    return conn.execute("select * from exchange.recall_received where id = %s for update", (notice_id,)).fetchone()


def received_as(conn: Connection, partner_id: str, notice: str) -> str | None:
    """Under which id of ours a partner's notice is kept."""
    row = conn.execute(
        "select id from exchange.recall_received where partner_id = %s and notice = %s", (partner_id, notice)
    ).fetchone()
    return str(row["id"]) if row else None


def handled(conn: Connection, notice_id: str, *, at: datetime, outcome: str) -> None:
    """What came of a notice."""
    conn.execute(
        "update exchange.recall_received set handled_at = %s, outcome = %s where id = %s", (at, outcome, notice_id)
    )


def exchanges_named(conn: Connection, partner_id: str, named: Sequence[tuple[str, str | None]]) -> list[dict[str, Any]]:
    """Our own requests to this partner that a notice means: by correlation id, and by Patient id where both know it.

    One correlation id may stand for many members of one call; the Patient id then says which.
    """
    return conn.execute(
        """select e.* from exchange.exchange e
             join unnest(%s::text[], %s::text[]) as n(correlation, patient) on n.correlation = e.correlation_id
              and (n.patient is null or e.partner_member is null or n.patient = e.partner_member)
            where e.role = 'requester' and e.partner_id = %s order by e.id for update of e""",
        ([name[0] for name in named], [name[1] for name in named], partner_id),
    ).fetchall()


def released_since(conn: Connection, member_id: str, since: datetime) -> list[dict[str, Any]]:
    """What we answered about this member to other payers, and released after that moment."""
    return conn.execute(
        """select * from exchange.exchange where member_id = %s and role = 'responder'
              and state in ('released', 'completed', 'archived') and state_at >= %s order by id""",
        (member_id, since),
    ).fetchall()

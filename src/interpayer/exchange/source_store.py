"""What each source was asked for each exchange, and what became of it (schema exchange)."""

from collections.abc import Collection, Mapping, Sequence
from typing import Any

from interpayer.exchange.completeness import CHOSEN, DEFERRED, SourceAsked
from interpayer.system.database import Connection, as_json

_NAMES = (
    "exchange_id, source, member_id, is_live, is_essential, state, reason, asked_at, answered_at, data_as_of, "
    "freshness, types, missing, put_aside, attempts, job_id"
)
# Who gave no answer that a later question could not better.
OPEN = (CHOSEN, DEFERRED, "late", "unreachable", "partial")


def choose(conn: Connection, asked: Sequence[SourceAsked]) -> None:
    """Keep which sources an exchange needs; chosen again, what was said before stands."""
    conn.cursor().executemany(
        f"insert into exchange.source_asked ({_NAMES}) values (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, "  # noqa: S608
        "%s, %s, %s) on conflict (exchange_id, source) do nothing",
        [_row(one) for one in asked],
    )


def note(conn: Connection, one: SourceAsked) -> None:
    """Keep what a source said, or why it said nothing."""
    conn.execute(
        "update exchange.source_asked set state = %s, reason = %s, asked_at = coalesce(%s, asked_at), "
        "answered_at = coalesce(%s, answered_at), data_as_of = %s, freshness = %s, types = %s, missing = %s, "
        "put_aside = %s, attempts = %s where exchange_id = %s and source = %s",
        (
            *(one.state, one.reason, one.asked_at, one.answered_at, one.data_as_of, one.freshness),
            *(as_json(dict(one.types)), as_json(dict(one.missing)), as_json(dict(one.put_aside)), one.attempts),
            *(one.exchange_id, one.source),
        ),
    )


def of_exchanges(conn: Connection, exchange_ids: Collection[str]) -> dict[str, list[SourceAsked]]:
    """What each exchange needs of each source, essential ones first."""
    rows = conn.execute(
        f"select {_NAMES} from exchange.source_asked where exchange_id = any(%s) "  # noqa: S608
        "order by exchange_id, is_essential desc, source",
        (list(exchange_ids),),
    )
    found: dict[str, list[SourceAsked]] = {}
    for row in rows:
        found.setdefault(row["exchange_id"], []).append(_read(row))
    return found


def last_said(conn: Connection, member_ids: Collection[str]) -> dict[tuple[str, str], SourceAsked]:
    """By member and live source: the last time that it said all that it has."""
    rows = conn.execute(
        f"select distinct on (member_id, source) {_NAMES} from exchange.source_asked where member_id = any(%s) "  # noqa: S608
        "and is_live and state in ('answered', 'empty') order by member_id, source, answered_at desc",
        (list(member_ids),),
    )
    return {(row["member_id"], row["source"]): _read(row) for row in rows}


def open_of_job(conn: Connection, job_id: str, states: Collection[str] = OPEN) -> list[SourceAsked]:
    """The live sources of a job that gave no whole answer yet, essential ones first."""
    rows = conn.execute(
        f"select {_NAMES} from exchange.source_asked where job_id = %s and is_live and state = any(%s) "  # noqa: S608
        "order by is_essential desc, exchange_id, source",
        (job_id, list(states)),
    )
    return [_read(row) for row in rows]


def _row(one: SourceAsked) -> tuple[Any, ...]:
    return (
        *(one.exchange_id, one.source, one.member_id, one.is_live, one.is_essential, one.state, one.reason),
        *(one.asked_at, one.answered_at, one.data_as_of, one.freshness, as_json(dict(one.types))),
        *(as_json(dict(one.missing)), as_json(dict(one.put_aside)), one.attempts, one.job_id),
    )


def _read(row: Mapping[str, Any]) -> SourceAsked:
    return SourceAsked(**row)

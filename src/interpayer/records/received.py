"""What one exchange brought, and what is held of one member, record by record and page by page."""

from collections.abc import Iterator
from datetime import datetime
from typing import Any

from interpayer.records.codec import Codec
from interpayer.records.store import read_record
from interpayer.system.database import Connection


def received_ids(conn: Connection, exchange_id: str, *, after: str | None = None, limit: int = 50) -> list[str]:
    """The ids of the records that came by this exchange, new or not, in id order from `after` on."""
    rows = conn.execute(
        "select distinct record_id from records.arrival "
        "where exchange_id = %s and record_id > %s order by record_id limit %s",
        (exchange_id, after or "", limit),
    )
    return [row["record_id"] for row in rows]


def received_records(
    conn: Connection, codec: Codec, exchange_id: str, *, after: str | None = None, limit: int = 50
) -> Iterator[dict[str, Any]]:
    """These records with their bodies: protected data, the caller writes `access.looked`."""
    for record_id in received_ids(conn, exchange_id, after=after, limit=limit):
        record = read_record(conn, codec, record_id)
        if record is not None:
            yield record


def held_records(
    conn: Connection, codec: Codec, member_id: str, *, after: str | None = None, limit: int = 50
) -> Iterator[dict[str, Any]]:
    """What is held of a member, with bodies, in id order: protected data, the caller writes `access.looked`."""
    rows = conn.execute(
        "select id from records.record where member_id = %s and id > %s order by id limit %s",
        (member_id, after or "", limit),
    ).fetchall()
    for row in rows:
        record = read_record(conn, codec, row["id"])
        if record is not None:
            yield record


def arrived_at(conn: Connection, exchange_id: str) -> datetime | None:
    """When the first record of this exchange came; None when nothing did."""
    row = conn.execute(
        "select min(received_at) as at from records.arrival where exchange_id = %s", [exchange_id]
    ).fetchone()
    return row["at"] if row else None

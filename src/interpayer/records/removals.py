"""What could be fetched once and no longer stands: noted, and told to whoever asks for what changed since."""

from collections.abc import Mapping, Sequence
from datetime import datetime

from interpayer.model.consent import NOTHING_WITHHELD
from interpayer.records.export import Selection
from interpayer.records.limiting import may_go
from interpayer.system.database import Connection

# Who had it before may still have it; what nobody could fetch yet is not told.
_REMOVE = """
insert into records.removal (record_id, member_id, type, reason, replaced_by, removed_at)
select r.id, r.member_id, r.type, v.reason, v.replaced_by, %(at)s
from unnest(%(ids)s::text[], %(reasons)s::text[], %(by)s::text[]) as v(id, reason, replaced_by)
join records.record r on r.id = v.id
cross join lateral (select min(a.received_at) as first_at from records.arrival a where a.record_id = r.id) f
where f.first_at < %(at)s and r.member_id is not null
on conflict (record_id) do update set reason = excluded.reason, replaced_by = excluded.replaced_by
"""


def removals(conn: Connection, selection: Selection) -> dict[str, list[tuple[str, str]]]:
    """Per member, the (type, id) that could be fetched once and were removed after ``since``; none without since.

    Only what would have gone: whoever never got a record must not learn from its removal that there was one. Some that
    came and went since are told too: partners ask since a little before their last answer, to lose nothing.
    """
    if selection.since is None:
        return {}
    rows = conn.execute(
        "select d.member_id, d.type, d.record_id, r.labels, r.service_from, r.service_to "
        "from records.removal d join records.record r on r.id = d.record_id "
        "where d.member_id = any(%(members)s) and d.removed_at > %(since)s "
        "and (%(until)s::timestamptz is null or d.removed_at <= %(until)s) "
        "and (%(types)s::text[] is null or d.type = any(%(types)s)) and r.pack_id is not null "
        "and r.quarantined_at is null and records.in_window(r, %(as_of)s, %(service_from)s) "
        "order by d.member_id, d.type, d.record_id",
        {
            "members": list(selection.member_ids), "since": selection.since, "until": selection.until,
            "types": list(selection.types) if selection.types else None, "as_of": selection.as_of,
            "service_from": selection.service_from,
        },
    )  # fmt: skip
    found: dict[str, list[tuple[str, str]]] = {}
    for row in rows:
        if may_go(selection.limits.get(row["member_id"], NOTHING_WITHHELD), row):
            found.setdefault(row["member_id"], []).append((row["type"], row["record_id"]))
    return found


def withdraw(conn: Connection, record_ids: Sequence[str], *, at: datetime) -> None:
    """Records of our own making that go no more."""
    rows = conn.execute(
        "update records.record set removed_at = %s where id = any(%s) and removed_at is null returning id",
        (at, list(record_ids)),
    ).fetchall()
    tell_removed(conn, {row["id"]: "" for row in rows}, reason="record.replaced", at=at)


def take_back(conn: Connection, source: str, record_ids: Sequence[str], *, at: datetime) -> int:
    """A partner says that these records of its answers no longer stand; how many did. What others told of stays."""
    rows = conn.execute(
        "update records.record set removed_at = %s where id = any(%s) and source = %s and sender is not null "
        "and removed_at is null returning id",
        (at, list(record_ids), source),
    ).fetchall()
    tell_removed(conn, {row["id"]: "" for row in rows}, reason="record.replaced", at=at)
    return len(rows)


def tell_removed(conn: Connection, instead: Mapping[str, str | None], *, reason: str, at: datetime) -> None:
    """Note what no longer stands and by which record it is stood for (empty: by none); None: it stands again."""
    gone = {record_id: other for record_id, other in instead.items() if other is not None}
    back = [record_id for record_id, other in instead.items() if other is None]
    conn.execute(
        _REMOVE.encode(),
        {"ids": list(gone), "reasons": [reason] * len(gone), "by": [by or None for by in gone.values()], "at": at},
    )
    conn.execute(
        "delete from records.removal d using records.record r where d.record_id = any(%s) and r.id = d.record_id "
        "and r.joined_to is null and r.replaced_by is null",
        (back,),
    )

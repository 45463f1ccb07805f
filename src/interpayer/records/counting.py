"""What does not go, counted: for our own eyes and the ledger, never for the partner."""

from interpayer.records.export import Selection, by_limits, parameters_of
from interpayer.records.limiting import kept_back
from interpayer.system.database import Connection

_WITHHELD = b"""
select r.member_id, coalesce(r.excluded, case when r.pa_changed_on is null and r.pa_ends_on is null
    then 'record.excluded_service_date' else 'record.excluded_old_authorization' end) as reason, count(*) as n
from records.record r
where r.member_id = any(%(member_ids)s::text[]) and r.quarantined_at is null
    and records.asked(r, %(types)s, %(since)s, %(until)s)
    and (r.pack_id is null or not records.in_window(r, %(as_of)s, %(service_from)s))
group by 1, 2 order by 1, 2
"""


def withheld(conn: Connection, selection: Selection) -> dict[str, dict[str, int]]:
    """Per member, how many records do not go, by reason: for our own eyes and the ledger, never for the partner."""
    found: dict[str, dict[str, int]] = {}
    for limits, chunk in by_limits(selection, 1000):
        parameters = parameters_of(selection, chunk)
        for row in conn.execute(_WITHHELD, parameters):
            found.setdefault(row["member_id"], {})[row["reason"]] = row["n"]
        for one in kept_back(conn, parameters, limits, refused=selection.refused.get(limits, frozenset())):
            if one.counts:
                reasons = found.setdefault(one.member_id, {})
                reasons[one.reason] = reasons.get(one.reason, 0) + 1
    return found

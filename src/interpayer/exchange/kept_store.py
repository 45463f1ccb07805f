"""What is kept of settled exchanges beyond their row: the sealed requests, until their retention is over."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from interpayer.model.exchange import FINAL
from interpayer.policy.retention import RetentionRule
from interpayer.system.database import Connection

_OVER = """select x.id, x.role, x.basis, x.purpose, x.member_id, x.partner_id, x.state, x.state_at
from exchange.exchange x join exchange.envelope e on e.exchange_id = x.id
where x.state = any(%(states)s) and x.state_at < %(before)s and e.sealed <> ''
    and (%(role)s::text is null or x.role = %(role)s) and (%(basis)s::text is null or x.basis = %(basis)s)
    and (%(purpose)s::text is null or x.purpose = %(purpose)s)
    and not operations.is_held(x.member_id, x.id, x.partner_id)
    and not exists (
        select from unnest(%(roles)s::text[], %(bases)s::text[], %(purposes)s::text[]) as other (role, basis, purpose)
        where (other.role is null or other.role = x.role) and (other.basis is null or other.basis = x.basis)
            and (other.purpose is null or other.purpose = x.purpose))
order by x.state_at limit %(limit)s"""


def over(
    conn: Connection, rule: RetentionRule, others: Sequence[RetentionRule], *, before: datetime, limit: int
) -> list[dict[str, Any]]:
    """Settled exchanges under this rule, and none of the others, whose requests are still there; the oldest first."""
    wanted = {
        "states": [state.value for state in FINAL],
        "before": before,
        "limit": limit,
        **{"role": rule.role, "basis": rule.basis, "purpose": rule.purpose},
        **{"roles": [one.role for one in others], "bases": [one.basis for one in others]},
        "purposes": [one.purpose for one in others],
    }
    return conn.execute(_OVER.encode(), wanted).fetchall()


def empty(conn: Connection, exchange_ids: Sequence[str]) -> list[str]:
    """Empty the sealed requests of these exchanges; which were emptied: what is held, or not settled, stays."""
    row = conn.execute("select exchange.empty_requests(%s) as done", [list(exchange_ids)]).fetchone()
    return list(row["done"]) if row else []

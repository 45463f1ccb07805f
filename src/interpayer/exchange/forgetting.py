"""What a member leaves in exchanges: which are about the member, in which jobs, and its end."""

from interpayer.exchange import store
from interpayer.model.exchange import Exchange, State
from interpayer.system.database import Connection


def exchanges_of(conn: Connection, member_id: str) -> list[Exchange]:
    """Every exchange about a member, whatever its state."""
    ids = [row["id"] for row in store.of_members(conn, [member_id], State)]
    return [found for found in (store.load(conn, exchange_id) for exchange_id in ids) if found is not None]


def jobs_of(conn: Connection, member_id: str) -> list[str]:
    """The jobs that asked about a member or handed the member's data over."""
    rows = conn.execute(
        "select job_id from exchange.match_outcome where member_id = %(m)s"
        " union select o.job_id from exchange.match_outcome o join exchange.exchange x on x.id = o.exchange_id"
        " where x.member_id = %(m)s union select job_id from exchange.job_member where member_id = %(m)s order by 1",
        {"m": member_id},
    )
    return [row["job_id"] for row in rows]


def forget_requests(conn: Connection, member_id: str) -> int:
    """Empty every sealed request and answer about a member; how many requests. Groups that name the member go."""
    row = conn.execute("select exchange.forget(%s) as gone", (member_id,)).fetchone()
    return int(row["gone"]) if row else 0

"""The tables of the index while it is made anew. The caller owns the transaction."""

from collections.abc import Sequence

from interpayer.identity.index.codec import FORM
from interpayer.system.database import Connection


def forms_between(conn: Connection, first: int, last: int) -> list[tuple[int, str, str, bytes | None]]:
    """(number, id, payer, sealed form) of the members with numbers from `first` to `last`."""
    query = "select member_no, member_id, payer, standard from identity.member where member_no between %s and %s"
    found = conn.execute(query, [first, last], binary=True)
    return [(row["member_no"], row["member_id"], row["payer"], row["standard"]) for row in found]


def keep_forms(conn: Connection, forms: Sequence[tuple[str, bytes]]) -> None:
    """Replace the sealed forms of members."""
    conn.execute(
        """
        update identity.member m set standard = r.form
          from unnest(%s::text[], %s::bytea[]) r (member_id, form) where m.member_id = r.member_id
        """,
        [list(column) for column in zip(*forms, strict=True)],
    )


def highest_number(conn: Connection) -> int:
    """The highest member number in use; 0 when nobody is held."""
    row = conn.execute("select max(member_no) as highest from identity.member").fetchone()
    return (row and row["highest"]) or 0


def clear_counts(conn: Connection) -> None:
    """Forget how many members carry a value."""
    conn.execute("delete from identity.frequency")


def clear(conn: Connection) -> None:
    """Forget all keys and counts; nobody is matched until `complete`."""
    conn.execute("insert into identity.index_state (form) values ('') on conflict (one) do update set form = ''")
    conn.execute("truncate identity.block, identity.frequency")


def complete(conn: Connection) -> None:
    """Let the index be used, now that it is whole."""
    conn.execute("update identity.index_state set form = %s, counting = false, members = 0", [FORM])

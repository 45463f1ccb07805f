"""The end of a member: whatever tells who it was goes; and who is held, to find again whom a backup brought back."""

from collections.abc import Iterator

from interpayer.system.database import Connection

_PIECE = 10_000


def forget_identity(conn: Connection, member_id: str) -> int:
    """Forget who a member was, for ever; whether there was one (0 or 1). A legal hold is an error of the database."""
    row = conn.execute("select identity.forget(%s) as gone", (member_id,)).fetchone()
    return int(row["gone"]) if row else 0


def held_ids(conn: Connection) -> Iterator[str]:
    """The id of every member that is held."""
    after = ""
    while True:
        rows = conn.execute(
            "select member_id from identity.member where member_id > %s order by member_id limit %s", (after, _PIECE)
        ).fetchall()
        yield from (row["member_id"] for row in rows)
        if len(rows) < _PIECE:
            return
        after = rows[-1]["member_id"]

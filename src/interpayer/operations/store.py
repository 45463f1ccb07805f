"""People and systems, their tokens, holds on releases, and the loads that ended (schema operations)."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from interpayer.system.database import Connection, as_json


def lock_people(conn: Connection) -> None:
    """One change of people at a time, until the transaction ends."""
    conn.execute("select pg_advisory_xact_lock(hashtextextended('operations.person', 0))")


def any_person(conn: Connection) -> bool:
    """Whether anybody was ever added."""
    return conn.execute("select 1 from operations.person limit 1").fetchone() is not None


def add_person(conn: Connection, row: Mapping[str, Any]) -> None:
    """Add a person or system."""
    conn.execute(
        """insert into operations.person (name, kind, roles, added_at, added_by)
           values (%(name)s, %(kind)s, %(roles)s, %(added_at)s, %(added_by)s)""",
        row,
    )


def set_roles(conn: Connection, name: str, roles: Sequence[str]) -> None:
    """Give a person other roles."""
    conn.execute("update operations.person set roles = %s where name = %s", (list(roles), name))


def person(conn: Connection, name: str) -> dict[str, Any] | None:
    """Somebody by name, upper and lower case alike; also those whose access was revoked."""
    return conn.execute("select * from operations.person where lower(name) = lower(%s)", (name,)).fetchone()


def people(conn: Connection) -> list[dict[str, Any]]:
    """Everybody, by name."""
    return conn.execute("select * from operations.person order by lower(name)").fetchall()


def live_admins(conn: Connection) -> int:
    """How many people can still give access."""
    row = conn.execute(
        "select count(*) as n from operations.person where revoked_at is null and 'admin' = any(roles)"
    ).fetchone()
    return int(row["n"]) if row else 0


def revoke_person(conn: Connection, name: str, *, at: datetime, by: str) -> None:
    """End somebody's access, tokens included."""
    conn.execute(
        "update operations.person set revoked_at = %s, revoked_by = %s where name = %s and revoked_at is null",
        (at, by, name),
    )
    end_tokens(conn, name, at)


def add_token(conn: Connection, name: str, digest: bytes, at: datetime) -> None:
    """Keep the digest of a token."""
    conn.execute("insert into operations.token (sha256, name, made_at) values (%s, %s, %s)", (digest, name, at))


def end_tokens(conn: Connection, name: str, at: datetime) -> None:
    """End every token of somebody."""
    conn.execute("update operations.token set ended_at = %s where name = %s and ended_at is null", (at, name))


def person_of_token(conn: Connection, digest: bytes) -> dict[str, Any] | None:
    """Whose live token this is; None when nobody's."""
    return conn.execute(
        """select p.* from operations.token t join operations.person p using (name)
            where t.sha256 = %s and t.ended_at is null and p.revoked_at is null""",
        (digest,),
    ).fetchone()


def releases_held(conn: Connection) -> bool:
    """Whether nothing may be released now (after a restore)."""
    return conn.execute("select 1 from operations.hold where cleared_at is null limit 1").fetchone() is not None


def claim_environment(conn: Connection, name: str) -> str:
    """The environment that this database belongs to; the first to ask says which."""
    conn.execute("insert into operations.environment (name) values (%s) on conflict do nothing", [name])
    row = conn.execute("select name from operations.environment").fetchone()
    assert row is not None
    return str(row["name"])


def open_holds(conn: Connection) -> list[dict[str, Any]]:
    """The holds that are not cleared, the oldest first."""
    return conn.execute("select * from operations.hold where cleared_at is null order by since, hold_id").fetchall()


def untold_holds(conn: Connection) -> list[dict[str, Any]]:
    """Holds that began since the ledger was last told of them, marked as told."""
    return conn.execute(
        "update operations.hold set told_at = clock_timestamp() "
        "where cleared_at is null and (told_at is null or told_at < since) returning kind, reason, since"
    ).fetchall()


def hold(conn: Connection, kind: str, reason: str) -> bool:
    """Stop releases; False when a hold of this kind is open already."""
    row = conn.execute(
        """insert into operations.hold (kind, reason) values (%s, %s)
           on conflict (kind) where cleared_at is null do nothing returning hold_id""",
        (kind, reason),
    ).fetchone()
    return row is not None


def clear_hold(conn: Connection, kind: str, *, by: str, at: datetime) -> bool:
    """End a hold; False when none of this kind is open."""
    row = conn.execute(
        """update operations.hold set cleared_by = %s, cleared_at = %s
            where kind = %s and cleared_at is null returning 1""",
        (by, at, kind),
    ).fetchone()
    return row is not None


def keep_load(conn: Connection, load_id: str, *, kind: str, at: datetime, by: str, counts: Mapping[str, Any]) -> None:
    """Note that a load ended, with its counts."""
    conn.execute(
        "insert into operations.load (id, kind, ended_at, by, counts) values (%s, %s, %s, %s, %s)",
        (load_id, kind, at, by, as_json(dict(counts))),
    )


def loaded_since(conn: Connection, kind: str, since: datetime) -> bool:
    """Whether a load of this kind ended after that moment."""
    row = conn.execute(
        "select 1 from operations.load where kind = %s and ended_at > %s limit 1", (kind, since)
    ).fetchone()
    return row is not None


def loads(conn: Connection, *, limit: int = 50) -> list[dict[str, Any]]:
    """The latest loads."""
    return conn.execute("select * from operations.load order by ended_at desc limit %s", (limit,)).fetchall()

"""Declared sources and what was last read of them, and the stamps that say where records came from."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from interpayer.adapters.declaration import Declaration, parse_declaration
from interpayer.system.database import Connection, as_json


@dataclass(frozen=True, slots=True)
class Stamped:
    """The source's record that a record of ours was made from, and the mapping that made it (empty: as it was)."""

    record_id: str
    source: str
    entity: str
    file: str
    position: int
    key: str
    mapping: str
    stamped_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Standing:
    """A declared source and what was last taken in of it; `account` as in account.json."""

    declaration: Declaration
    read_at: datetime | None
    data_as_of: datetime | None
    account: Mapping[str, Any]

    def freshness(self, at: datetime) -> str:
        """`fresh`, `stale`, or `unknown` when nothing was read yet or nothing is promised."""
        limit: timedelta | None = self.declaration.fresh_within
        if self.data_as_of is None or limit is None:
            return "unknown"
        return "fresh" if at - self.data_as_of <= limit else "stale"


def save_declaration(conn: Connection, declaration: Declaration) -> str:
    """Keep the declaration under its name: `new`, `changed`, or `same`."""
    row = conn.execute("select version, status from sources.source where name = %s", [declaration.name]).fetchone()
    conn.execute(
        """
        insert into sources.source (name, kind, declaration, folder, version) values (%s, %s, %s, %s, %s)
        on conflict (name) do update
           set kind = excluded.kind, declaration = excluded.declaration, folder = excluded.folder,
               version = excluded.version, status = 'active', changed_at = now()
        """,
        [declaration.name, declaration.kind, declaration.text, str(declaration.folder), declaration.version],
    )
    if row is None:
        return "new"
    return "same" if (row["version"], row["status"]) == (declaration.version, "active") else "changed"


def retire(conn: Connection, name: str) -> bool:
    """Ask this source no longer; what came from it stays. False when there is none."""
    query = "update sources.source set status = 'retired', changed_at = now() where name = %s and status = 'active'"
    return conn.execute(query, [name]).rowcount > 0


def standings(conn: Connection) -> list[Standing]:
    """The sources in use, by name."""
    rows = conn.execute("select * from sources.source where status = 'active' order by name").fetchall()
    return [_standing(row) for row in rows]


def standing(conn: Connection, name: str) -> Standing | None:
    """One source in use; None when there is none of this name."""
    query = "select * from sources.source where status = 'active' and name = %s"
    row = conn.execute(query, [name]).fetchone()
    return _standing(row) if row else None


def declared(conn: Connection) -> list[Declaration]:
    """The declarations in use, by name."""
    return [one.declaration for one in standings(conn)]


def note_read(
    conn: Connection, name: str, *, at: datetime, data_as_of: datetime | None, account: Mapping[str, Any]
) -> None:
    """Note that the content of a source was taken in."""
    conn.execute(
        "update sources.source set read_at = %s, data_as_of = %s, account = %s where name = %s",
        [at, data_as_of, as_json(account), name],
    )


def save_stamps(conn: Connection, stamps: Sequence[Stamped], *, at: datetime) -> None:
    """Keep where records came from; the last word of each source about a record counts."""
    once = {(stamp.record_id, stamp.source): stamp for stamp in stamps}
    rows = [once[key] for key in sorted(once)]
    if rows:
        conn.execute(
            """
            insert into sources.stamp (record_id, source, entity, file, position, key, mapping, stamped_at)
            select *, %s
              from unnest(%s::text[], %s::text[], %s::text[], %s::text[], %s::bigint[], %s::text[], %s::text[])
            on conflict (record_id, source) do update
               set entity = excluded.entity, file = excluded.file, position = excluded.position, key = excluded.key,
                   mapping = excluded.mapping, stamped_at = excluded.stamped_at
             where (stamp.file, stamp.position, stamp.key, stamp.mapping)
                   is distinct from (excluded.file, excluded.position, excluded.key, excluded.mapping)
            """,
            [
                at,
                [row.record_id for row in rows],
                [row.source for row in rows],
                [row.entity for row in rows],
                [row.file for row in rows],
                [row.position for row in rows],
                [row.key for row in rows],
                [row.mapping for row in rows],
            ],
        )


def stamps_of(conn: Connection, record_ids: Collection[str]) -> list[Stamped]:
    """Where these records came from, by record and source."""
    query = (
        "select record_id, source, entity, file, position, key, mapping, stamped_at from sources.stamp "
        "where record_id = any(%s) order by record_id, source"
    )
    return [Stamped(**row) for row in conn.execute(query, [list(record_ids)])]


def unknown_mappings(conn: Connection, versions: Collection[str]) -> set[str]:
    """Which of these versions of mappings are not kept yet."""
    rows = conn.execute("select version from sources.mapping where version = any(%s)", [list(versions)])
    return set(versions) - {row["version"] for row in rows}


def keep_mapping(conn: Connection, version: str, form: str) -> None:
    """Keep a version of a mapping; a version never changes."""
    query = "insert into sources.mapping (version, form) values (%s, %s) on conflict do nothing"
    conn.execute(query, [version, form])


def mapping_form(conn: Connection, version: str) -> str | None:
    """A kept version of a mapping."""
    row = conn.execute("select form from sources.mapping where version = %s", [version]).fetchone()
    return None if row is None else str(row["form"])


def _standing(row: Mapping[str, Any]) -> Standing:
    declaration = parse_declaration(row["declaration"].encode(), folder=Path(row["folder"]), file=row["name"])
    return Standing(declaration, row["read_at"], row["data_as_of"], row["account"] or {})

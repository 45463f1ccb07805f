"""Wrapped keys in a table, wrapped anew by the version of the KEK that wraps now, in steps."""

from dataclasses import dataclass

from interpayer.system.database import Connection, identifier, sql
from interpayer.system.keys import Vault


@dataclass(frozen=True, slots=True)
class Step:
    """What one step did: up to which row it came (None: there were no more), how many it saw and changed."""

    after: str | None
    seen: int
    changed: int


@dataclass(frozen=True, slots=True)
class WrappedColumn:
    """A column of wrapped data keys; the room that owns the table names it."""

    table: str
    key: str
    column: str

    def step(self, conn: Connection, vault: Vault, *, after: str, most: int) -> Step:
        """Wrap anew what another version wrapped among the next rows; a row that changes meanwhile is left alone."""
        schema, _, name = self.table.partition(".")
        table = f"{identifier(schema)}.{identifier(name)}"
        key, column = identifier(self.key), identifier(self.column)
        look = f"select {key} as key, {column} as wrapped from {table} where {key} > %s and {column} is not null"  # noqa: S608
        rows = conn.execute(sql(f"{look} order by {key} limit %s"), (after, most)).fetchall()
        renewed = [(r["key"], r["wrapped"], new) for r in rows if (new := vault.rewrap(r["wrapped"])) is not None]
        changed = 0
        if renewed:
            given = "unnest(%s::text[], %s::bytea[], %s::bytea[]) as u (key, former, later)"
            which = f"t.{key} = u.key and t.{column} = u.former"
            change = f"update {table} t set {column} = u.later from {given} where {which}"  # noqa: S608
            changed = conn.execute(sql(change), tuple(list(part) for part in zip(*renewed, strict=True))).rowcount
        return Step(rows[-1]["key"] if len(rows) == most else None, len(rows), changed)

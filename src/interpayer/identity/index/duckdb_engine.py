"""The engine for one big night on one machine: the keys copied into DuckDB once, every chunk a join in memory."""

from collections import defaultdict
from importlib import import_module
from pathlib import Path
from typing import Any

from interpayer.identity.index.candidates import Sought
from interpayer.identity.index.store import Found, copy_blocks, members_at
from interpayer.model.reason import Fault, FaultKind
from interpayer.system.database import Connection

# As the index's own queries: ids reach everybody up to one more than the largest block, other keys nobody above it.
_NEAR = """
with asked as (select unnest(?::bigint[]) as hash, unnest(?::boolean[]) as is_id, unnest(?::bigint[]) as place),
found as (
    select a.place, a.is_id, b.member_no,
           row_number() over (partition by a.place order by b.member_no) as number,
           count(*) over (partition by a.place) as members
      from asked a join block b on a.hash = b.hash)
select place, member_no, members > ? and not is_id as is_crowded
  from found where number = 1 or members <= ? or (is_id and number <= ? + 1)
"""


class DuckDbEngine:
    """Finds the members near many requests in a snapshot of the keys; the members themselves are read where they lie.

    Who came after the snapshot is not found until the next one; a snapshot of another revision is refused.
    """

    def __init__(self, path: Path) -> None:
        self._known = _duckdb().connect(str(path), read_only=True)
        self._revision = self._known.execute("select revision from snapshot").fetchone()[0]

    def find(self, conn: Connection, sought: Sought) -> Found:
        """The members near the requests, as every engine finds them; worth it for thousands at a time."""
        largest, places = sought.largest, list(range(1, len(sought.hashes) + 1))
        given = [list(sought.hashes), list(sought.are_ids), places, largest, largest, largest]
        near: dict[int, list[int]] = defaultdict(list)
        skipped = []
        for place, number, is_crowded in self._known.execute(_NEAR, given).fetchall():
            if is_crowded:
                skipped.append(place)
            else:
                near[number].append(place)
        found = members_at(conn, near, skipped, sought.fingerprints)
        if found.revision != self._revision:
            raise Fault(FaultKind.CONDITIONAL, "system.index_stale")
        return found


def write_snapshot(conn: Connection, path: Path) -> None:
    """Copy the keys into a new file of DuckDB. Nothing in it is open: hashes are keyed, nobody is named."""
    lines = path.with_suffix(".csv")
    try:
        with lines.open("xb") as file:
            lines.chmod(0o600)
            revision = copy_blocks(conn, file)
        made = _duckdb().connect(str(path))
        made.execute("create table block (hash bigint, member_no bigint)")
        made.execute("insert into block select * from read_csv(?, columns={'hash': 'bigint', 'member_no': 'bigint'}, "
                     "header=false) order by hash", [str(lines)])  # fmt: skip
        made.execute("create table snapshot as select ?::bigint as revision", [revision])
        made.close()
    finally:
        lines.unlink(missing_ok=True)


def _duckdb() -> Any:
    try:
        return import_module("duckdb")
    except ModuleNotFoundError as error:
        raise Fault(FaultKind.CONDITIONAL, "system.engine_missing") from error

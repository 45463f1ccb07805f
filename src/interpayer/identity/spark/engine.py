"""The engine for a cluster: the same keys, the same rules of what is too common, joined by Spark."""

from collections.abc import Iterator, Sequence
from importlib import import_module
from pathlib import Path
from typing import Any

from interpayer.identity.bulk.lanes import Floor
from interpayer.identity.index.candidates import Sought
from interpayer.identity.index.store import Found, Near
from interpayer.identity.spark.store import BLOCKS, MEMBERS, live_revision, ruled_members, write_snapshot
from interpayer.model.reason import Fault, FaultKind
from interpayer.system.database import Connection

_SHAPES = {
    BLOCKS: "hash long, member_no long",
    MEMBERS: "member_no long, member_id string, person_id string, standard string",
}
# As the index's own query: ids reach everybody under them up to one more than the largest block, other keys nobody
# when they are shared by more than that.
_NEAR = """
with found as (
    select a.place, a.is_id, b.member_no,
           row_number() over (partition by a.place order by b.member_no) as number,
           count(*) over (partition by a.place) as members
      from asked a join blocks b on a.hash = b.hash),
near as (
    select member_no, place from found where (is_id and number <= {largest} + 1) or members <= {largest}
     union all
    select member_no, -place from ruled)
select m.member_id, m.person_id, m.standard, n.places
  from (select member_no, collect_list(place) as places from near group by member_no) n
  join members m on m.member_no = n.member_no
"""
_SKIPPED = (
    "select a.place from asked a join blocks b on a.hash = b.hash where not is_id group by 1 having count(*) > {}"
)


class SparkEngine:
    """Finds the members near many requests on a cluster, from a snapshot of the index.

    A session of `pyspark.sql` is handed in: where it runs is the operator's business, `local[2]` included. Who came or
    changed after the snapshot is not found until the next one; a snapshot of another revision is refused.
    """

    def __init__(self, session: Any, folder: Path, revision: int) -> None:
        self._session, self._revision = session, revision
        for name, shape in _SHAPES.items():
            table = session.read.schema(shape).csv(str(folder / name))
            table.write.mode("overwrite").parquet(str(folder / f"{name}.parquet"))
            session.read.parquet(str(folder / f"{name}.parquet")).createOrReplaceTempView(name)

    def find(self, conn: Connection, sought: Sought) -> Found:
        """The members near the requests, as every engine finds them; worth it for tens of thousands at a time."""
        if live_revision(conn) != self._revision:
            raise Fault(FaultKind.CONDITIONAL, "system.index_stale")
        asked = list(zip(range(1, len(sought.hashes) + 1), sought.hashes, sought.are_ids, strict=True))
        self._view("asked", asked, "place long, hash long, is_id boolean")
        self._view("ruled", ruled_members(conn, sought.fingerprints), "member_no long, place long")
        found = self._session.sql(_NEAR.format(largest=sought.largest)).toLocalIterator(prefetchPartitions=True)
        near = [Near(one[0], one[1], bytes.fromhex(one[2]), list(one[3])) for one in found]
        return Found(near, sorted(self._skipped(sought.largest)), self._revision)

    def close(self) -> None:
        """Ends the session that was handed in."""
        self._session.stop()

    def _skipped(self, largest: int) -> Iterator[int]:
        return (one[0] for one in self._session.sql(_SKIPPED.format(largest)).collect())

    def _view(self, name: str, rows: Sequence[tuple[Any, ...]], shape: str) -> None:
        self._session.createDataFrame(rows, schema=shape).createOrReplaceTempView(name)


def open_engine(conn: Connection, folder: Path, *, master: str = "local[2]") -> SparkEngine:
    """An engine over a fresh snapshot in an empty folder that every machine of the cluster can read.

    Needs the extra `interpayer[spark]` and a Java runtime; Fault `system.engine_missing` without.
    """
    try:
        sql = import_module("pyspark.sql")
    except ModuleNotFoundError as error:
        raise Fault(FaultKind.CONDITIONAL, "system.engine_missing") from error
    revision = write_snapshot(conn, folder)
    builder = sql.SparkSession.builder.appName("interpayer-identity").master(master)
    # what is asked is small beside what is held; no pages, no bars in somebody's terminal
    settings = {
        "spark.ui.enabled": "false",
        "spark.ui.showConsoleProgress": "false",
        "spark.sql.shuffle.partitions": "4",
        "spark.driver.memory": "2g",
    }
    for key, value in settings.items():
        builder = builder.config(key, value)
    return SparkEngine(builder.getOrCreate(), folder, revision)


def open_spark(folder: Path, master: str, floor: Floor) -> SparkEngine:
    """The engine of a matching run: `Questions(..., engine=partial(open_spark, folder, master), lanes=1)`."""
    with floor.connection() as conn:
        return open_engine(conn, folder, master=master)

"""Exports against a plain file write of the same bytes in the same run, as the plan grows; ratios count.

python -m bench.export [--members 100,1000,5000] [--records 12] [--rounds 5] [--json]

An export here is all of it: records fetched, decrypted, filtered, packed person by person, sealed, kept, indexed.
"""

import argparse
import json
import os
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from datetime import UTC, date, datetime
from itertools import chain, islice
from pathlib import Path

import orjson

from interpayer.adapters.fhir_files import parse
from interpayer.delivery.ndjson import remove_files, write_files
from interpayer.delivery.parts import open_parts
from interpayer.delivery.store import NewJob, create_job, set_state
from interpayer.model.record import Record
from interpayer.normalization.intake import Arrival, Known, Outline, canonicalize, outline
from interpayer.records.codec import Codec
from interpayer.records.export import Selection, export_lines
from interpayer.records.loading import begin_load, save_records
from interpayer.simulation.feed import views
from interpayer.simulation.history import member_records
from interpayer.simulation.payers import World
from interpayer.simulation.providers import organizations, practitioners
from interpayer.system.database import Database, connect
from interpayer.system.keys import Vault
from interpayer.system.migrate import migrate
from interpayer.system.objects import ObjectStore
from interpayer.system.postgres import EmbeddedPostgres

OURS, AS_OF, FROM = "https://bench.example/fhir", date(2026, 11, 21), date(2021, 11, 21)
POOL, BATCH, MIB = 200, 2000, 1 << 20
VAULT = Vault(b"k" * 32, "bench")


@dataclass(frozen=True, slots=True)
class Measured:
    """One size: what was exported, how fast, and as a share of the plain write's speed (median of the rounds)."""

    members: int
    records: int
    mib: float
    load_per_s: int
    export_mib_s: float
    write_mib_s: float
    ratio: float
    ratio_synced: float


@dataclass(frozen=True, slots=True)
class Place:
    """Where a run happens."""

    database: Database
    objects: ObjectStore
    folder: Path
    codec: Codec


def pool(per_member: int) -> tuple[list[Record], list[list[Record]], float]:
    """Records of the shared resources, of each of some members, and how many a second were made."""
    world = World(seed=7)
    plan = world.plans[0]
    arrival = Arrival(source=OURS, our_author=OURS, own=True, record_id=VAULT.record_id, available_at=datetime.now(UTC))
    shared = _made([orjson.dumps(one) for one in chain(organizations(world, plan), practitioners(world))], arrival)
    seen = islice(views(world, plan.id, POOL * 4), POOL)
    lines = [[orjson.dumps(one) for one in member_records(world, view, per_member)] for view in seen]
    start = time.perf_counter()
    members = [_made(one, arrival) for one in lines]
    return shared, members, sum(map(len, members)) / (time.perf_counter() - start)


def _made(lines: Sequence[bytes], arrival: Arrival) -> list[Record]:
    outlines: list[Outline] = []
    for line in lines:
        parsed = parse(line)
        assert parsed is not None
        outlines.append(outline(parsed, line, arrival))
    known = Known({patient: "m-pool" for one in outlines for patient in one.patients})
    made = [canonicalize(one, arrival, known) for one in outlines]
    return [record for records in made if isinstance(records, list) for record in records]


def load(place: Place, shared: list[Record], members: list[list[Record]], *, numbers: range) -> tuple[int, float]:
    """Give the members of these numbers the records of the pool, under ids of their own; records and seconds."""
    records = _copies(members, numbers) if numbers.start else chain(shared, _copies(members, numbers))
    count, start = 0, time.perf_counter()
    while batch := list(islice(records, BATCH)):
        with place.database.transaction() as conn:
            begin_load(conn)
            save_records(conn, place.codec, batch)
        count += len(batch)
    return count, time.perf_counter() - start


def _copies(members: list[list[Record]], numbers: range) -> Iterator[Record]:
    for number in numbers:
        for record in members[number % len(members)]:
            record_id = f"r-{number:07}{record.id[9:]}"
            yield replace(record, id=record_id, member_id=f"m-{number:07}")


def export(place: Place, count: int, tag: str) -> tuple[float, list[int]]:
    """Export the first members whole; seconds, and the length of each person's lines."""
    selection = Selection([f"m-{number:07}" for number in range(count)], AS_OF, FROM)
    lengths: list[int] = []
    start = time.perf_counter()
    with place.database.transaction() as conn:
        job_id = create_job(conn, VAULT, NewJob("export", "pa-bench", b"{}", OURS, id=f"j-{tag}"))
        blocks = export_lines(conn, place.codec, selection)
        files = write_files(conn, open_parts(conn, place.objects, VAULT, job_id=job_id), blocks)
    seconds = time.perf_counter() - start
    lengths = [sum(file.plain_length for file in files), sum(file.lines for file in files)]
    with place.database.transaction() as conn:
        set_state(conn, job_id, "deleted")
        remove_files(conn, open_parts(conn, place.objects, VAULT, job_id=job_id))
    return seconds, lengths


def plain_write(place: Place, sample: bytes, length: int, *, synced: bool) -> float:
    """Seconds to write as many bytes of the same kind to a file, in pieces of a person's size."""
    path = place.folder / "plain.ndjson"
    start, left = time.perf_counter(), length
    with path.open("wb") as file:
        while left > 0:
            file.write(sample[: min(left, len(sample))])
            left -= len(sample)
        if synced:
            file.flush()
            os.fsync(file.fileno())
    seconds = time.perf_counter() - start
    path.unlink()
    return seconds


def measure(sizes: Sequence[int], per_member: int, rounds: int, tell: Callable[[Measured], None]) -> list[Measured]:
    shared, members, made_per_s = pool(per_member)
    found: list[Measured] = []
    with empty_place() as (place, owner):
        loaded = 0
        for size in sizes:
            count, seconds = load(place, shared, members, numbers=range(loaded, size))
            loaded = size
            vacuum(owner)
            per_s = round(1 / (seconds / count + 1 / made_per_s))
            found.append(_compare(place, members, size=size, rounds=rounds, load_per_s=per_s))
            tell(found[-1])
    return found


@contextmanager
def empty_place() -> Iterator[tuple[Place, str]]:
    """A migrated database and an object store of their own, and the address of the database for its owner."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        folder.chmod(0o711)
        with EmbeddedPostgres(folder / "home", os.environ.get("INTERPAYER_RUN_AS", "nobody")) as server:
            owner = server.url("owner")
            with connect(owner, autocommit=True) as conn:
                migrate(conn)
            database = Database(server.url("worker"))
            yield Place(database, ObjectStore(str(folder / "objects")), folder, Codec(VAULT)), owner
            database.close()


def vacuum(url: str) -> None:
    """What a database does by itself, some time after a load."""
    with connect(url, autocommit=True) as conn:
        conn.execute("vacuum analyze records.record, records.pack")


def _compare(place: Place, members: list[list[Record]], *, size: int, rounds: int, load_per_s: int) -> Measured:
    sample = b"\n".join(record.released for record in members[0] if record.released)
    exports, writes, synced = [], [], []
    length = lines = 0
    for number in range(rounds):
        seconds, (length, lines) = export(place, size, f"{size}-{number}")
        exports.append(seconds)
        writes.append(plain_write(place, sample, length, synced=False))
        synced.append(plain_write(place, sample, length, synced=True))
    fastest = [length / MIB / statistics.median(series) for series in (exports, writes)]
    return Measured(
        members=size,
        records=lines,
        mib=round(length / MIB, 1),
        load_per_s=load_per_s,
        export_mib_s=round(fastest[0], 1),
        write_mib_s=round(fastest[1], 1),
        ratio=round(statistics.median(w / e for w, e in zip(writes, exports, strict=True)), 3),
        ratio_synced=round(statistics.median(s / e for s, e in zip(synced, exports, strict=True)), 3),
    )


def main() -> None:
    options = argparse.ArgumentParser(prog="python -m bench.export", description=(__doc__ or "").splitlines()[0])
    options.add_argument("--members", default="100,1000,5000", help="sizes of the plan, up to 100000 and more")
    options.add_argument("--records", type=int, default=12, help="records of a member, about")
    options.add_argument("--rounds", type=int, default=5)
    options.add_argument("--json", action="store_true")
    given = options.parse_args()
    sizes = sorted({int(size) for size in given.members.split(",")})
    if not given.json:
        print("export as a share of a plain file write's speed (synced: of a write that ends with fsync)")
        print("members    records      MiB  load/s  export MiB/s  write MiB/s   ratio  ratio synced")
    found = measure(sizes, given.records, given.rounds, (lambda _: None) if given.json else _print)
    if given.json:
        print(json.dumps([asdict(one) for one in found], indent=2))


def _print(m: Measured) -> None:
    print(
        f"{m.members:7} {m.records:10} {m.mib:8.1f} {m.load_per_s:7} {m.export_mib_s:13.1f} {m.write_mib_s:12.1f} "
        f"{m.ratio:7.3f} {m.ratio_synced:13.3f}",
        flush=True,
    )


if __name__ == "__main__":
    main()

"""An export from the store against a plain file write and a cursor over jsonb, all of the same bytes in one run.

python -m bench.canonical.export [--members 2000] [--rounds 3] [--json]

2,000 members of 150 records are about 330 MiB; --members 6500 is a gigabyte, and takes a while to load. The jsonb side
does the least that would do: it reads each line from a table of its own and writes it to a file.
"""

import argparse
import json
import statistics
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

from bench.export import MIB, Place, empty_place, export, load, plain_write, pool, vacuum
from interpayer.model.record import Record
from interpayer.system.database import connect

RECORDS = 150
FETCHED = 500


def main() -> None:
    options = argparse.ArgumentParser(prog="python -m bench.canonical.export")
    options.add_argument("--members", type=int, default=2_000)
    options.add_argument("--rounds", type=int, default=3)
    options.add_argument("--json", action="store_true")
    given = options.parse_args()
    told = measure(given.members, given.rounds)
    if given.json:
        print(json.dumps(told, indent=2))
        return
    for name, value in told.items():
        print(f"{name:48} {value}")


def measure(members: int, rounds: int) -> dict[str, float]:
    shared, people, _ = pool(RECORDS)
    with empty_place() as (place, owner):
        load(place, shared, people, numbers=range(members))
        vacuum(owner)
        length = _lay_beside(owner, people, members)
        return _compare(place, owner, people, members=members, rounds=rounds, jsonb_length=length)


def _compare(
    place: Place, owner: str, people: list[list[Record]], *, members: int, rounds: int, jsonb_length: int
) -> dict[str, float]:
    sample = b"\n".join(record.released for record in people[0] if record.released)
    ours, plain, synced, cursor, length = [], [], [], [], 0
    for number in range(rounds):
        seconds, (length, _) = export(place, members, f"c-{number}")
        ours.append(length / seconds)
        plain.append(length / plain_write(place, sample, length, synced=False))
        synced.append(length / plain_write(place, sample, length, synced=True))
        cursor.append(jsonb_length / _by_cursor(owner, place.folder / "jsonb.ndjson"))
    speeds = {"export": ours, "plain write": plain, "plain write, synced": synced, "jsonb cursor": cursor}
    told = {f"{name}, MiB/s": round(statistics.median(series) / MIB, 1) for name, series in speeds.items()}
    told["MiB of NDJSON"] = round(length / MIB, 1)
    for name in ("plain write", "plain write, synced", "jsonb cursor"):
        ratio = statistics.median(a / b for a, b in zip(ours, speeds[name], strict=True))
        told[f"export as a share of: {name}"] = round(ratio, 3)
    return told


def _lay_beside(owner: str, people: Sequence[Sequence[Record]], members: int) -> int:
    """The same lines as jsonb, a row each; their length as text."""
    with connect(owner, autocommit=True) as conn:
        conn.execute("create unlogged table public.plain_jsonb (id bigserial primary key, body jsonb)")
        with conn.cursor().copy("copy public.plain_jsonb (body) from stdin") as copy:
            for line in _lines(people, members):
                copy.write_row((line,))
        conn.execute("vacuum analyze public.plain_jsonb")
        row = conn.execute("select sum(length(body::text) + 1) as n from public.plain_jsonb").fetchone()
        assert row is not None
        return int(row["n"])


def _lines(people: Sequence[Sequence[Record]], members: int) -> Iterator[str]:
    for number in range(members):
        for record in people[number % len(people)]:
            if record.released is not None:
                yield record.released.decode()


def _by_cursor(owner: str, path: Path) -> float:
    start = time.perf_counter()
    with connect(owner) as conn, path.open("wb") as file, conn.cursor("lines", binary=True) as cursor:
        cursor.itersize = FETCHED
        for row in cursor.execute("select body::text as body from public.plain_jsonb order by id"):
            file.write(row["body"].encode() + b"\n")
    seconds = time.perf_counter() - start
    path.unlink()
    return seconds


if __name__ == "__main__":
    main()
